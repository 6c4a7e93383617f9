#pragma once
// The program under the name of Falco: its command line, its configuration at its place, and its exit codes, so that an
// existing unit file, chart or script works as it is (docs/falco.md).

#include <string>
#include <string_view>
#include <vector>

namespace gyr::app {

[[nodiscard]] bool is_called_falco(std::string_view program); // argv[0]
// arguments without the program's name. Returns the exit code: 0, or 1 with "Error: …" on standard error.
[[nodiscard]] int run_falco_command_line(std::vector<std::string> arguments);

} // namespace gyr::app
