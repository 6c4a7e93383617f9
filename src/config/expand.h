#pragma once
// ${VAR} in configuration values: replaced by the environment's value (nothing when unset); $${VAR} stands for a
// literal
// ${VAR}. A value that itself contains ${…} is expanded too. ${file:PATH}: the content of a file,
// for secrets, without its last line end. As in Falco: a '$' that begins neither form ends the
// expansion of the text, and an unclosed "${" stays as it is.

#include "base/result.h"

#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace gyr::config {

using Environment = std::function<std::optional<std::string>(std::string_view name)>;
[[nodiscard]] Environment process_environment();

// Fails when a variable keeps expanding to itself.
[[nodiscard]] Result<std::string> expand_environment(std::string_view text, const Environment& environment);

} // namespace gyr::config
