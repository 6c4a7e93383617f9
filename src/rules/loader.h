#pragma once
// Rule files and folders → rules. All files share one namespace and are read in the order given. Nothing is thrown
// and nothing is given up: every problem of every file is collected, and a rule that cannot be used says why while
// the rest works. Whoever loads decides whether an error is the end (ok()) or a line in the log.

#include "lang/field_catalog.h"
#include "rules/event_types.h"
#include "rules/reader.h"
#include "rules/resolver.h"
#include "rules/rule.h"

#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace gyr::rules {

inline constexpr Version kEngineVersion{0, 63, 0}; // the rule engine version this speaks

// Plugins of Falco whose fields and events are built in here, at the version of these. A patch adds none: any will do.
[[nodiscard]] std::vector<PluginInfo> builtin_plugins();

struct LoadOptions {
    const lang::FieldCatalog* fields = nullptr; // null: fields are not checked
    const EventNames* events = nullptr;         // null: event types are not checked
    std::vector<std::string> sources = {"syscall"};
    std::vector<PluginInfo> plugins = builtin_plugins();
    bool builtin_macros = true;
    bool items_files = true; // lists may name files to read entries from
};

struct LoadedRules {
    std::vector<Rule> rules; // in load order; those with disabled_why included, those of unknown sources not
    std::vector<MacroInfo> macros;
    std::vector<ListInfo> lists;
    std::vector<Diagnostic> diagnostics;
    std::vector<std::string> files;       // read, in order; unreadable ones too
    std::vector<std::string> items_files; // what lists were read from, to watch for changes
    std::shared_ptr<const SourceTable> sources;

    [[nodiscard]] bool ok() const { return !has_errors(diagnostics); }
    [[nodiscard]] const Rule* find(std::string_view name) const;
};

class RuleLoader {
  public:
    explicit RuleLoader(LoadOptions options = {});
    ~RuleLoader();
    RuleLoader(const RuleLoader&) = delete;
    RuleLoader& operator=(const RuleLoader&) = delete;

    // A file, or a folder: its *.yaml and *.yml files in name order, folders inside it in the same order. What is
    // missing, empty or unreadable is an error of the result.
    void add_path(const std::string& path);
    // A rule file that is not on disk; name stands for it in messages.
    void add_text(std::string name, std::string text);
    // Once, after everything was added.
    [[nodiscard]] LoadedRules finish();

  private:
    struct State;
    void add_file(const std::string& path, bool in_folder);
    // Folders by device and inode: those around the one being read, and all that were.
    struct FoldersSeen {
        std::set<std::pair<std::uint64_t, std::uint64_t>> around, all;
    };
    std::size_t add_folder(const std::string& path, FoldersSeen& seen);
    void fail_path(const std::string& path, std::string message);
    std::unique_ptr<State> state_;
};

// One call for the ordinary case.
[[nodiscard]] LoadedRules load_rules(const std::vector<std::string>& paths, LoadOptions options = {});

} // namespace gyr::rules
