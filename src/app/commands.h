#pragma once
// The commands, one file each. Each add_… function gives the command its options and says what to do when it is the
// one asked for.

#include "app/console.h"

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace CLI {
class App;
} // namespace CLI

namespace gyr::app {

struct CommonOptions;

using Action = std::function<Exit()>; // what the command line asked for; set by the command found

void add_run_command(CLI::App& app, Action& action);
void add_record_command(CLI::App& app, Action& action);
void add_replay_command(CLI::App& app, Action& action);
void add_events_command(CLI::App& app, Action& action);
void add_explain_command(CLI::App& app, Action& action);
void add_simulate_command(CLI::App& app, Action& action);
void add_demo_command(CLI::App& app, Action& action);
void add_rules_command(CLI::App& app, Action& action);
void add_list_command(CLI::App& app, Action& action);
void add_plan_command(CLI::App& app, Action& action);
void add_doctor_command(CLI::App& app, Action& action);
void add_alerts_command(CLI::App& app, Action& action);
void add_config_command(CLI::App& app, Action& action);
void add_version_command(CLI::App& app, Action& action);

// Detects until a signal ends it.
[[nodiscard]] Exit run_live(const CommonOptions& options);

// "0.1.0"
[[nodiscard]] std::string_view version();

} // namespace gyr::app
