#pragma once
// What a command says: results on standard output, everything else on standard error, and the exit codes.

#include "base/result.h"
#include "lang/diagnostic.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace gyr::app {

// What every command ends with.
enum class Exit : int {
    fine = 0,
    bad = 1,   // the thing asked about is bad: a rule does not load
    usage = 2, // wrong usage or configuration
    host = 3,  // this host cannot do it: no BTF, no privilege
};

// Opens /dev/null in place of standard descriptors that are closed, so that no file opened later takes their number,
// and remembers which. Once, before anything else.
void guard_standard_streams();
[[nodiscard]] bool standard_output_closed();

// Results, safe for a terminal. Not an error when the reader has gone; anything else that goes wrong is reported and
// gives Exit::usage.
[[nodiscard]] Exit print(std::string_view text);

// "gyr: error: MESSAGE" on standard error, in one line and safe for a terminal; returns code.
Exit complain(Exit code, std::string_view message);
// Several problems: the first in full with its place, the number of the others, and where all are shown. Empty: none is
// an error.
[[nodiscard]] std::string in_one_line(const std::vector<Diagnostic>& problems, std::string_view more_from);
Exit complain(Exit code, const std::vector<Diagnostic>& problems, std::string_view more_from);

[[nodiscard]] Exit exit_code(const Error& error);

enum class LogLevel : std::uint8_t { error, warning, info, debug };
enum class LogFormat : std::uint8_t { text, json };
void set_log(LogLevel least, LogFormat format);
// The agent's own log: "gyr: MESSAGE" on standard error. Any thread.
void log(LogLevel level, std::string_view message);

} // namespace gyr::app
