#include "base/units.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>
#include <limits>

namespace gyr {
namespace {

struct DurationUnit {
    std::string_view name;
    Nanos nanos;
};
constexpr Nanos kMs = 1'000'000;
constexpr Nanos kSecond = 1'000'000'000;
// Largest first, as format_duration tries them.
constexpr std::array<DurationUnit, 8> kDurationUnits{{{"w", 7 * 86400 * kSecond},
                                                      {"d", 86400 * kSecond},
                                                      {"h", 3600 * kSecond},
                                                      {"m", 60 * kSecond},
                                                      {"s", kSecond},
                                                      {"ms", kMs},
                                                      {"us", 1000},
                                                      {"ns", 1}}};

struct SizeUnit {
    std::string_view name;
    std::uint64_t bytes;
};
constexpr std::uint64_t kKi = 1024;
constexpr std::uint64_t kK = 1000;
constexpr std::array<SizeUnit, 25> kSizeUnits{{{"", 1},
                                               {"B", 1},
                                               {"k", kKi},
                                               {"K", kKi},
                                               {"Ki", kKi},
                                               {"KiB", kKi},
                                               {"kB", kK},
                                               {"KB", kK},
                                               {"M", kKi* kKi},
                                               {"Mi", kKi* kKi},
                                               {"MiB", kKi* kKi},
                                               {"MB", kK* kK},
                                               {"G", kKi* kKi* kKi},
                                               {"Gi", kKi* kKi* kKi},
                                               {"GiB", kKi* kKi* kKi},
                                               {"GB", kK* kK* kK},
                                               {"T", kKi* kKi* kKi* kKi},
                                               {"Ti", kKi* kKi* kKi* kKi},
                                               {"TiB", kKi* kKi* kKi* kKi},
                                               {"TB", kK* kK* kK* kK},
                                               {"b", 1},
                                               {"m", kKi* kKi},
                                               {"g", kKi* kKi* kKi},
                                               {"t", kKi* kKi* kKi* kKi},
                                               {"bytes", 1}}};

// Takes a decimal number off the front.
bool take_number(std::string_view& text, double& out) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out, std::chars_format::fixed);
    if (error != std::errc() || !std::isfinite(out) || out < 0 || std::signbit(out)) {
        return false;
    }
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    return true;
}

std::string_view take_word(std::string_view& text) {
    std::size_t n = 0;
    while (n < text.size() && ((text[n] >= 'a' && text[n] <= 'z') || (text[n] >= 'A' && text[n] <= 'Z'))) {
        ++n;
    }
    const std::string_view word = text.substr(0, n);
    text.remove_prefix(n);
    return word;
}

} // namespace

Result<Nanos> parse_duration(std::string_view text) {
    const auto wrong = [&text] {
        return fail(ErrorKind::invalid,
                    fmt::format("'{}' is not a duration; write a number with a unit, as in 500ms, 1s, "
                                "10m, 2h or 30d",
                                text));
    };
    if (text == "0") {
        return 0;
    }
    std::string_view rest = text;
    double total = 0;
    do {
        double number = 0;
        if (!take_number(rest, number)) {
            return wrong();
        }
        const std::string_view word = take_word(rest);
        const auto* unit = kDurationUnits.begin();
        while (unit != kDurationUnits.end() && unit->name != word) {
            ++unit;
        }
        if (unit == kDurationUnits.end()) {
            return wrong();
        }
        total += number * static_cast<double>(unit->nanos);
    } while (!rest.empty());
    if (total > 9.2e18) {
        return fail(ErrorKind::invalid, fmt::format("'{}' is too long a duration", text));
    }
    return static_cast<Nanos>(std::llround(total));
}

Result<std::uint64_t> parse_size(std::string_view text) {
    std::string_view rest = text;
    double number = 0;
    std::uint64_t whole = 0;
    // Whole numbers of bytes stay exact.
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), whole);
    if (error == std::errc() && end == text.data() + text.size()) {
        return whole;
    }
    if (take_number(rest, number)) {
        if (rest.starts_with(' ')) {
            rest.remove_prefix(1);
        }
        for (const SizeUnit& unit : kSizeUnits) {
            if (unit.name == rest) {
                const double bytes = number * static_cast<double>(unit.bytes);
                if (bytes > 9.2e18) {
                    return fail(ErrorKind::invalid, fmt::format("'{}' is too large a size", text));
                }
                return static_cast<std::uint64_t>(std::llround(bytes));
            }
        }
    }
    return fail(
        ErrorKind::invalid,
        fmt::format("'{}' is not a size; write a number of bytes, or one with a unit, as in 512KiB, 64MiB or 1GB",
                    text));
}

std::string format_duration(Nanos value) {
    if (value == 0) {
        return "0";
    }
    for (const DurationUnit& unit : kDurationUnits) {
        if (value % unit.nanos == 0 && unit.name != "w") {
            return fmt::format("{}{}", value / unit.nanos, unit.name);
        }
    }
    return fmt::format("{}ns", value);
}

std::string format_size(std::uint64_t bytes) {
    for (const SizeUnit unit : {SizeUnit{"GiB", kKi * kKi * kKi}, SizeUnit{"MiB", kKi * kKi}, SizeUnit{"KiB", kKi}}) {
        if (bytes != 0 && bytes % unit.bytes == 0) {
            return fmt::format("{}{}", bytes / unit.bytes, unit.name);
        }
    }
    return fmt::format("{}", bytes);
}

} // namespace gyr
