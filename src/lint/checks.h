#pragma once
// The checks of lint.h, by what they look at.

#include "lint/lint.h"

#include <vector>

namespace gyr::lint {

// A condition by itself: truth, exceptions, fields, repeated items, cost.
void check_conditions(const rules::LoadedRules& loaded, const Matcher& matcher, std::vector<Diagnostic>& out);
// Rules against each other.
void check_overlap(const rules::LoadedRules& loaded, const Matcher& matcher, std::vector<Diagnostic>& out);
void check_lists(const rules::LoadedRules& loaded, std::vector<Diagnostic>& out);

// Some parts of its condition never hold together, or one alone never does.
[[nodiscard]] bool never_matches(const Rule& rule);

[[nodiscard]] inline bool is_usable(const Rule& rule) {
    return rule.disabled_why.empty() && rule.condition != nullptr && rule.sources != nullptr;
}
[[nodiscard]] inline Diagnostic about_rule(std::string_view code, const Rule& rule, std::string message,
                                           std::string hint = {}) {
    Diagnostic d;
    d.severity = Severity::warning;
    d.code = code;
    d.message = std::move(message);
    d.hint = std::move(hint);
    d.place = rule.place;
    d.context.push_back({"rule", rule.name, rule.place});
    return d;
}

} // namespace gyr::lint
