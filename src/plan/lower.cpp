#include "plan/lower.h"

#include "event/schema.h"
#include "match/expression.h"
#include "match/graph.h"
#include "match/predicate.h"
#include "match/program.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <iterator>
#include <map>
#include <string_view>

namespace gyr::plan {
namespace {

using lang::Op;
using match::NodeId;
using match::NodeKind;
using match::Predicate;

constexpr std::size_t kMostClauses = 6; // that the kernel asks one after the other
constexpr std::size_t kMostProducts = 48;
constexpr unsigned kPathSets = 16;
constexpr std::size_t kMostNames = 8000; // of all sets; the kernel's table holds those of two plans

// A disjunction of clauses. Empty: never.
using Clauses = std::vector<EventClause>;

bool is_plain(const EventClause& c) { return c == EventClause{}; }

// a implies b: whatever meets a meets b.
bool implies(const EventClause& a, const EventClause& b) {
    const auto less = [](bool x, bool y) { return x || !y; };
    return less(a.success, b.success) && less(a.failure, b.failure) && less(a.read, b.read) && less(a.write, b.write) &&
           less(a.container, b.container) && less(a.internet, b.internet) && less(a.upward, b.upward) &&
           (b.path_sets == 0 || (a.path_sets != 0 && (a.path_sets & ~b.path_sets) == 0));
}

// Something that both imply.
EventClause widen(const EventClause& a, const EventClause& b) {
    return {.success = a.success && b.success,
            .failure = a.failure && b.failure,
            .read = a.read && b.read,
            .write = a.write && b.write,
            .container = a.container && b.container,
            .internet = a.internet && b.internet,
            .upward = a.upward && b.upward,
            .path_sets = a.path_sets != 0 && b.path_sets != 0 ? a.path_sets | b.path_sets : 0};
}

void add(Clauses& to, const EventClause& clause) {
    for (EventClause& c : to) {
        if (implies(clause, c)) return;
        EventClause same = c;
        same.path_sets = clause.path_sets;
        if (same == clause && c.path_sets != 0 && clause.path_sets != 0) {
            c.path_sets |= clause.path_sets;
            return;
        }
    }
    std::erase_if(to, [&](const EventClause& c) { return implies(c, clause); });
    to.push_back(clause);
}

void limit(Clauses& clauses, std::size_t most) {
    while (clauses.size() > most) {
        const EventClause last = clauses.back();
        clauses.pop_back();
        const EventClause wide = widen(clauses.back(), last);
        clauses.pop_back();
        add(clauses, wide);
    }
}

class Lowering {
  public:
    Lowering(const Matcher& matcher, EventPlan& plan) : matcher_(matcher), plan_(plan) {}

    // Path sets are shared by all event types: the same predicate has one.
    Clauses lower(NodeId id, const EventInfo& info) {
        const match::Graph& graph = matcher_.graph();
        const match::Node& node = graph.node(id);
        switch (node.kind) {
        case NodeKind::constant: return id == match::kTrue ? Clauses{EventClause{}} : Clauses{};
        case NodeKind::predicate: return {atom(id, graph.predicate(id), info)};
        case NodeKind::negation: return {negated(graph.children(id)[0], info)};
        case NodeKind::disjunction: {
            Clauses out;
            for (const NodeId child : graph.children(id))
                for (const EventClause& c : lower(child, info)) add(out, c);
            return out;
        }
        case NodeKind::conjunction: {
            Clauses out{EventClause{}};
            for (const NodeId child : graph.children(id)) out = both(out, lower(child, info));
            return out;
        }
        }
        return {EventClause{}};
    }

  private:
    static Clauses both(const Clauses& a, const Clauses& b) {
        if (a.size() * b.size() > kMostProducts) return a.size() < b.size() ? a : b; // either alone is true of both
        Clauses out;
        for (const EventClause& x : a) {
            for (const EventClause& y : b) {
                EventClause c{.success = x.success || y.success,
                              .failure = x.failure || y.failure,
                              .read = x.read || y.read,
                              .write = x.write || y.write,
                              .container = x.container || y.container,
                              .internet = x.internet || y.internet,
                              .upward = x.upward || y.upward,
                              .path_sets = x.path_sets};
                // Two names at once: one of them is asked, the rarer when that can be told.
                if (c.path_sets == 0 || (y.path_sets != 0 && std::popcount(y.path_sets) < std::popcount(x.path_sets)))
                    c.path_sets = y.path_sets;
                if (!(c.success && c.failure)) add(out, c);
            }
        }
        return out;
    }

    EventClause negated(NodeId child, const EventInfo& info) {
        const match::Graph& graph = matcher_.graph();
        EventClause out;
        if (graph.node(child).kind != NodeKind::predicate) return out;
        const Predicate& p = graph.predicate(child);
        const std::string_view field = field_of(p);
        const std::string_view text =
            p.op == Op::eq && p.items.size() == 1 ? std::string_view(p.items[0].text) : std::string_view{};
        if (field == "container.id" && text == "host") out.container = true;
        // Of an event without a result the negation holds.
        if (field == "evt.res" && text == "SUCCESS" && tells_result(info)) out.failure = true;
        return out;
    }

