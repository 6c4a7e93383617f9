// gyr demo: a small capture that gyr record made through the default rules, and why each alert was raised.

#include "alerts/format.h"
#include "app/commands.h"
#include "app/rule_loading.h"
#include "app/settings.h"
#include "app/time_zone.h"
#include "match/explain.h"
#include "playback/demo_capture.h"
#include "playback/playback.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <fstream>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace gyr::app {
namespace {

constexpr const char* kIntroduction =
    "A recorded break-in: in the container \"web\" somebody opens a shell with `docker exec -it web sh`, reads the "
    "password\n"
    "file, fetches a program and runs it. These are the alerts of the default rules, and what decided each.\n\n";

struct DemoOptions {
    CommonOptions common;
    std::string write;
};

Exit write_capture(const std::string& path, std::string_view capture) {
    std::ofstream file(path, std::ios::binary);
    file.write(capture.data(), static_cast<std::streamsize>(capture.size()));
    file.close();
    if (!file) return complain(Exit::usage, fmt::format("cannot write {}", path));
    return print(fmt::format("wrote {}; try: gyr events --capture {}\n", path, path));
}

Exit demo(const DemoOptions& options) {
    const std::string_view capture = playback::demo_capture();
    if (!options.write.empty()) return write_capture(options.write, capture);
    const auto settings = load_settings(options.common);
    if (!settings) return settings.error();
    const auto rules = load_for_captures(settings->config);
    if (!rules) return rules.error();
    use_time_zone("UTC");

    std::string out = kIntroduction, reasons;
    const auto explain = [&](std::uint32_t index, const Event& event, const EvalWorld& world) {
        reasons.clear();
        auto explainer = match::Explainer::create(rules->matcher->rules()[index]);
        if (!explainer) return;
        for (const std::string& check : match::deciding_checks(explainer->explain(event, world)))
            reasons += "    " + check + '\n';
    };
    std::size_t alerts = 0;
    const auto emit = [&](const Alert& alert) {
        ++alerts;
        out += fmt::format("{}\n{}\n  because\n{}\n", alert.rule, format_record(alert, {}), reasons);
    };
    playback::Playback playback({}, rules->matcher, emit, explain);
    auto reader = capfile::Reader::from_bytes(std::as_bytes(std::span(capture)));
    if (!reader) return complain(Exit::bad, reader.error().message);
    const playback::WalkEnd end = playback.play(*reader);
    if (end.damage) return complain(Exit::bad, end.damage->message);
    out +=
        fmt::format("{} events, {} alerts. `gyr demo --write FILE` keeps the capture; gyr events, replay and explain "
                    "read it.\n",
                    end.events, alerts);
    return print(out);
}

} // namespace

void add_demo_command(CLI::App& app, Action& action) {
    CLI::App* command = app.add_subcommand("demo", "A break-in, replayed and explained; needs no privilege");
    auto o = std::make_shared<DemoOptions>();
    o->common.add_rules(*command);
    command->add_option("--write", o->write, "Write the capture there instead")->type_name("FILE");
    command->footer("Examples:\n  gyr demo\n  gyr demo --write demo.scap");
    command->callback([&action, o] { action = [o] { return demo(*o); }; });
}

} // namespace gyr::app
