// gyr run: live detection.

#include "app/agent.h"
#include "app/api.h"
#include "app/commands.h"
#include "app/falco_replay.h"
#include "app/file_watch.h"
#include "app/host_limits.h"
#include "app/sandbox.h"
#include "app/settings.h"
#include "app/startup_taint.h"
#include "base/fd.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <poll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace gyr::app {
namespace {

constexpr Nanos kSecond = 1'000'000'000;

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

constexpr Nanos kDebounce = kSecond / 10; // changes that come together are one
constexpr int kTickMs = 1000;

// Sees to it that every thread gives up its privileges, also one that a slow disk holds up just then.
class SandboxWatch {
  public:
    // There is nothing to look at: not entered yet, or every thread has given up.
    [[nodiscard]] bool settled() const { return settled_ || begin_.load(std::memory_order_acquire) == 0; }
    void entered() { begin_.store(Clock::now().time_since_epoch().count(), std::memory_order_release); }
    void look() {
        const auto begin = begin_.load(std::memory_order_acquire);
        if (begin == 0 || settled_) return;
        const std::vector<std::string> outside = threads_outside_sandbox();
        settled_ = outside.empty();
        if (settled_ || told_ || Clock::now() - Clock::time_point(Clock::duration(begin)) < kPatience) return;
        told_ = true;
        log(LogLevel::warning, fmt::format("sandbox: threads that do not come to give up their capabilities: {}",
                                           fmt::join(outside, ", ")));
    }

  private:
    using Clock = std::chrono::steady_clock;
    static constexpr std::chrono::seconds kPatience{10};
    std::atomic<Clock::rep> begin_{0};
    bool settled_ = false, told_ = false; // of the thread that looks
};

// Waits for signals and changed files until the agent ends.
void watch(Agent& agent, SandboxWatch& sandbox, const sigset_t& signals, bool watch_files,
           const std::stop_token& stop) {
    const UniqueFd signal_fd(::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
    FileWatch files;
    std::vector<std::string> paths = agent.watched_paths();
    std::size_t content = fingerprint(paths);
    std::uint64_t generation = agent.generation();
    if (watch_files) files.set(paths);
    bool look = true; // while watches are made anew a change could slip by
    // What is loaded now may be other files; a change in the meantime must still be seen as one.
    const auto follow = [&](std::size_t before) {
        generation = agent.generation();
        std::vector<std::string> now = agent.watched_paths();
        content = now == paths ? before : fingerprint(now);
        paths = std::move(now);
        if (watch_files) files.set(paths);
        look = watch_files;
    };
    const auto reloaded = [&](std::string_view why) {
        const std::size_t before = fingerprint(paths);
        agent.reload(why);
        follow(before);
    };
    const std::stop_callback wake(stop, [&agent] { agent.poke(); });
    while (!stop.stop_requested()) {
        std::array<pollfd, 3> fds{
            {{signal_fd.get(), POLLIN, 0}, {watch_files ? files.fd() : -1, POLLIN, 0}, {agent.news_fd(), POLLIN, 0}}};
        const int ready = ::poll(fds.data(), fds.size(), sandbox.settled() ? kTickMs : kTickMs / 10);
        if (fds[2].revents != 0) {
            std::uint64_t count = 0;
            [[maybe_unused]] const auto got = ::read(agent.news_fd(), &count, sizeof count);
        }
        sandbox.look();
        agent.tick();
        if (agent.generation() != generation) follow(fingerprint(paths)); // it was loaded over the API
        const bool changed = std::exchange(look, false) && watch_files && fingerprint(paths) != content;
        if (ready <= 0 && !changed) continue;
        signalfd_siginfo info{};
        while (::read(signal_fd.get(), &info, sizeof info) == sizeof info) {
            if (info.ssi_signo == SIGHUP)
                reloaded("SIGHUP");
            else if (info.ssi_signo == SIGUSR1)
                agent.reopen_outputs();
            else
                agent.stop();
        }
        if (fds[1].revents == 0 && !changed) continue;
        do files.drain();
        while (::poll(&fds[1], 1, static_cast<int>(kDebounce / 1'000'000)) > 0 && !stop.stop_requested());
        files.set(paths); // links may lead elsewhere now
        look = true;
        if (fingerprint(paths) != content) reloaded("files changed");
    }
}

} // namespace

Exit run_live(const CommonOptions& options) {
    if (const auto replayed = replay_as_configured(options, 0)) return *replayed;
    // All threads inherit the mask; one of them takes the signals from a descriptor.
    sigset_t signals;
    sigemptyset(&signals);
    for (const int s : {SIGTERM, SIGINT, SIGHUP, SIGUSR1}) sigaddset(&signals, s);
    ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    const std::string refused = raise_limits();
    const pid_t self = ::getpid();
    // The only output has no reader any more: the end, as for SIGTERM.
    auto made = Agent::create(options, [self] { ::kill(self, SIGTERM); });
    if (!made) return made.error();
    if (!refused.empty()) log(LogLevel::info, refused);
    Agent& agent = **made;
    auto taint = startup_taint(agent.state().config);
    if (!taint) return complain(Exit::usage, taint.error().message);
    auto api = Api::start(agent);
    if (!api) return complain(Exit::usage, api.error().message);
    SandboxWatch sandbox;
    std::jthread watcher(
        [&](const std::stop_token& stop) { watch(agent, sandbox, signals, agent.state().config.watch, stop); });
    if (const Exit started = agent.start(); started != Exit::fine) return started;
    if (agent.state().config.sandbox) {
        if (auto ok = enter_sandbox(); !ok)
            log(LogLevel::warning, "sandbox: " + ok.error().message + "; set sandbox=false to go on without a word");
        sandbox.entered();
    }
    notify_service_manager("READY=1");
    std::optional<TaintRemoval> removal;
    if (!taint->key.empty()) removal.emplace(std::move(*taint));
    const Exit ran = agent.run();
    notify_service_manager("STOPPING=1");
    removal.reset();
    watcher.request_stop();
    watcher.join(); // no reload beside the end
    api->reset();
    agent.finish();
    return ran;
}

void add_run_command(CLI::App& app, Action& action) {
    CLI::App* command = app.add_subcommand("run", "Detect live (what `gyr` alone does); needs root");
    auto options = std::make_shared<CommonOptions>();
    options->add_config(*command);
    options->add_rules(*command);
    command->add_option("--format", options->format, "Alerts as text, json or falco")
        ->check(CLI::IsMember({"text", "json", "falco"}));
    command->footer(
        "Examples:\n  gyr run -r my-rules.yaml --format json\n  gyr run -o metadata.wait=2s -o priority=warning");
    command->callback([&action, options] { action = [options] { return run_live(*options); }; });
}

} // namespace gyr::app
