#pragma once
// The fields, operators and transformers of the language as `gyr list` prints them. docs/fields.md is the markdown
// form.

#include <string>
#include <string_view>

namespace gyr::fields {

// format: "text", "json" or "markdown"; anything else is text. Hidden fields are left out; what this build cannot
// deliver is marked.
[[nodiscard]] std::string list_fields(std::string_view format);
// Operators, what they take, and the transformers.
[[nodiscard]] std::string list_operators(std::string_view format);

} // namespace gyr::fields
