#include "plan/lower.h"

#include "event/schema.h"
#include "match/expression.h"
#include "match/graph.h"
#include "match/predicate.h"
#include "match/program.h"
#include "plan/clauses.h"
#include "plan/object_sets.h"
#include "plan/process_condition.h"
#include "plan/set_numbers.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <string_view>

namespace gyr::plan {
namespace {

using lang::Op;
using match::NodeId;
using match::NodeKind;
using match::Predicate;

constexpr EventCode kMoves[] = {95, 97, 241}; // chdir, fchdir, and setns, after which it is another tree's root
constexpr std::size_t kMostClauses = 12;      // that the kernel asks one after the other

bool tells_result(const EventInfo& info) {
    if (info.direction != EventDirection::exit || info.params.empty()) return false;
    const ParamType type = info.params[0].type;
    return type == ParamType::errno_code || type == ParamType::fd || type == ParamType::pid ||
           info.params[0].name == "res";
}

std::int64_t number(const fields::Value& v) {
    if (v.kind == fields::ValueKind::boolean) return v.b ? 1 : 0;
    return v.kind == fields::ValueKind::i64 ? v.i : static_cast<std::int64_t>(v.u);
}

void compare_result(Op op, const Predicate& p, EventClause& out) {
    if (p.items.size() != 1) return;
    const std::int64_t n = number(p.items[0].number);
    if ((op == Op::ge && n >= 0) || (op == Op::gt && n >= -1) || (op == Op::eq && n >= 0)) out.success = true;
    if ((op == Op::lt && n <= 0) || (op == Op::le && n < 0) || (op == Op::eq && n < 0)) out.failure = true;
}

// What holds of a number when the comparison does not.
Op opposite(Op op) {
    switch (op) {
    case Op::lt: return Op::ge;
    case Op::le: return Op::gt;
    case Op::gt: return Op::le;
    case Op::ge: return Op::lt;
    case Op::ne: return Op::eq;
    default: return Op::exists; // nothing that could be asked
    }
}

void compare_failed(const Predicate& p, bool negated, EventClause& out) {
    const bool equal = p.op == Op::eq || p.op == Op::in;
    if (p.items.size() != 1 || (!equal && p.op != Op::ne)) return;
    const bool failed = (number(p.items[0].number) != 0) == (equal != negated);
    (failed ? out.failure : out.success) = true;
}

void error_name(const Predicate& p, EventClause& out) {
    const bool one = p.items.size() == 1, equal = p.op == Op::eq || p.op == Op::in;
    const auto each = [&p](auto&& test) {
        return std::ranges::all_of(p.items, [&](const match::Item& i) { return test(i.text); });
    };
    const auto error = [](const std::string& t) { return t.starts_with('E'); };
    if (equal && each([](const std::string& t) { return t == "SUCCESS"; })) out.success = true;
    if ((equal || p.op == Op::startswith) && each(error)) out.failure = true;
    if (p.op == Op::ne && one && p.items[0].text == "SUCCESS") out.failure = true;
}

bool is_end(std::string_view field) {
    static constexpr std::string_view kEnds[] = {"fd.ip",   "fd.cip",   "fd.sip",   "fd.lip",   "fd.rip",
                                                 "fd.net",  "fd.cnet",  "fd.snet",  "fd.lnet",  "fd.rnet",
                                                 "fd.port", "fd.cport", "fd.sport", "fd.lport", "fd.rport"};
    return std::ranges::find(kEnds, field) != std::end(kEnds);
}

class Lowering {
  public:
    explicit Lowering(const Matcher& matcher) : matcher_(matcher) {}

    [[nodiscard]] const ObjectSets& sets() const { return sets_; }

    Clauses lower(NodeId id, const EventInfo& info, bool negated = false) {
        const match::Graph& graph = matcher_.graph();
        const NodeKind kind = graph.node(id).kind;
        switch (kind) {
        case NodeKind::constant: return (id == match::kTrue) != negated ? Clauses{Clause{}} : Clauses{};
        case NodeKind::predicate: {
            const Predicate& p = graph.predicate(id);
            return {negated ? Clause{.asks = negation(p, info)} : atom(id, p, info)};
        }
        case NodeKind::negation: return lower(graph.children(id)[0], info, !negated);
        case NodeKind::conjunction:
        case NodeKind::disjunction: break;
        }
        if ((kind == NodeKind::disjunction) != negated) {
            Clauses out;
            for (const NodeId child : graph.children(id))
                for (const Clause& c : lower(child, info, negated)) add(out, c);
            return out;
        }
        Clauses out{Clause{}};
        for (const NodeId child : graph.children(id)) out = both(out, lower(child, info, negated), sets_.rates());
        return out;
    }

