#pragma once
// Addresses a server listens on: http://HOST:PORT, https://HOST:PORT and unix:///PATH.

#include "base/fd.h"
#include "base/result.h"

#include <cstdint>
#include <string>

namespace gyr::http {

struct ListenAddress {
    bool tls = false;
    std::string path;       // of a Unix socket; else
    std::string host, port; // host empty: all, of IPv4 and IPv6
};
[[nodiscard]] Result<ListenAddress> parse_listen_address(const std::string& text);
// Whether nobody but this host can reach it.
[[nodiscard]] bool is_local(const ListenAddress& address);

struct Listener {
    UniqueFd fd;
    ListenAddress address;
    std::uint16_t port = 0; // as bound
};
// A socket file of a server that is gone is replaced; its folder is made. The file is its owner's alone.
[[nodiscard]] Result<Listener> listen_on(const std::string& text);

} // namespace gyr::http
