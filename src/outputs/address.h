#pragma once
// Addresses as URLs: scheme://[user[:password]@]host[:port][/path], with [::1] for IPv6, and unix:///path. In user and
// password %40 stands for '@' and so on.

#include "base/result.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace gyr::outputs {

struct Address {
    std::string scheme, user, password, host, path; // path without its first '/', except for unix
    std::uint16_t port = 0;
};

// standard_port: when there is none; 0: there must be one.
[[nodiscard]] Result<Address> parse_address(std::string_view url, std::uint16_t standard_port);

} // namespace gyr::outputs
