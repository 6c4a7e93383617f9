#include "containers/cgroup_id.h"

#include <algorithm>
#include <array>

namespace gyr {
namespace {

constexpr std::size_t kHexIdLength = 64;
constexpr std::size_t kMaxNameLength = 128; // free-text ids: lxc, nspawn, bpm, containerd (76 there)
constexpr std::size_t kMaxDepth = 16;       // containers in one path

bool is_hex(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); }
bool is_alnum(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

bool strip_suffix(std::string_view& text, std::string_view suffix) {
    if (!text.ends_with(suffix)) return false;
    text.remove_suffix(suffix.size());
    return true;
}
bool strip_prefix(std::string_view& text, std::string_view prefix) {
    if (!text.starts_with(prefix)) return false;
    text.remove_prefix(prefix.size());
    return true;
}

struct Prefix {
    std::string_view text;
    ContainerType type;
};
// "<prefix>ID" and "<prefix>ID.scope".
constexpr std::array kIdPrefixes{
    Prefix{"docker-", ContainerType::docker},
    Prefix{"cri-containerd-", ContainerType::cri},
    Prefix{"crio-", ContainerType::crio},
    Prefix{"libpod-payload-", ContainerType::podman},
    Prefix{"libpod-", ContainerType::podman},
    Prefix{"nerdctl-", ContainerType::containerd},
    Prefix{"containerd-", ContainerType::containerd},
};
// "<anything>:<word>:ID", what runc makes of a systemd-style path under the cgroupfs driver.
constexpr std::array kColonWords{
    Prefix{"docker", ContainerType::docker},      Prefix{"cri-containerd", ContainerType::cri},
    Prefix{"crio", ContainerType::crio},          Prefix{"libpod", ContainerType::podman},
    Prefix{"nerdctl", ContainerType::containerd},
};

struct Segment {
    std::string_view id;
    ContainerType type = ContainerType::unknown;
    CgroupSpelling spelling = CgroupSpelling::runtime;
    bool unescape = false; // systemd's \xNN
    std::size_t end = 0;   // in the path, behind the segment
};

std::optional<Segment> match_spelled_id(std::string_view segment) {
    std::string_view name = segment;
    strip_suffix(name, ".scope");
    for (const Prefix& prefix : kIdPrefixes) {
        std::string_view rest = name;
        if (strip_prefix(rest, prefix.text) && is_hex_id(rest)) return Segment{rest, prefix.type};
    }
    const std::size_t colon = name.rfind(':');
    if (colon != std::string_view::npos && is_hex_id(name.substr(colon + 1))) {
        std::string_view word = name.substr(0, colon);
        word.remove_prefix(std::min(word.size(), word.rfind(':') + 1)); // npos + 1 is 0
        for (const Prefix& known : kColonWords) {
            if (word == known.text) return Segment{name.substr(colon + 1), known.type};
        }
        return Segment{name.substr(colon + 1), ContainerType::containerd, CgroupSpelling::hex};
    }
    return std::nullopt;
}

// Virtual machines and service folders that live where machines do.
bool is_virtual_machine(std::string_view name) {
    return name.starts_with("qemu\\x2d") || name.starts_with("qemu-") || name.starts_with("vmspawn\\x2d");
}

bool is_service_cgroup(std::string_view name) {
    return name.ends_with(".service") || name.ends_with(".slice") || name.ends_with(".scope") ||
           name.ends_with(".mount") || name.ends_with(".socket");
}

std::optional<Segment> match_machine(std::string_view parent, std::string_view segment, std::string_view next) {
    if (segment.ends_with(".libvirt-lxc")) {
        std::string_view name = segment;
        strip_suffix(name, ".libvirt-lxc");
        if (!name.empty()) return Segment{name, ContainerType::libvirt_lxc};
        return std::nullopt;
    }
    if (parent == "machine.slice" || segment.starts_with("machine-")) {
        std::string_view name = segment;
        if (strip_prefix(name, "machine-") && strip_suffix(name, ".scope") && !name.empty()) {
            if (is_virtual_machine(name) || next == "supervisor") return std::nullopt;
            if (strip_prefix(name, "lxc\\x2d") || strip_prefix(name, "lxc-")) {
                if (name.empty()) return std::nullopt; // whoever may make cgroups names them as he likes
                return Segment{name, ContainerType::libvirt_lxc, CgroupSpelling::runtime, true};
            }
            return Segment{name, ContainerType::nspawn, CgroupSpelling::runtime, true};
        }
        name = segment;
        // systemd-nspawn as a service: the container's own processes are below "payload".
        if (strip_prefix(name, "systemd-nspawn@") && strip_suffix(name, ".service") && !name.empty() &&
            next == "payload") {
            return Segment{name, ContainerType::nspawn, CgroupSpelling::runtime, true};
        }
    }
    // systemd-nspawn --keep-unit in a service of any name.
    if (std::string_view name = segment; next == "payload" && strip_suffix(name, ".service") && !name.empty())
        return Segment{name, ContainerType::nspawn, CgroupSpelling::text, true};
    return std::nullopt;
}

std::optional<Segment> match_named(std::string_view grandparent, std::string_view parent, std::string_view segment) {
    if ((parent == "lxc" && grandparent == "libvirt") && !segment.empty())
        return Segment{segment, ContainerType::libvirt_lxc};
    if (parent == "lxc" || parent == "lxc.payload") return Segment{segment, ContainerType::lxc};
    std::string_view name = segment;
    if (strip_prefix(name, "lxc.payload.") && !name.empty()) return Segment{name, ContainerType::lxc};
    name = segment;
    if (strip_prefix(name, "bpm-") && strip_suffix(name, ".scope") && !name.empty() &&
        std::ranges::all_of(name, [](char c) { return is_alnum(c) || c == '.' || c == '_' || c == '-'; })) {
        return Segment{name, ContainerType::bpm};
    }
    return std::nullopt;
}

// containerd's identifiers: words of letters and digits, joined by single '.', '_' or '-'.
bool is_containerd_name(std::string_view text) {
    if (text.empty() || text.size() > 76 || !is_alnum(text.front()) || !is_alnum(text.back())) return false;
    bool separator = false;
    for (const char c : text) {
        const bool now = c == '.' || c == '_' || c == '-';
        if ((!now && !is_alnum(c)) || (now && separator && c != '-')) return false;
        separator = now;
    }
    return true;
}

// Names that build machines, service managers and hypervisors give: a machine id or an UUID.
bool is_uuid_like(std::string_view text) {
    std::size_t digits = 0;
    for (const char c : text) {
        if (c == '-') continue;
        if (!is_hex(c) && !(c >= 'A' && c <= 'F')) return false;
        ++digits;
    }
    return digits == 32;
}

bool is_known_host_folder(std::string_view name) {
    constexpr std::array<std::string_view, 14> kFolders{
        "docker", "kubepods", "lxc",     "lxc.payload", "lxc.monitor", "libvirt",       "user",
        "system", "init",     "elogind", "machine",     "podman",      "libpod_parent", "kubelet"};
    return std::ranges::find(kFolders, name) != kFolders.end();
}

std::optional<Segment> match_text(std::string_view first, std::string_view second) {
    if (is_known_host_folder(first) || is_service_cgroup(first) || is_service_cgroup(second)) return std::nullopt;
    if (!is_containerd_name(first) || !is_containerd_name(second) || is_uuid_like(second)) return std::nullopt;
    if (second == "conmon" || second == "supervisor") return std::nullopt;
    return Segment{second, ContainerType::containerd, CgroupSpelling::text};
}

std::string unescape_systemd(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '\\' && i + 3 < text.size() && text[i + 1] == 'x' && is_hex(text[i + 2]) &&
            is_hex(text[i + 3])) {
            out += static_cast<char>(digit(text[i + 2]) * 16 + digit(text[i + 3]));
            i += 3;
        } else {
            out += text[i];
        }
    }
    return out;
}

