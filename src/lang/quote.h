#pragma once
// Quoted strings of the rule language and the shapes of its words (reference/rule-language.md §1).

#include <expected>
#include <string>
#include <string_view>

namespace gyr::lang {

[[nodiscard]] bool is_blank(char c);     // space, tab, backspace, CR, LF
[[nodiscard]] bool is_bare_char(char c); // may stand in a string without quotes

[[nodiscard]] bool is_identifier(std::string_view word);  // a macro's name
[[nodiscard]] bool is_bare_string(std::string_view word); // a string that needs no quotes; also a list's name

// In double quotes, with escapes, whatever text holds: unquote gives it back.
[[nodiscard]] std::string quote(std::string_view text);
// As it would be written in a condition: quoted only where it must be.
[[nodiscard]] std::string quote_if_needed(std::string_view text);

struct UnquoteError {
    std::string message;
    std::size_t offset = 0; // of the offending backslash, from the opening quote
};
// quoted includes both quotes. A byte 0 comes through as it is (the parser refuses it).
[[nodiscard]] std::expected<std::string, UnquoteError> unquote(std::string_view quoted);

} // namespace gyr::lang
