// OCI bundles and their annotations, CRI's verbose texts, and what all sources share.
#include "base/rfc3339.h"
#include "containers/bounded_json.h"
#include "containers/metadata.h"

#include <algorithm>

namespace gyr {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxCniBytes = 4096;

struct Annotations {
    const json* all;
    [[nodiscard]] std::string get(const char* key) const {
        return all != nullptr ? json_text(*all, {key}) : std::string{};
    }
};

void take_text(std::string& into, std::string text) {
    if (!text.empty()) into = std::move(text);
}

bool has_namespace(const json& root, std::string_view type) {
    const json* list = json_at(root, {"linux", "namespaces"});
    if (list == nullptr || !list->is_array()) return false;
    return std::ranges::any_of(*list, [&](const json& item) { return json_text(item, {"type"}) == type; });
}

bool is_listed(const json& options, std::string_view word) {
    return std::ranges::any_of(
        options, [&](const json& item) { return item.is_string() && item.get_ref<const std::string&>() == word; });
}

void take_mounts(const json& root, ContainerInfo& info, OciBundle& bundle) {
    const json* mounts = json_at(root, {"mounts"});
    if (mounts == nullptr || !mounts->is_array()) return;
    info.mounts.clear();
    for (const json& mount : *mounts) {
        ContainerMount out;
        out.source = json_text(mount, {"source"});
        out.destination = json_text(mount, {"destination"});
        out.writable = true;
        if (const json* options = json_at(mount, {"options"}); options != nullptr && options->is_array()) {
            out.writable = !is_listed(*options, "ro");
            for (const char* word : {"rprivate", "private", "rshared", "shared", "rslave", "slave"}) {
                if (is_listed(*options, word)) {
                    out.propagation = word;
                    break;
                }
            }
        }
        // Docker binds its own /etc/hosts, /etc/hostname and /etc/resolv.conf from the container's folder.
        const std::size_t slash = out.source.rfind('/');
        if (slash != std::string::npos && out.destination.starts_with("/etc/") && !info.full_id.empty() &&
            out.source.substr(0, slash).ends_with("/containers/" + info.full_id)) {
            bundle.docker_container_folder = out.source.substr(0, slash);
        }
        info.mounts.push_back(std::move(out));
    }
}

// Nothing of what confines an ordinary container is there.
bool looks_privileged(const json& root) {
    const auto is_empty = [&](std::initializer_list<const char*> keys) {
        const json* value = json_at(root, keys);
        return value == nullptr || value->is_null() || value->empty();
    };
    const std::string apparmor = json_text(root, {"process", "apparmorProfile"});
    if (!is_empty({"linux", "maskedPaths"}) || !is_empty({"linux", "readonlyPaths"}) ||
        !is_empty({"linux", "seccomp"}) || !json_text(root, {"process", "selinuxLabel"}).empty() ||
        (!apparmor.empty() && apparmor != "unconfined")) {
        return false;
    }
    const json* mounts = json_at(root, {"mounts"});
    if (mounts == nullptr || !mounts->is_array()) return false;
    return std::ranges::none_of(*mounts, [](const json& mount) {
        const std::string type = json_text(mount, {"type"});
        const json* options = json_at(mount, {"options"});
        return (type == "sysfs" || type == "cgroup") && options != nullptr && options->is_array() &&
               is_listed(*options, "ro");
    });
}

// CRI-O and (since 1.30) Podman keep whole JSON texts inside annotations.
void take_embedded_labels(const std::string& text, std::map<std::string, std::string, std::less<>>& into) {
    const auto labels = parse_bounded_json(text);
    if (labels && labels->is_object()) into = json_labels(*labels, {});
}

void take_containerd_cri(const Annotations& a, ContainerInfo& info) {
    const std::string kind = a.get("io.kubernetes.cri.container-type");
    info.type = ContainerType::containerd;
    info.source = "oci-bundle";
    info.is_pod_sandbox = kind == "sandbox";
    take_text(info.pod_name, a.get("io.kubernetes.cri.sandbox-name"));
    take_text(info.pod_namespace, a.get("io.kubernetes.cri.sandbox-namespace"));
    take_text(info.pod_uid, a.get("io.kubernetes.cri.sandbox-uid"));
    take_text(info.pod_sandbox_id, a.get("io.kubernetes.cri.sandbox-id"));
    take_text(info.name, info.is_pod_sandbox ? info.pod_name : a.get("io.kubernetes.cri.container-name"));
    take_text(info.image, a.get("io.kubernetes.cri.image-name"));
}

void take_crio(const Annotations& a, ContainerInfo& info) {
    info.type = ContainerType::crio;
    info.source = "oci-bundle";
    info.is_pod_sandbox = a.get("io.kubernetes.cri-o.ContainerType") == "sandbox";
    take_embedded_labels(a.get("io.kubernetes.cri-o.Labels"), info.labels);
    take_text(info.pod_name, a.get("io.kubernetes.cri-o.KubeName"));
    take_text(info.pod_namespace, a.get("io.kubernetes.cri-o.Namespace"));
    take_text(info.pod_sandbox_id, a.get("io.kubernetes.cri-o.SandboxID"));
    take_text(info.ip, a.get("io.kubernetes.cri-o.IP.0"));
    if (const auto metadata = parse_bounded_json(a.get("io.kubernetes.cri-o.Metadata"))) {
        std::string name = json_text(*metadata, {"name"});
        take_text(info.is_pod_sandbox ? info.pod_name : info.name, std::move(name));
        take_text(info.pod_uid, json_text(*metadata, {"uid"}));
        take_text(info.pod_namespace, json_text(*metadata, {"namespace"}));
    }
    if (info.is_pod_sandbox) {
        take_text(info.name, info.pod_name);
        info.pod_labels = info.labels;
    }
    std::string image = a.get("io.kubernetes.cri-o.ImageName");
    if (image.empty()) image = a.get("io.kubernetes.cri-o.UserRequestedImage");
    if (image.empty()) image = a.get("io.kubernetes.cri-o.Image");
    take_text(info.image, std::move(image));
    if (const std::string cni = a.get("io.kubernetes.cri-o.CNIResult"); !cni.empty())
        info.cni_json = cni.substr(0, kMaxCniBytes);
    if (const auto created = parse_rfc3339(a.get("io.kubernetes.cri-o.Created"))) info.created_time = *created;
}

} // namespace

