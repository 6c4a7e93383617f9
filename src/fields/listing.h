#pragma once
// The fields, operators and transformers of the language as `gyr list` prints them. docs/fields.md is the markdown
// form.

#include <string>
#include <string_view>

namespace gyr::fields {

// format: "text", "json" or "markdown"; anything else is text. Hidden fields are left out; what this build cannot
// deliver is marked. source: only what events of that source have ("syscall", "k8s_audit"); empty: all.
[[nodiscard]] std::string list_fields(std::string_view format, std::string_view source = {});
// Operators, what they take, and the transformers.
[[nodiscard]] std::string list_operators(std::string_view format);

} // namespace gyr::fields
