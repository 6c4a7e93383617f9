#include "app/falco_command.h"

#include "app/commands.h"
#include "app/config_problems.h"
#include "app/falco_replay.h"
#include "app/falco_schema.h"
#include "app/rule_loading.h"
#include "app/settings.h"
#include "base/thread_signals.h"
#include "event/listing.h"
#include "fields/listing.h"
#include "rules/listing.h"
#include "rules/report.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <cctype>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <optional>
#include <thread>

#include <sys/utsname.h>
#include <unistd.h>

namespace gyr::app {
namespace {

struct FalcoOptions {
    CommonOptions common;
    std::vector<std::string> enable_sources, disable_sources, validate;
    std::string describe_rule, list_source, format, pidfile, print, plugin_info;
    double seconds = 0; // -M
    bool config_schema = false, rule_schema = false, dry_run = false, ignored_calls = false, describe_all = false;
    bool list_fields = false, list_events = false, list_plugins = false, markdown = false, names_only = false;
    bool support = false, unbuffered = false, verbose = false, version = false, page_size = false;
};

int fail_with(std::string_view what) {
    // As Falco says it; whoever reads the log of a unit looks for it.
    const std::string line = fmt::format("Error: {}\n", what);
    [[maybe_unused]] const auto n = ::write(STDERR_FILENO, line.data(), line.size());
    return 1;
}

int done(Exit exit) { return exit == Exit::fine ? 0 : 1; }

void add_options(CLI::App& app, FalcoOptions& o) {
    const auto list = [&app](const char* names, std::vector<std::string>& into, const char* what) {
        app.add_option(names, into, what)->expected(1)->take_all()->allow_extra_args(false);
    };
    app.add_option("-c", o.common.config_file, "Configuration file (default: /etc/falco/falco.yaml)");
    app.add_flag("--config-schema", o.config_schema, "Print a JSON schema of the configuration, and end");
    app.add_flag("--rule-schema", o.rule_schema, "Print a JSON schema of rule files, and end");
    list("--disable-source", o.disable_sources, "Turn off an event source: syscall, k8s_audit");
    app.add_flag("--dry-run", o.dry_run, "Look at configuration and rules, and end");
    list("--enable-source", o.enable_sources, "Turn on only these event sources: syscall, k8s_audit");
    app.add_flag("-i", o.ignored_calls, "Print the system calls that are not looked at: none");
    app.add_flag("-L", o.describe_all, "Describe all rules, and end");
    app.add_option("-l", o.describe_rule, "Describe one rule, and end");
    app.add_option("--list", o.list_source, "List all fields, and end")->expected(0, 1)->allow_extra_args(false);
    app.add_flag("--list-events", o.list_events, "List all events, and end");
    app.add_flag("--list-plugins", o.list_plugins, "Print what plugins there are, and end");
    app.add_option("-M", o.seconds, "End after this many seconds");
    app.add_flag("--markdown", o.markdown, "As --format markdown");
    app.add_option("--format", o.format, "Of --list and --list-events: text, markdown or json");
    app.add_flag("-N", o.names_only, "Of --list: names only");
    list("-o,--option", o.common.overrides, "Override a key of the configuration");
    app.add_option("--plugin-info", o.plugin_info, "Refused: there are no plugins");
    app.add_option("-p,--print", o.print, "Further text behind every alert");
    app.add_option("-P,--pidfile", o.pidfile, "Write the process id to this file");
    list("-r", o.common.rules, "Rule file or folder, instead of those of the configuration");
    app.add_flag("--support", o.support, "Print what support asks for, and end");
    app.add_flag("-U,--unbuffered", o.unbuffered, "Every alert is written at once anyway");
    list("-V,--validate", o.validate, "Look at a rule file, and end");
    app.add_flag("-v", o.verbose, "Tell more in the log");
    app.add_flag("--version", o.version, "Print the version, and end");
    app.add_flag("--page-size", o.page_size, "Print the size of a page of memory, and end");
}

constexpr std::array<std::string_view, 2> kSources{"syscall", "k8s_audit"};

// Empty: the sources asked for are some of those there are. What is not asked for is switched off.
std::string choose_sources(FalcoOptions& o) {
    if (!o.enable_sources.empty() && !o.disable_sources.empty())
        return "you can not mix --enable-source and --disable-source";
    for (const auto* sources : {&o.enable_sources, &o.disable_sources}) {
        for (const std::string& source : *sources) {
            if (std::ranges::find(kSources, source) == kSources.end())
                return fmt::format("there is no event source '{}'", source);
        }
    }
    const auto off = [&](std::string_view source) {
        const auto named = [&](const std::vector<std::string>& list) {
            return std::ranges::find(list, source) != list.end();
        };
        return named(o.disable_sources) || (!o.enable_sources.empty() && !named(o.enable_sources));
    };
    if (std::ranges::all_of(kSources, off)) return "all event sources are disabled";
    if (off("syscall")) o.common.overrides.emplace_back("gyr.kernel.enabled=false");
    if (off("k8s_audit")) {
        o.common.overrides.emplace_back("gyr.audit.listen=");
        o.common.overrides.emplace_back("gyr.audit.files=[]");
    }
    return {};
}

bool wants_json(const CommonOptions& options) {
    const auto settings = load_settings(options);
    return settings && !settings->config.outputs.empty() && settings->config.outputs.front().format == "falco";
}

std::string version_text(bool json) {
    const std::string engine =
        fmt::format("{}.{}.{}", rules::kEngineVersion.major, rules::kEngineVersion.minor, rules::kEngineVersion.patch);
    if (json) {
        const nlohmann::json j{{"falco_version", version()},
                               {"engine_version", fmt::to_string(rules::kEngineVersion.minor)},
                               {"engine_version_semver", engine},
                               {"gyr_version", version()}};
        return j.dump() + "\n";
    }
    return fmt::format("Falco version: {} (Gyr)\nEngine:        {}\n", version(), engine);
}

int validate(const FalcoOptions& o) {
    const CheckedRules checked = load_checked(o.validate, true);
    const auto reports = rules::by_file(checked.loaded.files, checked.loaded.diagnostics);
    const bool json = wants_json(o.common);
    const Exit printed = print(json ? rules::check_json(reports) + "\n" : rules::check_text(reports));
    return checked.loaded.ok() ? done(printed) : 1;
}

int describe(const FalcoOptions& o) {
    const auto settings = load_settings(o.common);
    if (!settings) return 1;
    const auto paths = find_rules(settings->config);
    if (!paths) return 1;
    const CheckedRules checked = load_checked(paths->paths, false, false, &settings->config);
    const bool json = !settings->config.outputs.empty() && settings->config.outputs.front().format == "falco";
    if (o.describe_all)
        return done(print(json ? rules::list_json(checked.loaded, {}) + "\n" : rules::list_text(checked.loaded, {})));
    const Rule* rule = checked.loaded.find(o.describe_rule);
    if (rule == nullptr) return fail_with(no_such_rule(checked.loaded, o.describe_rule));
    return done(print(json ? rules::show_json(*rule) + "\n" : rules::show_text(*rule)));
}

// With rules and configuration as they would be used; what is wrong has been said.
int dry_run(const FalcoOptions& o) {
    const auto settings = load_settings(o.common, Reporting::everything);
    if (!settings) return 1;
    const auto paths = find_rules(settings->config);
    if (!paths) return 1;
    const CheckedRules checked = load_checked(paths->paths, false, true, &settings->config);
    if (!checked.loaded.ok()) return done(complain(Exit::bad, checked.loaded.diagnostics, "falco -V shows them all"));
    std::vector<SettingProblem> wrong = config_problems(settings->config);
    // Without sources there is still something to look at.
    std::erase_if(wrong, [](const SettingProblem& problem) { return problem.key == "kernel.enabled"; });
    for (const SettingProblem& problem : wrong) complain(Exit::bad, with_place(problem, settings->origins));
    if (!wrong.empty()) return 1;
    log(LogLevel::info, "configuration and rules are good (dry run)");
    return 0;
}

int support(const FalcoOptions& o) {
    const auto settings = load_settings(o.common);
    if (!settings) return 1;
    utsname system{};
    ::uname(&system);
    nlohmann::json out{{"version", version()},
                       {"system_info",
                        {{"machine", system.machine},
                         {"nodename", system.nodename},
                         {"release", system.release},
                         {"sysname", system.sysname},
                         {"version", system.version}}}};
    const auto paths = find_rules(settings->config);
    out["rules_files"] = paths ? paths->paths : std::vector<std::string>{};
    out["cmdline"] = "falco";
    return done(print(out.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n"));
}

int list_fields(const FalcoOptions& o) {
    if (!o.list_source.empty() && std::ranges::find(kSources, o.list_source) == kSources.end())
        return fail_with(fmt::format("there is no event source '{}'", o.list_source));
    if (!o.names_only) return done(print(fields::list_fields(o.format, o.list_source)));
    std::string names;
    for (const auto& item : nlohmann::json::parse(fields::list_fields("json", o.list_source)))
        names += item["name"].get<std::string>() + "\n";
    return done(print(names));
}

// What prints something and ends; nothing: it is to detect.
std::optional<int> inform(FalcoOptions& o) {
    if (o.config_schema) return done(print(falco_config_schema()));
    if (o.rule_schema) return done(print(rule_schema()));
    if (o.ignored_calls) return done(print("Ignored syscall(s): none\n"));
    if (o.list_events) return done(print(list_events(o.format, false)));
    if (o.version) return done(print(version_text(wants_json(o.common))));
    if (o.page_size) return done(print(fmt::format("Your system page size is: {}\n", ::sysconf(_SC_PAGESIZE))));
    if (!o.plugin_info.empty()) return fail_with("there are no plugins; containers are known without");
    if (o.list_plugins) return done(print("0 Plugins Loaded\n"));
    if (o.list_fields) return list_fields(o);
    if (const std::string wrong = choose_sources(o); !wrong.empty()) return fail_with(wrong);
    if (!o.validate.empty()) return validate(o);
    if (o.describe_all || !o.describe_rule.empty()) return describe(o);
    if (o.support) return support(o);
    if (o.dry_run) return dry_run(o);
    return std::nullopt;
}

int detect(const FalcoOptions& o) {
    std::error_code error;
    if (o.common.config_file.empty() && !std::filesystem::exists("/etc/falco/falco.yaml", error))
        return fail_with("there is no configuration: /etc/falco/falco.yaml is not there, and -c names none");
    if (!o.pidfile.empty()) {
        std::ofstream file(o.pidfile, std::ios::trunc);
        if (!(file << ::getpid() << "\n")) return fail_with(fmt::format("cannot write the pid file {}", o.pidfile));
    }
    if (const auto replayed = replay_as_configured(o.common, static_cast<Nanos>(o.seconds * 1e9)))
        return done(*replayed);
    std::jthread clock;
    if (o.seconds > 0) {
        sigset_t all;
        sigset_t before;
        sigfillset(&all);
        sigdelset(&all, every_thread_signal());
        ::pthread_sigmask(SIG_BLOCK, &all, &before);
        clock = std::jthread([seconds = o.seconds](const std::stop_token& stop) {
            const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
            while (!stop.stop_requested() && std::chrono::steady_clock::now() < end)
                std::this_thread::sleep_for(std::chrono::milliseconds(50));
            if (!stop.stop_requested()) ::kill(::getpid(), SIGTERM);
        });
        ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    }
    return done(run_live(o.common));
}

} // namespace

bool is_called_falco(std::string_view program) { return program.substr(program.rfind('/') + 1) == "falco"; }

int run_falco_command_line(std::vector<std::string> arguments) {
    FalcoOptions o;
    o.common.falco = true;
    CLI::App app("Gyr, called as Falco: detects by Falco's rules, with Falco's configuration.", "falco");
    add_options(app, o);
    std::ranges::reverse(arguments); // as CLI11 takes them
    try {
        app.parse(std::move(arguments));
    } catch (const CLI::CallForHelp&) {
        return done(print(app.help()));
    } catch (const CLI::ParseError& e) {
        return fail_with(e.what());
    }
    o.list_fields = app.count("--list") > 0;
    std::ranges::transform(o.format, o.format.begin(),
                           [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    if (o.markdown && !o.format.empty()) return fail_with("--markdown and --format exclude each other");
    if (o.markdown) o.format = "markdown";
    if (o.format.empty()) o.format = "text";
    if (o.format != "text" && o.format != "markdown" && o.format != "json")
        return fail_with(fmt::format("there is no format '{}'; it is text, markdown or json", o.format));
    // These stand for what every alert has anyway.
    const bool known = o.print == "c" || o.print == "container" || o.print == "k" || o.print == "kubernetes";
    if (!o.print.empty() && !known) {
        const nlohmann::json append{{"extra_output", o.print}};
        o.common.overrides.push_back("append_output[]=" + append.dump());
    }
    if (const auto answered = inform(o)) return *answered;
    return detect(o);
}

} // namespace gyr::app
