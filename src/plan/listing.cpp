#include "plan/listing.h"

#include "event/schema.h"
#include "plan/lower.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>
#include <vector>

namespace gyr::plan {

namespace {

struct Hook {
    std::string_view name, kind, why;
};
// The process lane: always attached, as everything else hangs on processes.
constexpr std::array kHooks = {
    Hook{"sched_process_fork", "tracepoint", "new processes"},
    Hook{"sched_prepare_exec", "tracepoint", "the file given to exec, where the kernel has it"},
    Hook{"sched_process_exec", "tracepoint", "new program images"},
    Hook{"sched_process_exit", "tracepoint", "ends of processes"},
    Hook{"task_rename", "tracepoint", "changes of name"},
    Hook{"cgroup_attach_task", "tracepoint", "moves between cgroups"},
    Hook{"iter/task", "iterator", "processes that were there before, and changed ones read again"},
    Hook{"process connector", "netlink", "changes of ids and sessions"},
};
constexpr std::array kEvents = {
    std::pair{kExecve, std::string_view("execve")},
    std::pair{kExecveat, std::string_view("execveat")},
    std::pair{kClone, std::string_view("clone")},
    std::pair{kClone3, std::string_view("clone3")},
    std::pair{kFork, std::string_view("fork")},
    std::pair{kVfork, std::string_view("vfork")},
    std::pair{kProcExit, std::string_view("procexit")},
    std::pair{kSnapshot, std::string_view("snapshot")},
    std::pair{kProcChange, std::string_view("procchange")},
};

struct Split {
    std::vector<std::string_view> process_rules, event_rules;
    std::vector<const Rule*> unusable;
};

Split split(const Matcher& matcher) {
    Split s;
    const auto rules = matcher.rules();
    for (std::uint32_t i = 0; i < rules.size(); ++i) {
        if (!rules[i].disabled_why.empty())
            s.unusable.push_back(&rules[i]);
        else if (!rules[i].enabled)
            continue;
        else if (matcher.is_process_rule(i))
            s.process_rules.push_back(rules[i].name);
        else
            s.event_rules.push_back(rules[i].name);
    }
    return s;
}

std::string demand_name(const EventDemand& d) {
    if (d.code == kGenericExit && !d.calls.empty()) return std::string(syscall_name(d.calls.front()));
    const EventInfo* info = find_event(d.code);
    return info != nullptr ? std::string(info->name) : std::string();
}

bool follows_connections(const EventPlan& events) {
    return std::ranges::any_of(events.demands, [](const EventDemand& d) { return demand_name(d) == "connect"; });
}

// close alone is told with what its descriptor stood for before.
bool needs_beginning(const EventPlan& events) {
    for (const EventDemand& d : events.demands)
        if (const EventInfo* info = find_event(d.code); info != nullptr && (info->flags & kDestroysFd) != 0)
            return true;
    return false;
}

std::string call_hooks(const EventPlan& events) {
    std::string out =
        fmt::format("  {:<20} {:<11} {}\n", "sys_exit", "tracepoint", "the system calls below, when they return");
    if (needs_beginning(events))
        out += fmt::format("  {:<20} {:<11} {}\n", "sys_enter", "tracepoint",
                           "what a descriptor stands for before it is closed");
    if (follows_connections(events))
        out += fmt::format("  {:<20} {:<11} {}\n", "inet_sock_set_state", "tracepoint",
                           "where connections go when they begin");
    return out;
}

// Whom a clause is for.
std::string for_rules(const EventDemand& d, std::size_t clause) {
    if (clause >= d.rules.size() || d.rules[clause].empty()) return {};
    const auto& rules = d.rules[clause];
    return fmt::format(", for rule '{}'{}", rules.front(),
                       rules.size() > 1 ? fmt::format(" and {} more", rules.size() - 1) : std::string());
}

std::string demand_text(const EventDemand& d, const EventPlan& events) {
    if (d.clauses.empty()) return fmt::format("  {:<20} every one, for rule '{}'\n", demand_name(d), d.forced_by);
    std::string out;
    for (std::size_t i = 0; i < d.clauses.size(); ++i)
        out += fmt::format("  {:<20} {}{}\n", i == 0 ? demand_name(d) : "  or", clause_text(d.clauses[i], events),
                           for_rules(d, i));
    return out;
}

// Events that rules are asked about and that are no system calls, which have a list of their own.
std::vector<std::string_view> wanted(const Matcher& matcher) {
    std::vector<std::string_view> names;
    for (const auto& [code, name] : kEvents) {
        if (matcher.wants(code)) names.push_back(name);
    }
    if (matcher.wants(kPluginEvent)) names.push_back(find_event(kPluginEvent)->name);
    return names;
}

std::string looked_at(const Matcher& matcher, const EventPlan& events, bool process_rules) {
    auto names = wanted(matcher);
    if (!events.demands.empty()) names.push_back("the system calls above");
    if (process_rules) names.push_back("programs as they start and change");
    return names.empty() ? "none" : fmt::format("{}", fmt::join(names, ", "));
}

} // namespace

std::string plan_text(const Matcher& matcher) {
    const Split s = split(matcher);
    std::string out = "hooks\n";
    for (const Hook& h : kHooks) out += fmt::format("  {:<20} {:<11} {}\n", h.name, h.kind, h.why);
    const EventPlan events = plan_events(matcher);
    if (events.demands.empty()) {
        out += "  no system call tracepoint: a system call costs what it costs without Gyr\n";
    } else {
        out += call_hooks(events);
        out += "system calls\n";
        for (const EventDemand& d : events.demands) out += demand_text(d, events);
    }
    out += fmt::format("events looked at by rules: {}\n", looked_at(matcher, events, !s.process_rules.empty()));
    out += fmt::format("process rules, once per program image: {}\n", s.process_rules.size());
    for (const std::string_view name : s.process_rules) out += fmt::format("  {}\n", name);
    out += fmt::format("event rules: {}\n", s.event_rules.size());
    for (const std::string_view name : s.event_rules) out += fmt::format("  {}\n", name);
    if (!s.unusable.empty()) out += fmt::format("not usable: {}\n", s.unusable.size());
    for (const Rule* rule : s.unusable) out += fmt::format("  {}: {}\n", rule->name, rule->disabled_why);
    return out;
}

std::string plan_json(const Matcher& matcher) {
    const Split s = split(matcher);
    nlohmann::ordered_json out{{"hooks", nlohmann::ordered_json::array()}};
    for (const Hook& h : kHooks) out["hooks"].push_back({{"name", h.name}, {"kind", h.kind}, {"why", h.why}});
    const EventPlan events = plan_events(matcher);
    out["syscall_tracepoints"] = nlohmann::ordered_json::array();
    if (!events.demands.empty()) out["syscall_tracepoints"].push_back("sys_exit");
    if (needs_beginning(events)) out["syscall_tracepoints"].push_back("sys_enter");
    out["syscalls"] = nlohmann::ordered_json::array();
    for (const EventDemand& d : events.demands) {
        nlohmann::ordered_json item{{"event", demand_name(d)}, {"clauses", nlohmann::ordered_json::array()}};
        for (const EventClause& c : d.clauses) item["clauses"].push_back(clause_text(c, events));
        if (d.clauses.empty()) item["in_full_for"] = d.forced_by;
        if (!d.clauses.empty()) item["rules"] = d.rules; // by clause
        out["syscalls"].push_back(std::move(item));
    }
    out["events"] = wanted(matcher);
    out["process_rules"] = s.process_rules;
    out["event_rules"] = s.event_rules;
    out["unusable"] = nlohmann::ordered_json::array();
    for (const Rule* rule : s.unusable) out["unusable"].push_back({{"rule", rule->name}, {"why", rule->disabled_why}});
    return out.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

namespace {

// Calls that have no event of their own share one code: what is counted of them is counted together.
bool is_shared(EventCode code) { return code == kGenericExit; }

} // namespace

std::string statistics_text(const EventPlan& plan, std::span<const EventStatistics> statistics) {
    std::string out = fmt::format("{:<20} {:>12} {:>12}\n", "event", "told", "stopped");
    for (const EventStatistics& s : statistics) {
        const auto demand = std::ranges::find(plan.demands, s.code, &EventDemand::code);
        if (demand == plan.demands.end()) continue;
        out += fmt::format("{:<20} {:>12} {:>12}\n", is_shared(s.code) ? "other calls" : demand_name(*demand), s.sent,
                           s.stopped);
        if (is_shared(s.code)) continue;
        for (std::size_t i = 0; i < demand->clauses.size() && i < s.refused.size(); ++i)
            out += fmt::format("  {:>10} met it, {:>10} did not: {}{}\n", s.let_through[i], s.refused[i],
                               clause_text(demand->clauses[i], plan), for_rules(*demand, i));
    }
    return out;
}

std::string statistics_json(const EventPlan& plan, std::span<const EventStatistics> statistics) {
    auto out = nlohmann::ordered_json::array();
    for (const EventStatistics& s : statistics) {
        const auto demand = std::ranges::find(plan.demands, s.code, &EventDemand::code);
        if (demand == plan.demands.end()) continue;
        nlohmann::ordered_json item{{"event", is_shared(s.code) ? "other calls" : demand_name(*demand)},
                                    {"told", s.sent},
                                    {"stopped", s.stopped},
                                    {"clauses", nlohmann::ordered_json::array()}};
        for (std::size_t i = 0; !is_shared(s.code) && i < demand->clauses.size() && i < s.refused.size(); ++i)
            item["clauses"].push_back({{"clause", clause_text(demand->clauses[i], plan)},
                                       {"met", s.let_through[i]},
                                       {"not_met", s.refused[i]}});
        out.push_back(std::move(item));
    }
    return nlohmann::ordered_json{{"statistics", std::move(out)}}.dump(
        -1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

} // namespace gyr::plan
