#pragma once
// Walks paths that the kernel has not all of in memory, or whose links it has to mark as read: on a thread that may be
// kept waiting by a file system, while whoever asked goes on without an answer. For a thread that only lacks a
// processor whoever asked waits longer.

#include "base/fd.h"

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

namespace gyr {

class SlowWalk {
  public:
    explicit SlowWalk(std::chrono::milliseconds patience) : patience_(patience) {}
    ~SlowWalk();
    SlowWalk(const SlowWalk&) = delete;
    SlowWalk& operator=(const SlowWalk&) = delete;

    // The path below root (as /proc/self/fd tells it) that this one leads to. False: it leads nowhere, or nobody knows
    // in time; as long as the thread waits there is no other answer. The thread begins with the first question.
    bool walk(int root, const std::string& path, std::string& out);

    // What the thread does; also for who does not have to wait. resolve: RESOLVE_* beside that below the root.
    static UniqueFd open_below(int root, const std::string& path, std::uint64_t resolve);
    static bool path_of(int fd, std::string& out);
    static bool read_link(const std::string& link, std::string& out); // of /proc: nobody is kept waiting by it

  private:
    struct Shared;
    std::chrono::milliseconds patience_;
    std::shared_ptr<Shared> shared_; // also the thread's: it may never come back
};

} // namespace gyr
