// gyr events: the events of a capture file as lines.

#include "app/commands.h"
#include "app/time_zone.h"
#include "playback/capture_walk.h"
#include "playback/event_printer.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <limits>
#include <memory>
#include <utility>

namespace gyr::app {
namespace {

constexpr std::size_t kPieceBytes = 1 << 16;

struct EventsOptions {
    std::vector<std::string> filter;
    std::string format{playback::kDefaultEventFormat};
    std::string capture, time_zone = "UTC", output = "text";
    std::uint64_t until = std::numeric_limits<std::uint64_t>::max();
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

Exit events(const EventsOptions& options) {
    if (options.capture.empty()) return complain(Exit::usage, "gyr events needs --capture FILE");
    use_time_zone(options.time_zone);
    auto printer = playback::EventPrinter::create(fmt::format("{}", fmt::join(options.filter, " ")), options.format);
    if (!printer) return complain(Exit::usage, printer.error().message);
    auto reader = capfile::Reader::open(options.capture);
    if (!reader) return complain(Exit::bad, reader.error().message);

    replay::ReplayState state;
    Lines lines;
    const bool json = options.output == "json";
    const auto visit = [&](const Event& event, const EvalWorld& world) {
        if (!printer->matches(event, world)) return true;
        return lines.add(json ? printer->json(event, world) : printer->line(event, world));
    };
    const playback::WalkEnd end = playback::walk(*reader, state, visit, options.until);
    if (!lines.flush()) return lines.result();
    if (end.damage) return complain(Exit::bad, fmt::format("{}: {}", options.capture, end.damage->message));
    return Exit::fine;
}

} // namespace

void add_events_command(CLI::App& app, Action& action) {
    CLI::App* command = app.add_subcommand("events", "Print the events of a capture file");
    auto o = std::make_shared<EventsOptions>();
    command->add_option("FILTER", o->filter, "A condition of the rule language; several words are joined");
    command->add_option("-p,--print", o->format, "What to print of an event, as in a rule's output")
        ->type_name("FORMAT");
    command->add_option("--capture", o->capture, "The capture file; - is standard input")->type_name("FILE");
    command->add_option("--until", o->until, "Stop after the event of this number (evt.num)")->type_name("N");
    command->add_option("--format", o->output, "text, or json: the fields of -p as one object an event")
        ->check(CLI::IsMember({"text", "json"}));
    command->add_option("--time-zone", o->time_zone, "For times of day: UTC, Europe/Berlin …, local (default: UTC)");
    command->footer("Example:\n  gyr events \"evt.type = execve and proc.name = sh\" --capture incident.scap -p "
                    "\"%evt.time %proc.cmdline\"");
    command->callback([&action, o] { action = [o] { return events(*o); }; });
}

} // namespace gyr::app
