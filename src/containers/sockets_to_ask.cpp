#include "containers/sockets_to_ask.h"

#include "containers/cgroup_id.h"

#include <algorithm>

#include <sys/stat.h>

namespace gyr {
namespace {

constexpr std::size_t kMaxUsers = 64; // whose Podman is asked about a container in nobody's slice

bool is_socket(const std::string& path) {
    struct stat status {};
    return ::stat(path.c_str(), &status) == 0 && S_ISSOCK(status.st_mode);
}

// A user's Podman is asked about that user's containers, not about others': it would be believed. anybodys: nobody else
// knows this one.
std::vector<std::string> users_to_ask(const std::string& cgroup_path, bool anybodys, const DiskLookup& disk) {
    if (const auto owner = owner_of(cgroup_path)) return {std::to_string(*owner)};
    return anybodys ? disk.files().list("/run/user", kMaxUsers) : std::vector<std::string>{};
}

} // namespace

std::vector<RuntimeSocket> sockets_to_ask(const WantedContainer& wanted, const ResolverOptions& options,
                                          const DiskLookup& disk) {
    std::vector<RuntimeSocket> out;
    const auto add = [&](RuntimeKind kind, const std::string& host_path) {
        const std::string path = disk.on_host(host_path);
        if (!host_path.empty() && is_socket(path) && std::ranges::find(out, RuntimeSocket{kind, path}) == out.end())
            out.emplace_back(kind, path);
    };
    const bool hex = is_hex_id(wanted.full_id);
    const bool docker = wanted.type == ContainerType::docker;
    const bool podman = wanted.type == ContainerType::podman;
    const bool containerd = wanted.type == ContainerType::containerd;
    const bool crio = wanted.type == ContainerType::crio;
    const bool anyones = !docker && !podman && !containerd && !crio &&
                         (wanted.type == ContainerType::unknown || wanted.type == ContainerType::cri || hex);
    if (hex && (docker || anyones)) {
        for (const std::string& socket : options.docker_sockets) add(RuntimeKind::docker, socket);
    }
    if (hex && (podman || anyones)) {
        for (const std::string& socket : options.podman_sockets) add(RuntimeKind::podman, socket);
        for (const std::string& user : users_to_ask(wanted.cgroup_path, podman && wanted.on_disk == nullptr, disk))
            add(RuntimeKind::podman, "/run/user/" + user + "/podman/podman.sock");
    }
    if (containerd || anyones) {
        const ResolverHints& hints = wanted.hints;
        const bool kubernetes = hints.containerd_namespace == "k8s.io" || hints.containerd_namespace.empty();
        std::string near = hints.containerd_socket;
        if (near.empty() && wanted.on_disk != nullptr) near = wanted.on_disk->containerd_socket;
        if (!near.empty() && is_socket(disk.on_host(near))) {
            add(RuntimeKind::containerd, near);
            if (hex && kubernetes) add(RuntimeKind::cri, near);
        } else {
            for (const std::string& socket : options.containerd_sockets) add(RuntimeKind::containerd, socket);
        }
        if (hex && kubernetes) {
            for (const std::string& socket : options.cri_sockets) add(RuntimeKind::cri, socket);
        }
    }
    if (hex && crio) {
        for (const std::string& socket : options.cri_sockets) add(RuntimeKind::cri, socket);
    }
    return out;
}

bool is_among_options(const ResolverOptions& options, const std::string& path) {
    const auto has = [&](const std::vector<std::string>& sockets) {
        return std::ranges::any_of(sockets, [&](const std::string& s) { return options.host_root + s == path; });
    };
    return has(options.docker_sockets) || has(options.podman_sockets) || has(options.containerd_sockets) ||
           has(options.cri_sockets);
}

} // namespace gyr
