#include "lang/quote.h"

#include <algorithm>
#include <array>

namespace gyr::lang {

namespace {

constexpr std::string_view kHex = "0123456789abcdef";

int hex_value(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

// What stands behind a backslash for a control character, or 0.
char escape_letter(char c) {
    switch (c) {
    case '\b': return 'b';
    case '\f': return 'f';
    case '\n': return 'n';
    case '\r': return 'r';
    case '\t': return 't';
    case '\\': return '\\';
    case '"': return '"';
    default: return 0;
    }
}

} // namespace

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\b' || c == '\r' || c == '\n'; }

bool is_bare_char(char c) {
    switch (c) {
    case '(':
    case ')':
    case '"':
    case '\'':
    case '=':
    case ',':
    case ' ':
    case '\t':
    case '\n':
    case '\r':
    case '\v':
    case '\f':
    case '\0': return false;
    default: return true;
    }
}

bool is_identifier(std::string_view word) {
    return !word.empty() && is_letter(word.front()) &&
           std::ranges::all_of(word, [](char c) { return is_letter(c) || (c >= '0' && c <= '9') || c == '_'; });
}

bool is_bare_string(std::string_view word) { return !word.empty() && std::ranges::all_of(word, is_bare_char); }

std::string quote(std::string_view text) {
    std::string out = "\"";
    // A quote with a backslash before it closes nothing, whatever stands before the backslash: a last one is written in
    // the form that takes a blank along.
    const bool ends_in_backslash = text.ends_with('\\');
    if (ends_in_backslash) text.remove_suffix(1);
    for (const char c : text) {
        if (const char letter = escape_letter(c); letter != 0) {
            out += '\\';
            out += letter;
        } else if (static_cast<unsigned char>(c) < 0x20) {
            const auto byte = static_cast<unsigned char>(c);
            out += "\\x";
            out += kHex[byte >> 4U];
            out += kHex[byte & 15U];
        } else {
            out += c;
        }
    }
    if (ends_in_backslash) out += "\\ ";
    return out + '"';
}

std::string quote_if_needed(std::string_view text) {
    // A backspace may stand in a bare string, but is a blank between words.
    const bool bare = is_bare_string(text) && text.find('\b') == std::string_view::npos;
    return bare ? std::string(text) : quote(text);
}

std::expected<std::string, UnquoteError> unquote(std::string_view quoted) {
    if (quoted.size() < 2) return std::unexpected(UnquoteError{"a quote is missing", 0});
    const char mark = quoted.front();
    std::string out;
    out.reserve(quoted.size());
    const std::size_t end = quoted.size() - 1;
    for (std::size_t i = 1; i < end; ++i) {
        if (quoted[i] != '\\') {
            out += quoted[i];
            continue;
        }
        const std::size_t at = i++;
        const char c = i < end ? quoted[i] : '\0';
        switch (c) {
        case 'b': out += '\b'; break;
        case 'f': out += '\f'; break;
        case 'n': out += '\n'; break;
        case 'r': out += '\r'; break;
        case 't': out += '\t'; break;
        case ' ': // a lone backslash; the blank belongs to it
        case '\\': out += '\\'; break;
        case '/': out += '/'; break;
        case 'x': {
            const int high = i + 1 < end ? hex_value(quoted[i + 1]) : -1;
            const int low = i + 2 < end ? hex_value(quoted[i + 2]) : -1;
            if (high < 0 || low < 0) return std::unexpected(UnquoteError{"\\x needs two hexadecimal digits", at});
            out += static_cast<char>(high * 16 + low);
            i += 2;
            break;
        }
        case '"':
        case '\'':
            if (c == mark) {
                out += c;
                break;
            }
            [[fallthrough]];
        default:
            return std::unexpected(UnquoteError{
                i < end ? std::string("unknown escape sequence \\") + c : "a backslash ends the string", at});
        }
    }
    return out;
}

} // namespace gyr::lang
