// gyr record: a capture file of what happens, for other readers of the format and for gyr replay.

#include "app/commands.h"
#include "app/counts.h"
#include "app/engine_setup.h"
#include "app/live_watch.h"
#include "app/settings.h"
#include "event/schema.h"
#include "plan/lower.h"
#include "playback/event_printer.h"
#include "recording/capture_files.h"
#include "recording/live_events.h"
#include "recording/table_threads.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace gyr::app {
namespace {

struct RecordOptions {
    CommonOptions common;
    std::vector<std::string> filter;
    std::string file;
    std::string duration;
    std::string file_duration;
    std::uint64_t max_events = 0, max_size = 0;
    std::uint32_t keep_files = 0;
    bool plain = false, current = false;
};

constexpr std::uint32_t kRing = 64U << 20;
// Of one file of a series. Each begins with all processes and descriptors: with less the recorder would write little
// else, and fall behind.
constexpr std::uint64_t kLeastEvents = 100, kLeastBytes = 64 * 1024;

// Writes what the engine tells. One thread.
class Recorder {
  public:
    // filter: what is not its own is written for the state alone, so that readers know the processes and descriptors
    // of what they see, and see only what was asked for.
    Recorder(recording::CaptureFiles& files, recording::LiveEvents& events, playback::EventPrinter* filter)
        : files_(files), events_(events), filter_(filter) {}

    bool take(const Event& event, const EvalWorld& world) {
        if (is_own(event)) return true;
        const bool wanted = filter_ == nullptr || filter_->matches(event, world);
        if (!wanted && !modifies_state(event.code)) return true;
        matched_ += wanted ? 1U : 0U;
        return note(events_.take(event, {world.processes, world.users}, wanted ? 0U : kForTheState,
                                 [this](const RawEvent& raw) { return write(raw); }));
    }
    void end() {
        note(events_.release(nullptr, [this](const RawEvent& raw) { return write(raw); }));
        note(files_.close());
    }
    [[nodiscard]] const Result<>& result() const { return result_; }
    [[nodiscard]] std::uint64_t matched() const { return matched_; }

  private:
    static constexpr std::uint32_t kForTheState = 1;

    static bool modifies_state(EventCode code) {
        const EventInfo* info = find_event(code);
        return info != nullptr && (info->flags & kModifiesState) != 0;
    }
    Result<> write(const RawEvent& raw) {
        auto ok = files_.write(raw);
        return ok || ok.error().kind == ErrorKind::invalid ? Result<>{} : ok; // one event too long: the file is whole
    }
    bool note(Result<> result) {
        if (!result && result_) result_ = std::move(result);
        return result_.has_value();
    }

