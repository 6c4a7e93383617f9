#pragma once
// Macros that exist without any file, so that a file of one rule works by itself. A file that defines one of these
// names replaces it.

#include <string_view>

namespace gyr::rules {

[[nodiscard]] std::string_view builtin_macros(); // a rule file

} // namespace gyr::rules
