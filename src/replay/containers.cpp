#include "replay/containers.h"

#include "containers/bounded_json.h"
#include "containers/cgroup_id.h"
#include "containers/metadata.h"

#include <algorithm>

namespace gyr::replay {

namespace {

using nlohmann::json;

constexpr std::size_t kMaxContainers = 16'384;
constexpr std::size_t kMaxIdBytes = 256;
constexpr std::size_t kMaxInfoBytes = 64U << 20; // of what is known of all of them

const json* member(const json& object, const char* key) {
    if (!object.is_object()) return nullptr;
    const auto it = object.find(key);
    return it == object.end() ? nullptr : &*it;
}
std::int64_t number(const json& object, const char* key, std::int64_t otherwise) {
    const json* v = member(object, key);
    return v && v->is_number_integer() ? v->get<std::int64_t>() : otherwise;
}

void read_mounts(const json& container, ContainerInfo& info) {
    const json* mounts = member(container, "Mounts");
    if (!mounts || !mounts->is_array()) return;
    for (const json& m : *mounts) {
        ContainerMount mount;
        mount.source = json_text(m, {"Source"});
        mount.destination = json_text(m, {"Destination"});
        mount.mode = json_text(m, {"Mode"});
        mount.propagation = json_text(m, {"Propagation"});
        mount.writable = json_bool(m, {"RW"}).value_or(false);
        info.mounts.push_back(std::move(mount));
    }
}

ContainerInfo read_info(const json& c) {
    ContainerInfo info;
    info.source = "capture";
    info.full_id = json_text(c, {"full_id"});
    info.type = static_cast<ContainerType>(number(c, "type", 65535) & 0xffff);
    info.name = json_text(c, {"name"});
    info.image = json_text(c, {"image"});
    info.image_id = json_text(c, {"imageid"});
    info.image_repository = json_text(c, {"imagerepo"});
    info.image_tag = json_text(c, {"imagetag"});
    info.image_digest = json_text(c, {"imagedigest"});
    info.privileged = json_bool(c, {"privileged"});
    info.host_pid = json_bool(c, {"host_pid"});
    info.host_network = json_bool(c, {"host_network"});
    info.host_ipc = json_bool(c, {"host_ipc"});
    info.image_build = json_bool(c, {"image_build"});
    info.labels = json_labels(c, {"labels"});
    info.ip = json_text(c, {"ip"});
    info.ip_untold = member(c, "ip") == nullptr;
    info.cni_json = json_text(c, {"cni_json"});
    info.user = json_text(c, {"User"});
    info.created_time = std::clamp<std::int64_t>(number(c, "created_time", 0), 0, 9'000'000'000) * 1'000'000'000;
    if (const json* env = member(c, "env"); env && env->is_array())
        for (const json& e : *env)
            if (e.is_string()) info.env.push_back(e.get<std::string>());
    read_mounts(c, info);
    info.is_pod_sandbox = json_bool(c, {"is_pod_sandbox"}).value_or(false);
    info.pod_sandbox_id = json_text(c, {"pod_sandbox_id"});
    info.pod_labels = json_labels(c, {"pod_sandbox_labels"});
    split_image_name(info);
    apply_kubernetes_labels(info);
    return info;
}

// About what it takes.
std::size_t cost(const ContainerInfo& c) {
    constexpr std::size_t kLabel = 2 * sizeof(std::string) + 40; // a node of the map
    std::size_t n = sizeof c + c.full_id.size() + c.name.size() + c.image.size() + c.image_id.size() +
                    c.image_repository.size() + c.image_tag.size() + c.image_digest.size() + c.ip.size() +
                    c.cni_json.size() + c.user.size() + c.pod_name.size() + c.pod_namespace.size() + c.pod_uid.size() +
                    c.pod_sandbox_id.size();
    for (const ContainerMount& m : c.mounts)
        n += sizeof m + m.source.size() + m.destination.size() + m.mode.size() + m.propagation.size();
    for (const std::string& e : c.env) n += sizeof e + e.size();
    for (const auto* labels : {&c.labels, &c.pod_labels})
        for (const auto& [key, value] : *labels) n += kLabel + key.size() + value.size();
    return n;
}

} // namespace

std::shared_ptr<Container> Containers::of_id(std::string_view id) {
    if (const auto found = all_.find(id); found != all_.end()) return found->second;
    if (all_.size() >= kMaxContainers || id.size() > kMaxIdBytes) {
        ++refused_;
        return nullptr;
    }
    auto made = std::make_shared<Container>();
    made->id = id;
    made->full_id = id;
    made->chain = {made->id};
    made->why = Missing::no_runtime; // until an event of the capture tells
    return all_.emplace(id, std::move(made)).first->second;
}

std::shared_ptr<Container> Containers::of_cgroups(std::span<const CgroupInfo> cgroups) {
    const std::optional<CgroupMatch> match = find_container_id(cgroups);
    if (!match) return nullptr;
    std::shared_ptr<Container> container = of_id(match->id);
    if (container && container->cgroup_path.empty()) {
        container->full_id = match->full_id;
        container->guess = match->guess;
        container->cgroup_path = match->path;
        container->chain = match->chain;
    }
    return container;
}

std::optional<std::shared_ptr<const Container>> Containers::apply_json(std::string_view text) {
    const std::optional<json> root = parse_bounded_json(text);
    const json* c = root ? member(*root, "container") : nullptr;
    if (!c || !c->is_object()) return std::nullopt;
    const std::string id = json_text(*c, {"id"});
    if (id.empty()) return std::nullopt;
    if (id == "host") return nullptr;
    const std::shared_ptr<Container> container = of_id(short_container_id(id));
    if (!container) return nullptr;
    auto info = std::make_shared<ContainerInfo>(read_info(*c));
    if (info->full_id.empty()) info->full_id = container->full_id;
    const std::size_t others = info_bytes_ - (container->info ? cost(*container->info) : 0);
    const std::size_t bytes = others + cost(*info);
    if (bytes > kMaxInfoBytes) {
        ++refused_;
        return container;
    }
    info_bytes_ = bytes;
    container->info = std::move(info);
    container->why = Missing::none;
    ++container->generation;
    return container;
}

} // namespace gyr::replay
