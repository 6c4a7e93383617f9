#pragma once
// The container id that a process's cgroup paths spell, if any. Pure text; says nothing about whether there is such a
// container (classify.h decides that, from namespaces and the runtimes' word). Callers keep the answer per cgroup set.
//
// A path is read segment by segment from the root, so that nested containers ("/docker/A/docker/B") give a chain, and
// sub-groups that a container makes for itself ("/docker/A/system.slice/x.service") still belong to it. Processes
// that serve a container from outside (conmon, lxc.monitor, nspawn's supervisor) have cgroups of their own and match
// nothing.

#include "state/container.h"
#include "state/process.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace gyr {

// How far the spelling alone can be trusted.
enum class CgroupSpelling : std::uint8_t {
    text,    // "/<namespace>/<name>": containerd's layout, but anybody's too
    hex,     // 64 hex digits below a folder that names no runtime: also what build machines use
    runtime, // a runtime's own form: "docker-ID.scope", "/docker/ID", "/kubepods/…/ID", "/lxc/NAME", …
};

struct CgroupMatch {
    std::string id; // 12 characters of a 64-hex id, else the whole name
    std::string full_id;
    ContainerType guess = ContainerType::unknown;
    CgroupSpelling spelling = CgroupSpelling::text;
    std::string path;                 // where it was found
    std::string containerd_namespace; // first segment of "/<namespace>/<id>", else empty
    std::vector<std::string> chain;   // ids, outermost first; the last one is id
    // What tells it from all others of the host: container_key(), or where the cgroup tells all, the cgroup.
    std::string key;
    std::string outer_path; // cgroup of the container around it; empty when there is none
    // No runtime with a memory of its own: what the cgroup spells is all there is to know.
    bool told_by_cgroup = false;
};

// Where cgroups tell of another container than the one a process was of (a runtime's helper on its way into one), a
// capture has this controller beside theirs, with "/" and the container's id, or "/host".
inline constexpr std::string_view kMembershipController = "name=gyr";
inline constexpr std::string_view kHostMembership = "host";

// The best match among a process's cgroups: the strongest spelling, then the deepest nesting, then the first.
[[nodiscard]] std::optional<CgroupMatch> find_container_id(std::span<const CgroupInfo> cgroups);
[[nodiscard]] std::optional<CgroupMatch> find_container_id(std::string_view cgroup_path);

// "0123…" of 64 hex digits: the first 12; else the text itself.
[[nodiscard]] std::string_view short_container_id(std::string_view full_id);
[[nodiscard]] bool is_hex_id(std::string_view text); // exactly 64 lower-case hex digits
// The full id of 64 digits; before a plain name, which there may be one of in each, goes containerd's namespace and
// '/'.
[[nodiscard]] std::string container_key(std::string_view full_id, std::string_view containerd_namespace);

} // namespace gyr
