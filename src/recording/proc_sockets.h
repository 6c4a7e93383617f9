#pragma once
// The sockets of a network namespace by inode, from the tables in /proc/PID/net.

#include "event/fd_info.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

namespace gyr::recording {

class SocketTable {
  public:
    // folder: /proc/PID/net of a process in the namespace.
    void read(const std::string& folder);
    // Null: not in the tables.
    [[nodiscard]] const FdInfo* find(std::uint64_t inode) const;

    // What read() makes of these files: tcp and the like, unix, netlink.
    void parse_internet(std::string_view text, bool ipv6, L4Protocol protocol);
    void parse_unix(std::string_view text);
    void parse_netlink(std::string_view text);

  private:
    std::unordered_map<std::uint64_t, FdInfo> sockets_;
};

} // namespace gyr::recording
