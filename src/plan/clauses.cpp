#include "plan/clauses.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <utility>

namespace gyr::plan {
namespace {

constexpr std::size_t kMostProducts = 48;

using Flag = bool EventClause::*;
struct FlagRate {
    Flag flag;
    double passes; // of the events that could be asked
};
constexpr std::array kFlags{FlagRate{&EventClause::success, 0.9},   FlagRate{&EventClause::failure, 0.1},
                            FlagRate{&EventClause::read, 0.9},      FlagRate{&EventClause::write, 0.2},
                            FlagRate{&EventClause::container, 0.4}, FlagRate{&EventClause::internet, 0.3},
                            FlagRate{&EventClause::tcp, 0.6},       FlagRate{&EventClause::udp, 0.4},
                            FlagRate{&EventClause::not_tcp, 0.4},   FlagRate{&EventClause::upward, 0.02}};
// At most one of them holds.
constexpr std::array kExclusive{std::pair{&EventClause::success, &EventClause::failure},
                                std::pair{&EventClause::tcp, &EventClause::udp},
                                std::pair{&EventClause::tcp, &EventClause::not_tcp}};
// A process is one that a rule can match.
constexpr double kProcessPasses = 0.5;

// Sets of which one must be met; none: not asked.
bool within(const Sets& a, const Sets& b) { return b.none() || (a.any() && (a & ~b).none()); }
Sets either(const Sets& a, const Sets& b) { return a.any() && b.any() ? a | b : Sets{}; }

double rate_of(const Sets& sets, const std::vector<double>& rates) {
    if (sets.none()) return 1;
    double sum = 0;
    for (std::size_t i = sets._Find_first(); i < sets.size(); i = sets._Find_next(i)) sum += rates[i];
    return std::min(sum, 1.0);
}

// Two at once: one of them is asked, the rarer.
const Sets& rarer(const Sets& a, const Sets& b, const std::vector<double>& rates) {
    return rate_of(b, rates) < rate_of(a, rates) || a.none() ? b : a;
}

double total(const Clauses& clauses, const SetRates& rates) {
    return std::accumulate(clauses.begin(), clauses.end(), 0.0,
                           [&](double sum, const Clause& c) { return sum + rate(c, rates); });
}

// In how many kinds of sets the two differ; they are without any then.
int differing_sets(Clause& a, Clause& b) {
    const int differ = (a.paths != b.paths) + (a.ends != b.ends) + (a.processes != b.processes);
    a.paths = b.paths = a.ends = b.ends = a.processes = b.processes = {};
    return differ;
}

} // namespace

double rate(const Clause& c, const SetRates& rates) {
    double out = rate_of(c.paths, rates.paths) * rate_of(c.ends, rates.ends);
    for (const FlagRate& f : kFlags)
        if (c.asks.*f.flag) out *= f.passes;
    if (c.processes.any()) out *= 1 - std::pow(1 - kProcessPasses, c.processes.count());
    return out;
}

bool implies(const Clause& a, const Clause& b) {
    for (const FlagRate& f : kFlags)
        if (b.asks.*f.flag && !(a.asks.*f.flag)) return false;
    return within(a.paths, b.paths) && within(a.ends, b.ends) && within(a.processes, b.processes);
}

Clause widen(const Clause& a, const Clause& b) {
    Clause out;
    for (const FlagRate& f : kFlags) out.asks.*f.flag = a.asks.*f.flag && b.asks.*f.flag;
    out.paths = either(a.paths, b.paths);
    out.ends = either(a.ends, b.ends);
    out.processes = either(a.processes, b.processes);
    return out;
}

void add(Clauses& to, const Clause& clause) {
    for (Clause& c : to) {
        if (implies(clause, c)) return;
        // Of success alone and of failure alone: whatever the result.
        if (Clause any = clause; c.asks.success != clause.asks.success && c.asks.failure != clause.asks.failure) {
            any.asks.success = c.asks.success, any.asks.failure = c.asks.failure;
            if (any == c) {
                any.asks.success = any.asks.failure = false;
                to.erase(to.begin() + (&c - to.data()));
                return add(to, any);
            }
        }
        // Two that differ in one kind of sets only, which both ask for, are one with both sets.
        const Clause one = widen(c, clause);
        Clause a = c, b = clause;
        const bool lost = (one.paths.none() && (a.paths.any() || b.paths.any())) ||
                          (one.ends.none() && (a.ends.any() || b.ends.any())) ||
                          (one.processes.none() && (a.processes.any() || b.processes.any()));
        if (!lost && differing_sets(a, b) == 1 && a == b) {
            c = one;
            return;
        }
    }
    std::erase_if(to, [&](const Clause& c) { return implies(c, clause); });
    to.push_back(clause);
}

Clauses both(const Clauses& a, const Clauses& b, const SetRates& rates) {
    if (a.size() * b.size() > kMostProducts) { // either alone is true of both
        const bool few = std::max(a.size(), b.size()) <= kMostProducts;
        if (few ? total(a, rates) <= total(b, rates) : a.size() < b.size()) return a;
        return b;
    }
    Clauses out;
    for (const Clause& x : a) {
        for (const Clause& y : b) {
            Clause c;
            for (const FlagRate& f : kFlags) c.asks.*f.flag = x.asks.*f.flag || y.asks.*f.flag;
            c.paths = rarer(x.paths, y.paths, rates.paths);
            c.ends = rarer(x.ends, y.ends, rates.ends);
            c.processes = x.processes.any() ? x.processes : y.processes;
            const bool possible =
                std::ranges::none_of(kExclusive, [&](const auto& e) { return c.asks.*e.first && c.asks.*e.second; });
            if (possible) add(out, c);
        }
    }
    return out;
}

void limit(Clauses& clauses, std::size_t most, const SetRates& rates) {
    while (clauses.size() > most) {
        std::pair<std::size_t, std::size_t> best{0, 1};
        double least = 0;
        bool found = false;
        std::vector<double> own;
        for (const Clause& c : clauses) own.push_back(rate(c, rates));
        for (std::size_t i = 0; i < clauses.size(); ++i) {
            for (std::size_t j = i + 1; j < clauses.size(); ++j) {
                const double more = rate(widen(clauses[i], clauses[j]), rates) - own[i] - own[j];
                if (!found || more < least) best = {i, j}, least = more, found = true;
            }
        }
        const Clause wide = widen(clauses[best.first], clauses[best.second]);
        clauses.erase(clauses.begin() + static_cast<std::ptrdiff_t>(best.second));
        clauses.erase(clauses.begin() + static_cast<std::ptrdiff_t>(best.first));
        add(clauses, wide);
    }
}

} // namespace gyr::plan
