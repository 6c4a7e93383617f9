// gyr replay: the alerts of capture files.

#include "alerts/format.h"
#include "app/capture_report.h"
#include "app/commands.h"
#include "app/counts.h"
#include "app/outputs_setup.h"
#include "app/rule_loading.h"
#include "app/settings.h"
#include "app/time_zone.h"
#include "audit/audit_file.h"
#include "playback/playback.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <utility>

namespace gyr::app {
namespace {

struct ReplayOptions {
    CommonOptions common;
    std::vector<std::string> captures;
    std::string time_zone = "UTC";
    std::uint64_t until = 0; // 0: the end
};

playback::PlaybackOptions playback_options(const config::Config& config, std::uint64_t until) {
    playback::PlaybackOptions o;
    o.first_match_only = config.rule_matching == "first";
    if (until != 0) o.until = until;
    return o;
}

// A file of the Kubernetes audit log. What is broken in it is told, and costs nothing else.
Exit replay_audit(const std::string& path, playback::Playback& playback) {
    Exit result = Exit::fine;
    AuditLines lines([&](AuditEventPtr event) { playback.play(std::move(event)); },
                     [&](std::uint64_t line, const std::string& message) {
                         result = complain(Exit::bad, fmt::format("{}:{}: {}", path, line, message));
                     });
    if (auto ok = read_audit_file(path, lines); !ok) return complain(Exit::bad, ok.error().message);
    return result;
}

Exit replay(const ReplayOptions& options) {
    const auto settings = load_settings(options.common);
    if (!settings) return settings.error();
    const config::Config& config = settings->config;
    use_time_zone(options.time_zone);
    const auto rules = load_for_captures(config);
    if (!rules) return rules.error();

    // As standard output has them, when it is among the outputs.
    const auto of_stdout = std::ranges::find(config.outputs, "stdout", &config::Output::type);
    FormatOptions format = of_stdout != config.outputs.end() ? format_options(*of_stdout, config)
                           : !config.outputs.empty()         ? format_options(config.outputs.front(), config)
                                                             : FormatOptions{};
    if (!options.common.format.empty())
        format.format = parse_alert_format(options.common.format).value_or(format.format);
    Exit printed = Exit::fine;
    const auto emit = [&](Alert alert) {
        if (printed == Exit::fine) printed = print(format_record(AlertRecord(std::move(alert)), format) + "\n");
    };
    playback::Playback playback(playback_options(config, options.until), rules->matcher, emit);
    Exit result = Exit::fine;
    for (const std::string& path : options.captures) {
        if (looks_like_audit(path)) {
            if (const Exit read = replay_audit(path, playback); read != Exit::fine) result = read;
            if (printed != Exit::fine) return printed;
            continue;
        }
        auto reader = capfile::Reader::open(path);
        if (!reader) {
            result = complain(Exit::bad, reader.error().message);
            continue;
        }
        const playback::WalkEnd end = playback.play(*reader);
        if (report_capture(path, reader->stats(), playback.stats().state, end.damage) != Exit::fine) result = Exit::bad;
        if (printed != Exit::fine) return printed;
    }
    log(LogLevel::info, fmt::format("{} events, {} alerts", playback.stats().events, playback.stats().alerts));
    return result;
}

} // namespace

void add_replay_command(CLI::App& app, Action& action) {
    CLI::App* command = app.add_subcommand(
        "replay", "Alerts of capture files (.scap) and of Kubernetes audit logs (JSON); needs no privilege");
    auto o = std::make_shared<ReplayOptions>();
    command
        ->add_option("CAPTURE", o->captures,
                     "Capture files and audit logs, read in order; - is a capture on standard input")
        ->required();
    o->common.add_config(*command);
    o->common.add_rules(*command);
    command->add_option("--format", o->common.format, "Alerts as text, json, falco, ecs or ocsf")
        ->check(CLI::IsMember(std::vector<std::string>(kAlertFormats.begin(), kAlertFormats.end())));
    command->add_option("--until", o->until, "Stop after the event of this number (evt.num)")
        ->type_name("N")
        ->check(at_least(1));
    command->add_option("--time-zone", o->time_zone, "For times of day: UTC, Europe/Berlin …, local (default: UTC)");
    command->footer("Examples:\n  gyr replay incident.scap -r my-rules.yaml --format json\n"
                    "  gyr replay monday.scap tuesday.scap -o priority=warning\n"
                    "  gyr replay /var/log/kubernetes/audit.log -r k8s_audit_rules.yaml");
    command->callback([&action, o] { action = [o] { return replay(*o); }; });
}

} // namespace gyr::app
