#include "app/commands.h"
#include "app/config_problems.h"
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

Exit check(CommonOptions options, const std::string& file, bool elsewhere) {
    if (!file.empty()) {
        options.config_file = file;
    }
    // One line on standard error for whoever asks in passing; here somebody wants all of it.
    const auto loaded = load_settings(options, Reporting::everything);
    if (!loaded) {
        return loaded.error() == Exit::usage ? Exit::bad : loaded.error();
    }
    const std::vector<SettingProblem> wrong = config_problems(loaded->config, elsewhere);
    for (const SettingProblem& problem : wrong) complain(Exit::bad, with_place(problem, loaded->origins));
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
    auto elsewhere = std::make_shared<bool>(false);
    check_command->add_flag("--elsewhere", *elsewhere,
                            "The agent runs on another host: files of certificates are not looked at");
    options->add_config(*check_command);
    check_command->footer("Examples:\n  gyr config check /etc/gyr/gyr.yaml\n"
                          "  gyr config check --elsewhere deploy/gyr.yaml");
    check_command->callback([&action, options, file, elsewhere] {
        action = [options, file, elsewhere] { return check(*options, *file, *elsewhere); };
    });

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
