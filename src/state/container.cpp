#include "state/container.h"

namespace gyr {

std::string_view to_string(ContainerType type) {
    switch (type) {
    case ContainerType::docker: return "docker";
    case ContainerType::lxc: return "lxc";
    case ContainerType::libvirt_lxc: return "libvirt-lxc";
    case ContainerType::mesos: return "mesos";
    case ContainerType::rkt: return "rkt";
    case ContainerType::cri: return "cri";
    case ContainerType::containerd: return "containerd";
    case ContainerType::crio: return "cri-o";
    case ContainerType::bpm: return "bpm";
    case ContainerType::podman: return "podman";
    case ContainerType::nspawn: return "systemd-nspawn";
    case ContainerType::host: return "host";
    case ContainerType::custom:
    case ContainerType::static_:
    case ContainerType::unknown: return "";
    }
    return "";
}

} // namespace gyr
