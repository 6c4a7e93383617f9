#include "plan/clauses.h"

#include <array>
#include <bit>
#include <utility>

namespace gyr::plan {
namespace {

constexpr std::size_t kMostProducts = 48;

using Flag = bool EventClause::*;
constexpr std::array kFlags{&EventClause::success, &EventClause::failure,   &EventClause::read,
                            &EventClause::write,   &EventClause::container, &EventClause::internet,
                            &EventClause::tcp,     &EventClause::udp,       &EventClause::upward};
// How much of the events each dismisses, roughly.
constexpr std::array kWeights{1, 6, 1, 4, 4, 4, 3, 6, 8};

// Sets of which one must be met; none: not asked.
template <class T>
bool within(T a, T b) {
    return b == 0 || (a != 0 && (a & ~b) == 0);
}
template <class T>
T either(T a, T b) {
    return a != 0 && b != 0 ? a | b : 0;
}
// Two at once: one of them is asked, the rarer when that can be told.
template <class T>
T rarer(T a, T b) {
    return a == 0 || (b != 0 && std::popcount(b) < std::popcount(a)) ? b : a;
}

int worth(const EventClause& c) {
    int out = (c.path_sets != 0 ? 10 : 0) + (c.end_sets != 0 ? 10 : 0) + (c.process_bits != 0 ? 5 : 0);
    for (std::size_t i = 0; i < kFlags.size(); ++i) out += c.*kFlags[i] ? kWeights[i] : 0;
    return out;
}

} // namespace

bool implies(const EventClause& a, const EventClause& b) {
    for (const Flag f : kFlags)
        if (b.*f && !(a.*f)) return false;
    return within(a.path_sets, b.path_sets) && within(a.end_sets, b.end_sets) && within(a.process_bits, b.process_bits);
}

EventClause widen(const EventClause& a, const EventClause& b) {
    EventClause out;
    for (const Flag f : kFlags) out.*f = a.*f && b.*f;
    out.path_sets = either(a.path_sets, b.path_sets);
    out.end_sets = either(a.end_sets, b.end_sets);
    out.process_bits = either(a.process_bits, b.process_bits);
    return out;
}

void add(Clauses& to, const EventClause& clause) {
    for (EventClause& c : to) {
        if (implies(clause, c)) return;
        // Of success alone and of failure alone: whatever the result.
        if (EventClause any = clause; c.success != clause.success && c.failure != clause.failure) {
            any.success = c.success, any.failure = c.failure;
            if (any == c) {
                any.success = any.failure = false;
                to.erase(to.begin() + (&c - to.data()));
                return add(to, any);
            }
        }
        // Two that differ in one kind of sets only are one with both sets.
        const EventClause one = widen(c, clause);
        EventClause a = c, b = clause;
        const int differ =
            (a.path_sets != b.path_sets) + (a.end_sets != b.end_sets) + (a.process_bits != b.process_bits);
        a.path_sets = b.path_sets = a.end_sets = b.end_sets = 0;
        a.process_bits = b.process_bits = 0;
        const auto lost = [&](auto member) { return (c.*member != 0 || clause.*member != 0) && one.*member == 0; };
        if (a == b && differ == 1 && !lost(&EventClause::path_sets) && !lost(&EventClause::end_sets) &&
            !lost(&EventClause::process_bits)) {
            c = one;
            return;
        }
    }
    std::erase_if(to, [&](const EventClause& c) { return implies(c, clause); });
    to.push_back(clause);
}

Clauses both(const Clauses& a, const Clauses& b) {
    if (a.size() * b.size() > kMostProducts) return a.size() < b.size() ? a : b; // either alone is true of both
    Clauses out;
    for (const EventClause& x : a) {
        for (const EventClause& y : b) {
            EventClause c;
            for (const Flag f : kFlags) c.*f = x.*f || y.*f;
            c.path_sets = rarer(x.path_sets, y.path_sets);
            c.end_sets = rarer(x.end_sets, y.end_sets);
            c.process_bits = rarer(x.process_bits, y.process_bits);
            if (!(c.success && c.failure)) add(out, c);
        }
    }
    return out;
}

void limit(Clauses& clauses, std::size_t most) {
    while (clauses.size() > most) {
        std::pair<std::size_t, std::size_t> best{0, 1};
        int best_worth = -1;
        for (std::size_t i = 0; i < clauses.size(); ++i) {
            for (std::size_t j = i + 1; j < clauses.size(); ++j) {
                const int left = worth(widen(clauses[i], clauses[j]));
                if (left > best_worth) best = {i, j}, best_worth = left;
            }
        }
        const EventClause wide = widen(clauses[best.first], clauses[best.second]);
        clauses.erase(clauses.begin() + static_cast<std::ptrdiff_t>(best.second));
        clauses.erase(clauses.begin() + static_cast<std::ptrdiff_t>(best.first));
        add(clauses, wide);
    }
}

} // namespace gyr::plan