  private:
    [[nodiscard]] EventClause negation(const Predicate& p, const EventInfo& info) const {
        EventClause out;
        const std::string_view field = field_of(p);
        const std::string_view text =
            p.op == Op::eq && p.items.size() == 1 ? std::string_view(p.items[0].text) : std::string_view{};
        if (field == "container.id" && text == "host") out.container = true;
        if (field == "fd.l4proto" && text == "tcp" && p.modifier == lang::Modifier::none) out.not_tcp = true;
        // Of an event without a result the negation holds.
        if (!tells_result(info) || p.right || p.modifier != lang::Modifier::none) return out;
        if (field == "evt.res" && text == "SUCCESS") out.failure = true;
        if (field == "evt.failed") compare_failed(p, true, out);
        if (field == "evt.rawres") compare_result(opposite(p.op), p, out);
        return out;
    }

    [[nodiscard]] std::string_view field_of(const Predicate& p) const {
        const match::Expression& e = matcher_.expressions()[p.left];
        return e.kind == match::Expression::Kind::field ? std::string_view(e.field.text) : std::string_view{};
    }

    Clause atom(NodeId id, const Predicate& p, const EventInfo& info) {
        Clause clause;
        EventClause& out = clause.asks;
        const std::string_view field = field_of(p);
        if (field.empty() || p.right || !p.external.empty() || p.items.empty() || p.modifier != lang::Modifier::none)
            return clause;
        const bool one = p.items.size() == 1;
        const bool equal = p.op == Op::eq || p.op == Op::in;
        const auto among = [&](std::string_view a, std::string_view b) {
            return equal &&
                   std::ranges::all_of(p.items, [&](const match::Item& i) { return i.text == a || i.text == b; });
        };

        if (field == "evt.is_open_read")
            out.read = equal && one && number(p.items[0].number) == 1;
        else if (field == "evt.is_open_write")
            out.write = equal && one && number(p.items[0].number) == 1;
        else if (field == "evt.failed")
            compare_failed(p, false, out);
        else if (field == "evt.rawres" || (field == "fd.num" && (info.flags & kCreatesFd) != 0))
            compare_result(p.op, p, out);
        else if (field == "evt.res")
            error_name(p, out);
        else if (field == "fd.typechar")
            out.internet = among("4", "6");
        else if (field == "fd.type")
            out.internet = among("ipv4", "ipv6");
        else if (field == "fd.l4proto" && p.op == Op::ne && one)
            out.not_tcp = p.items[0].text == "tcp";
        else if (field == "fd.l4proto" && equal && one)
            out.tcp = p.items[0].text == "tcp", out.udp = p.items[0].text == "udp";
        else if (field == "container.id")
            out.container = p.op == Op::ne && one && p.items[0].text == "host";
        else if (field == "fd.nameraw")
            out.upward = p.op == Op::contains && one && p.items[0].text.find("..") != std::string::npos;
        else if (field == "fd.name" || field == "fd.directory" || field == "fd.filename")
            clause.paths = sets_.of_files(id, field, p);
        else if (field == "fd.in.name" || field == "fd.out.name") // the kernel looks at both sides
            clause.paths = sets_.of_files(id, "fd.name", p);
        else if (is_end(field))
            clause.ends = sets_.of_ends(id, field, p);
        return clause;
    }

