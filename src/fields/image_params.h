#pragma once
// Parameters of events that come without bytes of their own (process lane): computed from the image of the process.

#include "fields/context.h"
#include "fields/value.h"

#include <string_view>

namespace gyr::fields {

// By the parameter's name in the schema. Missing::unsupported for what an image does not hold.
[[nodiscard]] Value image_param(const Context& c, std::string_view name);

} // namespace gyr::fields
