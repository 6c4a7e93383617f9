#include "engine/host_cgroups.h"

namespace gyr {

bool HostCgroups::in_host_namespaces(const ProcessImage& image) const {
    return host_.mnt != 0 && host_.pid != 0 && image.namespaces.mnt == host_.mnt && image.namespaces.pid == host_.pid;
}

void HostCgroups::put(std::uint64_t id, HostCgroup what) {
    // Forgotten all at once: until they are seen again, their events come.
    if (known_.size() >= most_ && !known_.contains(id)) {
        for (const auto& [old, was] : known_)
            if (was != HostCgroup::unknown) tell_(old, HostCgroup::unknown);
        std::erase_if(known_, [](const auto& kv) { return kv.second != HostCgroup::unknown; });
        if (known_.size() >= most_) return;
    }
    const auto [at, fresh] = known_.try_emplace(id, what);
    const bool told = !fresh && at->second != HostCgroup::unknown;
    at->second = what;
    if (told || what != HostCgroup::unknown) tell_(id, what);
}

void HostCgroups::see(const ProcessImage& image, const Container* container, bool names_container) {
    const std::uint64_t id = image.cgroup_set;
    if (image.kernel_thread || id == 0) return;
    const auto known = known_.find(id);
    if (container != nullptr) {
        if (known == known_.end() || known->second != HostCgroup::unknown) put(id, HostCgroup::unknown);
    } else if (known == known_.end()) {
        if (!names_container)
            put(id, HostCgroup::all);
        else if (in_host_namespaces(image))
            put(id, HostCgroup::in_host_namespaces);
    }
}

} // namespace gyr