    const Matcher& matcher_;
    ObjectSets sets_;
};

bool of_process_lane(EventCode code) {
    return code == kProcExit || code == kClone || code == kFork || code == kVfork || code == kExecve ||
           code == kExecveat || code == kClone3 || code >= kSnapshot;
}

bool is_exec(EventCode code) { return code == kExecve || code == kExecveat; }

// Of execs that failed the process lane does not tell. They are for rules that ask for the failure; others mean
// programs that ran.
void lower_failed_execs(EventKey key, const EventInfo& info, std::span<const match::ProgramRule> rules,
                        Lowering& lowering, const std::vector<bool>& stands, EventPlan& plan) {
    bool wanted = false, cwd = false;
    for (const match::ProgramRule& r : rules) {
        const Clauses clauses = lowering.lower(r.root, info);
        if (clauses.empty() || !std::ranges::all_of(clauses, [](const Clause& c) { return c.asks.failure; })) continue;
        wanted = true;
        cwd = cwd || stands[r.rule];
        if (std::ranges::find(plan.failed_exec_rules, r.rule) == plan.failed_exec_rules.end())
            plan.failed_exec_rules.push_back(r.rule);
    }
    if (wanted)
        plan.demands.push_back(
            {.code = key.code, .calls = {}, .clauses = {{.failure = true}}, .forced_by = {}, .cwd = cwd});
}

std::vector<std::string> rules_of(const Clause& clause, const std::vector<std::pair<Clause, std::uint32_t>>& asked,
                                  const Matcher& matcher) {
    std::vector<std::string> names;
    for (const auto& [c, rule] : asked) {
        const std::string& name = matcher.rules()[rule].name;
        if (implies(c, clause) && std::ranges::find(names, name) == names.end()) names.push_back(name);
    }
    return names;
}

// By rule: whether it, or what it says, is about where the process stands. Events of system calls tell it themselves.
std::vector<bool> standing_rules(const Matcher& matcher) {
    constexpr std::string_view kCwd = "proc.cwd";
    std::vector<bool> out;
    for (std::uint32_t i = 0; i < matcher.rules().size(); ++i)
        out.push_back(matcher.asks_for(i, kCwd) || matcher.shows(i, kCwd));
    return out;
}

// Of a fork, an exit or a change the process lane tells what was known before, and a rule about processes is asked when
// something about one changes: for these, every change of the working directory. That of an exec comes with it.
void lower_moves(std::string_view rule, EventPlan& plan) {
    for (const EventCode code : kMoves) {
        const auto same = std::ranges::find(plan.demands, code, &EventDemand::code);
        if (same == plan.demands.end()) {
            plan.demands.push_back({.code = code,
                                    .calls = {},
                                    .clauses = {{.success = true}},
                                    .forced_by = {},
                                    .cwd = true,
                                    .rules = {{std::string(rule)}}});
            continue;
        }
        same->cwd = true;
        if (same->clauses.empty()) continue;
        same->clauses.clear(), same->rules.clear();
        same->forced_by = rule;
    }
}

void lower_rules(const Matcher& matcher, EventPlan& plan, LowerOptions options) {
    Lowering lowering(matcher);
    ProcessConditions conditions(matcher);
    const std::vector<bool> stands = standing_rules(matcher);
    std::vector<LoweredClauses> lowered;
    std::string_view moved; // a rule that has to know of every move
    for (std::uint32_t i = 0; i < stands.size(); ++i)
        if (matcher.is_process_rule(i) && matcher.asks_for(i, "proc.cwd")) moved = matcher.rules()[i].name;
    matcher.for_each_event([&](EventKey key, std::span<const match::ProgramRule> rules) {
        const EventInfo* info = find_event(key.code);
        if (info == nullptr) return;
        if (is_exec(key.code)) return lower_failed_execs(key, *info, rules, lowering, stands, plan);
        const auto standing = std::ranges::find_if(rules, [&](const auto& r) { return stands[r.rule]; });
        if (of_process_lane(key.code) && standing != rules.end()) moved = matcher.rules()[standing->rule].name;
        if (of_process_lane(key.code) || !is_live_event(key.code)) return;
        EventDemand demand{.code = key.code, .calls = {}, .clauses = {}, .forced_by = {}};
        if (key.code == kGenericExit) demand.calls.push_back(key.call);
        demand.cwd = standing != rules.end();
        Clauses clauses;
        std::vector<std::pair<Clause, std::uint32_t>> asked; // and by which rule
        for (const match::ProgramRule& r : rules) {
            const Sets asked_of_process = options.masks ? conditions.of(r.root) : Sets{};
            for (Clause c : lowering.lower(r.root, *info)) {
                c.processes = asked_of_process;
                if (is_plain(c) && demand.forced_by.empty()) demand.forced_by = matcher.rules()[r.rule].name;
                asked.emplace_back(c, r.rule);
                add(clauses, c);
            }
        }
        if (clauses.empty()) return; // no rule can match after all
        limit(clauses, kMostClauses, lowering.sets().rates());
        if (std::ranges::any_of(clauses, is_plain)) {
            if (demand.forced_by.empty()) // no rule alone, but several together
                demand.forced_by = matcher.rules()[asked.front().second].name;
            clauses.clear();
        }
        for (const Clause& c : clauses) demand.rules.push_back(rules_of(c, asked, matcher));
        lowered.push_back({.demand = plan.demands.size(), .clauses = std::move(clauses)});
        plan.demands.push_back(std::move(demand));
    });
    number_sets(lowered, lowering.sets(), conditions.nodes(), plan);
    if (!moved.empty()) lower_moves(moved, plan);
}

// What serves both: the same event asked for twice is asked for when either wants it.
EventPlan join(EventPlan a, const EventPlan& b) {
    for (const EventDemand& d : b.demands) {
        const auto same = std::ranges::find_if(
            a.demands, [&](const EventDemand& e) { return e.code == d.code && e.calls == d.calls; });
        if (same == a.demands.end()) {
            a.demands.push_back(d);
            continue;
        }
        same->cwd = same->cwd || d.cwd;
        if (!is_exec(d.code)) same->clauses.clear(); // for the moment of a reload, all of it
    }
    // Sets and bits of the two are numbered apart from each other only by plan; while both are in use they are not
    // asked.
    for (EventDemand& d : a.demands)
        if (std::ranges::any_of(d.clauses, [](const EventClause& c) {
                return c.path_sets != 0 || c.end_sets != 0 || c.process_bits != 0;
            }))
            d.clauses.clear();
    a.names.clear();
    a.ends.clear();
    a.process_nodes.clear();
    return a;
}

// Nothing looks for any set then; exact paths stay.
EventPlan without_clauses(EventPlan plan) {
    for (EventDemand& d : plan.demands)
        if (!is_exec(d.code)) d.clauses.clear(), d.rules.clear();
    plan.process_nodes.clear();
    plan.ends.clear();
    for (PathName& n : plan.names) n.sets = 0;
    std::erase_if(plan.names, [](const PathName& n) { return n.path.empty(); });
    return plan;
}

} // namespace

EventPlan plan_events(const Matcher& matcher, const Matcher* also, LowerOptions options) {
    EventPlan plan;
    lower_rules(matcher, plan, options);
    if (also != nullptr) {
        EventPlan other;
        lower_rules(*also, other, options);
        plan = join(std::move(plan), other);
    }
    if (!options.clauses) plan = without_clauses(std::move(plan));
    return plan;
}

EventPlan plan_everything() {
    EventPlan plan;
    for (const EventCode code : live_event_codes())
        if (!of_process_lane(code) && code != kPageFault)
            plan.demands.push_back({.code = code,
                                    .calls = {},
                                    .clauses = {},
                                    .forced_by = {},
                                    .cwd = std::ranges::find(kMoves, code) != std::end(kMoves)});
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
    say(clause.tcp, "TCP");
    say(clause.udp, "UDP");
    say(clause.not_tcp, "not TCP");
    say(clause.upward, "\"..\" in the path given");
    const auto count = [](const auto& list, std::uint32_t sets) {
        return std::ranges::count_if(list, [&](const auto& n) { return (n.sets & sets) != 0; });
    };
    if (clause.path_sets != 0) parts.push_back(fmt::format("file name among {}", count(plan.names, clause.path_sets)));
    if (clause.end_sets != 0)
        parts.push_back(fmt::format("an end of the connection among {}", count(plan.ends, clause.end_sets)));
    std::size_t n = 0;
    for (std::size_t bit = 0; bit < plan.process_nodes.size(); ++bit)
        if ((clause.process_bits >> bit & 1) != 0) n += plan.process_nodes[bit].size();
    if (clause.process_bits != 0)
        parts.push_back(n <= 1 ? std::string("the process one the rule can match")
                               : fmt::format("the process one that one of {} rules can match", n));
    return fmt::format("{}", fmt::join(parts, ", "));
}

} // namespace gyr::plan
