#include "containers/nested_lookup.h"

#include "containers/disk_lookup.h"
#include "containers/file_root.h"
#include "containers/metadata.h"

#include <utility>

namespace gyr {
namespace {

// Where a user's name is looked up when the container has ended; of the outer container's file system, so not ours.
void forget_places(ContainerInfo& info) {
    info.rootfs.clear();
    info.rootfs_layers.clear();
}

} // namespace

CallStatus look_in_container(const ResolverOptions& options, const ResolverHints& hints, const std::string& cgroup_path,
                             ContainerInfo& info) {
    const std::string full_id = info.full_id;
    auto root = FileRoot::of_process("/proc", hints.supervisor, hints.supervisor_mnt);
    if (!root) return CallStatus::absent;
    const DiskLookup disk(options, std::move(*root));
    const auto on_disk = disk.find(full_id, cgroup_path, hints);
    CallStatus status = CallStatus::unknown_id;
    std::string socket = hints.containerd_socket;
    if (on_disk) {
        info = on_disk->info;
        status = CallStatus::found;
        if (socket.empty()) socket = on_disk->containerd_socket;
    }
    if ((!on_disk || !info.complete) && options.use_sockets && !socket.empty()) {
        for (const RuntimeKind kind : {RuntimeKind::containerd, RuntimeKind::cri}) {
            const auto place = disk.files().find_socket(socket);
            if (!place) break;
            ContainerInfo more;
            more.full_id = full_id;
            const auto client = make_grpc_client(kind, place->path, options.call_timeout, options.max_bytes);
            const CallStatus told = client->ask(hints, more);
            if (told == CallStatus::timeout) {
                if (!is_found(status)) return told;
                status = CallStatus::found_part;
                break;
            }
            if (!is_found(told)) continue;
            info = is_found(status) ? merge_info(info, std::move(more)) : std::move(more);
            status = told;
        }
    }
    forget_places(info);
    return status;
}

} // namespace gyr
