// gyr explain: why a rule did or did not match an event of a capture file.

#include "app/capture_report.h"
#include "app/commands.h"
#include "app/counts.h"
#include "app/rule_loading.h"
#include "app/settings.h"
#include "app/time_zone.h"
#include "audit/audit_file.h"
#include "match/event_names.h"
#include "match/explain.h"
#include "playback/capture_walk.h"
#include "playback/event_printer.h"
#include "rules/event_types.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <expected>
#include <filesystem>
#include <memory>
#include <optional>
#include <system_error>
#include <utility>

namespace gyr::app {
namespace {

struct ExplainOptions {
    CommonOptions common;
    std::string rule, capture, format = "text", time_zone = "UTC";
    std::uint64_t event = 0; // 0: choose one
};

// The event to explain, told of while it was there.
struct Chosen {
    double near = -1;
    std::string text, json;
};

class Chooser {
  public:
    Chooser(match::Explainer& explainer, playback::EventPrinter& printer) : explainer_(explainer), printer_(printer) {}

    // Without a wanted event the first one that matches, or else the first that came nearest.
    void look_at(const Event& event, const EvalWorld& world) {
        const match::Explained whole = explainer_.explain(event, world);
        ++looked_at_;
        if (whole.holds) ++matched_;
        const double near = match::nearness(whole);
        if (chosen_ && near <= chosen_->near) return;
        const Rule& rule = explainer_.rule();
        chosen_ = Chosen{near,
                         fmt::format("rule {} and event\n  {}\nit {}\n{}", rule.name, printer_.line(event, world),
                                     whole.holds ? "matches" : "does not match", match::explained_text(whole, rule)),
                         match::explained_json(whole, rule, event)};
    }
    [[nodiscard]] const std::optional<Chosen>& chosen() const { return chosen_; }
    [[nodiscard]] std::uint64_t looked_at() const { return looked_at_; }
    [[nodiscard]] std::uint64_t matched() const { return matched_; }

  private:
    match::Explainer& explainer_;
    playback::EventPrinter& printer_;
    std::optional<Chosen> chosen_;
    std::uint64_t looked_at_ = 0, matched_ = 0;
};

// What was broken in the file has been told, and what is whole was looked at; without a value there is nothing to
// explain.
std::expected<Exit, Exit> look_at_capture(const ExplainOptions& o, const Rule& rule, Chooser& chooser) {
    auto reader = capfile::Reader::open(o.capture);
    if (!reader) return std::unexpected(complain(Exit::bad, reader.error().message));
    const auto types = rules::event_types(*rule.condition, match::event_names());
    if (!types) return std::unexpected(complain(Exit::bad, types.error().front().message));
    replay::ReplayState state;
    const auto visit = [&](const Event& event, const EvalWorld& world) {
        if (o.event != 0 && event.number != o.event) return event.number < o.event;
        if (o.event == 0 && !types->contains(event.code)) return true;
        chooser.look_at(event, world);
        return o.event == 0;
    };
    const playback::WalkEnd end = playback::walk(*reader, state, visit);
    return report_capture(o.capture, reader->stats(), state.stats(), end.damage);
}

std::expected<Exit, Exit> look_at_audit(const ExplainOptions& o, Chooser& chooser) {
    Exit result = Exit::fine;
    std::uint64_t number = 0;
    EvalWorld world;
    AuditLines lines(
        [&](AuditEventPtr audit) {
            Event event = event_of_audit(std::move(audit), ++number);
            if (world.first_event_time == 0) world.first_event_time = event.time;
            if (o.event == 0 || o.event == number) chooser.look_at(event, world);
        },
        [&](std::uint64_t line, const std::string& message) {
            result = complain(Exit::bad, fmt::format("{}:{}: {}", o.capture, line, message));
        });
    if (auto ok = read_audit_file(o.capture, lines); !ok)
        return std::unexpected(complain(Exit::bad, ok.error().message));
    return result;
}

Exit explain(const ExplainOptions& o) {
    const auto settings = load_settings(o.common);
    if (!settings) return settings.error();
    const auto paths = find_rules(settings->config);
    if (!paths) return paths.error();
    use_time_zone(o.time_zone);
    const CheckedRules rules = load_checked(paths->paths, false);
    const Rule* rule = rules.loaded.find(o.rule);
    if (rule == nullptr) return complain(Exit::bad, no_such_rule(rules.loaded, o.rule));
    auto explainer = match::Explainer::create(*rule);
    if (!explainer) return complain(Exit::bad, fmt::format("rule '{}': {}", o.rule, explainer.error().message));
    auto printer = playback::EventPrinter::create({}, std::string(playback::kDefaultEventFormat));
    if (!printer) return complain(Exit::usage, printer.error().message);
    const bool of_audit = looks_like_audit(o.capture);
    std::error_code ignored;
    if (std::filesystem::exists(o.capture, ignored) && (rule->source == kAuditSource) != of_audit)
        return complain(Exit::bad, fmt::format("rule '{}' is about events of source {}, and {} holds none", o.rule,
                                               rule->source, o.capture));
    Chooser chooser(*explainer, *printer);
    const auto looked = of_audit ? look_at_audit(o, chooser) : look_at_capture(o, *rule, chooser);
    if (!looked) return looked.error();
    if (!chooser.chosen())
        return complain(Exit::bad, o.event != 0 ? fmt::format("{} has no event {} that rules see", o.capture, o.event)
                                                : fmt::format("{} has no event of the types that rule '{}' is about",
                                                              o.capture, o.rule));
    std::string out = o.format == "json" ? chooser.chosen()->json + "\n" : chooser.chosen()->text;
    if (o.format == "text" && o.event == 0)
        out += fmt::format("{} events of the rule's types were looked at, {} match\n", chooser.looked_at(),
                           chooser.matched());
    const Exit printed = print(out);
    return *looked == Exit::fine ? printed : *looked;
}

} // namespace

void add_explain_command(CLI::App& app, Action& action) {
    CLI::App* command =
        app.add_subcommand("explain", "Why a rule did or did not match an event of a capture file or of an audit log");
    auto o = std::make_shared<ExplainOptions>();
    command->add_option("--rule", o->rule, "Name of the rule")->required();
    command->add_option("--capture", o->capture, "The capture file, or audit log")->required()->type_name("FILE");
    command
        ->add_option("--event", o->event,
                     "Number of the event (evt.num); without it the first that matches, or the "
                     "first that came nearest")
        ->type_name("N")
        ->check(at_least(1));
    o->common.add_config(*command);
    o->common.add_rules(*command);
    command->add_option("--format", o->format, "text or json")->check(CLI::IsMember({"text", "json"}));
    command->add_option("--time-zone", o->time_zone, "For times of day: UTC, Europe/Berlin …, local (default: UTC)");
    command->footer("Example:\n  gyr explain --rule \"Terminal Access\" --capture incident.scap -r my-rules.yaml");
    command->callback([&action, o] { action = [o] { return explain(*o); }; });
}

} // namespace gyr::app
