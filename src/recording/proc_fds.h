#pragma once
// The descriptors of a process as /proc tells of them.

#include "capfile/records.h"
#include "recording/proc_sockets.h"

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace gyr::recording {

class ProcFds {
  public:
    static constexpr std::size_t kMost = 65536; // of one process

    // folder: /proc/PID. The records point into this object and are good until the next call.
    [[nodiscard]] std::span<const capfile::FdRecord> read(const std::string& folder, std::int64_t pid);

  private:
    void read_one(const std::string& folder, std::int64_t pid, std::int64_t fd, FdInfo& info);
    [[nodiscard]] const SocketTable& sockets_of(const std::string& folder);

    std::map<std::string, SocketTable> sockets_; // by network namespace
    std::vector<FdInfo> infos_;
    std::vector<capfile::FdRecord> records_;
    std::string target_, text_;
};

// Flags of open() as the capture format numbers them (PPM_O_*).
[[nodiscard]] std::uint32_t capture_open_flags(std::uint32_t linux_flags);

} // namespace gyr::recording
