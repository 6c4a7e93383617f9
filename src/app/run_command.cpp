// gyr run: live detection.

#include "alerts/builder.h"
#include "app/commands.h"
#include "app/rule_loading.h"
#include "app/settings.h"
#include "engine/engine.h"
#include "outputs/stream_sink.h"
#include "rules/file_watch.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <thread>

namespace gyr::app {
namespace {

constexpr Nanos kSecond = 1'000'000'000;
constexpr Nanos kClosePatience = kSecond / 2; // for a reader that is slow at the end

// systemd's notification protocol (sd_notify(3)): one datagram to $NOTIFY_SOCKET; '@' stands for the abstract
// namespace.
void notify_service_manager(std::string_view state) {
    const char* path = std::getenv("NOTIFY_SOCKET");
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path == nullptr || *path == '\0' || std::strlen(path) >= sizeof address.sun_path) return;
    std::strcpy(address.sun_path, path);
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + std::strlen(path));
    if (address.sun_path[0] == '@') address.sun_path[0] = '\0';
    const int fd = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return;
    [[maybe_unused]] const auto sent =
        ::sendto(fd, state.data(), state.size(), MSG_NOSIGNAL, reinterpret_cast<const sockaddr*>(&address), length);
    ::close(fd);
}

std::string host_name(const config::Config& config) {
    if (!config.host.name.empty()) return config.host.name;
    std::array<char, 256> name{};
    return ::gethostname(name.data(), name.size() - 1) == 0 ? std::string(name.data()) : "localhost";
}

Engine::Options engine_options(const config::Config& config) {
    Engine::Options o;
    o.live.ring_bytes = static_cast<std::uint32_t>(config.kernel.ring_bytes);
    o.live.env_bytes = static_cast<std::uint32_t>(config.kernel.environment_bytes);
    o.pipeline.processes.budget_bytes = config.state.memory_bytes;
    o.pipeline.processes.lineage_keep = config.state.lineage;
    o.pipeline.metadata_wait = config.metadata.wait;
    o.pipeline.first_match_only = config.rule_matching == "first";
    if (!parse_priority(config.priority, o.pipeline.minimum_priority)) o.pipeline.minimum_priority = Priority::debug;
    o.pipeline.hostname = host_name(config);
    ResolverOptions& r = o.resolver;
    r.host_root = config.host.root == "/" ? "" : config.host.root;
    r.docker_roots = config.containers.docker.roots;
    r.docker_sockets = config.containers.docker.sockets;
    r.podman_roots = config.containers.podman.roots;
    r.podman_sockets = config.containers.podman.sockets;
    r.containerd_states = config.containers.containerd.states;
    r.containerd_sockets = config.containers.containerd.sockets;
    r.cri_sockets = config.containers.cri.sockets;
    r.call_timeout = std::chrono::milliseconds(config.containers.timeout / 1'000'000);
    o.users.host_root = r.host_root;
    return o;
}

void log_rules(const CheckedRules& rules) {
    std::size_t usable = 0;
    for (const Rule& rule : rules.matcher->rules()) {
        if (!rule.disabled_why.empty()) {
            log(LogLevel::warning, fmt::format("rule '{}' cannot be used: {}", rule.name, rule.disabled_why));
        } else if (rule.enabled) {
            ++usable;
        }
    }
    log(LogLevel::info, fmt::format("{} rules from {} files", usable, rules.loaded.files.size()));
}

constexpr unsigned kListTurns = 5; // of a tenth of a second: how often the files of lists are looked at

