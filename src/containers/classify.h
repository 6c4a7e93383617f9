#pragma once
// Host or container? A container-like name in a cgroup path is a claim; namespaces and runtimes are the witnesses.
//
// - Own mount or pid namespace and a container-like cgroup: container.
// - The host's mount and pid namespaces: undecided. The runtimes are asked; host until one knows the id.
// - A runtime's own helper that was executed in the host's mount namespace: host, whatever a runtime says of the id.
//   One that was executed in the outer container's, for a container in it: the outer container.
// - No container-like cgroup: host, whatever the namespaces (PrivateTmp, unshare -m, sandboxes).
//
// On the helpers: `docker run`, `docker exec` and their like put "runc init" into the container's cgroup while it still
// is in the host's namespaces, and it executes itself once more there (a sealed copy in memory). That exec is the
// runtime's, not the container's: as "a program run from a memfd in a container" it would be a false alarm for every
// container started. It joins the container's namespaces without another exec, still with all rights and the host's
// files open, and the next exec is the container's program. What was executed in the container itself is never excused
// by its name. LXC and systemd-nspawn start a container's first process likewise, by forks of themselves.

#include "containers/cgroup_id.h"
#include "event/process_record.h"

#include <cstdint>
#include <string_view>

namespace gyr {

enum class Belonging : std::uint8_t {
    host,
    container,
    outer, // the container around the one that the cgroup names
    undecided,
};

// Inode of the initial pid namespace, fixed in the kernel (PROC_PID_INIT_INO).
inline constexpr std::uint32_t kInitialPidNamespace = 0xEFFFFFFCU;

// What a runtime's helpers are recognised by.
struct Program {
    std::string_view exe_path, comm;
    std::uint32_t executed_in = 0; // mount namespace; 0: not known
};

// host: the namespaces of the host's first process; members that are 0 are not known. runtime_knows: some runtime has
// confirmed the id. outer_mnt: mount namespace of the container around it; 0: none, or not known.
[[nodiscard]] Belonging classify(const CgroupMatch& match, const NamespaceInodes& process, const NamespaceInodes& host,
                                 const Program& program, bool runtime_knows, std::uint32_t outer_mnt = 0);

// runc, crun, conmon, containerd-shim-…, lxc-start, systemd-nspawn: by the executable's name, or comm for one executed
// from memory.
[[nodiscard]] bool is_runtime_helper(std::string_view exe_path, std::string_view comm);

// Of a container engine or a tool of one, which reads and writes the files of images and containers in their layers:
// dockerd, containerd, podman, buildkitd, …, by the executable's name.
[[nodiscard]] bool is_container_engine(std::string_view exe_path);

} // namespace gyr
