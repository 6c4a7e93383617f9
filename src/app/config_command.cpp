#include "app/api.h"
#include "app/commands.h"
#include "app/engine_setup.h"
#include "app/outputs_setup.h"
#include "app/settings.h"
#include "config/document.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace gyr::app {
namespace {

// What keeps an agent from starting although each value is fine by itself. Not what it takes from its environment: it
// is another there.
std::vector<std::string> contradictions(const config::Config& config) {
    std::vector<std::string> out;
    if (config.outputs.empty()) out.emplace_back("no output is configured");
    if (const auto outputs = output_options(config); !outputs) out.push_back(outputs.error().message);
    if (const auto rollup = rollup_rules(config, {}); !rollup) out.push_back(rollup.error().message);
    if (const auto audit = audit_options(config); !audit)
        out.push_back(audit.error().message);
    else if (!config.kernel.enabled && !audit->any())
        out.emplace_back(kNothingToWatch);
    if (std::string wrong = Api::problem_with(config.server); !wrong.empty()) out.push_back(std::move(wrong));
    if (!parse_share(config.plan.verify)) out.push_back(bad_share(config.plan.verify));
    return out;
}

Exit check(CommonOptions options, const std::string& file) {
    if (!file.empty()) {
        options.config_file = file;
    }
    // One line on standard error for whoever asks in passing; here somebody wants all of it.
    const auto loaded = load_settings(options, Reporting::everything);
    if (!loaded) {
        return loaded.error() == Exit::usage ? Exit::bad : loaded.error();
    }
    const std::vector<std::string> wrong = contradictions(loaded->config);
    for (const std::string& sentence : wrong) complain(Exit::bad, sentence);
    return wrong.empty() ? print("the configuration is fine\n") : Exit::bad;
}

} // namespace

void add_config_command(CLI::App& app, Action& action) {
    CLI::App* command = app.add_subcommand("config", "Check or show the configuration");
    command->require_subcommand(1);
    command->footer("Examples:\n  gyr config check /etc/gyr/gyr.yaml\n  gyr config show -o metadata.wait=2s");

    auto options = std::make_shared<CommonOptions>();
    auto file = std::make_shared<std::string>();
    CLI::App* check_command =
        command->add_subcommand("check", "Whether a configuration file is right; names every mistake");
    check_command->add_option("FILE", *file, "The file (default: as gyr run would read it)");
    options->add_config(*check_command);
    check_command->footer("Example:\n  gyr config check /etc/gyr/gyr.yaml");
    check_command->callback([&action, options, file] { action = [options, file] { return check(*options, *file); }; });

    CLI::App* show_command =
        command->add_subcommand("show", "The effective configuration, and where each value comes from");
    options->add_config(*show_command);
    show_command->add_flag("--effective")->description("What it always does: what no file says is shown too");
    show_command->footer("Example:\n  gyr config show --effective -c gyr.yaml -o log.level=debug");
    show_command->callback([&action, options] {
        action = [options] {
            const auto loaded = load_settings(*options);
            return loaded ? print(config::show_config(loaded->config, loaded->origins)) : loaded.error();
        };
    });

    CLI::App* docs_command =
        command->add_subcommand("docs", "All configuration keys as a page (docs/configuration.md)");
    docs_command->footer("Example:\n  gyr config docs > docs/configuration.md");
    docs_command->callback([&action] { action = [] { return print(config::configuration_markdown()); }; });
}

} // namespace gyr::app
