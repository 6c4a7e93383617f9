#pragma once
// How bytes that were read or written look in output: as text in which what does not print is a dot, or as base64.

#include "base/arena.h"

#include <string>
#include <string_view>

namespace gyr::fields {

// For all rules; said before they are compiled.
void set_buffers_as_base64(bool base64);

void append_buffer(std::string& out, std::string_view bytes);
[[nodiscard]] std::string_view buffer_text(std::string_view bytes, Arena& arena);

} // namespace gyr::fields
