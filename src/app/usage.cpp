#include "app/usage.h"

#include "app/commands.h"
#include "lang/diagnostic.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <string_view>

namespace gyr::app {
namespace {

constexpr const char* kExamples = R"(Examples:
  gyr                                         detect live with the default rules (as root)
  gyr run -r my-rules.yaml --format json      detect live with these rules, one JSON object per alert
  gyr replay incident.scap -r my-rules.yaml   alerts of a capture file
  gyr events evt.type=execve --capture F      events of a capture file as lines
  gyr explain --rule NAME --capture F         why a rule did or did not match, check by check
  gyr rules check my-rules.yaml               name every mistake in a rule file
  gyr rules lint my-rules.yaml                what loads but is likely not meant
  gyr rules list --tag shell                  which rules there are
  gyr rules show "Terminal Access"            what a rule has become after macros, lists and exceptions
  gyr list fields                             what conditions and outputs can ask
  gyr list operators                          how they can ask
  gyr plan -r my-rules.yaml                   what the rules make the kernel do
  gyr alerts 'priority >= error' --since 1h   what was reported, from the journal
  gyr config show -o metadata.wait=2s         the effective configuration
  gyr simulate                                set off every rule and see that it alerts
  gyr demo                                    a break-in, replayed and explained; needs no privilege
  gyr doctor                                  what works on this host, what does not, and why
  gyr version                                 which version this is

Exit codes: 0 fine; 1 what was asked about is bad (a rule does not load); 2 wrong usage or configuration;
3 this host cannot do it (no privilege, no BTF).)";

// The innermost command that was found on the command line.
const CLI::App& innermost(const CLI::App& app) {
    const auto found = app.get_subcommands();
    return found.empty() ? app : innermost(*found.front());
}

std::string command_path(const CLI::App& app) {
    return app.get_parent() == nullptr ? app.get_name() : command_path(*app.get_parent()) + " " + app.get_name();
}

std::string suggestion_for(const CLI::App& command, const std::string& word) {
    std::vector<std::string> known;
    if (word.starts_with('-')) {
        for (const CLI::Option* option : command.get_options([](const CLI::Option* o) { return o->nonpositional(); })) {
            for (const std::string& name : option->get_lnames()) {
                known.push_back("--" + name);
            }
        }
    } else {
        for (const CLI::App* sub : command.get_subcommands([](const CLI::App*) { return true; })) {
            known.push_back(sub->get_name());
        }
    }
    const std::vector<std::string_view> views(known.begin(), known.end());
    const std::string_view close = closest(word.substr(0, word.find('=')), views);
    return close.empty() ? "" : fmt::format("; did you mean {}?", close);
}

std::string describe(const CLI::App& app, const CLI::ParseError& error) {
    const CLI::App& command = innermost(app);
    const std::string path = command_path(command);
    const bool has_commands = !command.get_subcommands([](const CLI::App*) { return true; }).empty();
    const std::vector<std::string> extras = app.remaining(true);
    const bool required = dynamic_cast<const CLI::RequiredError*>(&error) != nullptr;
    // What is there and should not be tells more than what is missing.
    if (dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr || (required && !has_commands && !extras.empty())) {
        const std::string word = extras.empty() ? std::string() : extras.front();
        const bool option = word.starts_with('-');
        const std::string_view what = option ? "option" : has_commands ? "command" : "argument";
        const bool rules = word.ends_with(".yaml") || word.ends_with(".yml");
        if (!option && rules && command.get_option_no_throw("--rules") != nullptr)
            return fmt::format("{} has no argument '{}'; rule files are given as -r {} (see {} --help)", path, word,
                               word, path);
        return fmt::format("{} has no {} '{}'{} (see {} --help)", path, what, word, suggestion_for(command, word),
                           path);
    }
    if (required && has_commands) {
        std::string names;
        for (const CLI::App* sub : command.get_subcommands([](const CLI::App*) { return true; })) {
            names += (names.empty() ? "" : ", ") + sub->get_name();
        }
        // A word that is no command is the likelier mistake than none at all.
        if (!extras.empty()) {
            return fmt::format("{} has no command '{}'{} (it has {})", path, extras.front(),
                               suggestion_for(command, extras.front()), names);
        }
        return fmt::format("{} needs one of these commands: {}", path, names);
    }
    std::string message = error.what();
    message = message.substr(0, message.find('\n'));
    return fmt::format("{}: {} (see {} --help)", path, message, path);
}

} // namespace

Exit run_command_line(std::vector<std::string> arguments) {
    // `gyr` alone detects, and so does `gyr -r rules.yaml`.
    const auto is_global = [](const std::string& word) {
        return word == "-h" || word == "--help" || word == "--version" || word == "-V";
    };
    // `gyr help run` is `gyr run --help`.
    if (!arguments.empty() && arguments.front() == "help") {
        arguments.erase(arguments.begin());
        arguments.emplace_back("--help");
    }
    if (arguments.empty() || (arguments.front().starts_with('-') && !is_global(arguments.front()))) {
        arguments.insert(arguments.begin(), "run");
    }

    CLI::App app("Gyr watches what programs on this host and in its containers do, and raises alerts by rules.", "gyr");
    Action action;
    app.set_version_flag("-V,--version", fmt::format("gyr {}", version()));
    app.footer(kExamples);
    app.require_subcommand(1);
    app.get_formatter()->column_width(34);
    add_run_command(app, action);
    add_record_command(app, action);
    add_replay_command(app, action);
    add_events_command(app, action);
    add_explain_command(app, action);
    add_rules_command(app, action);
    add_list_command(app, action);
    add_plan_command(app, action);
    add_doctor_command(app, action);
    add_alerts_command(app, action);
    add_config_command(app, action);
    add_simulate_command(app, action);
    add_demo_command(app, action);
    add_version_command(app, action);

    std::reverse(arguments.begin(), arguments.end()); // as CLI11 takes them
    try {
        app.parse(std::move(arguments));
    } catch (const CLI::CallForHelp&) {
        return print(app.help()); // of the command that was found, with its whole name
    } catch (const CLI::CallForVersion& e) {
        return print(std::string(e.what()) + "\n");
    } catch (const CLI::ParseError& e) {
        return complain(Exit::usage, describe(app, e));
    }
    return action ? action() : complain(Exit::usage, "nothing to do; see gyr --help");
}

} // namespace gyr::app