bool parse_oci_config(std::string_view config, std::string_view bundle_path, ContainerInfo& info, OciBundle& bundle) {
    const auto root = parse_bounded_json(config);
    if (!root || !root->is_object() || json_text(*root, {"ociVersion"}).empty()) return false;
    const json* annotations = json_at(*root, {"annotations"});
    const Annotations a{annotations != nullptr && annotations->is_object() ? annotations : nullptr};

    take_mounts(*root, info, bundle);
    if (const json* env = json_at(*root, {"process", "env"}); env != nullptr && env->is_array()) {
        info.env.clear();
        for (const json& item : *env) {
            if (item.is_string()) info.env.push_back(item.get_ref<const std::string&>());
        }
    }
    if (const json* user = json_at(*root, {"process", "user", "uid"}); user != nullptr && user->is_number_unsigned()) {
        info.user = std::to_string(user->get<std::uint64_t>());
    }
    std::string path = json_text(*root, {"root", "path"});
    if (!path.empty() && !path.starts_with('/')) path = std::string(bundle_path) + "/" + path;
    take_text(info.rootfs, std::move(path));
    if (json_at(*root, {"linux"}) != nullptr) {
        info.host_pid = !has_namespace(*root, "pid");
        info.host_network = !has_namespace(*root, "network");
        info.host_ipc = !has_namespace(*root, "ipc");
        info.privileged = looks_privileged(*root);
    }
    info.source = "oci-bundle";
    info.complete = false;
    if (!a.get("io.kubernetes.cri.container-type").empty()) {
        take_containerd_cri(a, info);
    } else if (a.get("io.container.manager") == "cri-o" || !a.get("io.kubernetes.cri-o.ContainerType").empty()) {
        take_crio(a, info);
        info.complete = !info.name.empty() && !info.image.empty();
    } else if (a.get("io.container.manager") == "libpod") {
        info.type = ContainerType::podman;
        info.source = "podman-disk";
        if (const std::string privileged = a.get("io.podman.annotations.privileged"); !privileged.empty()) {
            info.privileged = privileged == "TRUE";
        }
        if (const auto created = parse_rfc3339(a.get("io.kubernetes.cri-o.Created"))) info.created_time = *created;
    } else if (bundle.docker_container_folder.empty()) {
        info.type = ContainerType::containerd;
        take_text(info.name, a.get("nerdctl/name"));
        if (info.name.empty()) take_text(info.name, a.get("io.containerd.nerdctl/name"));
    } else {
        info.type = ContainerType::docker;
    }
    apply_kubernetes_labels(info);
    split_image_name(info);
    return true;
}

bool parse_cri_container_info(std::string_view text, ContainerInfo& info) {
    const auto root = parse_bounded_json(text);
    if (!root || !root->is_object()) return false;
    for (const auto& privileged :
         {json_bool(*root, {"runtimeSpec", "linux", "security_context", "privileged"}),
          json_bool(*root, {"config", "linux", "security_context", "privileged"}), json_bool(*root, {"privileged"})}) {
        if (privileged) {
            info.privileged = privileged;
            break;
        }
    }
    take_text(info.pod_sandbox_id, json_text(*root, {"sandboxID"}));
    return true;
}

