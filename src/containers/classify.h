#pragma once
// Host or container? A container-like name in a cgroup path is a claim; namespaces and runtimes are the witnesses.
//
//   own mnt or pid namespace + a container-like cgroup   container
//   the host's mnt and pid namespaces                     undecided: the runtimes are asked; host until one knows the
//   id a runtime's own helper still in the host's mnt ns     host, whatever a runtime says about the cgroup's id no
//   container-like cgroup                              host, whatever the namespaces (PrivateTmp, unshare -m,
//   sandboxes)
//
// On the helpers: `docker run`, `docker exec` and their like put "runc init" into the container's cgroup while it still
// is in the host's namespaces, and it executes itself once more there (a sealed copy in memory). That exec is the
// runtime's, not the container's: as "a program run from a memfd in a container" it would be a false alarm for every
// container started. It joins the container's namespaces without another exec, and the next exec is the container's
// program. A process that has left the host's mount namespace is never excused by its name.

#include "containers/cgroup_id.h"
#include "event/process_record.h"

#include <cstdint>
#include <string_view>

namespace gyr {

enum class Belonging : std::uint8_t { host, container, undecided };

// Inode of the initial pid namespace, fixed in the kernel (PROC_PID_INIT_INO).
inline constexpr std::uint32_t kInitialPidNamespace = 0xEFFFFFFCU;

// host: the namespaces of the host's first process; members that are 0 are not known. exe_path and comm only serve to
// recognise a runtime's helpers. runtime_knows: some runtime has confirmed the id.
[[nodiscard]] Belonging classify(const CgroupMatch& match, const NamespaceInodes& process, const NamespaceInodes& host,
                                 std::string_view exe_path, std::string_view comm, bool runtime_knows);

// runc, crun, conmon, containerd-shim-…: by the executable's name, or comm for one executed from memory.
[[nodiscard]] bool is_runtime_helper(std::string_view exe_path, std::string_view comm);

} // namespace gyr
