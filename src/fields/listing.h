#pragma once
// The fields and operators of the rule language as text, JSON or Markdown, made from the registry.

#include <string>
#include <string_view>

namespace gyr::fields {

// format: "text", "json" or "markdown". Ends with a newline.
[[nodiscard]] std::string list_fields(std::string_view format);
[[nodiscard]] std::string list_operators(std::string_view format);

} // namespace gyr::fields
