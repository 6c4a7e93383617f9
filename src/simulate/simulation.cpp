#include "simulate/simulation.h"

#include "simulate/stage.h"
#include "simulate/watcher.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <fstream>
#include <optional>
#include <poll.h>
#include <set>
#include <sys/wait.h>
#include <unistd.h>

namespace gyr::simulate {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kArming{60'000};
constexpr milliseconds kAction{30'000};
constexpr milliseconds kAlert{3'000};

std::string mark_value(std::size_t number) { return fmt::format("{}-{}", ::getpid(), number); }

bool has(const Watcher& watcher, std::string_view rule, const std::string& mark) {
    return std::ranges::any_of(watcher.seen(), [&](const Seen& s) { return s.rule == rule && s.mark == mark; });
}

// Waits for the steps' end while the agent's lines are read: their status, or 125 when they take too long.
int wait_beside(Watcher& watcher, const Started& started) {
    std::optional<int> status;
    const auto ended = [&] {
        pollfd told{started.status.get(), POLLIN, 0};
        if (!status && ::poll(&told, 1, 0) == 1) {
            unsigned char byte = 125; // nothing: whoever was to tell has ended
            [[maybe_unused]] const ssize_t read = ::read(started.status.get(), &byte, 1);
            status = byte;
        }
        return status.has_value();
    };
    watcher.read_until(ended, kAction, started.status.get());
    return status.value_or(125);
}

std::vector<std::string> agent_arguments(const Options& options, const Stage& stage, const std::string& extra_rules) {
    std::vector<std::string> argv{"run", "--format", "json"};
    for (const std::string& path : options.rule_paths) argv.insert(argv.end(), {"-r", path});
    argv.insert(argv.end(), {"-r", extra_rules});
    for (const std::string& setting :
         {"journal.path=" + stage.folder() + "/journal.db", "containers.docker.roots=[" + stage.docker_root() + "]",
          std::string("containers.docker.sockets=[]"), std::string("containers.podman.sockets=[]"),
          std::string("containers.containerd.sockets=[]"), std::string("containers.cri.sockets=[]"),
          std::string("priority=debug"), std::string("watch=false"), std::string("server.listen=[]"),
          std::string("server.probes=[]")})
        argv.insert(argv.end(), {"-o", setting});
    for (const std::string& setting : options.agent_options) argv.insert(argv.end(), {"-o", setting});
    return argv;
}

Outcome run_task(Watcher& watcher, Stage& stage, const Task& task, std::size_t number) {
    Outcome outcome{task, false, false, false, 0, {}};
    std::vector<std::string> argv{"gyr", "perform"};
    for (const char* step : task.doing.steps)
        if (step != nullptr) argv.emplace_back(step);
    const auto started = stage.start(task.doing.where, argv, fmt::format("{}={}", kMark, mark_value(number)));
    if (!started) {
        outcome.detail = started.error().message;
        return outcome;
    }
    const int status = wait_beside(watcher, *started);
    outcome.done = status == 0;
    if (!outcome.done) outcome.detail = fmt::format("status {}: {}", status, stage.said());
    // Near misses: until the agent has looked at a program of theirs; what comes later is counted at the end.
    const std::string_view awaited = task.expect == Expect::silence ? std::string_view(kWitness) : task.rule;
    if (outcome.done) watcher.read_until([&] { return has(watcher, awaited, mark_value(number)); }, kAlert);
    stage.sweep(task.doing.where);
    ::kill(started->pid, SIGKILL);
    ::waitpid(started->pid, nullptr, 0);
    return outcome;
}

void judge(const Watcher& watcher, std::vector<Outcome>& outcomes, std::size_t first) {
    for (std::size_t i = first; i < outcomes.size(); ++i) {
        Outcome& o = outcomes[i];
        const std::string mark = mark_value(i);
        o.seen = has(watcher, kWitness, mark);
        const auto alert = std::ranges::find_if(watcher.seen(),
                                                [&](const Seen& s) { return s.rule == o.task.rule && s.mark == mark; });
        o.alerted = alert != watcher.seen().end();
        if (o.alerted) o.milliseconds = alert->milliseconds;
    }
}

} // namespace

std::string_view expect_text(Expect expect) {
    switch (expect) {
    case Expect::alert: return "alert";
    case Expect::silence: return "near_miss";
    case Expect::evasion: return "evasion";
    }
    return "";
}

std::vector<Task> tasks_for(const std::vector<std::string>& rules) {
    const std::set<std::string_view> wanted(rules.begin(), rules.end());
    std::vector<Task> tasks;
    for (const RuleAction& a : rule_actions()) {
        if (!wanted.contains(a.rule)) continue;
        tasks.push_back({std::string(a.rule), std::string(a.rule), Expect::alert, a.alert});
        tasks.push_back({std::string(a.rule), std::string(a.rule), Expect::silence, a.near_miss});
    }
    for (const Evasion& e : evasions())
        if (wanted.contains(e.rule))
            tasks.push_back({std::string(e.name), std::string(e.rule), Expect::evasion, e.doing});
    return tasks;
}

std::string steps_text(const Doing& doing) {
    std::string text;
    for (const char* step : doing.steps)
        if (step != nullptr) text += (text.empty() ? "" : "; ") + std::string(step);
    return text;
}

Result<std::vector<Outcome>> run(const Options& options, const std::vector<Task>& tasks,
                                 const std::function<void(const Outcome&)>& progress) {
    auto stage = Stage::make();
    if (!stage) return std::unexpected(stage.error());
    const std::string extra = stage->folder() + "/overlay.yaml";
    {
        std::ofstream file(extra);
        file << overlay(options.rule_names, options.switched_on);
        if (!file.flush()) return fail(ErrorKind::io, extra + " cannot be written");
    }
    auto watcher = Watcher::start(agent_arguments(options, *stage, extra), kArming, options.stop_fd);
    if (!watcher) return std::unexpected(watcher.error());
    if (auto ok = stage->open(); !ok) return std::unexpected(ok.error());
    std::vector<Outcome> outcomes;
    for (const Task& task : tasks) {
        outcomes.push_back(run_task(*watcher, *stage, task, outcomes.size()));
        if (watcher->told_to_stop()) return fail(ErrorKind::timeout, "told to end");
        judge(*watcher, outcomes, outcomes.size() - 1);
        if (progress) progress(outcomes.back());
    }
    if (auto ok = watcher->stop(); !ok) return std::unexpected(ok.error());
    judge(*watcher, outcomes, 0); // with what came late
    return outcomes;
}

} // namespace gyr::simulate
