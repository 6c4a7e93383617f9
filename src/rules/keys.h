#pragma once
// The keys of rule files, by the kind of item they belong to.

#include <array>
#include <string_view>

namespace gyr::rules {

inline constexpr std::array<std::string_view, 5> kKinds = {"required_engine_version", "required_plugin_versions",
                                                           "list", "macro", "rule"};
inline constexpr std::array<std::string_view, 5> kListKeys = {"list", "items", "items_file", "append", "override"};
inline constexpr std::array<std::string_view, 4> kMacroKeys = {"macro", "condition", "append", "override"};
inline constexpr std::array<std::string_view, 16> kRuleKeys = {"rule",
                                                               "condition",
                                                               "output",
                                                               "desc",
                                                               "priority",
                                                               "source",
                                                               "enabled",
                                                               "tags",
                                                               "exceptions",
                                                               "append",
                                                               "override",
                                                               "capture",
                                                               "capture_duration",
                                                               "warn_evttypes",
                                                               "skip-if-unknown-filter",
                                                               "throttle"};
inline constexpr std::array<std::string_view, 3> kThrottleKeys = {"by", "for", "max"};
inline constexpr std::array<std::string_view, 4> kExceptionKeys = {"name", "fields", "comps", "values"};
inline constexpr std::array<std::string_view, 5> kAppendable = {"condition", "output", "desc", "tags", "exceptions"};
inline constexpr std::array<std::string_view, 12> kReplaceable = {"condition",
                                                                  "output",
                                                                  "desc",
                                                                  "tags",
                                                                  "exceptions",
                                                                  "priority",
                                                                  "capture",
                                                                  "capture_duration",
                                                                  "enabled",
                                                                  "warn_evttypes",
                                                                  "skip-if-unknown-filter",
                                                                  "throttle"};

} // namespace gyr::rules
