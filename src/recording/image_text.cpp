#include "recording/image_text.h"

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

std::string cgroups(const ProcessImage& p, std::size_t most) {
    std::string out;
    for (const CgroupInfo& c : *p.cgroups) {
        if (out.size() + c.subsystem.size() + c.path.size() + 2 > most) break;
        out += c.subsystem;
        out += '=';
        out += c.path;
        out += '\0';
    }
    return out;
}

std::string_view argv0(const ProcessImage& p) { return p.exec->argv.size() > 0 ? p.exec->argv[0] : std::string_view{}; }

} // namespace gyr::recording
