#include "recording/container_event.h"

#include <nlohmann/json.hpp>

namespace gyr::recording {
namespace {

using nlohmann::ordered_json;

constexpr EventCode kContainerJson = 324;
constexpr std::size_t kMostText = 60'000; // older readers hold a parameter in 64 KiB

void put(ordered_json& out, const char* key, const std::optional<bool>& value) {
    if (value) out[key] = *value;
}

ordered_json mounts_of(const ContainerInfo& info) {
    ordered_json mounts = ordered_json::array();
    for (const ContainerMount& m : info.mounts)
        mounts.push_back({{"Source", m.source},
                          {"Destination", m.destination},
                          {"Mode", m.mode},
                          {"RW", m.writable},
                          {"Propagation", m.propagation}});
    return mounts;
}

// Labels that the pod's names are found in again: not every runtime's own labels have them.
ordered_json labels_of(const ContainerInfo& info) {
    ordered_json labels = info.labels;
    const auto add = [&](const char* key, const std::string& value) {
        if (!value.empty() && !labels.contains(key)) labels[key] = value;
    };
    add("io.kubernetes.pod.name", info.pod_name);
    add("io.kubernetes.pod.namespace", info.pod_namespace);
    add("io.kubernetes.pod.uid", info.pod_uid);
    return labels;
}

std::string dump(const ordered_json& json) { return json.dump(-1, ' ', false, ordered_json::error_handler_t::replace); }

// Without the environment: it is the place of passwords, and each process's own is in the capture already.
std::string text_of(const Container& container) {
    const ContainerInfo& info = *container.info;
    ordered_json c;
    c["id"] = container.id;
    c["full_id"] = info.full_id.empty() ? container.full_id : info.full_id;
    const ContainerType type = info.type == ContainerType::unknown ? container.guess : info.type;
    c["type"] = static_cast<std::uint16_t>(type == ContainerType::nspawn ? ContainerType::unknown : type);
    c["name"] = info.name;
    c["image"] = info.image;
    c["imageid"] = info.image_id;
    c["imagerepo"] = info.image_repository;
    c["imagetag"] = info.image_tag;
    c["imagedigest"] = info.image_digest;
    put(c, "privileged", info.privileged);
    put(c, "host_pid", info.host_pid);
    put(c, "host_network", info.host_network);
    put(c, "host_ipc", info.host_ipc);
    put(c, "image_build", info.image_build);
    c["ip"] = info.ip;
    c["cni_json"] = info.cni_json;
    c["User"] = info.user;
    c["created_time"] = info.created_time / 1'000'000'000;
    c["is_pod_sandbox"] = info.is_pod_sandbox;
    c["pod_sandbox_id"] = info.pod_sandbox_id;
    c["pod_sandbox_labels"] = info.pod_labels.empty() ? ordered_json() : ordered_json(info.pod_labels);
    c["port_mappings"] = ordered_json::array();
    c["env"] = ordered_json::array();
    c["Mounts"] = mounts_of(info);
    c["labels"] = labels_of(info);
    ordered_json root{{"container", c}};
    std::string text = dump(root);
    // What can be long goes first: the names are what rules ask for.
    for (const char* key : {"cni_json", "Mounts", "labels", "pod_sandbox_labels"}) {
        if (text.size() <= kMostText) break;
        root["container"].erase(key);
        text = dump(root);
    }
    return text;
}

} // namespace

const RawEvent& ContainerEvent::encode(const Container& container, Nanos time) {
    text_ = text_of(container);
    text_ += '\0';
    param_ = text_;
    event_ = RawEvent{};
    event_.code = kContainerJson;
    event_.time = time;
    event_.cpu = 0;
    event_.params = std::span(&param_, 1);
    return event_;
}

} // namespace gyr::recording
