#include "containers/disk_lookup.h"

#include "containers/cgroup_id.h"
#include "containers/metadata.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <sys/stat.h>

namespace gyr {
namespace {

constexpr std::string_view kTaskFolder = "/io.containerd.runtime.v2.task";
// Of containers/storage; vfs is what is left to users whose kernel gives them no overlay.
constexpr std::array<std::string_view, 4> kStorageDrivers{"overlay", "vfs", "btrfs", "zfs"};
constexpr std::size_t kMaxLayers = 512;     // overlayfs takes 500
constexpr std::size_t kMaxNamespaces = 256; // of one containerd
constexpr std::size_t kMaxRepositories = 16U << 20;

// The part of path before the last "/<marker>/"; empty when it is not in there.
std::string before(const std::string& path, std::string_view marker) {
    const std::size_t at = path.rfind(marker);
    return at == std::string::npos ? std::string{} : path.substr(0, at);
}

} // namespace

std::optional<Uid> owner_of(std::string_view cgroup_path) {
    const std::size_t at = cgroup_path.find("/user-");
    if (at == std::string_view::npos) return std::nullopt;
    const std::string_view rest = cgroup_path.substr(at + 6);
    Uid uid = 0;
    const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), uid);
    if (error != std::errc{} ||
        !std::string_view(end, static_cast<std::size_t>(rest.data() + rest.size() - end)).starts_with(".slice")) {
        return std::nullopt;
    }
    return uid;
}

bool is_safe_id(std::string_view id) {
    if (id.empty() || id.size() > 128 || id == "." || id == "..") return false;
    return std::ranges::all_of(id, [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' || c == '_' ||
               c == '-';
    });
}

void DiskLookup::add_docker_root(const std::string& root) {
    const std::scoped_lock lock(mutex_);
    docker_roots_.push_back(root);
}

std::vector<std::string> DiskLookup::docker_roots() const {
    const std::scoped_lock lock(mutex_);
    return docker_roots_;
}

std::string DiskLookup::from_host(const std::string& path) const {
    const std::string& root = options_.host_root;
    return !root.empty() && path.starts_with(root) ? path.substr(root.size()) : path;
}

std::optional<std::string> DiskLookup::read(const std::string& path) const {
    return files_.read(path, options_.max_bytes);
}

// An overlay folder of Docker's overlay2 or containers/storage: "diff" is the upper layer, "lower" names the others as
// links "l/XXXX" relative to links.
std::vector<std::string> DiskLookup::overlay_layers(const std::string& folder, const std::string& links) const {
    std::vector<std::string> layers{folder + "/diff"};
    const auto lower = read(folder + "/lower");
    if (!lower) return layers;
    std::string_view rest = *lower;
    while (!rest.empty() && layers.size() < kMaxLayers) {
        const std::string_view item = rest.substr(0, rest.find(':'));
        rest.remove_prefix(std::min(rest.size(), item.size() + 1));
        if (!item.starts_with("l/") || !is_safe_id(item.substr(2))) continue;
        // "../<layer>/diff"; resolved by hand as the name of another link must not be followed further.
        const std::string target = files_.read_link(links + "/" + std::string(item.substr(2)));
        if (!target.starts_with("../") || target.find("..", 3) != std::string::npos) continue;
        layers.push_back(before(links, "/l") + target.substr(2));
    }
    return layers;
}

std::optional<ContainerInfo> DiskLookup::find_docker(const std::string& root, const std::string& full_id) const {
    const std::string folder = root + "/containers/" + full_id;
    const auto config = read(folder + "/config.v2.json");
    if (!config) return std::nullopt;
    ContainerInfo info;
    info.full_id = full_id;
    if (!parse_docker_config(*config, read(folder + "/hostconfig.json").value_or(""), info)) return std::nullopt;
    info.source = "docker-disk";
    // The storage driver is not asked: overlay2 is what nearly all have, others are found through the bundle.
    const std::string image_root = root + "/image/overlay2";
    if (!info.image_id.empty()) {
        const auto repositories = files_.read(image_root + "/repositories.json", kMaxRepositories);
        if (repositories) parse_docker_repositories(*repositories, info);
    }
    split_image_name(info);
    if (const auto mount = read(image_root + "/layerdb/mounts/" + full_id + "/mount-id"); mount && is_safe_id(*mount)) {
        const std::string overlay = root + "/overlay2/" + *mount;
        info.rootfs = overlay + "/merged";
        info.rootfs_layers = overlay_layers(overlay, root + "/overlay2/l");
    }
    return info;
}