struct Found {
    std::array<Segment, kMaxDepth> chain;
    std::size_t depth = 0;
    std::string_view containerd_namespace;
};

Found scan(std::string_view path) {
    Found found;
    std::string_view grandparent, parent;
    bool kubernetes = false;
    std::size_t index = 0;
    const auto segment_at = [&](std::size_t begin) {
        const std::size_t end = path.find('/', begin);
        return path.substr(begin, end == std::string_view::npos ? end : end - begin);
    };
    for (std::size_t begin = path.starts_with('/') ? 1 : 0; begin < path.size();) {
        const std::string_view segment = segment_at(begin);
        const std::size_t next_begin = begin + segment.size() + 1;
        const std::string_view next = next_begin < path.size() ? segment_at(next_begin) : std::string_view{};
        kubernetes = kubernetes || segment.starts_with("kubepods");
        std::optional<Segment> match;
        if (is_hex_id(segment)) {
            match = Segment{segment, ContainerType::unknown, CgroupSpelling::hex};
            if (parent == "docker")
                match = Segment{segment, ContainerType::docker};
            else if (kubernetes)
                match = Segment{segment, ContainerType::cri};
            else if (parent == "crio")
                match = Segment{segment, ContainerType::crio};
            else if (index == 1 && is_containerd_name(parent) && next.empty()) {
                match->type = ContainerType::containerd;
                found.containerd_namespace = parent;
            }
        } else if (!segment.empty() && segment.size() <= kMaxNameLength + 32) {
            match = match_spelled_id(segment);
            if (!match) match = match_machine(parent, segment, next);
            if (!match) match = match_named(grandparent, parent, segment);
            // systemd-nspawn in a cgroup that was made for something else. "/<a>/payload" is rather containerd's.
            if (!match && segment == "payload" && found.depth == 0 && index != 1)
                match = Segment{index == 0 ? segment : parent, ContainerType::nspawn, CgroupSpelling::text, true};
            if (!match && index == 1 && found.depth == 0 && next.empty()) {
                match = match_text(parent, segment);
                if (match) found.containerd_namespace = parent;
            }
        }
        // "libpod-ID.scope/libpod-payload-ID" is one container.
        if (match && (found.depth == 0 || found.chain[found.depth - 1].id != match->id)) {
            if (found.depth == kMaxDepth) { // keep the innermost
                std::ranges::move(found.chain.begin() + 1, found.chain.end(), found.chain.begin());
                --found.depth;
            }
            match->end = begin + segment.size();
            found.chain[found.depth++] = *match;
            if (match->spelling == CgroupSpelling::runtime) kubernetes = false; // a cluster inside starts anew
        }
        grandparent = parent;
        parent = segment;
        begin = next_begin;
        ++index;
    }
    return found;
}

