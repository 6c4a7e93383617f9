#pragma once
// Expected failure as a value: Result<T> is T or an Error (kind and one clear sentence). Bugs abort, authors'
// mistakes in rules and configuration are lists of diagnostics (lang/diagnostic.h), never an Error.

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace gyr {

enum class ErrorKind : std::uint8_t {
    invalid,     // what was given is wrong (a rule, a setting, an argument, foreign bytes)
    not_found,   // the thing asked for does not exist
    io,          // a file or socket operation failed
    unsupported, // this host cannot do it (no BTF, no privilege)
    timeout,
};

struct Error {
    ErrorKind kind = ErrorKind::invalid;
    std::string message; // one sentence, no trailing newline
};

template <class T = void>
using Result = std::expected<T, Error>;

[[nodiscard]] inline std::unexpected<Error> fail(ErrorKind kind, std::string message) {
    return std::unexpected(Error{kind, std::move(message)});
}

// errno as an io error: "open /etc/x: No such file or directory".
[[nodiscard]] std::unexpected<Error> fail_errno(std::string_view what, int errno_value);

} // namespace gyr