std::optional<DiskLookup::Found> DiskLookup::find_bundle(const std::string& bundle, const std::string& full_id) const {
    const auto config = read(bundle + "/config.json");
    if (!config) return std::nullopt;
    Found found;
    found.info.full_id = full_id;
    OciBundle extra;
    if (!parse_oci_config(*config, bundle, found.info, extra)) return std::nullopt;
    if (const std::size_t at = bundle.find(kTaskFolder); at != std::string::npos) {
        found.containerd_socket = bundle.substr(0, at) + "/containerd.sock";
        // Docker's containerd: <exec-root>/containerd/daemon, its socket one up.
        if (bundle.substr(0, at).ends_with("/containerd/daemon"))
            found.containerd_socket = before(bundle, "/daemon/") + "/containerd.sock";
    }
    if (!extra.docker_container_folder.empty()) {
        const std::string root = before(extra.docker_container_folder, "/containers/");
        if (auto info = find_docker(root, full_id)) {
            found.info = merge_info(found.info, std::move(*info));
            const std::vector<std::string> known = docker_roots();
            if (std::ranges::find(known, root) == known.end()) found.docker_root = root;
        }
    } else if (found.info.type == ContainerType::podman || found.info.type == ContainerType::crio) {
        for (const std::string_view driver : kStorageDrivers) {
            const std::string root = before(bundle, "/" + std::string(driver) + "-containers/");
            if (root.empty()) continue;
            if (auto more = find_storage_of(driver, root, full_id, bundle)) return more;
        }
    }
    return found;
}

std::optional<DiskLookup::Found> DiskLookup::find_storage(const std::string& graph_root,
                                                          const std::string& full_id) const {
    for (const std::string_view driver : kStorageDrivers) {
        if (auto found = find_storage_of(driver, graph_root, full_id, {})) return found;
    }
    return std::nullopt;
}

std::optional<DiskLookup::Found> DiskLookup::find_storage_of(std::string_view driver, const std::string& graph_root,
                                                             const std::string& full_id,
                                                             const std::string& bundle) const {
    const std::string start = graph_root + "/" + std::string(driver);
    const auto containers = files_.read(start + "-containers/containers.json", kMaxRepositories);
    const std::string userdata = bundle.empty() ? start + "-containers/" + full_id + "/userdata" : bundle;
    Found found;
    found.info.full_id = full_id;
    OciBundle extra;
    bool known = false;
    if (const auto config = read(userdata + "/config.json"))
        known = parse_oci_config(*config, userdata, found.info, extra);
    ContainerInfo& info = found.info;
    if (!known) info.type = ContainerType::podman;
    // CRI-O's annotations name its containers better than its storage does (k8s_name_pod_namespace_uid_attempt).
    const std::string cri_name = info.type == ContainerType::crio ? info.name : std::string{};
    const std::string cri_image = info.type == ContainerType::crio ? info.image : std::string{};
    if (containers) known = parse_storage_containers(*containers, info) || known;
    if (!known) return std::nullopt;
    if (!cri_name.empty()) info.name = cri_name;
    if (!cri_image.empty()) info.image = cri_image;
    if (const auto images = files_.read(start + "-images/images.json", kMaxRepositories)) {
        parse_storage_images(*images, info);
    }
    split_image_name(info);
    if (info.rootfs.starts_with(graph_root + "/overlay/") && info.rootfs.ends_with("/merged")) {
        info.rootfs_layers = overlay_layers(before(info.rootfs, "/merged"), graph_root + "/overlay/l");
    }
    info.source = info.type == ContainerType::crio ? "crio-disk" : "podman-disk";
    // Podman keeps labels and the address in a data base of its own; its service tells them, if there is one.
    info.complete = info.type == ContainerType::crio && !info.name.empty() && !info.image.empty();
    return found;
}

