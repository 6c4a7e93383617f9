#pragma once
// Reads a container's passwd, group and id maps. May hang as long as the container's file system does: for worker
// threads.

#include "containers/passwd.h"
#include "state/missing.h"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace gyr {

struct UserFilesWanted {
    std::string proc; // "/proc"
    std::string host_root;
    Pid pid = 0;           // 0: the host's own files
    std::uint32_t mnt = 0; // the process's mount namespace: guards against another process of the same pid
    bool map_ids = false;  // it has a user namespace of its own
    std::string rootfs;    // when the process is gone
    std::vector<std::string> layers;
    std::size_t max_bytes = 0;
};

struct UserFiles {
    UserTable table;
    IdMap uids, gids;
    Missing why =
        Missing::none; // gone, denied: could not be read; none: read (a file that is not there counts as empty)
};

[[nodiscard]] std::shared_ptr<const UserFiles> load_user_files(const UserFilesWanted& wanted);

} // namespace gyr
