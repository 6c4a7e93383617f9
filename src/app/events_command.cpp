// gyr events: events as lines, from a capture file or as they happen.

#include "app/capture_report.h"
#include "app/commands.h"
#include "app/counts.h"
#include "app/engine_setup.h"
#include "app/live_watch.h"
#include "app/settings.h"
#include "app/time_zone.h"
#include "plan/lower.h"
#include "playback/capture_cut.h"
#include "playback/capture_walk.h"
#include "playback/event_printer.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <filesystem>
#include <limits>
#include <memory>
#include <system_error>
#include <utility>

namespace gyr::app {
namespace {

constexpr std::size_t kPieceBytes = 1 << 16;

struct EventsOptions {
    std::vector<std::string> filter;
    std::string format{playback::kDefaultEventFormat};
    std::string capture, time_zone, output = "text", write;
    std::uint32_t ancestors = std::numeric_limits<std::uint32_t>::max();
    std::uint64_t until = std::numeric_limits<std::uint64_t>::max();
    std::uint64_t count = std::numeric_limits<std::uint64_t>::max(); // lines
    // Live.
    CommonOptions common;
    std::string duration;
};

// Lines on their way to standard output, in large pieces.
class Lines {
  public:
    // False: nobody reads any more, or writing failed.
    bool add(std::string_view line) {
        pending_ += line;
        pending_ += '\n';
        return pending_.size() < kPieceBytes || flush();
    }
    bool flush() {
        result_ = print(pending_);
        pending_.clear();
        return result_ == Exit::fine;
    }
    [[nodiscard]] Exit result() const { return result_; }

  private:
    std::string pending_;
    Exit result_ = Exit::fine;
};

// Prints what the filter lets through, up to so many lines.
class Show {
  public:
    Show(const EventsOptions& options, playback::EventPrinter& printer)
        : printer_(printer), json_(options.output == "json"), left_(options.count) {}

    // False: that is all.
    bool operator()(const Event& event, const EvalWorld& world) {
        if (left_ == 0) return false;
        if (!printer_.matches(event, world)) return true;
        --left_;
        return lines_.add(json_ ? printer_.json(event, world) : printer_.line(event, world)) && left_ > 0;
    }
    bool flush() { return lines_.flush(); }
    [[nodiscard]] Exit result() const { return lines_.result(); }

