// gyr list fields | operators | events | syscalls | coverage: the reference of the rule language, from the tables the
// compiler itself uses.

#include "app/commands.h"
#include "app/coverage_listing.h"
#include "event/listing.h"
#include "fields/listing.h"

#include <CLI/CLI.hpp>

#include <memory>

namespace gyr::app {

void add_list_command(CLI::App& app, Action& action) {
    CLI::App* command = app.add_subcommand("list", "What conditions and outputs can ask, and how");
    command->require_subcommand(1);
    command->footer(
        "Examples:\n  gyr list fields\n  gyr list fields --format markdown\n  gyr list operators\n  gyr list events");
    auto format = std::make_shared<std::string>("text");
    const auto formats = CLI::IsMember({"text", "json", "markdown"});

    CLI::App* fields_command = command->add_subcommand("fields", "Every field with its type, scope and meaning");
    fields_command->add_option("--format", *format, "text, json or markdown")->check(formats);
    fields_command->footer("Example:\n  gyr list fields --format markdown > docs/fields.md");
    fields_command->callback([&action, format] { action = [format] { return print(fields::list_fields(*format)); }; });

    CLI::App* operators_command = command->add_subcommand("operators", "Every operator, modifier and transformer");
    operators_command->add_option("--format", *format, "text, json or markdown")->check(formats);
    operators_command->footer("Example:\n  gyr list operators");
    operators_command->callback(
        [&action, format] { action = [format] { return print(fields::list_operators(*format)); }; });

    auto old = std::make_shared<bool>(false);
    CLI::App* events_command = command->add_subcommand("events", "Every event with its parameters");
    events_command->add_option("--format", *format, "text, json or markdown")->check(formats);
    events_command->add_flag("--old", *old, "also those that only older captures have");
    events_command->footer("Example:\n  gyr list events --format json");
    events_command->callback(
        [&action, format, old] { action = [format, old] { return print(list_events(*format, *old)); }; });

    CLI::App* syscalls_command = command->add_subcommand("syscalls", "Every system call that events tell of");
    syscalls_command->add_option("--format", *format, "text, json or markdown")->check(formats);
    syscalls_command->footer("Example:\n  gyr list syscalls");
    syscalls_command->callback([&action, format] { action = [format] { return print(list_syscalls(*format)); }; });

    CLI::App* coverage_command = command->add_subcommand(
        "coverage", "Every number of the kernel's tables, and what tells of it or why nothing does");
    coverage_command->add_option("--format", *format, "text, json or markdown")->check(formats);
    coverage_command->footer("Example:\n  gyr list coverage");
    coverage_command->callback([&action, format] { action = [format] { return print(list_coverage(*format)); }; });
}

} // namespace gyr::app
