// gyr simulate: the real thing for each rule, in a place of its own, and whether the alert came.

#include "app/commands.h"
#include "app/rule_loading.h"
#include "app/settings.h"
#include "base/fd.h"
#include "base/thread_signals.h"
#include "simulate/simulation.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <csignal>
#include <memory>
#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

namespace gyr::app {
namespace {

using simulate::Expect;
using simulate::Outcome;
using simulate::Task;

struct SimulateOptions {
    CommonOptions common;
    std::vector<std::string> names;
    bool list = false;
    bool only_evasions = false;
    bool all = false;
    std::string format = "text";
};

std::string_view verdict(const Outcome& o) {
    if (!o.done) return "not done";
    if (!o.seen) return "not seen";
    if (o.task.expect == Expect::silence) return o.alerted ? "ALERTED" : "silent";
    return o.alerted ? "alerted" : "MISSED";
}

std::string line_of(const Outcome& o) {
    return fmt::format("{:<9} {:<9} {:>6} {}{}{}\n", verdict(o), simulate::expect_text(o.task.expect),
                       o.alerted ? fmt::format("{:.1f}", o.milliseconds) : "-", o.task.name,
                       o.task.expect == Expect::evasion ? " -> " + o.task.rule : "",
                       o.detail.empty() ? "" : ": " + o.detail);
}

nlohmann::ordered_json json_of(const Task& task) {
    return {{"name", task.name},
            {"rule", task.rule},
            {"kind", simulate::expect_text(task.expect)},
            {"action", simulate::steps_text(task.doing)}};
}

nlohmann::ordered_json json_of(const Outcome& o) {
    nlohmann::ordered_json j = json_of(o.task);
    j["done"] = o.done;
    j["seen"] = o.seen;
    j["alerted"] = o.alerted;
    j["good"] = o.good();
    if (o.alerted) j["ms"] = o.milliseconds;
    if (!o.detail.empty()) j["detail"] = o.detail;
    return j;
}

Exit list(const std::vector<Task>& tasks, const std::vector<std::string>& without, const std::string& format) {
    if (format == "json") {
        nlohmann::ordered_json all = nlohmann::ordered_json::array();
        for (const Task& task : tasks) all.push_back(json_of(task));
        return print(nlohmann::ordered_json{{"actions", all}, {"rules_without_action", without}}.dump(2) + "\n");
    }
    std::string text;
    for (const Task& task : tasks)
        text += fmt::format("{:<9} {}: {}\n", simulate::expect_text(task.expect), task.name,
                            simulate::steps_text(task.doing));
    for (const std::string& rule : without) text += fmt::format("{:<9} {}\n", "none", rule);
    return print(text);
}

Exit report(const std::vector<Outcome>& outcomes, const std::string& format) {
    std::size_t bad = 0, undone = 0;
    for (const Outcome& o : outcomes) (o.done ? bad : undone) += o.good() ? 0U : 1U;
    if (format == "json") {
        nlohmann::ordered_json all = nlohmann::ordered_json::array();
        for (const Outcome& o : outcomes) all.push_back(json_of(o));
        if (const Exit e =
                print(nlohmann::ordered_json{{"actions", all}, {"bad", bad}, {"not_done", undone}}.dump(2) + "\n");
            e != Exit::fine)
            return e;
    } else if (const Exit e = print(
                   fmt::format("{} actions, {} not as expected, {} could not be done\n", outcomes.size(), bad, undone));
               e != Exit::fine) {
        return e;
    }
    return bad == 0 ? Exit::fine : Exit::bad;
}

// Those asked for by the name of a rule or an evasion, or part of one; without names all.
std::vector<Task> chosen(std::vector<Task> tasks, const SimulateOptions& options) {
    std::erase_if(tasks, [&](const Task& task) {
        if (options.only_evasions && task.expect != Expect::evasion) return true;
        const auto is = [&](const std::string& name) { return task.name == name || task.name.starts_with(name + " "); };
        return !options.names.empty() && std::ranges::none_of(options.names, is);
    });
    return tasks;
}

// Ends the process by the signal that has come to it, as if nobody had waited for that one.
Exit end_by(int signals) {
    signalfd_siginfo info{};
    if (::read(signals, &info, sizeof info) != sizeof info) return Exit::host;
    std::signal(static_cast<int>(info.ssi_signo), SIG_DFL);
    ::raise(static_cast<int>(info.ssi_signo));
    unblock_signals();
    return Exit::host;
}

Exit run_simulation(const SimulateOptions& options) {
    const auto checked = load_for_command(options.common);
    if (!checked) return checked.error();
    const auto settings = load_settings(options.common);
    if (!settings) return settings.error();
    const auto paths = find_rules(settings->config);
    if (!paths) return paths.error();
    simulate::Options run{paths->paths, {}, {}, options.common.overrides};
    std::vector<std::string> tried;
    for (const Rule& rule : checked->matcher->rules()) {
        run.rule_names.push_back(rule.name);
        if (!rule.disabled_why.empty() || (!rule.enabled && !options.all)) continue;
        tried.push_back(rule.name);
        if (!rule.enabled) run.switched_on.push_back(rule.name);
    }
    const std::vector<Task> all = simulate::tasks_for(tried);
    const std::vector<Task> tasks = chosen(all, options);
    for (const std::string& name : options.names)
        if (std::ranges::none_of(all, [&](const Task& t) { return t.name == name || t.name.starts_with(name + " "); }))
            return complain(Exit::usage, fmt::format("there is no action '{}' (see gyr simulate --list)", name));
    if (options.list) {
        std::vector<std::string> without;
        for (const std::string& rule : tried)
            if (std::ranges::none_of(all, [&](const Task& t) { return t.rule == rule; })) without.push_back(rule);
        return list(tasks, without, options.format);
    }
    if (::geteuid() != 0) return complain(Exit::host, "simulating needs root, as detecting does");
    if (tasks.empty()) return complain(Exit::usage, "there is no action for these rules (see gyr simulate --list)");
    const sigset_t ends = block_signals({SIGINT, SIGTERM, SIGHUP});
    const UniqueFd signals(::signalfd(-1, &ends, SFD_CLOEXEC));
    run.stop_fd = signals.get();
    const auto outcomes = simulate::run(run, tasks, [&](const Outcome& o) {
        if (options.format == "text") (void)print(line_of(o));
    });
    if (pollfd come{signals.get(), POLLIN, 0}; !outcomes && ::poll(&come, 1, 0) == 1) return end_by(signals.get());
    if (!outcomes) return complain(exit_code(outcomes.error()), outcomes.error().message);
    return report(*outcomes, options.format);
}

} // namespace

void add_simulate_command(CLI::App& app, Action& action) {
    CLI::App* command = app.add_subcommand("simulate", "Do the real thing for each rule and see the alert; needs root");
    auto options = std::make_shared<SimulateOptions>();
    options->common.add_config(*command);
    options->common.add_rules(*command);
    command->add_option("action", options->names, "Rules or evasions by name; all when none is given");
    command->add_flag("--list", options->list, "Only tell which actions there are");
    command->add_flag("--all", options->all, "Also rules that are switched off, which are on meanwhile");
    command->add_flag("--evasions", options->only_evasions, "Only attacks that try to go unseen");
    command->add_option("--format", options->format, "text or json")->check(CLI::IsMember({"text", "json"}));
    command->footer(
        "Every action runs in namespaces, on files in memory and in a cgroup of its own; the host stays as it is.\n"
        "Exit code 1: an alert was missing, or came for what only comes near.\n\n"
        "Examples:\n  gyr simulate\n  gyr simulate --list\n  gyr simulate \"Password Hashes Read\"\n"
        "  gyr simulate --format json -r my-rules.yaml");
    command->callback([&action, options] { action = [options] { return run_simulation(*options); }; });
}

} // namespace gyr::app
