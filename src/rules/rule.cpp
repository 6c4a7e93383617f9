#include "rules/rule.h"

#include <algorithm>
#include <array>

namespace gyr {

namespace {

constexpr std::array<std::string_view, 8> kNames = {"Emergency", "Alert",  "Critical",      "Error",
                                                    "Warning",   "Notice", "Informational", "Debug"};

bool equal_ignoring_case(std::string_view a, std::string_view b) {
    const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
    return std::ranges::equal(a, b, {}, lower, lower);
}

} // namespace

std::string_view to_string(Priority priority) { return kNames[static_cast<std::size_t>(priority)]; }

bool parse_priority(std::string_view text, Priority& out) {
    if (equal_ignoring_case(text, "info")) {
        out = Priority::informational;
        return true;
    }
    for (std::size_t i = 0; i < kNames.size(); ++i) {
        if (!equal_ignoring_case(text, kNames[i])) continue;
        out = static_cast<Priority>(i);
        return true;
    }
    return false;
}

} // namespace gyr
