// gyr plan: what the loaded rules make the kernel do.

#include "app/commands.h"
#include "app/live_watch.h"
#include "app/rule_loading.h"
#include "app/settings.h"
#include "base/units.h"
#include "plan/listing.h"
#include "plan/lower.h"

#include <CLI/CLI.hpp>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace gyr::app {
namespace {

// Carries the plan out for a while and tells what it made of what happened.
Exit show_statistics(const CheckedRules& rules, Nanos duration, bool json) {
    LiveWatch watch;
    watch.duration = duration;
    watch.rules = rules.matcher;
    std::vector<plan::EventStatistics> statistics;
    watch.end = [&](const Engine& engine) {
        for (const LiveSource::EventCount& c : engine.source()->event_counts())
            statistics.push_back({.code = c.code,
                                  .sent = c.sent,
                                  .stopped = c.stopped,
                                  .let_through = {c.let_through.begin(), c.let_through.end()},
                                  .refused = {c.refused.begin(), c.refused.end()}});
    };
    const LiveEnd end = watch_live(std::move(watch));
    if (end.exit != Exit::fine) return end.exit;
    const EventPlan events = plan::plan_events(*rules.matcher);
    return print(json ? plan::statistics_json(events, statistics) + "\n" : plan::statistics_text(events, statistics));
}

} // namespace

void add_plan_command(CLI::App& app, Action& action) {
    CLI::App* command = app.add_subcommand("plan", "What the loaded rules make the kernel do");
    auto options = std::make_shared<CommonOptions>();
    auto format = std::make_shared<std::string>("text");
    options->add_config(*command);
    options->add_rules(*command);
    command->add_option("--format", *format, "text or json")->check(CLI::IsMember({"text", "json"}));
    auto statistics = std::make_shared<std::string>();
    command->add_option("--stats", *statistics,
                        "For so long (10s), count live what the clauses let through and what they stop (root)");
    command->footer("Example:\n  gyr plan -r my-rules.yaml");
    command->callback([&action, options, format, statistics] {
        action = [options, format, statistics] {
            const auto checked = load_for_command(*options);
            if (!checked) return checked.error();
            if (!statistics->empty()) {
                const auto duration = parse_duration(*statistics);
                if (!duration || *duration == 0) return complain(Exit::usage, "--stats takes a time, such as 10s");
                return show_statistics(*checked, static_cast<Nanos>(*duration), *format == "json");
            }
            return print(*format == "json" ? plan::plan_json(*checked->matcher) + "\n"
                                           : plan::plan_text(*checked->matcher));
        };
    });
}

} // namespace gyr::app