    std::string_view field_of(const Predicate& p) const {
        const match::Expression& e = matcher_.expressions()[p.left];
        return e.kind == match::Expression::Kind::field ? std::string_view(e.field.text) : std::string_view{};
    }

    static bool tells_result(const EventInfo& info) {
        if (info.direction != EventDirection::exit || info.params.empty()) return false;
        const ParamType type = info.params[0].type;
        return type == ParamType::errno_code || type == ParamType::fd || type == ParamType::pid ||
               info.params[0].name == "res";
    }

    static std::int64_t number(const fields::Value& v) {
        return v.kind == fields::ValueKind::i64 ? v.i : static_cast<std::int64_t>(v.u);
    }

    EventClause atom(NodeId id, const Predicate& p, const EventInfo& info) {
        EventClause out;
        const std::string_view field = field_of(p);
        if (field.empty() || p.right || !p.external.empty() || p.items.empty() || p.modifier != lang::Modifier::none)
            return out;
        const bool one = p.items.size() == 1;
        const bool equal = p.op == Op::eq || p.op == Op::in;
        const auto each = [&p](auto&& test) {
            return std::ranges::all_of(p.items, [&](const match::Item& i) { return test(i.text); });
        };

        const bool holds = equal && one && number(p.items[0].number) == 1;
        if (field == "evt.is_open_read")
            out.read = holds;
        else if (field == "evt.is_open_write")
            out.write = holds;
        else if (field == "evt.failed" && equal && one)
            (number(p.items[0].number) != 0 ? out.failure : out.success) = true;
        else if (field == "evt.rawres" || (field == "fd.num" && (info.flags & kCreatesFd) != 0))
            compare_result(p, out);
        else if (field == "evt.res") {
            if (equal && each([](const std::string& t) { return t == "SUCCESS"; })) out.success = true;
            if (equal && each([](const std::string& t) { return t.starts_with('E'); })) out.failure = true;
            if (p.op == Op::startswith && each([](const std::string& t) { return t.starts_with('E'); }))
                out.failure = true;
            if (p.op == Op::ne && one && p.items[0].text == "SUCCESS") out.failure = true;
        } else if (field == "fd.typechar") {
            out.internet = equal && each([](const std::string& t) { return t == "4" || t == "6"; });
        } else if (field == "fd.type") {
            out.internet = equal && each([](const std::string& t) { return t == "ipv4" || t == "ipv6"; });
        } else if (field == "container.id") {
            out.container = p.op == Op::ne && one && p.items[0].text == "host";
        } else if (field == "fd.nameraw") {
            out.upward = p.op == Op::contains && one && p.items[0].text.find("..") != std::string::npos;
        } else if (field == "fd.name" || field == "fd.directory" || field == "fd.filename") {
            out.path_sets = path_set(id, field, p);
        }
        return out;
    }

    static void compare_result(const Predicate& p, EventClause& out) {
        if (p.items.size() != 1) return;
        const std::int64_t n = number(p.items[0].number);
        if ((p.op == Op::ge && n >= 0) || (p.op == Op::gt && n >= -1) || (p.op == Op::eq && n >= 0)) out.success = true;
        if ((p.op == Op::lt && n <= 0) || (p.op == Op::le && n < 0) || (p.op == Op::eq && n < 0)) out.failure = true;
    }

    std::uint32_t path_set(NodeId id, std::string_view field, const Predicate& p) {
        const std::string key = fmt::format("{}", id);
        if (const auto known = sets_.find(key); known != sets_.end()) return known->second;
        std::vector<PathName> names;
        for (const match::Item& item : p.items) {
            if (!name_of(field, p.op, item.text, names)) return sets_[key] = 0;
        }
        if (plan_.names.size() + names.size() > kMostNames) return sets_[key] = 0;
        // Out of sets: the rest share the last one.
        const std::uint32_t bit = 1U << std::min(next_set_, kPathSets - 1);
        ++next_set_;
        for (PathName& n : names) {
            n.sets = bit;
            plan_.names.push_back(std::move(n));
        }
        return sets_[key] = bit;
    }

