#include "recording/image_text.h"

#include "containers/cgroup_id.h"

#include <optional>

namespace gyr::recording {

std::uint32_t exec_flags(const ProcessImage& p) {
    const std::uint32_t m = p.exec->exe_file.marks;
    return (m & kFileWritable ? 1U : 0U) | (m & kFileUpperLayer ? 2U : 0U) | (m & kFileMemfd ? 4U : 0U) |
           (m & kFileLowerLayer ? 8U : 0U);
}

std::string items(const ItemList& list, std::size_t first, std::size_t most) {
    std::string out;
    if (list.size() > first) out = std::string_view(list.bytes).substr(list.offsets[first]);
    if (out.size() >= most) out.resize(most - 1);
    if (!out.empty()) out += '\0';
    return out;
}

namespace {

void append_cgroup(std::string& out, std::string_view controller, std::string_view path) {
    out += controller;
    out += '=';
    out += path;
    out += '\0';
}

// Empty where the cgroups tell.
std::string membership(const ProcessImage& p) {
    const std::optional<CgroupMatch> spelled = find_container_id(*p.cgroups);
    const std::string_view told = spelled ? std::string_view(spelled->id) : kHostMembership;
    const std::string_view is = p.container ? std::string_view(p.container->id) : kHostMembership;
    std::string out;
    if (told != is) append_cgroup(out, kMembershipController, '/' + std::string(is));
    return out;
}

} // namespace

std::string cgroups(const ProcessImage& p, std::size_t most) {
    const std::string last = membership(p);
    std::string out;
    for (const CgroupInfo& c : *p.cgroups) {
        if (c.subsystem == kMembershipController) continue; // somebody's hierarchy of that name
        if (out.size() + c.subsystem.size() + c.path.size() + 2 + last.size() > most) break;
        append_cgroup(out, c.subsystem, c.path);
    }
    return out + last;
}

std::string_view argv0(const ProcessImage& p) { return p.exec->argv.size() > 0 ? p.exec->argv[0] : std::string_view{}; }

} // namespace gyr::recording
