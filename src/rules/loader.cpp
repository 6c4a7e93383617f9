#include "rules/loader.h"

#include "rules/builtin_macros.h"
#include "rules/problems.h"
#include "rules/text_file.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <sys/stat.h>
#include <utility>

namespace gyr::rules {

namespace {

constexpr std::size_t kMaxRuleFile = 64UL * 1024 * 1024;
constexpr std::string_view kBuiltinName = "<built in>";

bool is_rule_file(const std::filesystem::path& path) {
    const auto extension = path.extension();
    return extension == ".yaml" || extension == ".yml";
}

} // namespace

struct RuleLoader::State {
    LoadOptions options;
    Definitions definitions;
    Problems problems;
    LoadedRules result;

    [[nodiscard]] ReaderOptions reader_options() const {
        return {kEngineVersion, options.plugins, options.sources, options.items_files};
    }
};

const Rule* LoadedRules::find(std::string_view name) const {
    const auto it = std::ranges::find(rules, name, &Rule::name);
    return it == rules.end() ? nullptr : &*it;
}

std::vector<PluginInfo> builtin_plugins() {
    constexpr std::uint32_t kAnyPatch = 99;
    return {{"container", {0, 7, kAnyPatch}},
            {"k8smeta", {0, 4, kAnyPatch}},
            {"k8saudit", {0, 18, kAnyPatch}},
            {"json", {0, 7, kAnyPatch}}};
}

RuleLoader::RuleLoader(LoadOptions options) : state_(std::make_unique<State>()) {
    state_->options = std::move(options);
    if (!state_->options.builtin_macros) return;
    const auto file = std::make_shared<const SourceFile>(std::string(kBuiltinName), std::string(builtin_macros()));
    read_rule_file(file, state_->reader_options(), state_->definitions, state_->problems);
    for (const auto& macro : state_->definitions.macros.all()) macro->builtin = true;
}

RuleLoader::~RuleLoader() = default;

void RuleLoader::fail_path(const std::string& path, std::string message) {
    Diagnostic d;
    d.code = code::kFileRead;
    d.message = std::move(message);
    d.place.file = path;
    d.context.push_back({"rules content", "", d.place});
    state_->problems.add(std::move(d));
    state_->result.files.push_back(path);
}

void RuleLoader::add_text(std::string name, std::string text) {
    state_->result.files.push_back(name);
    const auto file = std::make_shared<const SourceFile>(std::move(name), std::move(text));
    read_rule_file(file, state_->reader_options(), state_->definitions, state_->problems);
}

void RuleLoader::add_file(const std::string& path, bool in_folder) {
    auto text = read_text_file(path, kMaxRuleFile, in_folder ? Pipes::refused : Pipes::read);
    if (!text) return fail_path(path, std::move(text.error().message));
    add_text(path, std::move(*text));
}

void RuleLoader::add_path(const std::string& path) {
    struct stat info {};
    if (::stat(path.c_str(), &info) != 0) return fail_path(path, "cannot open " + path + ": " + std::strerror(errno));
    if (!S_ISDIR(info.st_mode)) return add_file(path, false);
    FoldersSeen seen;
    const std::size_t before = state_->problems.size();
    if (add_folder(path, seen) == 0 && state_->problems.size() == before)
        fail_path(path, "folder " + path + " holds no .yaml or .yml file");
}

// How many files were found. A link back to a folder around this one is a mistake; one to a folder that was read by
// another way leads to nothing new.
std::size_t RuleLoader::add_folder(const std::string& path, FoldersSeen& seen) {
    struct stat info {};
    if (::stat(path.c_str(), &info) != 0) {
        fail_path(path, "cannot open " + path + ": " + std::strerror(errno));
        return 0;
    }
    const std::pair<std::uint64_t, std::uint64_t> identity{info.st_dev, info.st_ino};
    if (seen.around.contains(identity)) {
        fail_path(path, "folder " + path + " contains itself through a link");
        return 0;
    }
    if (!seen.all.insert(identity).second) return 0;
    seen.around.insert(identity);
    std::vector<std::filesystem::path> entries;
    std::error_code error;
    for (std::filesystem::directory_iterator it(path, error), end; !error && it != end; it.increment(error))
        entries.push_back(it->path());
    if (error) fail_path(path, "cannot read folder " + path + ": " + error.message());
    std::ranges::sort(entries);
    std::size_t found = 0;
    for (const auto& entry : entries) {
        if (entry.filename().native().starts_with('.')) continue; // editors' files, ..data of mounted volumes
        std::error_code ignored;
        if (std::filesystem::is_directory(entry, ignored)) {
            found += add_folder(entry.string(), seen);
        } else if (is_rule_file(entry)) {
            add_file(entry.string(), true);
            ++found;
        }
    }
    seen.around.erase(identity);
    return found;
}

LoadedRules RuleLoader::finish() {
    State& s = *state_;
    Resolved resolved = resolve(s.definitions, {s.options.fields, s.options.events}, s.problems);
    LoadedRules out = std::move(s.result);
    out.rules = std::move(resolved.rules);
    out.macros = std::move(resolved.macros);
    out.lists = std::move(resolved.lists);
    out.sources = std::move(resolved.sources);
    out.diagnostics = std::move(s.problems.all());
    out.items_files = std::move(s.definitions.items_files);
    return out;
}

LoadedRules load_rules(const std::vector<std::string>& paths, LoadOptions options) {
    RuleLoader loader(std::move(options));
    for (const std::string& path : paths) loader.add_path(path);
    return loader.finish();
}

} // namespace gyr::rules
