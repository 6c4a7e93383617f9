#pragma once
// What the runtimes write about a container, read into ContainerInfo. Pure functions over bytes that anybody may have
// written (bounded_json.h); false when the bytes are not what they should be. Members that are not said stay as they
// are. ContainerInfo::complete is set to whether the source tells all that its runtime knows.

#include "state/container.h"

#include <string>
#include <string_view>

namespace gyr {

// Docker's <root>/containers/ID/config.v2.json and hostconfig.json. The latter may be empty: then not complete.
bool parse_docker_config(std::string_view config, std::string_view host_config, ContainerInfo& info);
// Docker's <root>/image/<driver>/repositories.json: repository, tag and digest of info.image_id.
bool parse_docker_repositories(std::string_view repositories, ContainerInfo& info);
// GET /containers/ID/json of Docker; GET /libpod/containers/ID/json of Podman, which differs in few members.
bool parse_docker_inspect(std::string_view answer, ContainerInfo& info);
// RepoDigests and RepoTags of GET /images/ID/json.
bool parse_docker_image(std::string_view answer, ContainerInfo& info);

// What an OCI bundle says beyond ContainerInfo.
struct OciBundle {
    std::string docker_container_folder; // <root>/containers/ID of Docker, seen in the mounts
};
// config.json of an OCI bundle at bundle_path (for a relative root path), with the annotations of containerd's CRI,
// CRI-O, Podman and nerdctl.
bool parse_oci_config(std::string_view config, std::string_view bundle_path, ContainerInfo& info, OciBundle& bundle);

// Podman's (containers/storage) <root>/overlay-containers/containers.json and overlay-images/images.json.
bool parse_storage_containers(std::string_view containers, ContainerInfo& info); // by info.full_id
bool parse_storage_images(std::string_view images, ContainerInfo& info);         // by info.image_id

// "verbose" texts of CRI status answers: privileged and the interfaces of the pod.
bool parse_cri_container_info(std::string_view text, ContainerInfo& info);
bool parse_cri_sandbox_info(std::string_view text, ContainerInfo& info);

// Splits info.image into repository, tag and digest where these are not known: "host:5000/a/b:1.2@sha256:…".
void split_image_name(ContainerInfo& info);
// Kubernetes members from the kubelet's labels (io.kubernetes.pod.name, …) where they are not known.
void apply_kubernetes_labels(ContainerInfo& info);
// What fresh says, and what only old said.
[[nodiscard]] ContainerInfo merge_info(const ContainerInfo& old, ContainerInfo fresh);

} // namespace gyr