    // False when the kernel cannot ask it.
    static bool name_of(std::string_view field, Op op, std::string_view text, std::vector<PathName>& out) {
        using Kind = PathName::Kind;
        if (text.find("\xef\xbf\xbd") != std::string_view::npos) return false; // stands for bytes that are no UTF-8
        const std::size_t slash = text.rfind('/');
        const auto last = [&] { return std::string(text.substr(slash + 1)); };
        if (field == "fd.filename") {
            if ((op != Op::eq && op != Op::in) || text.empty() || slash != std::string_view::npos) return false;
            out.push_back({Kind::base, std::string(text), {}, 0});
            return true;
        }
        if (op == Op::endswith && field == "fd.name") {
            if (slash == std::string_view::npos || slash + 1 == text.size()) return false;
            out.push_back({Kind::base, last(), {}, 0});
            return true;
        }
        if (!text.starts_with('/') || text.size() < 2 || text.find("//") != std::string_view::npos) return false;
        // A prefix in whole components is below its first one; "/etc" as a plain prefix also begins "/etcetera".
        if (field == "fd.name" && (op == Op::startswith || op == Op::pmatch)) {
            const std::size_t end = text.find('/', 1);
            if (end == std::string_view::npos && op == Op::startswith) return false;
            if (text.find_first_of("*?[") < end) return false;
            out.push_back(
                {Kind::top, std::string(text.substr(1, end == std::string_view::npos ? end : end - 1)), {}, 0});
            return true;
        }
        if ((op != Op::eq && op != Op::in) || slash + 1 == text.size()) return false;
        const std::string_view above = text.substr(0, slash);
        const std::string parent(above.substr(std::min(above.rfind('/') + 1, above.size())));
        if (field == "fd.name")
            out.push_back({Kind::pair, parent, last(), 0});
        else
            out.push_back({Kind::parent, parent, last(), 0});
        return true;
    }

    const Matcher& matcher_;
    EventPlan& plan_;
    std::map<std::string, std::uint32_t> sets_; // by predicate
    unsigned next_set_ = 0;
};

bool of_process_lane(EventCode code) {
    return code == kProcExit || code == kClone || code == kFork || code == kVfork || code == kExecve ||
           code == kExecveat || code == kClone3 || code >= kSnapshot;
}

void lower_rules(const Matcher& matcher, EventPlan& plan) {
    Lowering lowering(matcher, plan);
    matcher.for_each_event([&](EventKey key, std::span<const match::ProgramRule> rules) {
        if (of_process_lane(key.code) || !is_live_event(key.code)) return;
        const EventInfo* info = find_event(key.code);
        if (info == nullptr) return;
        EventDemand demand{.code = key.code, .calls = {}, .clauses = {}, .forced_by = {}};
        if (key.code == kGenericExit) demand.calls.push_back(key.call);
        Clauses clauses;
        for (const match::ProgramRule& r : rules) {
            for (const EventClause& c : lowering.lower(r.root, *info)) {
                if (is_plain(c) && demand.forced_by.empty()) demand.forced_by = matcher.rules()[r.rule].name;
                add(clauses, c);
            }
        }
        if (clauses.empty()) return; // no rule can match after all
        limit(clauses, kMostClauses);
        if (!std::ranges::any_of(clauses, is_plain)) demand.clauses = std::move(clauses);
        plan.demands.push_back(std::move(demand));
    });
}

// What serves both: the same event asked for twice is asked for when either wants it.
EventPlan join(EventPlan a, const EventPlan& b) {
    for (const EventDemand& d : b.demands) {
        const auto same = std::ranges::find_if(
            a.demands, [&](const EventDemand& e) { return e.code == d.code && e.calls == d.calls; });
        if (same == a.demands.end())
            a.demands.push_back(d);
        else
            same->clauses.clear(); // for the moment of a reload, all of it
    }
    // The sets of the two are numbered apart from each other only by plan; while both are in use nothing is asked by
    // name.
    for (EventDemand& d : a.demands)
        if (std::ranges::any_of(d.clauses, [](const EventClause& c) { return c.path_sets != 0; })) d.clauses.clear();
    a.names.clear();
    return a;
}

} // namespace

EventPlan plan_events(const Matcher& matcher, const Matcher* also, LowerOptions options) {
    EventPlan plan;
    lower_rules(matcher, plan);
    if (also != nullptr) {
        EventPlan other;
        lower_rules(*also, other);
        plan = join(std::move(plan), other);
    }
    if (options.clauses) return plan;
    for (EventDemand& d : plan.demands) d.clauses.clear();
    plan.names.clear();
    return plan;
}

EventPlan plan_everything() {
    EventPlan plan;
    for (const EventCode code : live_event_codes())
        if (!of_process_lane(code) && code != kPageFault)
            plan.demands.push_back({.code = code, .calls = {}, .clauses = {}, .forced_by = {}});
    return plan;
}

std::string clause_text(const EventClause& clause, const EventPlan& plan) {
    std::vector<std::string> parts;
    const auto say = [&parts](bool set, const char* what) {
        if (set) parts.emplace_back(what);
    };
    say(clause.success, "success");
    say(clause.failure, "failure");
    say(clause.read, "open for reading");
    say(clause.write, "open for writing");
    say(clause.container, "in a container");
    say(clause.internet, "an internet socket");
    say(clause.upward, "\"..\" in the path given");
    if (clause.path_sets != 0) {
        const auto count =
            std::ranges::count_if(plan.names, [&](const PathName& n) { return (n.sets & clause.path_sets) != 0; });
        parts.push_back(fmt::format("file name among {}", count));
    }
    return fmt::format("{}", fmt::join(parts, ", "));
}

} // namespace gyr::plan
