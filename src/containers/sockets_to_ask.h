#pragma once
// Which of the runtimes' sockets could know a container, by what its cgroup and the disk say of it. Looks at the file
// system: for worker threads.

#include "containers/disk_lookup.h"
#include "containers/resolver.h"
#include "containers/runtime_client.h"

#include <string>
#include <utility>
#include <vector>

namespace gyr {

using RuntimeSocket = std::pair<RuntimeKind, std::string>; // its path with the host root in front

struct WantedContainer {
    const std::string& full_id;
    const std::string& cgroup_path;
    ContainerType type = ContainerType::unknown;
    const ResolverHints& hints;
    const DiskLookup::Found* on_disk = nullptr; // null: nothing
};

// Those that are there.
[[nodiscard]] std::vector<RuntimeSocket> sockets_to_ask(const WantedContainer& wanted, const ResolverOptions& options,
                                                        const DiskLookup& disk);

// Whether the path, host root included, is one that the options name.
[[nodiscard]] bool is_among_options(const ResolverOptions& options, const std::string& path);

} // namespace gyr
