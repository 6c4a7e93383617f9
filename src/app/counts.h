#pragma once
// Counts given on the command line.

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <cstdint>
#include <limits>
#include <string>

namespace gyr::app {

// A whole number, no less than `least`. CLI11 alone takes -1 for the highest there is.
[[nodiscard]] inline CLI::Validator at_least(std::uint64_t least) {
    const auto check = [least](const std::string& text) {
        std::uint64_t number = 0;
        for (const char c : text) {
            if (c < '0' || c > '9' || number > (std::numeric_limits<std::uint64_t>::max() >> 5))
                return fmt::format("'{}' is not a number from {} on", text, least);
            number = number * 10 + static_cast<std::uint64_t>(c - '0');
        }
        return text.empty() || number < least ? fmt::format("'{}' is not a number from {} on", text, least)
                                              : std::string();
    };
    return CLI::Validator(check, "");
}

} // namespace gyr::app
