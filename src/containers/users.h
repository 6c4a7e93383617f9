#pragma once
// Names of users and groups, each as the process's own container knows them: its /etc/passwd and /etc/group, read
// through /proc/PID/root by a worker (that file system may be a network's or a hanging FUSE's), or from the layers of
// its image when its processes are gone. The host's own files for the host.
//
// No NSS: a directory service on the event path could hang it, and would name container ids by the host's directory.
// uid 0 without any file is "root" with home "/root", source "default". Ids are mapped through the process's user
// namespace first (rootless containers), as their files speak of the inner ids.
//
// Owner: the thread that calls (the engine's); workers only hand in what they have read. Files are bounded in size,
// cached per container and mount namespace, and looked at again when they may have changed.

#include "base/result.h"
#include "containers/resolver.h"
#include "state/users.h"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace gyr {

struct UserOptions {
    std::string host_root;                 // prefix of /etc/passwd, /etc/group; "" for none
    std::string proc = "/proc";            // the host's
    std::size_t max_containers = 4'096;    // cached, the least recently asked goes first; as many again under way
    std::size_t max_file_bytes = 4U << 20; // of one passwd or group file; the rest is not read
    std::chrono::milliseconds refresh{
        10'000};             // a container's files are looked at again this much later, when asked for
    std::size_t workers = 2; // a hanging file system holds up one
};

class UserDirectory final : public UserView {
  public:
    static Result<std::unique_ptr<UserDirectory>> create(UserOptions options);
    ~UserDirectory() override;
    UserDirectory(const UserDirectory&) = delete;
    UserDirectory& operator=(const UserDirectory&) = delete;

    [[nodiscard]] UserAnswer user(const ProcessImage& process, Uid uid) const override;
    [[nodiscard]] GroupAnswer group(const ProcessImage& process, Gid gid) const override;

    // Begins to read the container's files while its first process is still there: call it at a container's first
    // record and whenever a process's root may have become another (first exec). Cheap when known.
    void prefetch(const ProcessImage& process) const;

    // Readable when drain() has something.
    [[nodiscard]] int fd() const;
    // take: a key of what has become known, the mount namespace of the processes it holds for.
    void drain(const std::function<void(std::uint32_t mnt)>& take);

  private:
    class Impl;
    explicit UserDirectory(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

} // namespace gyr
