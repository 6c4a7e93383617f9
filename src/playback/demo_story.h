#pragma once
// The capture of `gyr demo`: somebody gets a shell in a web server's container, reads the password file, fetches a
// program and runs it.

#include "base/result.h"

#include <string>

namespace gyr::playback {

// The same bytes each time.
[[nodiscard]] Result<std::string> demo_capture();

} // namespace gyr::playback
