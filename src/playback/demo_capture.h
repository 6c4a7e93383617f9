#pragma once
// The capture of `gyr demo`, which the program carries: demo.scap, recorded by tools/demo/record.py. Somebody gets a
// shell in a web server's container, reads the password file, fetches a program and runs it.

#include <string_view>

namespace gyr::playback {

[[nodiscard]] std::string_view demo_capture();

} // namespace gyr::playback