Exit run(const CommonOptions& options) {
    const auto begun = std::chrono::steady_clock::now();
    const auto settings = load_settings(options);
    if (!settings) return settings.error();
    const config::Config& config = settings->config;
    set_log(config.log.level == "debug"     ? LogLevel::debug
            : config.log.level == "warning" ? LogLevel::warning
            : config.log.level == "error"   ? LogLevel::error
                                            : LogLevel::info,
            config.log.format == "json" ? LogFormat::json : LogFormat::text);
    const auto paths = find_rules(config);
    if (!paths) return paths.error();

    CheckedRules rules = load_checked(paths->paths, false, true);
    bool anything = false;
    for (const Rule& rule : rules.matcher->rules()) anything = anything || (rule.enabled && rule.disabled_why.empty());
    if (!anything && !rules.loaded.ok())
        return complain(Exit::bad, rules.loaded.diagnostics, "`gyr rules check` shows them all");
    // A rule given on the command line is one somebody asks for: that it cannot be used is not a line in a log.
    if (!options.rules.empty() && !rules.loaded.ok())
        return complain(Exit::bad, rules.loaded.diagnostics, "`gyr rules check` shows them all");
    for (const Rule& rule : rules.matcher->rules()) {
        if (!options.rules.empty() && !rule.disabled_why.empty())
            return complain(Exit::bad, fmt::format("rule '{}' cannot be used: {}", rule.name, rule.disabled_why));
    }
    log_rules(rules);

    if (config.outputs.empty()) return complain(Exit::usage, "no output is configured");
    if (standard_output_closed()) return complain(Exit::usage, "standard output is closed, and alerts go there");
    outputs::StreamSinkOptions sink_options;
    sink_options.format.format = parse_alert_format(config.outputs.front().format).value_or(AlertFormat::text);
    sink_options.format.time = config.time_format == "iso8601" ? TimeFormat::iso8601 : TimeFormat::local;
    sink_options.buffer_bytes = config.outputs.front().buffer_bytes;
    sink_options.hostname = host_name(config);
    const pid_t self = ::getpid();
    // The only output has no reader any more: the end, as for SIGTERM.
    sink_options.on_closed = [self] { ::kill(self, SIGTERM); };
    sink_options.on_problem = [](const std::string& problem) { log(LogLevel::warning, problem); };

    // All threads inherit the mask; one of them takes the signals from a descriptor.
    sigset_t signals;
    sigemptyset(&signals);
    for (const int s : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, s);
    ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);

    auto sink = outputs::make_stream_sink(std::move(sink_options));
    if (!sink) return complain(exit_code(sink.error()), sink.error().message);

    // One scratch for building; remade when the rules change. Only the engine's thread uses it.
    struct Building {
        const Matcher* matcher = nullptr;
        Matcher::ScratchPtr scratch;
    };
    auto building = std::make_shared<Building>();
    auto build = [building](const Matcher& matcher, std::uint32_t rule, const Event& event, const EvalWorld& world) {
        if (building->matcher != &matcher) {
            building->scratch = matcher.make_scratch();
            building->matcher = &matcher;
        }
        BuiltAlert built = build_alert(matcher, rule, event, world, *building->scratch);
        return Pipeline::Built{std::move(built.alert), built.pending};
    };
    auto engine = Engine::create(engine_options(config), rules.matcher, std::move(build), **sink);
    if (!engine) return complain(exit_code(engine.error()), engine.error().message);
    Engine& agent = **engine;

    // The signals, and the files that lists are read from: a new list makes new rules, swapped between two events.
    std::jthread signal_thread([&](const std::stop_token& stop) {
        const timespec patience{0, 100'000'000};
        rules::FileWatch lists(rules.loaded.items_files);
        for (unsigned turn = 0; !stop.stop_requested(); ++turn) {
            const int signal = ::sigtimedwait(&signals, nullptr, &patience);
            const bool new_list = turn % kListTurns == 0 && lists.changed();
            if (signal == SIGTERM || signal == SIGINT) {
                agent.stop();
            } else if (signal == SIGHUP || new_list) {
                if (new_list) log(LogLevel::info, "a list on disk has changed");
                CheckedRules fresh = load_checked(paths->paths, false, true);
                bool usable = false;
                for (const Rule& rule : fresh.matcher->rules())
                    usable = usable || (rule.enabled && rule.disabled_why.empty());
                if (!usable || !fresh.loaded.ok()) {
                    log(LogLevel::error,
                        "the rules on disk are not good; the ones in use stay (`gyr rules check` shows why)");
                    continue;
                }
                log_rules(fresh);
                if (signal == SIGHUP) lists = rules::FileWatch(fresh.loaded.items_files);
                agent.swap_rules(fresh.matcher);
            }
        }
    });

    if (auto ok = agent.start(); !ok) return complain(exit_code(ok.error()), ok.error().message);
    const Engine::Summary at_start = agent.summary();
    const auto took =
        std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - begun).count();
    log(LogLevel::info, fmt::format("armed after {} ms with {} processes known", took, at_start.processes.living));
    notify_service_manager("READY=1");
    const auto ran = agent.run();
    notify_service_manager("STOPPING=1");
    agent.finish();
    (*sink)->close(kClosePatience);
    const Engine::Summary s = agent.summary();
    const SinkStats delivered = (*sink)->stats();
    log(LogLevel::info,
        fmt::format(
            "ended after {:.1f} s: {} process events, {} alerts ({} delivered, {} lost), {} events lost in the kernel",
            static_cast<double>(s.running) / 1e9, s.pipeline.events, s.pipeline.alerts, delivered.delivered,
            delivered.lost, s.lost));
    return ran ? Exit::fine : complain(exit_code(ran.error()), ran.error().message);
}

} // namespace

void add_run_command(CLI::App& app, Action& action) {
    CLI::App* command = app.add_subcommand("run", "Detect live (what `gyr` alone does); needs root");
    auto options = std::make_shared<CommonOptions>();
    options->add_config(*command);
    options->add_rules(*command);
    command->add_option("--format", options->format, "Alerts as text, json or falco")
        ->check(CLI::IsMember({"text", "json", "falco"}));
    command->footer(
        "Examples:\n  gyr run -r my-rules.yaml --format json\n  gyr run -o metadata.wait=2s -o priority=warning");
    command->callback([&action, options] { action = [options] { return run(*options); }; });
}

} // namespace gyr::app
