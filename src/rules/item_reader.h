#pragma once
// The items of one rule file, read into Definitions; internal to reader.h. Keys and their values are in read_keys.cpp,
// each kind of item in a file of its own.

#include "rules/keys.h"
#include "rules/reader.h"

#include <algorithm>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace gyr::rules {

template <class Range>
bool contains(const Range& range, std::string_view word) {
    return std::ranges::find(range, word) != std::ranges::end(range);
}

inline std::string in_quotes(std::string_view word) { return "'" + std::string(word) + "'"; }

// What an override block asks for.
struct Override {
    std::vector<std::string> append, replace;
    bool present = false;

    [[nodiscard]] bool names(std::string_view key) const { return contains(append, key) || contains(replace, key); }
};

// An entry of required_plugin_versions, or one of its alternatives.
struct PluginWanted {
    std::string name, version;
    const YamlNode* node = nullptr;
};

// A condition without its comments; the same when it has none.
[[nodiscard]] ScalarPtr without_comments(const ScalarPtr& condition);

class ItemReader {
  public:
    ItemReader(const SourceFilePtr& file, const ReaderOptions& options, Definitions& definitions, Problems& problems);

    void run();

  private:
    // Both are LOAD_ERR_YAML_VALIDATE. Of a wrong key or type a schema tells, of what does not go together none.
    Diagnostic& invalid(const YamlNode& node, std::string message, std::string hint = {});
    Diagnostic& inconsistent(const YamlNode& node, std::string message, std::string hint = {});
    Diagnostic& refuse(const YamlNode& node, std::string message, std::string hint = {});
    void check_keys(const YamlNode& item, std::span<const std::string_view> known);
    // A scalar that must be there and not empty. Null after an error.
    ScalarPtr text(const YamlNode& item, std::string_view key);
    // A key that is missing because it is misspelt is shown where it stands.
    void missing_key(const YamlNode& item, std::string_view key);
    const YamlNode* similar_key(const YamlNode& item, std::string_view key) const;
    ScalarPtr text_of(const YamlNode& node, std::string_view key);
    // False after an error; out untouched when the key is not there.
    bool flag(const YamlNode& item, std::string_view key, bool& out);
    bool scalars(const YamlNode& node, std::string_view key, std::vector<ScalarPtr>& out);
    bool bad_entry(const YamlNode& node, std::string_view key);
    bool read_override(const YamlNode& item, std::string_view kind, Override& out);
    // Whether the item adds to an earlier one. False after an error.
    bool read_append(const YamlNode& item, std::string_view kind, bool& append, Override& over);
    void read_item(const YamlNodePtr& item);
    void unknown_item(const YamlNode& item);
    void disable_file(const std::string& why);
    void engine_version(const YamlNode& node);
    bool plugin(const YamlNode& node, PluginWanted& out);
    [[nodiscard]] bool plugin_loaded(const PluginWanted& wanted) const;
    void plugin_versions(const YamlNode& node);
    void list(const YamlNode& item, const ScalarPtr& name);
    bool external_items(const YamlNode& node, const std::string& name, ListDef& def);
    void macro(const YamlNode& item, const ScalarPtr& name);

    void rule(const YamlNodePtr& item, const ScalarPtr& name);
    void define_rule(const YamlNodePtr& item, const ScalarPtr& name, RuleDef* old);
    void toggle_rule(const YamlNode& item, const ScalarPtr& name, RuleDef* old);
    void append_rule(const YamlNode& item, RuleDef& rule);
    void override_rule(const YamlNode& item, const Override& over, RuleDef& rule);
    bool read_value(const YamlNode& item, std::string_view key, RuleDef& rule);
    bool read_throttle(const YamlNode& node, RuleDef& rule);
    bool read_texts(const YamlNode& item, std::string_view key, std::vector<ScalarPtr>& out);
    bool read_tags(const YamlNode& item, std::set<std::string>& out);
    bool read_exceptions(const YamlNode& item, bool partial, std::vector<ExceptionDef>& out);
    bool read_exception(const YamlNodePtr& node, bool partial, ExceptionDef& out);
    bool no_empty_value(const YamlNode& value);
    bool check_exception(const ExceptionDef& exception);
    bool check_rows(const ExceptionDef& exception, const std::vector<YamlNodePtr>& values);
    bool append_exceptions(std::vector<ExceptionDef> added, RuleDef& rule);
    void missing_rule(const YamlNode& item, const ScalarPtr& name, std::string_view what);

    SourceFilePtr file_;
    const ReaderOptions& options_;
    Definitions& definitions_;
    Problems& problems_;
    Context file_context_, context_;
    std::string file_disabled_why_;
};

} // namespace gyr::rules
