#include "base/rfc3339.h"

#include <cstddef>
#include <ctime>

namespace gyr {
namespace {

// Takes a number of exactly so many digits; -1: there is none.
int take_digits(std::string_view& text, std::size_t count) {
    int value = 0;
    if (text.size() < count) return -1;
    for (const char c : text.substr(0, count)) {
        if (c < '0' || c > '9') return -1;
        value = value * 10 + (c - '0');
    }
    text.remove_prefix(count);
    return value;
}

bool take(std::string_view& text, char wanted) {
    if (text.empty() || (text.front() | 0x20) != (wanted | 0x20)) return false;
    text.remove_prefix(1);
    return true;
}

} // namespace

std::optional<Nanos> parse_rfc3339(std::string_view text) {
    constexpr Nanos kSecond = 1'000'000'000;
    std::tm t{};
    t.tm_year = take_digits(text, 4) - 1900;
    bool good = take(text, '-');
    t.tm_mon = take_digits(text, 2) - 1;
    good = take(text, '-') && good;
    t.tm_mday = take_digits(text, 2);
    good = take(text, 'T') && good;
    t.tm_hour = take_digits(text, 2);
    good = take(text, ':') && good;
    t.tm_min = take_digits(text, 2);
    good = take(text, ':') && good;
    t.tm_sec = take_digits(text, 2);
    if (!good || t.tm_year < 70 || t.tm_year > 350 || t.tm_mon < 0 || t.tm_mon > 11 || t.tm_mday < 1 ||
        t.tm_mday > 31 || t.tm_hour < 0 || t.tm_hour > 23 || t.tm_min < 0 || t.tm_min > 59 || t.tm_sec < 0 ||
        t.tm_sec > 60)
        return std::nullopt;
    Nanos fraction = 0;
    if (take(text, '.')) {
        Nanos unit = kSecond / 10;
        const std::size_t before = text.size();
        for (int digit = 0; (digit = take_digits(text, 1)) >= 0; unit /= 10) fraction += digit * unit;
        if (text.size() == before) return std::nullopt;
    }
    Nanos offset = 0;
    if (!take(text, 'Z')) {
        if (text.empty() || (text.front() != '+' && text.front() != '-')) return std::nullopt;
        const Nanos sign = text.front() == '-' ? -1 : 1;
        text.remove_prefix(1);
        const int hours = take_digits(text, 2);
        const bool colon = take(text, ':');
        const int minutes = take_digits(text, 2);
        if (hours < 0 || !colon || minutes < 0 || hours > 23 || minutes > 59) return std::nullopt;
        offset = sign * (hours * 3600 + minutes * 60);
    }
    if (!text.empty()) return std::nullopt;
    return (static_cast<Nanos>(::timegm(&t)) - offset) * kSecond + fraction;
}

} // namespace gyr