  private:
    playback::EventPrinter& printer_;
    Lines lines_;
    bool json_;
    std::uint64_t left_;
};

Exit events_of_capture(const EventsOptions& options, playback::EventPrinter& printer) {
    auto reader = capfile::Reader::open(options.capture);
    if (!reader) return complain(Exit::bad, reader.error().message);
    replay::ReplayState state;
    Show show(options, printer);
    const auto visit = [&show](const Event& event, const EvalWorld& world) { return show(event, world); };
    const playback::WalkEnd end = playback::walk(*reader, state, visit, {.until = options.until});
    if (!show.flush()) return show.result();
    return report_capture(options.capture, reader->stats(), state.stats(), end.damage);
}

// Into another capture instead of lines.
Exit events_into_capture(const EventsOptions& options, playback::EventPrinter& filter) {
    if (options.capture.empty() || options.capture == "-")
        return complain(Exit::usage, "--write reads a capture file twice: name one with --capture");
    auto once = capfile::Reader::open(options.capture);
    if (!once) return complain(Exit::bad, once.error().message);
    auto again = capfile::Reader::open(options.capture);
    if (!again) return complain(Exit::bad, again.error().message);
    std::error_code none;
    if (std::filesystem::equivalent(options.capture, options.write, none))
        return complain(Exit::usage, "--write would overwrite the capture that is read");
    constexpr int kSmall = 9;
    auto writer = capfile::Writer::create(options.write, {.compress = true, .level = kSmall, .enter_events = true});
    if (!writer) return complain(Exit::bad, writer.error().message);
    const playback::CutOptions cut{.until = options.until, .ancestors = options.ancestors};
    const auto end = playback::cut_capture(*once, *again, filter, cut, *writer);
    if (!end) return complain(Exit::bad, end.error().message);
    if (const auto closed = writer->close(); !closed) return complain(Exit::bad, closed.error().message);
    const Exit told = print(
        fmt::format("{} events in {}, and {} for the state alone\n", end->matched, options.write, end->state_only));
    return told != Exit::fine ? told : report_capture(options.capture, once->stats(), end->state, end->damage);
}

// What the filter asks of the process alone may hold for an event of any type.
EventPlan wanted_by(const playback::EventPrinter& printer) {
    if (printer.everything() || printer.matcher().is_process_rule(0)) return plan::plan_everything();
    return plan::plan_events(printer.matcher(), nullptr, {.clauses = true, .masks = false});
}

Exit events_as_they_happen(const EventsOptions& options, playback::EventPrinter& printer) {
    const auto duration = parse_time_span(options.duration);
    if (!duration)
        return complain(Exit::usage, fmt::format("--duration '{}' is not a time (30s, 5m, 1h)", options.duration));
    const auto settings = load_settings(options.common);
    if (!settings) return settings.error();
    LiveWatch watch;
    watch.engine = engine_options(settings->config, {});
    watch.engine.watch_host = true; // it is what was asked for
    watch.events = wanted_by(printer);
    watch.duration = *duration;
    Show show(options, printer);
    watch.event = [&](const Event& event, const EvalWorld& world) {
        if (event.number > options.until) return false;
        return is_own(event) || show(event, world);
    };
    watch.pause = [&show] { return show.flush(); };
    const LiveEnd end = watch_live(std::move(watch));
    const bool written = show.flush();
    if (end.exit != Exit::fine) return end.exit;
    if (end.lost != 0) log(LogLevel::warning, fmt::format("{} events were lost in the kernel", end.lost));
    return written ? Exit::fine : show.result();
}

Exit events(const EventsOptions& options) {
    const bool live = options.capture.empty();
    use_time_zone(!options.time_zone.empty() ? options.time_zone : live ? "local" : "UTC");
    auto printer = playback::EventPrinter::create(fmt::format("{}", fmt::join(options.filter, " ")), options.format);
    if (!printer) return complain(Exit::usage, printer.error().message);
    if (!options.write.empty()) return events_into_capture(options, *printer);
    return live ? events_as_they_happen(options, *printer) : events_of_capture(options, *printer);
}

} // namespace

void add_events_command(CLI::App& app, Action& action) {
    CLI::App* command =
        app.add_subcommand("events", "Print events as they happen (needs root), or those of a capture file");
    auto o = std::make_shared<EventsOptions>();
    command->add_option("FILTER", o->filter, "A condition of the rule language; several words are joined");
    command->add_option("-p,--print", o->format, "What to print of an event, as in a rule's output")
        ->type_name("FORMAT");
    command->add_option("-r,--capture", o->capture, "A capture file; - is standard input. Without: live")
        ->type_name("FILE");
    command->add_option("-n,--count", o->count, "Stop after so many lines")->type_name("N")->check(at_least(1));
    command->add_option("--duration", o->duration, "Live: how long (30s, 5m, 1h; default: until it is interrupted)")
        ->type_name("D");
    o->common.add_config(*command);
    command->add_option("--until", o->until, "Stop after the event of this number (evt.num)")
        ->type_name("N")
        ->check(at_least(1));
    command->add_option("--format", o->output, "text, or json: the fields of -p as one object an event")
        ->check(CLI::IsMember({"text", "json"}));
    command->add_option("--time-zone", o->time_zone,
                        "For times of day: UTC, Europe/Berlin …, local (default: UTC; live: local)");
    command
        ->add_option("-w,--write", o->write,
                     "Instead of lines: write a smaller capture of these events and what readers must know of others")
        ->type_name("FILE");
    command->add_option("--ancestors", o->ancestors, "With --write: of a process keep so many (default: all)")
        ->type_name("N")
        ->check(at_least(0));
    command->footer("Examples:\n  gyr events \"evt.type = connect and container\" -n 20\n  gyr events \"evt.type = "
                    "execve and proc.name = sh\" --capture incident.scap -p "
                    "\"%evt.time %proc.cmdline\"\n  gyr events \"container.name = web\" --capture incident.scap -w "
                    "report.scap");
    command->callback([&action, o] { action = [o] { return events(*o); }; });
}

} // namespace gyr::app
