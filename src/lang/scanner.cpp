#include "lang/scanner.h"

#include "lang/quote.h"

namespace gyr::lang {

namespace {

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }
bool is_word(char c) { return is_letter(c) || is_digit(c) || c == '_'; }

template <class Pred>
std::size_t run(std::string_view text, std::size_t at, Pred pred) {
    std::size_t end = at;
    while (end < text.size() && pred(text[end])) ++end;
    return end - at;
}

char char_at(std::string_view text, std::size_t at) { return at < text.size() ? text[at] : '\0'; }

} // namespace

std::size_t scan_blank(std::string_view text, std::size_t at) { return run(text, at, is_blank); }

std::size_t scan_identifier(std::string_view text, std::size_t at) {
    return is_letter(char_at(text, at)) ? run(text, at, is_word) : 0;
}

std::size_t scan_field_name(std::string_view text, std::size_t at) {
    std::size_t length = scan_identifier(text, at);
    std::size_t segments = length == 0 ? 0 : 1;
    while (length != 0 && char_at(text, at + length) == '.') {
        const std::size_t next = scan_identifier(text, at + length + 1);
        if (next == 0) break;
        length += 1 + next;
        ++segments;
    }
    return segments > 1 ? length : 0;
}

std::size_t scan_number(std::string_view text, std::size_t at) {
    if (char_at(text, at) == '0' && (char_at(text, at + 1) == 'x' || char_at(text, at + 1) == 'X')) {
        if (const std::size_t digits = run(text, at + 2, is_hex); digits != 0) return digits + 2;
    }
    std::size_t i = at;
    if (char_at(text, i) == '+' || char_at(text, i) == '-') ++i;
    const std::size_t whole = run(text, i, is_digit);
    if (whole == 0) return 0;
    i += whole;
    if (char_at(text, i) == '.') ++i;
    i += run(text, i, is_digit);
    if ((char_at(text, i) == 'e' || char_at(text, i) == 'E') &&
        (char_at(text, i + 1) == '+' || char_at(text, i + 1) == '-')) {
        if (const std::size_t digits = run(text, i + 2, is_digit); digits != 0) i += 2 + digits;
    }
    return i - at;
}

std::size_t scan_bare(std::string_view text, std::size_t at) { return run(text, at, is_bare_char); }

std::size_t scan_quoted(std::string_view text, std::size_t at) {
    const char mark = char_at(text, at);
    if (mark != '"' && mark != '\'') return 0;
    for (std::size_t i = at + 1; i < text.size(); ++i)
        if (text[i] == mark && text[i - 1] != '\\') return i + 1 - at;
    return std::string_view::npos;
}

std::size_t scan_bare_arg(std::string_view text, std::size_t at) {
    return run(text, at, [](char c) {
        switch (c) {
        case '[':
        case ']':
        case '"':
        case '\'':
        case ' ':
        case '\t':
        case '\n':
        case '\r':
        case '\v':
        case '\f':
        case '\0': return false;
        default: return true;
        }
    });
}

} // namespace gyr::lang
