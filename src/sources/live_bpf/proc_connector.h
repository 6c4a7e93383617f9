#pragma once
// The kernel's process connector (netlink), which tells when a task's user or group id or its session changed. It is
// taken as a hint only: whoever is named is then read again through BPF. Messages about forks, execs and the like
// are dropped by a socket filter in the kernel and wake nobody.

#include "base/ids.h"
#include "base/result.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace gyr {

class ProcConnector {
  public:
    struct Hint {
        Tid tid = 0;
        Pid tgid = 0;
        std::uint32_t changes = 0; // ChangeMask
    };

    // Needs the initial network, pid and user namespace, and CAP_NET_ADMIN.
    static Result<std::unique_ptr<ProcConnector>> create();
    ~ProcConnector();
    ProcConnector(const ProcConnector&) = delete;
    ProcConnector& operator=(const ProcConnector&) = delete;

    [[nodiscard]] int fd() const { return fd_; }
    // Appends hints that wait, of at most kMostRead messages, so that a flood of them does not keep the caller; never
    // blocks. Hints about the same thread are merged.
    static constexpr std::size_t kMostRead = 256;
    void read(std::vector<Hint>& out);
    // Messages that the kernel could not queue for us.
    [[nodiscard]] std::uint64_t overruns() const { return overruns_; }

  private:
    explicit ProcConnector(int fd) : fd_(fd) {}
    int fd_;
    std::uint64_t overruns_ = 0;
};

} // namespace gyr
