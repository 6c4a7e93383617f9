#pragma once
// The command line as a whole: help, suggestions, and which command was meant.

#include "app/console.h"

#include <string>
#include <vector>

namespace gyr::app {

// arguments without the program's name. Runs the command and returns its exit code.
[[nodiscard]] Exit run_command_line(std::vector<std::string> arguments);

} // namespace gyr::app
