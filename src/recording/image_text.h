#pragma once
// Parts of a process image in the words of the capture format.

#include "state/process.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace gyr::recording {

// Items with a NUL after each, from the first one named, at most so many bytes.
[[nodiscard]] std::string items(const ItemList& list, std::size_t first, std::size_t most);
[[nodiscard]] std::string
cgroups(const ProcessImage& p,
        std::size_t most); // "controller=path" items, and which container it is of where they do not tell
[[nodiscard]] std::string_view argv0(const ProcessImage& p);
[[nodiscard]] std::uint32_t exec_flags(const ProcessImage& p); // of the exec event

} // namespace gyr::recording
