#include "app/commands.h"
#include "rules/loader.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <memory>

namespace gyr::app {

std::string_view version() { return GYR_VERSION; }

void add_version_command(CLI::App& app, Action& action) {
    CLI::App* command = app.add_subcommand("version", "The version of this program and of the rule language it speaks");
    auto format = std::make_shared<std::string>("text");
    command->add_option("--format", *format, "text or json")->check(CLI::IsMember({"text", "json"}));
    command->footer("Example:\n  gyr version --format json");
    command->callback([&action, format] {
        action = [format] {
            const std::string engine = fmt::format("{}.{}.{}", rules::kEngineVersion.major, rules::kEngineVersion.minor,
                                                   rules::kEngineVersion.patch);
            if (*format == "json") {
                const nlohmann::ordered_json j{{"version", version()}, {"engine_version", engine}};
                return print(j.dump() + "\n");
            }
            return print(fmt::format("gyr {} (rule engine {})\n", version(), engine));
        };
    });
}

} // namespace gyr::app
