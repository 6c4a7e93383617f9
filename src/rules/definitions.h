#pragma once
// What the rule files said, after redefinitions, appends and overrides, before anything is parsed: conditions are still
// pieces of text, lists still names. Filled by reader.h in file order, resolved by resolver.h.

#include "rules/rule.h"
#include "rules/source.h"
#include "rules/yaml_tree.h"

#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace gyr::rules {

// Order decides what a macro sees: index is where an item was first defined, visibility where it was last touched.
struct ListDef {
    ScalarPtr name;
    std::vector<ScalarPtr> items;
    std::vector<std::shared_ptr<const lang::ExternalList>> external; // from items_file
    std::size_t index = 0, visibility = 0;
    bool used = false;
};

struct MacroDef {
    ScalarPtr name;
    std::vector<ScalarPtr> condition; // more than one after appends
    std::size_t index = 0, visibility = 0;
    bool used = false;
    bool builtin = false;
};

struct ExceptionDef {
    ScalarPtr name;
    YamlNodePtr node;
    bool fields_are_list = false, comps_are_list = false;
    std::vector<ScalarPtr> fields;
    std::vector<ScalarPtr> comps; // empty: the default of the form
    std::vector<YamlNodePtr> values;
};

struct RuleDef {
    ScalarPtr name;
    YamlNodePtr node;
    std::vector<ScalarPtr> condition, output, description;
    std::string source = "syscall";
    Priority priority = Priority::debug;
    std::set<std::string> tags;
    bool enabled = true, warn_evttypes = true, skip_if_unknown_filter = false, capture = false;
    std::uint64_t capture_duration_ms = 0;
    std::optional<Throttle> throttle;
    std::vector<ExceptionDef> exceptions;
    bool unknown_source = false;
    std::string disabled_why;
};

// Names to definitions; positions never change once given.
template <class Def>
class DefTable {
  public:
    Def* find(std::string_view name) {
        const auto it = by_name_.find(std::string(name));
        return it == by_name_.end() ? nullptr : defs_[it->second].get();
    }
    Def& add(std::string name, Def def) {
        by_name_.emplace(std::move(name), defs_.size());
        defs_.push_back(std::make_unique<Def>(std::move(def)));
        return *defs_.back();
    }
    [[nodiscard]] const std::vector<std::unique_ptr<Def>>& all() const { return defs_; }
    [[nodiscard]] std::vector<std::string_view> names() const {
        std::vector<std::string_view> out;
        for (const auto& def : defs_) out.push_back(def->name->value);
        return out;
    }

  private:
    std::vector<std::unique_ptr<Def>> defs_;
    std::unordered_map<std::string, std::size_t> by_name_;
};

struct Definitions {
    DefTable<ListDef> lists;
    DefTable<MacroDef> macros;
    DefTable<RuleDef> rules;
    std::size_t next_index = 1;
    // Names whose last definition, or something appended to it, has errors: what refers to them is not to blame, and
    // cannot be used.
    std::set<std::string, std::less<>> broken_lists, broken_macros;
    std::vector<std::string> items_files; // that lists were read from
};

} // namespace gyr::rules
