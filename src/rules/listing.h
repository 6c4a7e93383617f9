#pragma once
// What `rules list` and `rules show` print.

#include "rules/loader.h"
#include "rules/rule.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gyr::rules {

struct ListFilter {
    std::vector<std::string> tags;    // any of them; empty: all rules
    std::optional<Priority> priority; // this or more urgent
    std::string source;               // empty: any
    [[nodiscard]] bool takes(const Rule& rule) const;
};

[[nodiscard]] std::string list_text(const LoadedRules& loaded, const ListFilter& filter);
[[nodiscard]] std::string list_json(const LoadedRules& loaded, const ListFilter& filter); // one line: {"rules": [...]}

// One comparison of an effective condition, and where it came from.
struct ConditionPart {
    struct List { // whose entries it compares with, and where the first of them stands
        std::string name;
        Place place;
    };
    std::string text; // canonical
    bool negated = false;
    Place place;
    std::string from_type, from_name; // "rule", "macro" or "exception", and its name
    std::vector<List> lists;
};
[[nodiscard]] std::vector<ConditionPart> condition_parts(const Rule& rule);

// What the rule needs, from those above this module: event types, hooks.
struct RuleNeeds {
    std::vector<std::string> event_types;
    std::vector<std::string> hooks;
};

// The rule as loaded: its keys, and its condition after lists, macros, exceptions and overrides as an indented tree
// with file and line behind each part.
[[nodiscard]] std::string show_text(const Rule& rule, const RuleNeeds& needs = {});
[[nodiscard]] std::string show_json(const Rule& rule, const RuleNeeds& needs = {}); // one line

} // namespace gyr::rules
