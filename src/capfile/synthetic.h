#pragma once
// A made-up capture in the mix of a busy host: openat, close, fcntl, execve and clone mostly. For benchmarks and tests
// of what replays captures; the same arguments give the same file on every machine.

#include "base/result.h"
#include "capfile/writer.h"

#include <cstdint>

namespace gyr::capfile {

// Machine, users, processes and descriptors, then the events, about 110 bytes each. Does not close the writer.
Result<> write_synthetic(Writer& writer, std::uint64_t events);

} // namespace gyr::capfile
