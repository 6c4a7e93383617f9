#pragma once
// What a runtime that runs in a container (Docker in Docker, a Kubernetes node in a container) knows of the containers
// it has started: its files and its socket are reached through the root of the process that supervises them. It is the
// outer container's word, and nothing of the host is read for it.

#include "containers/resolver.h"
#include "containers/runtime_client.h"

#include <string>

namespace gyr {

// hints.supervisor must be set. Takes as long as the outer container's file system takes, and one bounded call of each
// of its sockets that could know more.
[[nodiscard]] CallStatus look_in_container(const ResolverOptions& options, const ResolverHints& hints,
                                           const std::string& cgroup_path, ContainerInfo& info);

} // namespace gyr
