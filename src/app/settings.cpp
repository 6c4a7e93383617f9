#include "app/settings.h"

#include "base/folder.h"
#include "fields/buffer_text.h"
#include "fields/static_fields.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>

namespace gyr::app {
namespace {

constexpr const char* kStandardConfig = "/etc/gyr/gyr.yaml";
constexpr const char* kStandardFolder = "/etc/gyr/conf.d";
constexpr const char* kFalcoConfig = "/etc/falco/falco.yaml";
constexpr std::uintmax_t kMaxConfigBytes = std::uintmax_t{4} << 20;

std::string config_file(const CommonOptions& options) {
    return !options.config_file.empty() ? options.config_file : options.falco ? kFalcoConfig : kStandardConfig;
}

bool reads_standard_folder(const CommonOptions& options) { return options.config_file.empty() && !options.falco; }

std::expected<std::string, std::string> read_file(const std::string& path) {
    std::error_code error;
    const auto status = std::filesystem::status(path, error);
    if (!std::filesystem::exists(status)) {
        return std::unexpected(error ? error.message() : std::string("there is no such file"));
    }
    if (std::filesystem::is_directory(status)) {
        return std::unexpected("it is a folder");
    }
    std::ifstream in(path, std::ios::binary);
    if (!in) {
        return std::unexpected(std::strerror(errno));
    }
    std::string text;
    std::vector<char> piece(65536);
    while (in.read(piece.data(), static_cast<std::streamsize>(piece.size())) || in.gcount() > 0) {
        text.append(piece.data(), static_cast<std::size_t>(in.gcount()));
        if (text.size() > kMaxConfigBytes) {
            return std::unexpected("it is too large for a configuration");
        }
    }
    return text;
}

// A file, or the *.yaml and *.yml files of a folder in name order.
config::IncludedFiles read_include(const std::string& path) {
    std::error_code error;
    std::vector<std::string> names;
    if (std::filesystem::is_directory(path, error)) {
        for_each_entry(path, [&](const std::filesystem::directory_entry& entry) {
            const std::string extension = entry.path().extension();
            if ((extension == ".yaml" || extension == ".yml") && entry.is_regular_file(error)) {
                names.push_back(entry.path().string());
            }
            return true;
        });
        std::sort(names.begin(), names.end());
    } else {
        names.push_back(path);
    }
    std::vector<config::IncludedFile> files;
    for (const std::string& name : names) {
        auto text = read_file(name);
        if (!text) {
            return std::unexpected(fmt::format("{}: {}", name, text.error()));
        }
        files.push_back({name, *std::move(text)});
    }
    return files;
}

} // namespace

std::vector<std::string> config_places(const CommonOptions& options, const config::Config& config) {
    std::vector<std::string> places;
    // A folder that is not there would be waited for in the one around it: a watch of /etc adds an eighth to what every
    // open and close of a file there costs the host. Whoever makes the folder later restarts the agent.
    std::error_code ignored;
    const std::string file = config_file(options);
    if (!options.config_file.empty() || std::filesystem::exists(std::filesystem::path(file).parent_path(), ignored)) {
        places.push_back(file);
        if (reads_standard_folder(options)) places.emplace_back(kStandardFolder);
    }
    places.insert(places.end(), config.include.begin(), config.include.end());
    return places;
}

void CommonOptions::add_config(CLI::App& command) {
    command.add_option("-c,--config", config_file, "Configuration file (default: /etc/gyr/gyr.yaml if it exists)")
        ->type_name("FILE");
    command.add_option("-o,--option", overrides, "Override one configuration key by its dotted path; repeatable")
        ->type_name("KEY=VALUE")
        ->expected(1)
        ->take_all()
        ->allow_extra_args(false);
}

void CommonOptions::add_rules(CLI::App& command) {
    command.add_option("-r,--rules", rules, "Rule file or folder; repeatable, read in order")
        ->type_name("PATH")
        ->expected(1)
        ->take_all()
        ->allow_extra_args(false);
}

namespace {

constexpr std::string_view kMoreFrom = "`gyr config check` shows them all";

std::expected<config::Loaded, std::vector<Diagnostic>> read_settings(const CommonOptions& options) {
    config::LoadRequest request;
    request.overrides = options.overrides;
    request.falco = options.falco;
    request.file = config_file(options);
    std::error_code ignored;
    if (!options.config_file.empty() || std::filesystem::exists(request.file, ignored)) {
        auto text = read_file(request.file);
        if (!text) {
            Diagnostic problem;
            problem.message = fmt::format("cannot read the configuration {}: {}", request.file, text.error());
            return std::unexpected(std::vector{problem});
        }
        request.text = *std::move(text);
    }
    request.read_include = read_include;
    if (reads_standard_folder(options) && std::filesystem::exists(kStandardFolder, ignored)) {
        request.include.emplace_back(kStandardFolder);
    }
    config::Loaded loaded = config::load_config(request);
    if (has_errors(loaded.problems)) {
        return std::unexpected(std::move(loaded.problems));
    }
    return loaded;
}

void tell_number_of_notes(const config::Loaded& loaded, const CommonOptions& options) {
    if (!loaded.notes.empty()) {
        log(LogLevel::info, fmt::format("{} keys of {} are ignored; `gyr config check` says why", loaded.notes.size(),
                                        config_file(options)));
    }
}

// From now on it holds.
void use_settings(config::Loaded& loaded, const CommonOptions& options) {
    fields::set_static_fields(loaded.config.static_fields);
    fields::set_buffers_as_base64(loaded.config.buffer_format == "base64");
    if (!options.rules.empty()) {
        loaded.config.rules = options.rules;
        loaded.origins["rules"] = "-r";
    }
    if (!options.format.empty()) {
        // Of what the person at the terminal sees; the others have what the file says.
        for (std::size_t i = 0; i < loaded.config.outputs.size(); ++i) {
            const std::string& type = loaded.config.outputs[i].type;
            if (type != "stdout" && type != "stderr") {
                continue;
            }
            loaded.config.outputs[i].format = options.format;
            loaded.origins[fmt::format("outputs[{}].format", i)] = "--format";
        }
    }
    set_log(loaded.config.log.level == "error"     ? LogLevel::error
            : loaded.config.log.level == "warning" ? LogLevel::warning
            : loaded.config.log.level == "debug"   ? LogLevel::debug
                                                   : LogLevel::info,
            loaded.config.log.format == "json" ? LogFormat::json : LogFormat::text);
}

} // namespace

std::expected<config::Loaded, Exit> load_settings(const CommonOptions& options, Reporting reporting) {
    auto loaded = read_settings(options);
    if (!loaded) {
        if (reporting != Reporting::everything) {
            return std::unexpected(complain(Exit::usage, loaded.error(), kMoreFrom));
        }
        for (const Diagnostic& problem : loaded.error()) {
            complain(Exit::usage, {problem}, {});
        }
        return std::unexpected(Exit::usage);
    }
    if (reporting == Reporting::everything) {
        for (const Diagnostic& note : loaded->notes) {
            log(LogLevel::info, to_text(note));
        }
    } else if (reporting != Reporting::quiet) {
        tell_number_of_notes(*loaded, options);
    }
    use_settings(*loaded, options);
    return std::move(*loaded);
}

std::expected<config::Loaded, std::string> load_settings_or_why(const CommonOptions& options) {
    auto loaded = read_settings(options);
    if (!loaded) {
        return std::unexpected(in_one_line(loaded.error(), kMoreFrom));
    }
    tell_number_of_notes(*loaded, options);
    use_settings(*loaded, options);
    return std::move(*loaded);
}

std::expected<RulePaths, Exit> find_rules(const config::Config& config) {
    if (!config.rules.empty()) {
        return RulePaths{config.rules, false};
    }
    std::error_code error;
    std::vector<std::filesystem::path> places;
    const std::filesystem::path program = std::filesystem::read_symlink("/proc/self/exe", error);
    if (!error) {
        // build/gyr, build/release/src/app/gyr and an unpacked archive's bin/gyr all find the rules of their own tree.
        std::filesystem::path folder = program.parent_path();
        for (int level = 0; level < 5 && folder.has_relative_path(); ++level) {
            places.push_back(folder / "rules-default");
            folder = folder.parent_path();
        }
    }
    places.emplace_back("/etc/gyr/rules.d");
    places.emplace_back("/usr/share/gyr/rules");
    for (const std::filesystem::path& place : places) {
        if (std::filesystem::is_directory(place, error)) {
            return RulePaths{{place.string()}, true};
        }
    }
    return std::unexpected(complain(Exit::usage, "there are no rules: name a file or folder with -r, or put some into "
                                                 "/etc/gyr/rules.d"));
}

} // namespace gyr::app
