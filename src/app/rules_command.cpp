// gyr rules check | list | show

#include "app/commands.h"
#include "app/rule_loading.h"
#include "app/settings.h"
#include "match/event_names.h"
#include "rules/listing.h"
#include "rules/report.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <memory>

namespace gyr::app {
namespace {

struct RulesOptions {
    CommonOptions common;
    std::vector<std::string> paths, tags;
    std::string priority, source, name;
    std::string format = "text";
};

Exit check(const RulesOptions& o) {
    std::vector<std::string> paths = o.paths;
    paths.insert(paths.end(), o.common.rules.begin(), o.common.rules.end());
    if (paths.empty()) {
        const auto settings = load_settings(o.common);
        if (!settings) return settings.error();
        const auto found = find_rules(settings->config);
        if (!found) return found.error();
        paths = found->paths;
    }
    const CheckedRules checked = load_checked(paths, true);
    const auto reports = rules::by_file(checked.loaded.files, checked.loaded.diagnostics);
    const Exit printed = print(o.format == "json" ? rules::check_json(reports) + "\n" : rules::check_text(reports));
    if (checked.loaded.ok()) return printed;
    return complain(Exit::bad, checked.loaded.diagnostics, "all are listed above");
}

Exit list(const RulesOptions& o) {
    const auto checked = load_for_command(o.common);
    if (!checked) return checked.error();
    rules::ListFilter filter;
    filter.tags = o.tags;
    filter.source = o.source;
    if (!o.priority.empty()) {
        Priority p{};
        if (!parse_priority(o.priority, p))
            return complain(Exit::usage, fmt::format("there is no priority '{}'", o.priority));
        filter.priority = p;
    }
    return print(o.format == "json" ? rules::list_json(checked->loaded, filter) + "\n"
                                    : rules::list_text(checked->loaded, filter));
}

Exit show(const RulesOptions& o) {
    const auto checked = load_for_command(o.common);
    if (!checked) return checked.error();
    const Rule* rule = checked->loaded.find(o.name);
    if (rule == nullptr) {
        std::vector<std::string_view> names;
        for (const Rule& r : checked->loaded.rules) names.push_back(r.name);
        const std::string_view close = closest(o.name, names);
        return complain(Exit::bad, close.empty()
                                       ? fmt::format("there is no rule '{}'", o.name)
                                       : fmt::format("there is no rule '{}'; did you mean '{}'?", o.name, close));
    }
    rules::RuleNeeds needs;
    if (rule->condition) needs.event_types = match::named_event_types(*rule->condition);
    return print(o.format == "json" ? rules::show_json(*rule, needs) + "\n" : rules::show_text(*rule, needs));
}

} // namespace

void add_rules_command(CLI::App& app, Action& action) {
    CLI::App* command = app.add_subcommand("rules", "Check, list and show rules");
    command->require_subcommand(1);
    command->footer("Examples:\n  gyr rules check my-rules.yaml\n  gyr rules list --tag shell\n  gyr rules show "
                    "\"Terminal Access\"");
    auto o = std::make_shared<RulesOptions>();
    const auto formats = CLI::IsMember({"text", "json"});

    CLI::App* check_command = command->add_subcommand("check", "Whether rule files are right; names every mistake");
    check_command->add_option("PATH", o->paths, "Rule files and folders (default: as gyr run would load them)");
    o->common.add_rules(*check_command);
    o->common.add_config(*check_command);
    check_command->add_option("--format", o->format, "text or json")->check(formats);
    check_command->footer("Example:\n  gyr rules check my-rules.yaml --format json");
    check_command->callback([&action, o] { action = [o] { return check(*o); }; });

    CLI::App* list_command = command->add_subcommand("list", "Which rules there are");
    o->common.add_rules(*list_command);
    o->common.add_config(*list_command);
    list_command->add_option("--tag", o->tags, "Only rules with one of these tags; repeatable");
    list_command->add_option("--priority", o->priority, "Only rules of this priority or more urgent");
    list_command->add_option("--source", o->source, "Only rules of this event source");
    list_command->add_option("--format", o->format, "text or json")->check(formats);
    list_command->footer("Example:\n  gyr rules list -r my-rules.yaml --tag shell");
    list_command->callback([&action, o] { action = [o] { return list(*o); }; });

    CLI::App* show_command =
        command->add_subcommand("show", "A rule as loaded: its condition after macros, lists and exceptions");
    show_command->add_option("NAME", o->name, "Name of the rule")->required();
    o->common.add_rules(*show_command);
    o->common.add_config(*show_command);
    show_command->add_option("--format", o->format, "text or json")->check(formats);
    show_command->footer("Example:\n  gyr rules show \"Terminal Access\" -r examples/rules");
    show_command->callback([&action, o] { action = [o] { return show(*o); }; });
}

} // namespace gyr::app
