// gyr rules check | lint | list | show

#include "app/commands.h"
#include "app/rule_loading.h"
#include "app/settings.h"
#include "event/schema.h"
#include "lint/lint.h"
#include "match/event_names.h"
#include "rules/event_types.h"
#include "rules/listing.h"
#include "rules/report.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <expected>
#include <iterator>
#include <memory>

namespace gyr::app {
namespace {

struct RulesOptions {
    CommonOptions common;
    std::vector<std::string> paths, tags;
    std::string priority, source, name;
    std::string format = "text";
    bool strict = false;
};

// Paths are as good as -r; "-" is standard input.
CommonOptions with_paths(const RulesOptions& o) {
    CommonOptions options = o.common;
    options.rules.insert(options.rules.begin(), o.paths.begin(), o.paths.end());
    std::ranges::replace(options.rules, std::string("-"), std::string("/dev/stdin"));
    return options;
}

// The files and folders asked for, or those that `gyr run` would load.
std::expected<std::vector<std::string>, Exit> asked_paths(const RulesOptions& o) {
    const CommonOptions options = with_paths(o);
    if (!options.rules.empty()) return options.rules;
    const auto settings = load_settings(options);
    if (!settings) return std::unexpected(settings.error());
    const auto found = find_rules(settings->config);
    if (!found) return std::unexpected(found.error());
    return found->paths;
}

// A rule about processes alone is asked once for each process and not for each event; that it names no event type is
// Falco's concern.
bool is_about_processes(const CheckedRules& checked, const Diagnostic& d) {
    if (d.code != "LOAD_NO_EVTTYPE") return false;
    for (const DiagnosticItem& item : d.context) {
        const Rule* rule = item.type == "rule" ? checked.loaded.find(item.name) : nullptr;
        if (rule != nullptr) return checked.matcher->is_process_rule(static_cast<std::uint32_t>(rule->index));
    }
    return false;
}

Exit check(const RulesOptions& o) {
    const auto paths = asked_paths(o);
    if (!paths) return paths.error();
    CheckedRules checked = load_checked(*paths, true);
    if (o.format == "text") // JSON has what Falco says of the files
        std::erase_if(checked.loaded.diagnostics, [&](const Diagnostic& d) { return is_about_processes(checked, d); });
    const auto reports = rules::by_file(checked.loaded.files, checked.loaded.diagnostics);
    const Exit printed = print(o.format == "json" ? rules::check_json(reports) + "\n" : rules::check_text(reports));
    if (checked.loaded.ok()) return printed;
    return complain(Exit::bad, checked.loaded.diagnostics, "all are listed above");
}

Exit lint_rules(const RulesOptions& o) {
    const auto paths = asked_paths(o);
    if (!paths) return paths.error();
    const CheckedRules checked = load_checked(*paths, true);
    const std::vector<Diagnostic> findings = lint::lint(checked.loaded, *checked.matcher);
    const Exit printed = print(o.format == "json" ? lint::lint_json(findings) + "\n" : lint::lint_text(findings));
    const bool bad = has_errors(findings) || (o.strict && !findings.empty());
    return bad ? Exit::bad : printed;
}

// Rules that do not load are there too, with the reason; the command's end tells of them.
Exit print_of(const CheckedRules& checked, const std::string& text) {
    const Exit printed = print(text);
    return checked.loaded.ok() ? printed : complain_of(checked);
}

Exit list(const RulesOptions& o) {
    rules::ListFilter filter;
    filter.tags = o.tags;
    filter.source = o.source;
    if (!o.priority.empty()) {
        Priority p{};
        if (!parse_priority(o.priority, p))
            return complain(Exit::usage, fmt::format("there is no priority '{}'", o.priority));
        filter.priority = p;
    }
    const auto checked = load_as_they_are(with_paths(o));
    if (!checked) return checked.error();
    return print_of(*checked, o.format == "json" ? rules::list_json(checked->loaded, filter) + "\n"
                                                 : rules::list_text(checked->loaded, filter));
}

// Programs that start, end or change are told of by tracepoints that cost system calls nothing; everything else takes
// those of system calls.
rules::RuleNeeds needs_of(const Rule& rule, const Matcher& matcher) {
    constexpr EventCode kProcessLane[] = {kProcExit, kClone,  kFork,     kVfork,     kExecve,
                                          kExecveat, kClone3, kSnapshot, kProcChange};
    rules::RuleNeeds needs;
    if (!rule.condition || !rule.disabled_why.empty()) return needs;
    needs.event_types = match::named_event_types(*rule.condition);
    needs.hooks = {"sched_process_fork", "sched_process_exec", "sched_process_exit"};
    if (matcher.is_process_rule(static_cast<std::uint32_t>(rule.index))) return needs;
    const auto types = rules::event_types(*rule.condition, match::event_names());
    if (!types) return needs;
    for (const EventCode code : types->codes()) {
        const EventInfo* info = find_event(code);
        const bool call =
            info != nullptr && info->kind == EventKind::syscall && info->direction == EventDirection::exit;
        if (!call || (info->flags & kOldVersion) != 0 ||
            std::ranges::find(kProcessLane, code) != std::end(kProcessLane))
            continue;
        needs.hooks.insert(needs.hooks.end(), {"sys_enter", "sys_exit"});
        break;
    }
    return needs;
}

Exit show(const RulesOptions& o) {
    const auto checked = load_as_they_are(with_paths(o));
    if (!checked) return checked.error();
    const Rule* rule = checked->loaded.find(o.name);
    if (rule == nullptr) return complain(Exit::bad, no_such_rule(checked->loaded, o.name));
    const rules::RuleNeeds needs = needs_of(*rule, *checked->matcher);
    return print_of(*checked,
                    o.format == "json" ? rules::show_json(*rule, needs) + "\n" : rules::show_text(*rule, needs));
}

} // namespace

void add_rules_command(CLI::App& app, Action& action) {
    CLI::App* command = app.add_subcommand("rules", "Check, lint, list and show rules");
    command->require_subcommand(1);
    command->footer("Examples:\n  gyr rules check my-rules.yaml\n  gyr rules lint my-rules.yaml\n  gyr rules list "
                    "--tag shell\n  gyr rules show "
                    "\"Terminal Access\"");
    auto o = std::make_shared<RulesOptions>();
    const auto formats = CLI::IsMember({"text", "json"});

    CLI::App* check_command = command->add_subcommand("check", "Whether rule files are right; names every mistake");
    const char* const paths = "Rule files and folders, - for standard input (default: as gyr run would load them)";
    check_command->add_option("PATH", o->paths, paths);
    o->common.add_rules(*check_command);
    o->common.add_config(*check_command);
    check_command->add_option("--format", o->format, "text or json")->check(formats);
    check_command->footer("Example:\n  gyr rules check my-rules.yaml --format json");
    check_command->callback([&action, o] { action = [o] { return check(*o); }; });

    CLI::App* lint_command = command->add_subcommand("lint", "What loads but is likely not meant");
    lint_command->add_option("PATH", o->paths, paths);
    o->common.add_rules(*lint_command);
    o->common.add_config(*lint_command);
    lint_command->add_flag("--strict", o->strict, "Exit with 1 for warnings too, not only for what does not load");
    lint_command->add_option("--format", o->format, "text or json")->check(formats);
    lint_command->footer("Example:\n  gyr rules lint my-rules.yaml --strict");
    lint_command->callback([&action, o] { action = [o] { return lint_rules(*o); }; });

    CLI::App* list_command = command->add_subcommand("list", "Which rules there are");
    list_command->add_option("PATH", o->paths, paths);
    o->common.add_rules(*list_command);
    o->common.add_config(*list_command);
    list_command->add_option("--tag", o->tags, "Only rules with one of these tags; repeatable");
    list_command->add_option("--priority", o->priority, "Only rules of this priority or more urgent");
    list_command->add_option("--source", o->source, "Only rules of this event source");
    list_command->add_option("--format", o->format, "text or json")->check(formats);
    list_command->footer("Example:\n  gyr rules list my-rules.yaml --tag shell");
    list_command->callback([&action, o] { action = [o] { return list(*o); }; });

    CLI::App* show_command =
        command->add_subcommand("show", "A rule as loaded: its condition after macros, lists and exceptions");
    show_command->add_option("NAME", o->name, "Name of the rule")->required();
    show_command->add_option("PATH", o->paths, paths);
    o->common.add_rules(*show_command);
    o->common.add_config(*show_command);
    show_command->add_option("--format", o->format, "text or json")->check(formats);
    show_command->footer("Example:\n  gyr rules show \"Terminal Access\" -r examples/rules");
    show_command->callback([&action, o] { action = [o] { return show(*o); }; });
}

} // namespace gyr::app
