#pragma once
// Files below the root of the host, or below the root that a process has. The latter belongs to whoever owns the
// container: links are resolved as the process would, and nothing outside of its root is ever reached through them.
//
// Reading may take as long as the file system takes: for worker threads.

#include "base/fd.h"
#include "base/ids.h"
#include "base/result.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace gyr {

class FileRoot {
  public:
    // prefix: where the host's root is seen; "" for here.
    explicit FileRoot(std::string prefix) : prefix_(std::move(prefix)) {}
    // proc: "/proc" as seen here. mnt: the mount namespace the process had, 0 when not known; guards against another
    // process of the same pid.
    [[nodiscard]] static Result<FileRoot> of_process(const std::string& proc, Pid pid, std::uint32_t mnt);

    // Regular files only, at most so many bytes; nothing when it cannot be read.
    [[nodiscard]] std::optional<std::string> read(const std::string& path, std::size_t max_bytes) const;
    // Where a link leads; "" when it is none.
    [[nodiscard]] std::string read_link(const std::string& path) const;
    // Names in a folder, at most so many.
    [[nodiscard]] std::vector<std::string> list(const std::string& folder, std::size_t most) const;

    // A socket, by a path that reaches it for as long as the object lives.
    struct Socket {
        UniqueFd held;
        std::string path;
    };
    [[nodiscard]] std::optional<Socket> find_socket(const std::string& path) const;

  private:
    FileRoot(std::string prefix, UniqueFd root) : prefix_(std::move(prefix)), root_(std::move(root)) {}
    [[nodiscard]] bool is_host() const { return root_.get() < 0; }

    std::string prefix_;
    UniqueFd root_; // of a process
};

// path below root, whatever links the container has laid: they are resolved as the container would. -1 and errno.
[[nodiscard]] int open_in_root(int root, const char* path, int flags);
// A regular file, as read_bounded_fd() does. not_found: there is none.
[[nodiscard]] Result<std::string> read_in_root(int root, const char* path, std::size_t max_bytes, bool* cut = nullptr);

} // namespace gyr
