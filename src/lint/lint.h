#pragma once
// What loads but is likely not meant: rules that always or never match, that another rule contains, exceptions that
// change nothing, conditions that cost much on frequent events, lists that say a thing twice. Beside the problems that
// loading found, which are part of the result.
//
// Findings are diagnostics with codes of their own (LINT_…), each a warning at a place.

#include "lang/diagnostic.h"
#include "match/matcher.h"
#include "rules/loader.h"

#include <string>
#include <string_view>
#include <vector>

namespace gyr::lint {

namespace code {
inline constexpr std::string_view kAlwaysTrue = "LINT_ALWAYS_TRUE";
inline constexpr std::string_view kNeverTrue = "LINT_NEVER_TRUE";
inline constexpr std::string_view kSameCondition = "LINT_SAME_CONDITION"; // as another rule
inline constexpr std::string_view kContained = "LINT_CONTAINED";          // in another rule
inline constexpr std::string_view kDeadException = "LINT_DEAD_EXCEPTION";
inline constexpr std::string_view kEveryEvent = "LINT_EVERY_EVENT"; // no event type
inline constexpr std::string_view kExpensive = "LINT_EXPENSIVE";
inline constexpr std::string_view kDeprecatedField = "LINT_DEPRECATED_FIELD";
inline constexpr std::string_view kDuplicateItem = "LINT_DUPLICATE_ITEM";
} // namespace code

// loaded: with the compiler's diagnostics; matcher: compiled from it. In the order of the files.
[[nodiscard]] std::vector<Diagnostic> lint(const rules::LoadedRules& loaded, const Matcher& matcher);

// One finding after the other with its place and a caret, and a last line that counts them.
[[nodiscard]] std::string lint_text(const std::vector<Diagnostic>& findings);
// {"findings": [{"code", "severity", "message", "hint", "file", "line", "column", "in": [...]}]}, one line
[[nodiscard]] std::string lint_json(const std::vector<Diagnostic>& findings);

} // namespace gyr::lint
