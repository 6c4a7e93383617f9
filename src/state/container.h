#pragma once
// A container as rules and alerts see it. Identity (id, guess of the runtime) comes from the cgroup at once and never
// changes; metadata comes later from disk or the runtime as an immutable ContainerInfo, published through the
// container's slot. Plain data: who finds it out lives in containers/.

#include "base/ids.h"
#include "state/missing.h"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gyr {

// Numbers as in capture files (reference/container.md).
enum class ContainerType : std::uint16_t {
    docker = 0,
    lxc = 1,
    libvirt_lxc = 2,
    mesos = 3,
    rkt = 4,
    custom = 5,
    cri = 6,
    containerd = 7,
    crio = 8,
    bpm = 9,
    static_ = 10,
    podman = 11,
    nspawn = 65533, // not a number of captures
    host = 65534,
    unknown = 65535,
};

// Falco's word for the type ("docker", "containerd", "cri-o", "podman", "host", …), "systemd-nspawn", for which it has
// none; "" for custom, static, unknown.
[[nodiscard]] std::string_view to_string(ContainerType type);

struct ContainerMount {
    std::string source, destination, mode, propagation;
    bool writable = false;
    friend bool operator==(const ContainerMount&, const ContainerMount&) = default;
};

// Metadata. Empty string / nullopt: the runtime does not say. Immutable once published.
struct ContainerInfo {
    std::string full_id; // as the runtime names it (64 hex for most)
    ContainerType type = ContainerType::unknown;
    std::string name;     // without leading '/'
    std::string image;    // "busybox:latest"
    std::string image_id; // hex digest without "sha256:"
    std::string image_repository, image_tag, image_digest;
    std::optional<bool> privileged, host_pid, host_network, host_ipc;
    std::optional<bool> image_build; // made by Docker's builder for a step
    std::vector<ContainerMount> mounts;
    std::map<std::string, std::string, std::less<>> labels;
    std::string ip;
    bool ip_untold = false; // by a capture that names the container without it: then no end is local, as in Falco
    std::string cni_json;
    std::vector<std::string> env;
    std::string user; // as configured for the first process
    Nanos created_time = 0;
    std::string rootfs; // host path of the root file system when known (bundle root, overlay merged)
    std::vector<std::string> rootfs_layers; // host paths of the overlay's layers, upper first; there after the end too
    // Kubernetes
    std::string pod_name, pod_namespace, pod_uid, pod_sandbox_id, pod_ip;
    std::map<std::string, std::string, std::less<>> pod_labels;
    bool is_pod_sandbox = false;
    std::string source;   // where this came from: "docker-disk", "docker-api", "oci-bundle", "cri", …
    bool complete = true; // false: more is expected (disk told some, the runtime is still being asked)

    friend bool operator==(const ContainerInfo&, const ContainerInfo&) = default;
};

// One container for as long as anything refers to it. Owned by the engine thread; info is swapped by it when the
// resolver delivers. generation grows with each swap so that cached results can tell.
struct Container {
    std::string id; // 12 characters for 64-hex ids, else as the cgroup spells it
    std::string full_id;
    ContainerType guess = ContainerType::unknown; // from the cgroup's spelling, before metadata
    std::string cgroup_path;                      // where the id was found
    std::vector<std::string> chain; // outermost first when nested ("outer", "inner" = id); one entry otherwise
    std::uint64_t pidns_number = 0; // ProcessImage::pidns_number of the container's pid 1, 0 unknown
    std::shared_ptr<const ContainerInfo> info; // null until something is known
    Missing why = Missing::pending;            // why info is missing or incomplete; none when complete
    std::uint32_t generation = 0;

    [[nodiscard]] bool pending() const { return why == Missing::pending; }
};

} // namespace gyr
