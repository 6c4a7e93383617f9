#include "app/live_watch.h"

#include "alerts/sink.h"
#include "base/clock.h"
#include "base/units.h"

#include <array>
#include <atomic>
#include <csignal>
#include <ctime>
#include <string>
#include <thread>
#include <unistd.h>
#include <utility>

namespace gyr::app {
namespace {

// There are no rules, so nothing ever comes here but gap records.
class NoSink final : public AlertSink {
  public:
    void push(AlertRecordPtr record) override { (void)record; }
};

} // namespace

std::optional<Nanos> parse_time_span(const std::string& text) {
    constexpr Nanos kLongest = 100LL * 365 * 86400 * 1'000'000'000; // added to a clock it is still a time
    if (text.empty()) return 0;
    const bool seconds = text.find_first_not_of("0123456789.") == std::string::npos;
    const auto span = parse_duration(seconds ? text + "s" : text);
    if (!span || *span <= 0 || *span > kLongest) return std::nullopt;
    return *span;
}

bool is_own(const Event& event) {
    static const pid_t self = ::getpid();
    return event.process && event.process->key.pid == self;
}

LiveEnd watch_live(LiveWatch watch) {
    std::vector<Diagnostic> none;
    const auto matcher = watch.rules ? watch.rules : Matcher::compile({}, {}, none);
    NoSink sink;
    Engine::Options options = std::move(watch.engine);
    std::array<char, 256> host{};
    if (options.pipeline.hostname.empty() && ::gethostname(host.data(), host.size() - 1) == 0)
        options.pipeline.hostname = host.data();
    Engine* running = nullptr;
    bool ended = false;
    const auto go_on = [&](bool wanted) {
        if (wanted) return;
        ended = true;
        running->stop();
    };
    if (watch.event)
        options.observe = [&](const Event& event, const EvalWorld& world) {
            if (!ended && running != nullptr) go_on(watch.event(event, world));
        };
    if (watch.pause)
        options.pause = [&] {
            if (!ended && running != nullptr) go_on(watch.pause());
        };
    if (watch.rules)
        options.count_clauses = true;
    else
        options.events = watch.events;

    sigset_t signals;
    sigemptyset(&signals);
    for (const int s : {SIGTERM, SIGINT}) sigaddset(&signals, s);
    ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);

    auto build = [](const Matcher&, std::uint32_t, const Event&, const EvalWorld&) { return Pipeline::Built{}; };
    auto engine = Engine::create(std::move(options), matcher, build, sink);
    if (!engine) return {complain(exit_code(engine.error()), engine.error().message)};
    Engine& agent = **engine;
    if (auto ok = agent.start(); !ok) return {complain(exit_code(ok.error()), ok.error().message)};
    if (watch.begin && !watch.begin(agent)) return {Exit::bad};
    running = &agent;
    log(LogLevel::info, "armed");

    const Nanos deadline = watch.duration > 0 ? steady_now() + watch.duration : 0;
    std::jthread clock([&](const std::stop_token& stop) {
        const timespec patience{0, 50'000'000};
        while (!stop.stop_requested()) {
            const int signal = ::sigtimedwait(&signals, nullptr, &patience);
            if (signal > 0 || (deadline != 0 && steady_now() >= deadline)) {
                agent.stop();
                return;
            }
        }
    });
    const auto ran = agent.run();
    clock.request_stop();
    if (watch.end) watch.end(agent);
    agent.finish();
    LiveEnd end{ran ? Exit::fine : complain(exit_code(ran.error()), ran.error().message)};
    end.lost = agent.summary().lost;
    return end;
}

} // namespace gyr::app
