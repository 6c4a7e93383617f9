#include "plan/listing.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

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

std::vector<std::string_view> wanted(const Matcher& matcher) {
    std::vector<std::string_view> names;
    for (const auto& [code, name] : kEvents) {
        if (matcher.wants(code)) names.push_back(name);
    }
    return names;
}

} // namespace

std::string plan_text(const Matcher& matcher) {
    const Split s = split(matcher);
    std::string out = "hooks\n";
    for (const Hook& h : kHooks) out += fmt::format("  {:<20} {:<11} {}\n", h.name, h.kind, h.why);
    out += "  no system call tracepoint: a system call costs what it costs without Gyr\n";
    out += fmt::format("events looked at by rules: {}\n", fmt::join(wanted(matcher), ", "));
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
    out["syscall_tracepoints"] = nlohmann::ordered_json::array();
    out["events"] = wanted(matcher);
    out["process_rules"] = s.process_rules;
    out["event_rules"] = s.event_rules;
    out["unusable"] = nlohmann::ordered_json::array();
    for (const Rule* rule : s.unusable) out["unusable"].push_back({{"rule", rule->name}, {"why", rule->disabled_why}});
    return out.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

} // namespace gyr::plan
