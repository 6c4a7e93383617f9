#pragma once
// For tests that load rule files: texts in, conditions and problems out.

#include "rules/loader.h"
#include "rules/test_catalog.h"

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <unistd.h>
#include <vector>

namespace gyr::rules {

inline const std::string kTail = "  desc: d\n  output: o\n  priority: INFO\n";

inline LoadedRules load(const std::vector<std::string>& texts) {
    RuleLoader loader;
    for (std::size_t i = 0; i < texts.size(); ++i) loader.add_text("f" + std::to_string(i) + ".yaml", texts[i]);
    return loader.finish();
}
inline LoadedRules load(const std::string& text) { return load(std::vector{text}); }

inline LoadedRules load_checked(const std::string& text) {
    static const TestCatalog catalog;
    static const TestEvents events;
    LoadOptions options;
    options.fields = &catalog;
    options.events = &events;
    RuleLoader loader(options);
    loader.add_text("f0.yaml", text);
    return loader.finish();
}

inline std::string rule(const std::string& name, const std::string& condition) {
    return "- rule: " + name + "\n  condition: " + condition + "\n" + kTail;
}

inline std::string condition_of(const LoadedRules& loaded, std::string_view name) {
    const Rule* rule = loaded.find(name);
    if (rule == nullptr) return "(no such rule)";
    return rule->condition == nullptr ? "(" + rule->disabled_why + ")" : lang::to_string(*rule->condition);
}

// "code file:line:column message" of everything of one severity.
inline std::vector<std::string> told(const LoadedRules& loaded, Severity severity = Severity::error) {
    std::vector<std::string> out;
    for (const Diagnostic& d : loaded.diagnostics)
        if (d.severity == severity)
            out.push_back(d.code + ' ' + d.place.file + ':' + std::to_string(d.place.line) + ':' +
                          std::to_string(d.place.column) + ' ' + d.message);
    return out;
}
using Told = std::vector<std::string>;

class TempFolder {
  public:
    TempFolder() {
        std::string name = (std::filesystem::temp_directory_path() / "gyr-rules-XXXXXX").string();
        path_ = ::mkdtemp(name.data());
    }
    ~TempFolder() { std::filesystem::remove_all(path_); }
    TempFolder(const TempFolder&) = delete;
    TempFolder& operator=(const TempFolder&) = delete;
    std::string write(const std::string& name, const std::string& text) const {
        const auto file = path_ / name;
        std::filesystem::create_directories(file.parent_path());
        std::ofstream(file) << text;
        return file.string();
    }
    [[nodiscard]] std::string path() const { return path_.string(); }

  private:
    std::filesystem::path path_;
};

} // namespace gyr::rules