std::optional<DiskLookup::Found> DiskLookup::find_in_containerd(const std::string& full_id,
                                                                const std::string& name_space) const {
    for (const std::string& state : options_.containerd_states) {
        const std::string tasks = state + std::string(kTaskFolder);
        if (!name_space.empty() && is_safe_id(name_space)) {
            if (auto found = find_bundle(tasks + "/" + name_space + "/" + full_id, full_id)) return found;
            continue;
        }
        for (const std::string& name : files_.list(tasks, kMaxNamespaces)) {
            if (auto found = find_bundle(tasks + "/" + name + "/" + full_id, full_id)) return found;
        }
    }
    return std::nullopt;
}

std::optional<DiskLookup::Found> DiskLookup::find_rootless(const std::string& full_id,
                                                           const std::string& cgroup_path) const {
    const auto uid = owner_of(cgroup_path);
    if (!uid) return std::nullopt;
    const auto passwd = read("/etc/passwd");
    if (!passwd) return std::nullopt;
    // name:password:uid:gid:gecos:home:shell
    for (std::string_view rest = *passwd; !rest.empty();) {
        std::string_view line = rest.substr(0, rest.find('\n'));
        rest.remove_prefix(std::min(rest.size(), line.size() + 1));
        std::vector<std::string_view> parts;
        while (parts.size() < 7 && !line.empty()) {
            const std::string_view part = line.substr(0, line.find(':'));
            parts.push_back(part);
            line.remove_prefix(std::min(line.size(), part.size() + 1));
        }
        if (parts.size() < 6 || parts[2] != std::to_string(*uid) || !parts[5].starts_with('/')) continue;
        return find_storage(std::string(parts[5]) + "/.local/share/containers/storage", full_id);
    }
    return std::nullopt;
}

std::optional<std::uint32_t> DiskLookup::find_owner(const std::string& cgroup_path, const ResolverHints& hints) const {
    if (const auto owner = owner_of(cgroup_path)) return owner;
    for (const std::string& path : {hints.bundle, hints.graph_root}) {
        if (path.empty()) continue;
        // Any folder on the way that is not root's makes its owner the master of what is found.
        for (std::size_t end = 0; end != std::string::npos;) {
            end = path.find('/', end + 1);
            struct stat status {};
            if (::lstat(on_host(path.substr(0, end)).c_str(), &status) == 0 && status.st_uid != 0) return status.st_uid;
        }
    }
    return std::nullopt;
}

std::optional<DiskLookup::Found> DiskLookup::find(const std::string& full_id, const std::string& cgroup_path,
                                                  const ResolverHints& hints) const {
    if (!is_safe_id(full_id)) return std::nullopt;
    const bool hex = is_hex_id(full_id);
    if (hex) { // the cheapest first: one open each
        for (const std::string& root : docker_roots()) {
            if (auto info = find_docker(root, full_id)) return Found{std::move(*info), {}, {}};
        }
    }
    if (!hints.bundle.empty()) {
        // A pod's shim is in the folder of the pod's sandbox; the other containers' bundles are beside it.
        std::string bundle = hints.bundle;
        if (bundle.find(kTaskFolder) != std::string::npos && !bundle.ends_with("/" + full_id)) {
            bundle = bundle.substr(0, bundle.rfind('/') + 1) + full_id;
        }
        if (auto found = find_bundle(bundle, full_id)) {
            if (!hints.containerd_socket.empty()) found->containerd_socket = hints.containerd_socket;
            return found;
        }
    }
    if (!hints.graph_root.empty()) {
        if (auto found = find_storage(hints.graph_root, full_id)) return found;
    }
    if (auto found = find_in_containerd(full_id, hints.containerd_namespace)) return found;
    if (hex) {
        for (const std::string& root : options_.podman_roots) {
            if (auto found = find_storage(root, full_id)) return found;
        }
        if (auto found = find_rootless(full_id, cgroup_path)) return found;
    }
    return std::nullopt;
}

} // namespace gyr
