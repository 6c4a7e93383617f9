#pragma once
// What the fields of descriptors share.

#include "fields/context.h"

#include <string_view>

namespace gyr::fields {

// Whether the event is about a descriptor at all, known or not.
[[nodiscard]] bool has_fd(const Context& c);
// Its name: of the descriptor, or of what a call that failed was to open. Empty when neither is known.
[[nodiscard]] std::string_view fd_name(const Context& c);

} // namespace gyr::fields
