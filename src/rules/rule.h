#pragma once
// A rule as loaded: macros, lists, exceptions and overrides applied. Plain data between the loader (rules/loader.h),
// the compiler (match/), listings and alerts.

#include "base/ids.h"
#include "lang/ast.h"
#include "lang/diagnostic.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace gyr {

namespace rules {
class SourceTable; // rules/source.h
} // namespace rules

enum class Priority : std::uint8_t { emergency, alert, critical, error, warning, notice, informational, debug };
[[nodiscard]] std::string_view to_string(Priority priority);             // "Emergency" … "Informational", "Debug"
[[nodiscard]] bool parse_priority(std::string_view text, Priority& out); // case-insensitive, also "Info"

// Roll-up of a rule's alerts (docs/alerts.md).
struct Throttle {
    std::vector<std::string> by; // fields that keep alerts apart
    Nanos window = 0;            // from the first alert on; 0: every alert goes out
    std::uint64_t max = 1;       // alerts that go out before the others are rolled up
};

// A further output field of alerts. Without a name: a field, its value as it is under its own name; else a template.
struct ExtraField {
    std::string name, text;
};

struct Rule {
    std::size_t index = 0; // position in load order, dense
    std::string name, description, source = "syscall";
    std::string condition_text; // as written (with appends), before macros and lists
    std::string output;         // template
    std::vector<ExtraField> extra_fields;
    Priority priority = Priority::debug;
    std::set<std::string> tags;
    bool enabled = true;
    bool warn_evttypes = true;
    bool skip_if_unknown_filter = false;
    bool capture = false;
    std::uint64_t capture_duration_ms = 0;
    std::optional<Throttle> throttle;
    Place place;              // of the rule's definition
    lang::ExprPtr condition;  // lists and macros expanded, exceptions joined; null when disabled_why is set
    std::string disabled_why; // not empty: the rule cannot be used, and this says why
    // Where each part of condition was written: Span::origin of its nodes is a number of this table. Shared by all
    // rules of one load; never null after loading.
    std::shared_ptr<const rules::SourceTable> sources;
    std::uint32_t output_origin = 0; // of the text of output, in sources
    // In place of condition when the rule cannot be used: what could be read of it, for what else is wrong there.
    lang::ExprPtr unusable_condition;
};

} // namespace gyr
