#pragma once
// From the options that several commands share to the effective configuration and the rules.

#include "alerts/format.h"
#include "app/console.h"
#include "config/loader.h"
#include "rules/loader.h"

#include <cstdint>
#include <expected>
#include <string>
#include <vector>

namespace CLI {
class App;
} // namespace CLI

namespace gyr::app {

struct CommonOptions {
    std::string config_file;            // -c
    std::vector<std::string> overrides; // -o
    std::vector<std::string> rules;     // -r
    std::string format;                 // --format, of alerts
    bool falco = false;                 // started as Falco: its configuration, at its usual place

    void add_config(CLI::App& command); // -c and -o
    void add_rules(CLI::App& command);  // -r
};

// How problems of the configuration are told on standard error.
enum class Reporting : std::uint8_t {
    one_line,   // the first, and how many more
    everything, // each with its place
    quiet,      // as one_line, and not a word about keys that are ignored
};
// The configuration of -c, or /etc/gyr/gyr.yaml when there is one, with -o, -r and --format laid over it.
[[nodiscard]] std::expected<config::Loaded, Exit> load_settings(const CommonOptions& options,
                                                                Reporting reporting = Reporting::one_line);
// The same for whoever has to tell others as well what is wrong with it: the error is a sentence.
[[nodiscard]] std::expected<config::Loaded, std::string> load_settings_or_why(const CommonOptions& options);

// The files and folders the configuration was, or would have been, read from: to watch them.
[[nodiscard]] std::vector<std::string> config_places(const CommonOptions& options, const config::Config& config);

// What config.rules names or, when it is empty, the usual places hold.
struct RulePaths {
    std::vector<std::string> paths;
    bool standard = false; // found in a usual place
};
[[nodiscard]] std::expected<RulePaths, Exit> find_rules(const config::Config& config);

} // namespace gyr::app
