#include "app/falco_replay.h"

#include "app/capture_report.h"
#include "app/outputs_setup.h"
#include "app/rule_loading.h"
#include "app/settings.h"
#include "base/fd.h"
#include "journal/journal.h"
#include "playback/playback.h"

#include <fmt/format.h>

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <stop_token>
#include <thread>
#include <utility>

namespace gyr::app {
namespace {

constexpr Nanos kClosingTime = 30LL * 1'000'000'000; // at the end, for outputs that are behind
constexpr std::size_t kUncommitted = 4096;           // alerts that may wait for the journal

// Where alerts wait for the outputs, unless the configuration names a journal. Gone afterwards.
class TemporaryFolder {
  public:
    TemporaryFolder() {
        std::error_code error;
        std::string name = std::filesystem::temp_directory_path(error) / "gyr-replay-XXXXXX";
        if (!error && ::mkdtemp(name.data()) != nullptr) path_ = std::move(name);
    }
    ~TemporaryFolder() {
        std::error_code ignored;
        if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
    }
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;
    // Empty without a folder: alerts then wait in memory.
    [[nodiscard]] std::string file() const { return path_.empty() ? "" : path_ + "/journal.db"; }

  private:
    std::string path_;
};

// SIGTERM and SIGINT end the capture early, also while nothing comes from a pipe; all threads inherit the mask.
class EndOnSignal {
  public:
    EndOnSignal() : over_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
        sigset_t signals;
        sigemptyset(&signals);
        for (const int s : {SIGTERM, SIGINT}) sigaddset(&signals, s);
        ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
        signals_ = UniqueFd(::signalfd(-1, &signals, SFD_CLOEXEC));
        waiter_ = std::jthread([this](const std::stop_token& over) {
            pollfd fd{signals_.get(), POLLIN, 0};
            while (!over.stop_requested()) {
                if (::poll(&fd, 1, 100) > 0) break;
            }
            if (!over.stop_requested()) end();
        });
    }
    void end() {
        end_.request_stop();
        const std::uint64_t one = 1;
        [[maybe_unused]] const auto written = ::write(over_.get(), &one, sizeof one);
    }
    [[nodiscard]] std::stop_token token() const { return end_.get_token(); }
    [[nodiscard]] bool ended() const { return end_.stop_requested(); }
    [[nodiscard]] int fd() const { return over_.get(); } // readable then

  private:
    UniqueFd signals_, over_;
    std::stop_source end_;
    std::jthread waiter_;
};

Exit play(const config::Loaded& settings, Nanos span) {
    const config::Config& config = settings.config;
    const auto rules = load_for_captures(config);
    if (!rules) return rules.error();
    EndOnSignal signals;
    auto reader = capfile::Reader::open(config.replay, {.stop_fd = signals.fd()});
    if (signals.ended()) return Exit::fine;
    if (!reader) return complain(Exit::bad, reader.error().message);
    auto wanted = output_options(config);
    if (!wanted) return complain(Exit::usage, wanted.error().message);

    const TemporaryFolder folder;
    journal::Options journal_settings = journal_options(config, false, *wanted);
    if (!settings.origins.contains("journal.path")) journal_settings.path = folder.file();
    journal_settings.on_problem = [](const std::string& problem) { log(LogLevel::warning, problem); };
    journal::Journal journal(std::move(journal_settings));
    OutputSet outputs(
        journal,
        {[](const std::string& problem) { log(LogLevel::warning, problem); }, [&signals] { signals.end(); }, {}});
    if (auto ok = outputs.apply(std::move(*wanted)); !ok) return complain(Exit::usage, ok.error().message);
    journal.outputs_complete();

    const std::string host = host_name(config);
    const auto emit = [&, uncommitted = std::size_t{0}](Alert alert) mutable {
        alert.hostname = host;
        journal.push(std::make_shared<const AlertRecord>(std::move(alert)));
        if (++uncommitted < kUncommitted) return;
        journal.flush(); // the capture is read no faster than alerts can be kept
        uncommitted = 0;
    };
    playback::Playback playback(
        {.first_match_only = config.rule_matching == "first", .span = span, .stop = signals.token(), .state = {}},
        rules->matcher, emit);
    const playback::WalkEnd end = playback.play(*reader);
    journal.flush();
    outputs.close(kClosingTime);
    Exit result = Exit::fine;
    for (const OutputSet::State& output : outputs.states()) {
        const std::uint64_t behind = journal.lag(output.position).count + output.stats.refused;
        if (behind > 0 && !signals.ended())
            result = complain(Exit::bad, fmt::format("{} alerts did not get to {}: {}", behind, output.options.name,
                                                     output.stats.problem));
    }
    journal.close();
    log(LogLevel::info, fmt::format("{} events, {} alerts", playback.stats().events, playback.stats().alerts));
    // Where it was ended is no damage.
    const Exit read = report_capture(config.replay, reader->stats(), playback.stats().state,
                                     signals.ended() ? std::optional<capfile::Damage>() : end.damage);
    return read != Exit::fine ? read : result;
}

} // namespace

std::optional<Exit> replay_as_configured(const CommonOptions& options, Nanos span) {
    const auto settings = load_settings(options, Reporting::quiet);
    if (!settings) return settings.error();
    if (settings->config.replay.empty()) return std::nullopt;
    return play(*settings, span);
}

} // namespace gyr::app
