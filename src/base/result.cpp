#include "base/result.h"

#include <cerrno>
#include <cstring>

namespace gyr {

std::unexpected<Error> fail_errno(std::string_view what, int errno_value) {
    std::string text(what);
    text += ": ";
    char buffer[128];
    text += ::strerror_r(errno_value, buffer, sizeof buffer);
    return fail(errno_value == ENOENT ? ErrorKind::not_found : ErrorKind::io, std::move(text));
}

} // namespace gyr
