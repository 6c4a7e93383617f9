#pragma once
// A large capture out of real ones, for benchmarks: of each what it begins with, and its events over and over, in the
// blocks they came in. Every type of event, of every age, that the given files have.

#include "base/result.h"

#include <cstdint>
#include <string>
#include <vector>

namespace gyr::playback {

// Of each of the captures as many events, decompressed. A file without events is left out.
Result<> write_mixed(const std::string& path, const std::vector<std::string>& captures, std::uint64_t events);

} // namespace gyr::playback
