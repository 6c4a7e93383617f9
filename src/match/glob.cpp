#include "match/glob.h"

#include <cctype>
#include <cstddef>

namespace gyr::match {
namespace {

constexpr std::size_t kNone = static_cast<std::size_t>(-1);
constexpr std::size_t kNever = static_cast<std::size_t>(-2);

unsigned char fold(char c, bool ignore_case) {
    const auto u = static_cast<unsigned char>(c);
    return ignore_case && u >= 'A' && u <= 'Z' ? static_cast<unsigned char>(u + 32) : u;
}

bool in_class(std::string_view name, unsigned char c) {
    if (c >= 0x80) return false;
    if (name == "alpha") return std::isalpha(c) != 0;
    if (name == "digit") return std::isdigit(c) != 0;
    if (name == "alnum") return std::isalnum(c) != 0;
    if (name == "upper") return std::isupper(c) != 0;
    if (name == "lower") return std::islower(c) != 0;
    if (name == "space") return std::isspace(c) != 0;
    if (name == "blank") return c == ' ' || c == '\t';
    if (name == "punct") return std::ispunct(c) != 0;
    if (name == "print") return std::isprint(c) != 0;
    if (name == "graph") return std::isgraph(c) != 0;
    if (name == "cntrl") return std::iscntrl(c) != 0;
    if (name == "xdigit") return std::isxdigit(c) != 0;
    return false;
}

// The bracket expression that begins at p[at] == '[': where it ends, kNone when it is none (then '[' is itself),
// kNever when it breaks off within a range (then nothing matches), and whether c is in it.
std::size_t bracket(std::string_view p, std::size_t at, char ch, bool ignore_case, bool& matched) {
    const unsigned char c = fold(ch, ignore_case);
    std::size_t i = at + 1;
    const bool negated = i < p.size() && (p[i] == '!' || p[i] == '^');
    if (negated) ++i;
    bool found = false;
    for (bool first = true; i < p.size(); first = false) {
        if (p[i] == ']' && !first) {
            matched = found != negated;
            return i + 1;
        }
        if (p[i] == '[' && i + 1 < p.size() && p[i + 1] == ':') {
            const std::size_t end = p.find(":]", i + 2);
            if (end != kNone) {
                const std::string_view name = p.substr(i + 2, end - i - 2);
                if (in_class(name, static_cast<unsigned char>(ch)) ||
                    (ignore_case && (name == "upper" || name == "lower") &&
                     in_class("alpha", static_cast<unsigned char>(ch))))
                    found = true;
                i = end + 2;
                continue;
            }
        }
        if (p[i] == '\\' && i + 1 < p.size()) ++i;
        const unsigned char low = fold(p[i++], ignore_case);
        if (i + 1 == p.size() && p[i] == '-') return kNever;
        unsigned char high = low;
        if (i + 1 < p.size() && p[i] == '-' && p[i + 1] != ']') {
            ++i;
            if (p[i] == '\\' && i + 1 < p.size()) ++i;
            high = fold(p[i++], ignore_case);
        }
        if (low <= c && c <= high) found = true;
    }
    return kNone;
}

} // namespace

bool glob_match(std::string_view p, std::string_view t, bool ignore_case) {
    std::size_t pi = 0, ti = 0, star = kNone, resume = 0;
    while (ti < t.size() || pi < p.size()) {
        if (pi < p.size()) {
            if (p[pi] == '*') {
                star = ++pi, resume = ti;
                continue;
            }
            if (ti < t.size()) {
                bool matched = false;
                std::size_t next = kNone;
                if (p[pi] == '?')
                    matched = true, next = pi + 1;
                else if (p[pi] == '[')
                    next = bracket(p, pi, t[ti], ignore_case, matched);
                if (next == kNever) return false;
                if (next == kNone) {
                    // A backslash quotes what follows; with nothing behind it, it matches nothing.
                    const std::size_t at = p[pi] == '\\' ? pi + 1 : pi;
                    matched = at < p.size() && fold(p[at], ignore_case) == fold(t[ti], ignore_case);
                    next = at + 1;
                }
                if (matched) {
                    pi = next, ++ti;
                    continue;
                }
            }
        }
        if (star == kNone || resume >= t.size()) return false;
        pi = star, ti = ++resume;
    }
    return true;
}

bool has_glob(std::string_view pattern) { return pattern.find_first_of("?*[") != kNone; }

} // namespace gyr::match