bool parse_cri_sandbox_info(std::string_view text, ContainerInfo& info) {
    const auto root = parse_bounded_json(text);
    if (!root || !root->is_object()) return false;
    const json* interfaces = json_at(*root, {"cniResult", "Interfaces"});
    if (interfaces == nullptr) interfaces = json_at(*root, {"cniResult", "interfaces"});
    if (interfaces != nullptr && interfaces->is_object()) {
        json kept = json::object();
        for (const auto& [name, interface] : interfaces->items()) {
            if (name != "lo" && !name.starts_with("veth")) kept[name] = interface;
        }
        if (!kept.empty())
            info.cni_json = kept.dump(-1, ' ', false, json::error_handler_t::replace).substr(0, kMaxCniBytes);
    }
    return true;
}

void split_image_name(ContainerInfo& info) {
    std::string_view name = info.image;
    if (name.starts_with("sha256:")) {
        if (info.image_digest.empty()) info.image_digest = name;
        return;
    }
    if (const std::size_t at = name.find('@'); at != std::string_view::npos) {
        if (info.image_digest.empty()) info.image_digest = name.substr(at + 1);
        name = name.substr(0, at);
    }
    const std::size_t slash = name.rfind('/');
    const std::size_t colon = name.rfind(':');
    std::string_view tag;
    if (colon != std::string_view::npos && (slash == std::string_view::npos || colon > slash)) {
        tag = name.substr(colon + 1);
        name = name.substr(0, colon);
    }
    if (info.image_repository.empty()) info.image_repository = name;
    if (info.image_tag.empty()) info.image_tag = tag;
}

void apply_kubernetes_labels(ContainerInfo& info) {
    const auto label = [&](std::string_view key) {
        const auto found = info.labels.find(key);
        return found == info.labels.end() ? std::string{} : found->second;
    };
    if (info.pod_name.empty()) info.pod_name = label("io.kubernetes.pod.name");
    if (info.pod_namespace.empty()) info.pod_namespace = label("io.kubernetes.pod.namespace");
    if (info.pod_uid.empty()) info.pod_uid = label("io.kubernetes.pod.uid");
    if (info.pod_sandbox_id.empty()) info.pod_sandbox_id = label("io.kubernetes.sandbox.id");
    // The other way round: rules look at the kubelet's labels, which a bundle's annotations stand for.
    if (info.pod_name.empty()) return;
    info.labels.try_emplace("io.kubernetes.pod.name", info.pod_name);
    if (!info.pod_namespace.empty()) info.labels.try_emplace("io.kubernetes.pod.namespace", info.pod_namespace);
    if (!info.pod_uid.empty()) info.labels.try_emplace("io.kubernetes.pod.uid", info.pod_uid);
    if (!info.pod_sandbox_id.empty()) info.labels.try_emplace("io.kubernetes.sandbox.id", info.pod_sandbox_id);
    if (!info.is_pod_sandbox && !info.name.empty() && !info.name.starts_with("k8s_")) {
        info.labels.try_emplace("io.kubernetes.container.name", info.name);
    }
}

ContainerInfo merge_info(const ContainerInfo& old, ContainerInfo fresh) {
    const auto keep = [](auto& into, const auto& from) {
        if (into.empty()) into = from;
    };
    keep(fresh.full_id, old.full_id);
    if (fresh.type == ContainerType::unknown) fresh.type = old.type;
    keep(fresh.name, old.name);
    if (fresh.image.empty() || fresh.image == old.image) {
        keep(fresh.image, old.image);
        keep(fresh.image_id, old.image_id);
        keep(fresh.image_repository, old.image_repository);
        keep(fresh.image_tag, old.image_tag);
        keep(fresh.image_digest, old.image_digest);
    }
    const auto keep_flag = [](std::optional<bool>& into, const std::optional<bool>& from) {
        if (!into) into = from;
    };
    keep_flag(fresh.privileged, old.privileged);
    keep_flag(fresh.host_pid, old.host_pid);
    keep_flag(fresh.host_network, old.host_network);
    keep_flag(fresh.host_ipc, old.host_ipc);
    keep_flag(fresh.image_build, old.image_build);
    keep(fresh.mounts, old.mounts);
    keep(fresh.labels, old.labels);
    keep(fresh.ip, old.ip);
    keep(fresh.cni_json, old.cni_json);
    keep(fresh.env, old.env);
    keep(fresh.user, old.user);
    if (fresh.created_time == 0) fresh.created_time = old.created_time;
    keep(fresh.rootfs, old.rootfs);
    keep(fresh.rootfs_layers, old.rootfs_layers);
    keep(fresh.pod_name, old.pod_name);
    keep(fresh.pod_namespace, old.pod_namespace);
    keep(fresh.pod_uid, old.pod_uid);
    keep(fresh.pod_sandbox_id, old.pod_sandbox_id);
    keep(fresh.pod_ip, old.pod_ip);
    keep(fresh.pod_labels, old.pod_labels);
    fresh.is_pod_sandbox = fresh.is_pod_sandbox || old.is_pod_sandbox;
    keep(fresh.source, old.source);
    fresh.complete = fresh.complete || old.complete;
    return fresh;
}

} // namespace gyr
