// gyr record: a capture file of what happens, for other readers of the format and for gyr replay.

#include "app/commands.h"
#include "app/live_watch.h"
#include "plan/lower.h"
#include "recording/capture_files.h"
#include "recording/host_description.h"
#include "recording/process_events.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <array>
#include <charconv>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace gyr::app {
namespace {

struct RecordOptions {
    std::string file;
    std::string duration;
    std::string file_duration;
    std::uint64_t max_events = 0, max_size = 0;
    std::uint32_t keep_files = 0;
    bool plain = false, current = false;
};

// "90s", "5m", "2h", or seconds.
std::optional<Nanos> parse_duration(const std::string& text) {
    if (text.empty()) return 0;
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    const std::string_view unit(end, text.data() + text.size());
    const double scale = unit.empty() || unit == "s" ? 1e9
                         : unit == "ms"              ? 1e6
                         : unit == "m"               ? 60e9
                         : unit == "h"               ? 3600e9
                                                     : 0;
    if (error != std::errc() || scale == 0 || value <= 0) return std::nullopt;
    return static_cast<Nanos>(value * scale);
}

// The newest system call that sysdig 0.29 and readers of its age know by number; they break on any beyond.
constexpr std::uint16_t kOldReadersLastCall = 328;

// Writes what the engine tells. One thread.
class Recorder {
  public:
    Recorder(recording::CaptureFiles& files, bool for_old_readers) : files_(files), for_old_readers_(for_old_readers) {}

    bool take(const Event& event, const EvalWorld& world) {
        RawEvent raw;
        if (encoder_.encode(event, raw)) {
            if (!write(raw)) return false;
            return !event.child || world.processes == nullptr || !encoder_.encode_child(event, *world.processes, raw) ||
                   write(raw);
        }
        if (event.code >= kSnapshot) return true; // captures have no such events
        if (encoder_.encode_thread(event, raw) && !write(raw)) return false;
        raw = RawEvent{};
        raw.code = event.code;
        raw.cpu = event.cpu;
        raw.time = event.time;
        raw.tid = event.tid;
        raw.params = event.params;
        std::array<std::string_view, 2> generic{};
        if (for_old_readers_ && event.code == kGenericExit && event.params.size() == 2 &&
            load_param<std::uint16_t>(event.params[0]) > kOldReadersLastCall) {
            generic = {std::string_view("\0\0", 2), event.params[1]}; // "unknown"; the native number stays
            raw.params = generic;
        }
        return write(raw);
    }
    [[nodiscard]] const Result<>& result() const { return result_; }

  private:
    bool write(const RawEvent& raw) {
        auto ok = files_.write(raw);
        if (ok || ok.error().kind == ErrorKind::invalid) return true; // one event too long: the file is whole
        result_ = std::unexpected(ok.error());
        return false;
    }

    recording::CaptureFiles& files_;
    bool for_old_readers_;
    recording::ProcessEvents encoder_;
    Result<> result_;
};

Exit record(const RecordOptions& options) {
    const auto duration = parse_duration(options.duration);
    if (!duration)
        return complain(Exit::usage, fmt::format("--duration '{}' is not a time (30s, 5m, 1h)", options.duration));
    const auto file_duration = parse_duration(options.file_duration);
    if (!file_duration)
        return complain(Exit::usage, fmt::format("--file-duration '{}' is not a time", options.file_duration));
    recording::CaptureLimits limits;
    limits.max_bytes = options.max_size;
    limits.max_events = options.max_events;
    limits.max_duration = *file_duration;
    limits.keep_files = options.keep_files;
    std::optional<recording::CaptureFiles> files;
    std::unique_ptr<Recorder> recorder;
    std::string problem;
    LiveWatch watch;
    watch.events = plan::plan_everything();
    watch.duration = *duration;
    watch.begin = [&](Engine&) {
        const auto describe = [](capfile::Writer& writer) { return recording::describe_host(writer); };
        auto made = recording::CaptureFiles::create(
            options.file, limits, {.compress = !options.plain, .enter_events = !options.current}, describe);
        if (!made) {
            problem = made.error().message;
            return false;
        }
        files.emplace(std::move(*made));
        recorder = std::make_unique<Recorder>(*files, !options.current);
        return true;
    };
    watch.event = [&](const Event& event, const EvalWorld& world) { return recorder->take(event, world); };
    const LiveEnd end = watch_live(watch);
    if (!problem.empty()) return complain(Exit::bad, problem);
    if (end.exit != Exit::fine) return end.exit;
    const auto closed = files->close();
    if (!recorder->result()) return complain(Exit::bad, recorder->result().error().message);
    if (!closed) return complain(Exit::bad, closed.error().message);
    log(LogLevel::info, fmt::format("{} events in {}{}", files->events(), options.file,
                                    end.lost != 0 ? fmt::format("; {} more were lost in the kernel", end.lost) : ""));
    return Exit::fine;
}

} // namespace

void add_record_command(CLI::App& app, Action& action) {
    CLI::App* command = app.add_subcommand("record", "Record what happens into a capture file; needs root");
    auto o = std::make_shared<RecordOptions>();
    command->add_option("-w,--write", o->file, "The capture file")->type_name("FILE")->required();
    command->add_option("--duration", o->duration, "How long: 30s, 5m, 1h (default: until it is interrupted)")
        ->type_name("D");
    command->add_option("--max-events", o->max_events, "Events of one file; further ones go to the next of a series")
        ->type_name("N");
    command->add_option("--max-size", o->max_size, "Size of one file (10MB, 1GB); then the next of a series")
        ->transform(CLI::AsSizeValue(false))
        ->type_name("SIZE");
    command->add_option("--file-duration", o->file_duration, "Time of one file (5m, 1h); then the next of a series")
        ->type_name("D");
    command->add_option("--keep-files", o->keep_files, "Files of a series to keep, the newest (default: all)")
        ->type_name("N");
    command->add_flag("--plain", o->plain, "Without compression");
    command->add_flag("--current", o->current, "Without the events that only older readers need");
    command->footer("Example:\n  gyr record -w incident.scap --duration 30s");
    command->callback([&action, o] { action = [o] { return record(*o); }; });
}

} // namespace gyr::app
