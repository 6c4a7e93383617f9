// Everything the containers module reads of foreign making: runtime files and answers, passwd, group, id maps, cgroup
// paths. The first byte chooses the reader, so that a seed is one letter before the file as it lies on disk.
#include "base/rfc3339.h"
#include "containers/cgroup_id.h"
#include "containers/metadata.h"
#include "containers/passwd.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

using namespace gyr;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const void* raw = data;
    const std::string bytes(static_cast<const char*>(raw), size); // its own block: an over-read is seen
    const std::string_view text = std::string_view(bytes).substr(1);
    ContainerInfo info;
    switch (bytes[0]) {
    case 'd': { // config.v2.json, a NUL, hostconfig.json
        const std::size_t middle = text.find('\0');
        parse_docker_config(text.substr(0, middle), middle == std::string_view::npos ? "" : text.substr(middle + 1),
                            info);
        break;
    }
    case 'r':
        info.image = "shop:1.2";
        info.image_id = std::string(64, 'a');
        parse_docker_repositories(text, info);
        break;
    case 'i': parse_docker_inspect(text, info); break;
    case 'm': parse_docker_image(text, info); break;
    case 'o': {
        OciBundle bundle;
        info.full_id = std::string(64, 'a');
        parse_oci_config(text, "/run/bundle", info, bundle);
        break;
    }
    case 's':
        info.full_id = std::string(64, 'a');
        parse_storage_containers(text, info);
        break;
    case 'S':
        info.image_id = std::string(64, 'a');
        parse_storage_images(text, info);
        break;
    case 'c':
        parse_cri_container_info(text, info);
        parse_cri_sandbox_info(text, info);
        break;
    case 't': static_cast<void>(parse_rfc3339(text)); break;
    case 'n':
        info.image = text;
        split_image_name(info);
        break;
    case 'p': {
        UserTable table;
        table.parse_passwd(text, true);
        table.parse_group(text, false);
        const UserEntry* root = table.find_user(0);
        if (root != nullptr && root->name.empty()) std::abort(); // such lines are skipped
        break;
    }
    case 'u': static_cast<void>(IdMap::parse(text).to_inside(1000)); break;
    case 'g': {
        const auto match = find_container_id(text);
        if (match && (match->full_id.empty() || match->chain.empty() || match->chain.back() != match->id)) std::abort();
        break;
    }
    default: return 0;
    }
    // Merging with nothing changes nothing but what completeness means.
    const ContainerInfo merged = merge_info(info, ContainerInfo{});
    if (merged.name != info.name || merged.labels != info.labels) std::abort();
    return 0;
}
