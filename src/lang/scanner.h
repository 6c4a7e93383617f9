#pragma once
// Token shapes over one text: each scan_… tells how many bytes from `at` have that shape; 0 when none.
// The grammar decides which shape is asked for, so there is no token stream.

#include <cstddef>
#include <string_view>

namespace gyr::lang {

[[nodiscard]] std::size_t scan_blank(std::string_view text, std::size_t at);
[[nodiscard]] std::size_t scan_identifier(std::string_view text, std::size_t at);
[[nodiscard]] std::size_t scan_field_name(std::string_view text, std::size_t at);
[[nodiscard]] std::size_t scan_number(std::string_view text, std::size_t at); // hexadecimal included
[[nodiscard]] std::size_t scan_bare(std::string_view text, std::size_t at);
// Both quotes included; npos when a quote opens and none closes it.
[[nodiscard]] std::size_t scan_quoted(std::string_view text, std::size_t at);
// What may stand in brackets without quotes.
[[nodiscard]] std::size_t scan_bare_arg(std::string_view text, std::size_t at);

} // namespace gyr::lang