    recording::CaptureFiles& files_;
    recording::LiveEvents& events_;
    playback::EventPrinter* filter_;
    std::uint64_t matched_ = 0;
    Result<> result_;
};

Exit record(const RecordOptions& options) {
    const auto duration = parse_time_span(options.duration);
    if (!duration)
        return complain(Exit::usage, fmt::format("--duration '{}' is not a time (30s, 5m, 1h)", options.duration));
    const auto file_duration = parse_time_span(options.file_duration);
    if (!file_duration)
        return complain(Exit::usage, fmt::format("--file-duration '{}' is not a time", options.file_duration));
    if (options.keep_files > 0 && options.max_size == 0 && options.max_events == 0 && options.file_duration.empty())
        return complain(Exit::usage,
                        "--keep-files is of a series: it needs --max-size, --max-events or --file-duration");
    const std::string condition = fmt::format("{}", fmt::join(options.filter, " "));
    std::optional<playback::EventPrinter> filter;
    if (!condition.empty()) {
        auto made = playback::EventPrinter::create(condition, "-");
        if (!made) return complain(Exit::usage, made.error().message);
        filter.emplace(std::move(*made));
    }
    const auto settings = load_settings(options.common);
    if (!settings) return settings.error();
    recording::CaptureLimits limits;
    limits.max_bytes = options.max_size;
    limits.max_events = options.max_events;
    limits.max_duration = *file_duration;
    limits.keep_files = options.keep_files;
    recording::LiveEvents live({.for_old_readers = !options.current, .metadata_wait = settings->config.metadata.wait});
    std::optional<recording::CaptureFiles> files;
    std::optional<Recorder> recorder;
    std::string problem;
    LiveWatch watch;
    watch.engine = engine_options(settings->config, {});
    watch.engine.watch_host = true; // it is what was asked for
    // Everything is told, and while the host is described nobody fetches it.
    watch.engine.live.bulk_ring_bytes = std::max(watch.engine.live.bulk_ring_bytes, kRing);
    watch.engine.live.network_ring_bytes = std::max(watch.engine.live.network_ring_bytes, kRing / 4);
    watch.events = plan::plan_everything();
    watch.duration = *duration;
    watch.begin = [&](Engine& engine) {
        const auto describe = [&live, &engine](capfile::Writer& writer) -> Result<> {
            if (auto done = recording::describe_host(writer, engine.processes()); !done) return done;
            return live.containers(engine.processes(), engine.users(),
                                   [&writer](const RawEvent& event) { return writer.write_event(event); });
        };
        auto made = recording::CaptureFiles::create(
            options.file, limits, {.compress = !options.plain, .enter_events = !options.current}, describe);
        if (!made) {
            problem = made.error().message;
            return false;
        }
        files.emplace(std::move(*made));
        recorder.emplace(*files, live, filter ? &*filter : nullptr);
        return true;
    };
    watch.event = [&](const Event& event, const EvalWorld& world) { return recorder->take(event, world); };
    const LiveEnd end = watch_live(std::move(watch));
    if (!problem.empty()) return complain(Exit::bad, problem);
    if (recorder) recorder->end();
    if (end.exit != Exit::fine) return end.exit;
    if (!recorder->result()) return complain(Exit::bad, recorder->result().error().message);
    log(LogLevel::info,
        fmt::format("{} events in {}{}{}", files->events(), options.file,
                    filter ? fmt::format(", {} of them match and the others are for the state", recorder->matched())
                           : "",
                    end.lost != 0 ? fmt::format("; {} more were lost in the kernel", end.lost) : ""));
    return Exit::fine;
}

} // namespace

void add_record_command(CLI::App& app, Action& action) {
    CLI::App* command = app.add_subcommand("record", "Record what happens into a capture file; needs root");
    auto o = std::make_shared<RecordOptions>();
    command->add_option("FILTER", o->filter,
                        "A condition of the rule language, several words are joined: only events that meet it");
    o->common.add_config(*command);
    command->add_option("-w,--write", o->file, "The capture file")->type_name("FILE")->required();
    command->add_option("--duration", o->duration, "How long: 30s, 5m, 1h (default: until it is interrupted)")
        ->type_name("D");
    command->add_option("--max-events", o->max_events, "Events of one file; further ones go to the next of a series")
        ->type_name("N")
        ->check(at_least(kLeastEvents));
    command->add_option("--max-size", o->max_size, "Size of one file (10MB, 1GB); then the next of a series")
        ->transform(CLI::AsSizeValue(false))
        ->check(at_least(kLeastBytes))
        ->type_name("SIZE");
    command->add_option("--file-duration", o->file_duration, "Time of one file (5m, 1h); then the next of a series")
        ->type_name("D");
    command->add_option("--keep-files", o->keep_files, "Files of a series to keep, the newest (default: all)")
        ->type_name("N")
        ->check(at_least(1));
    command->add_flag("--plain", o->plain, "Without compression");
    command->add_flag("--current", o->current, "Without the events that only older readers need");
    command->footer("Examples:\n  gyr record -w incident.scap --duration 30s\n"
                    "  gyr record -w web.scap \"container.name = web and evt.type in (execve, connect)\"");
    command->callback([&action, o] { action = [o] { return record(*o); }; });
}

} // namespace gyr::app
