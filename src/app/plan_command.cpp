// gyr plan: what the loaded rules make the kernel do.

#include "app/commands.h"
#include "app/rule_loading.h"
#include "app/settings.h"
#include "plan/listing.h"

#include <CLI/CLI.hpp>

#include <memory>

namespace gyr::app {

void add_plan_command(CLI::App& app, Action& action) {
    CLI::App* command = app.add_subcommand("plan", "What the loaded rules make the kernel do");
    auto options = std::make_shared<CommonOptions>();
    auto format = std::make_shared<std::string>("text");
    options->add_config(*command);
    options->add_rules(*command);
    command->add_option("--format", *format, "text or json")->check(CLI::IsMember({"text", "json"}));
    command->footer("Example:\n  gyr plan -r my-rules.yaml");
    command->callback([&action, options, format] {
        action = [options, format] {
            const auto checked = load_for_command(*options);
            if (!checked) return checked.error();
            return print(*format == "json" ? plan::plan_json(*checked->matcher) + "\n"
                                           : plan::plan_text(*checked->matcher));
        };
    });
}

} // namespace gyr::app
