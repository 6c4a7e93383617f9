// Docker and Podman: config.v2.json, hostconfig.json, repositories.json, containers/storage, inspect answers.
#include "base/rfc3339.h"
#include "containers/bounded_json.h"
#include "containers/metadata.h"

namespace gyr {
namespace {

using nlohmann::json;

std::string without_digest_prefix(std::string text) {
    if (text.starts_with("sha256:")) text.erase(0, 7);
    return text;
}

void take_text(std::string& into, std::string text) {
    if (!text.empty()) into = std::move(text);
}

void take_env(const json& root, std::initializer_list<const char*> keys, ContainerInfo& info) {
    const json* env = json_at(root, keys);
    if (env == nullptr || !env->is_array()) return;
    info.env.clear();
    for (const json& item : *env) {
        if (item.is_string()) info.env.push_back(item.get_ref<const std::string&>());
    }
}

// Docker says "host" or, for another container's, "container:ID".
void take_mode(const json& root, std::initializer_list<const char*> keys, std::optional<bool>& into) {
    const json* mode = json_at(root, keys);
    if (mode != nullptr && mode->is_string()) into = mode->get_ref<const std::string&>() == "host";
}

void take_host_config(const json& host, ContainerInfo& info) {
    if (const auto privileged = json_bool(host, {"Privileged"})) info.privileged = privileged;
    take_mode(host, {"PidMode"}, info.host_pid);
    take_mode(host, {"NetworkMode"}, info.host_network);
    take_mode(host, {"IpcMode"}, info.host_ipc);
}

// Docker's own builder starts each step from the id of the image before it, without a health check, a log and a policy
// for restarts. `docker run` of an id has all three, and Kubernetes keeps logs.
void take_builder(const json& config, const json& host, ContainerInfo& info) {
    const json* test = json_at(config, {"Healthcheck", "Test"});
    info.image_build = json_text(config, {"Image"}).starts_with("sha256:") && test != nullptr &&
                       *test == json{"NONE"} && json_text(host, {"LogConfig", "Type"}) == "none" &&
                       json_text(host, {"RestartPolicy", "Name"}).empty();
}

// On disk MountPoints is keyed by destination; Relabel is what the API calls Mode.
void take_mount(const json& mount, const char* mode_key, ContainerInfo& info) {
    ContainerMount out;
    out.source = json_text(mount, {"Source"});
    out.destination = json_text(mount, {"Destination"});
    out.mode = json_text(mount, {mode_key});
    out.propagation = json_text(mount, {"Propagation"});
    out.writable = json_bool(mount, {"RW"}).value_or(false);
    if (!out.source.empty() || !out.destination.empty()) info.mounts.push_back(std::move(out));
}

void take_address(const json& settings, ContainerInfo& info) {
    std::string ip = json_text(settings, {"IPAddress"});
    if (const json* networks = json_at(settings, {"Networks"});
        ip.empty() && networks != nullptr && networks->is_object()) {
        for (const auto& [name, network] : networks->items()) {
            ip = json_text(network, {"IPAddress"});
            if (!ip.empty()) break;
        }
    }
    take_text(info.ip, std::move(ip));
}

void take_name(const json& root, ContainerInfo& info) {
    std::string name = json_text(root, {"Name"});
    if (name.starts_with('/')) name.erase(0, 1);
    take_text(info.name, std::move(name));
    // The pause container of a pod under Docker: k8s_POD_<pod>_<namespace>_<uid>_<attempt>.
    if (info.name.starts_with("k8s_POD")) info.is_pod_sandbox = true;
}

} // namespace

bool parse_docker_config(std::string_view config, std::string_view host_config, ContainerInfo& info) {
    const auto root = parse_bounded_json(config);
    if (!root || !root->is_object()) return false;
    const std::string id = json_text(*root, {"ID"});
    if (id.empty() || (!info.full_id.empty() && id != info.full_id)) return false;
    info.full_id = id;
    info.type = ContainerType::docker;
    take_name(*root, info);
    take_text(info.image, json_text(*root, {"Config", "Image"}));
    take_text(info.image_id, without_digest_prefix(json_text(*root, {"Image"})));
    take_text(info.user, json_text(*root, {"Config", "User"}));
    info.labels = json_labels(*root, {"Config", "Labels"});
    take_env(*root, {"Config", "Env"}, info);
    if (const auto created = parse_rfc3339(json_text(*root, {"Created"}))) info.created_time = *created;
    if (const json* settings = json_at(*root, {"NetworkSettings"})) take_address(*settings, info);
    info.mounts.clear();
    if (const json* mounts = json_at(*root, {"MountPoints"}); mounts != nullptr && mounts->is_object()) {
        for (const auto& [destination, mount] : mounts->items()) take_mount(mount, "Relabel", info);
    }
    info.complete = false;
    if (const auto host = parse_bounded_json(host_config); host && host->is_object()) {
        take_host_config(*host, info);
        if (const json* own = json_at(*root, {"Config"})) take_builder(*own, *host, info);
        info.complete = !info.name.empty() && !info.image.empty();
    }
    apply_kubernetes_labels(info);
    return true;
}

bool parse_docker_repositories(std::string_view repositories, ContainerInfo& info) {
    const auto root = parse_bounded_json(repositories);
    const json* all = root ? json_at(*root, {"Repositories"}) : nullptr;
    if (all == nullptr || !all->is_object()) return false;
    const std::string wanted = "sha256:" + info.image_id;
    // Among the names of this image the one of the container's own reference is preferred.
    ContainerInfo asked;
    asked.image = info.image;
    split_image_name(asked);
    if (asked.image_tag.empty()) asked.image_tag = "latest";
    bool found = false;
    for (const auto& [repository, references] : all->items()) {
        if (!references.is_object()) continue;
        const bool preferred = repository == asked.image_repository;
        std::string tag, digest;
        for (const auto& [reference, id] : references.items()) {
            if (!id.is_string() || id.get_ref<const std::string&>() != wanted) continue;
            const std::string_view rest =
                std::string_view(reference).substr(std::min(reference.size(), repository.size()));
            if (rest.starts_with("@"))
                digest = rest.substr(1);
            else if (rest.starts_with(":") && (tag.empty() || rest.substr(1) == asked.image_tag))
                tag = rest.substr(1);
        }
        if (tag.empty() && digest.empty()) continue;
        if (found && !preferred) continue;
        info.image_repository = repository;
        info.image_tag = tag;
        info.image_digest = digest;
        found = true;
        if (preferred) break;
    }
    return true;
}

bool parse_docker_inspect(std::string_view answer, ContainerInfo& info) {
    const auto root = parse_bounded_json(answer);
    if (!root || !root->is_object()) return false;
    const std::string id = json_text(*root, {"Id"});
    if (id.empty() || (!info.full_id.empty() && id != info.full_id)) return false;
    info.full_id = id;
    take_name(*root, info);
    const std::string podman_image = json_text(*root, {"ImageName"});
    info.type = podman_image.empty() ? ContainerType::docker : ContainerType::podman;
    take_text(info.image, podman_image.empty() ? json_text(*root, {"Config", "Image"}) : podman_image);
    take_text(info.image_id, without_digest_prefix(json_text(*root, {"Image"})));
    take_text(info.image_digest, json_text(*root, {"ImageDigest"}));
    take_text(info.user, json_text(*root, {"Config", "User"}));
    info.labels = json_labels(*root, {"Config", "Labels"});
    take_env(*root, {"Config", "Env"}, info);
    if (const auto created = parse_rfc3339(json_text(*root, {"Created"}))) info.created_time = *created;
    if (const json* host = json_at(*root, {"HostConfig"})) {
        take_host_config(*host, info);
        const json* own = json_at(*root, {"Config"});
        if (own != nullptr && info.type == ContainerType::docker) take_builder(*own, *host, info);
    }
    if (const json* settings = json_at(*root, {"NetworkSettings"})) take_address(*settings, info);
    info.mounts.clear();
    if (const json* mounts = json_at(*root, {"Mounts"}); mounts != nullptr && mounts->is_array()) {
        for (const json& mount : *mounts) take_mount(mount, "Mode", info);
    }
    take_text(info.rootfs, json_text(*root, {"GraphDriver", "Data", "MergedDir"}));
    apply_kubernetes_labels(info);
    info.complete = !info.name.empty();
    return true;
}

bool parse_docker_image(std::string_view answer, ContainerInfo& info) {
    const auto root = parse_bounded_json(answer);
    if (!root || !root->is_object()) return false;
    const auto first = [&](const char* key) -> std::string {
        const json* list = json_at(*root, {key});
        if (list == nullptr || !list->is_array() || list->empty() || !list->front().is_string()) return {};
        return list->front().get_ref<const std::string&>();
    };
    ContainerInfo named;
    named.image = first("RepoDigests");
    split_image_name(named);
    take_text(info.image_repository, named.image_repository);
    take_text(info.image_digest, named.image_digest);
    ContainerInfo tagged;
    tagged.image = first("RepoTags");
    split_image_name(tagged);
    if (info.image_repository.empty() || info.image_repository == tagged.image_repository) {
        take_text(info.image_repository, tagged.image_repository);
        take_text(info.image_tag, tagged.image_tag);
    }
    return true;
}

bool parse_storage_containers(std::string_view containers, ContainerInfo& info) {
    const auto root = parse_bounded_json(containers);
    if (!root || !root->is_array()) return false;
    for (const json& entry : *root) {
        if (json_text(entry, {"id"}) != info.full_id) continue;
        if (const json* names = json_at(entry, {"names"});
            names != nullptr && names->is_array() && !names->empty() && names->front().is_string()) {
            info.name = names->front().get_ref<const std::string&>();
        }
        take_text(info.image_id, json_text(entry, {"image"}));
        if (const auto created = parse_rfc3339(json_text(entry, {"created"}))) info.created_time = *created;
        if (const auto more = parse_bounded_json(json_text(entry, {"metadata"}))) {
            take_text(info.name, json_text(*more, {"name"}));
            take_text(info.image, json_text(*more, {"image-name"}));
        }
        return true;
    }
    return false;
}

bool parse_storage_images(std::string_view images, ContainerInfo& info) {
    const auto root = parse_bounded_json(images);
    if (!root || !root->is_array() || info.image_id.empty()) return false;
    for (const json& entry : *root) {
        if (json_text(entry, {"id"}) != info.image_id) continue;
        take_text(info.image_digest, json_text(entry, {"digest"}));
        const json* names = json_at(entry, {"names"});
        if (info.image.empty() && names != nullptr && names->is_array() && !names->empty() &&
            names->front().is_string()) {
            info.image = names->front().get_ref<const std::string&>();
        }
        return true;
    }
    return false;
}

} // namespace gyr