bool is_told_by_cgroup(ContainerType type) {
    return type == ContainerType::lxc || type == ContainerType::libvirt_lxc || type == ContainerType::bpm ||
           type == ContainerType::nspawn;
}

CgroupMatch make_match(std::string_view path, const Found& found) {
    const Segment& last = found.chain[found.depth - 1];
    CgroupMatch match;
    match.full_id = last.unescape ? unescape_systemd(last.id) : std::string(last.id);
    match.id = short_container_id(match.full_id);
    match.guess = last.type;
    match.spelling = last.spelling;
    match.path = path;
    match.containerd_namespace = found.containerd_namespace;
    match.told_by_cgroup = is_told_by_cgroup(last.type);
    match.key = match.told_by_cgroup ? std::string(path.substr(0, last.end))
                                     : container_key(match.full_id, match.containerd_namespace);
    if (found.depth > 1) match.outer_path = path.substr(0, found.chain[found.depth - 2].end);
    match.chain.reserve(found.depth);
    for (std::size_t i = 0; i < found.depth; ++i) {
        const Segment& segment = found.chain[i];
        const std::string id = segment.unescape ? unescape_systemd(segment.id) : std::string(segment.id);
        match.chain.emplace_back(short_container_id(id));
    }
    return match;
}

} // namespace

bool is_hex_id(std::string_view text) { return text.size() == kHexIdLength && std::ranges::all_of(text, is_hex); }

std::string container_key(std::string_view full_id, std::string_view containerd_namespace) {
    std::string key;
    if (!is_hex_id(full_id) && !containerd_namespace.empty()) key.append(containerd_namespace).append("/");
    return key.append(full_id);
}

std::string_view short_container_id(std::string_view full_id) {
    return is_hex_id(full_id) ? full_id.substr(0, 12) : full_id;
}

std::optional<CgroupMatch> find_container_id(std::string_view cgroup_path) {
    const Found found = scan(cgroup_path);
    if (found.depth == 0) return std::nullopt;
    return make_match(cgroup_path, found);
}

std::optional<CgroupMatch> find_container_id(std::span<const CgroupInfo> cgroups) {
    const CgroupInfo* best_cgroup = nullptr;
    Found best;
    std::string_view seen;
    for (const CgroupInfo& cgroup : cgroups) {
        if (cgroup.path == seen) continue; // v1: mostly the same path in each hierarchy
        seen = cgroup.path;
        const Found found = scan(cgroup.path);
        if (found.depth == 0) continue;
        const CgroupSpelling spelling = found.chain[found.depth - 1].spelling;
        const bool better = best_cgroup == nullptr || spelling > best.chain[best.depth - 1].spelling ||
                            (spelling == best.chain[best.depth - 1].spelling && found.depth > best.depth);
        if (better) {
            best_cgroup = &cgroup;
            best = found;
        }
    }
    if (best_cgroup == nullptr) return std::nullopt;
    return make_match(best_cgroup->path, best);
}

} // namespace gyr
