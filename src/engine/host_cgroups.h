#pragma once
// Which cgroups' processes the kernel may take for the host's, so that a clause "in a container" stops their events
// there. It is told what the engine itself believes at the time, and nothing that could be wrong of another process:
//
//   no cgroup has a name that could be a container's   all in them are the host's, whatever their namespaces
//   one has, but no container's process was seen yet    (a claim, or a runtime's helper on its way in) those that are
//   in
//                                                       the host's mount and pid namespaces
//   a container's process was seen there                nothing, from then on
//
// What is not told is "perhaps a container's", which lets events through. Cgroups are a number for a process's cgroups
// in all hierarchies together (ProcessRecord::cgroup_set), which is never used for others again.

#include "state/process.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <unordered_map>

namespace gyr {

enum class HostCgroup : std::uint8_t { unknown = 0, all = 1, in_host_namespaces = 2 };

class HostCgroups {
  public:
    using Tell = std::function<void(std::uint64_t cgroup_set, HostCgroup what)>;
    explicit HostCgroups(Tell tell, std::size_t most = 65'536) : tell_(std::move(tell)), most_(most) {}

    void set_host(const NamespaceInodes& host) { host_ = host; }
    // A process, with the container it was found to be in (null: none). names_container: some cgroup of it has a name
    // that could be a container's.
    void see(const ProcessImage& image, const Container* container, bool names_container);

  private:
    [[nodiscard]] bool in_host_namespaces(const ProcessImage& image) const;
    void put(std::uint64_t id, HostCgroup what);

    Tell tell_;
    std::size_t most_;
    NamespaceInodes host_;
    // unknown: a container's process was there once, and it stays so.
    std::unordered_map<std::uint64_t, HostCgroup> known_;
};

} // namespace gyr
