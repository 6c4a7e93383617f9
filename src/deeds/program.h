#pragma once
// The program that does deeds (main.cpp), as the bytes of its file; they are part of the one that asks.

#include <cstddef>
#include <span>

namespace gyr::deeds {

[[nodiscard]] std::span<const std::byte> program();

} // namespace gyr::deeds
