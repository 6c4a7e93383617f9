#include "containers/classify.h"

#include <algorithm>
#include <array>

namespace gyr {
namespace {

enum class Same : std::uint8_t { yes, no, unknown };

Same compare(std::uint32_t mine, std::uint32_t hosts) {
    if (mine == 0 || hosts == 0) return Same::unknown;
    return mine == hosts ? Same::yes : Same::no;
}

} // namespace

bool is_runtime_helper(std::string_view exe_path, std::string_view comm) {
    if (comm.starts_with("runc:[")) return true;                      // stages of runc init
    std::string_view name = exe_path.substr(exe_path.rfind('/') + 1); // npos + 1 is 0
    // From memory: "/memfd:runc_cloned:/proc/self/exe (deleted)", "/memfd:crun-clone", …
    const std::size_t memfd = exe_path.find("memfd:");
    if (memfd != std::string_view::npos && memfd <= 1) name = exe_path.substr(memfd + 6);
    for (const std::string_view runtime :
         {"runc", "crun", "conmon", "youki", "kata-", "containerd-shim", "sysbox-runc", "lxc-", "systemd-nspawn"}) {
        if (!name.starts_with(runtime)) continue;
        const std::string_view rest = name.substr(runtime.size());
        if (rest.empty() || runtime.ends_with('-') || rest.front() == '-' || rest.front() == '_' ||
            rest.front() == '.' || rest.front() == ' ' || rest.front() == ':') {
            return true;
        }
    }
    return name == "docker-runc" || name == "nvidia-container-runtime" || name == "conmonrs" || name == "lxd" ||
           name == "incusd" || name == "libvirt_lxc";
}

bool is_container_engine(std::string_view exe_path) {
    static constexpr std::array<std::string_view, 12> kNames{
        "dockerd", "containerd", "docker-containerd", "ctr", "nerdctl", "podman", "buildah",
        "skopeo",  "crio",       "buildkitd",         "k3s", "rke2"};
    return std::ranges::find(kNames, exe_path.substr(exe_path.rfind('/') + 1)) != kNames.end();
}

Belonging classify(const CgroupMatch& match, const NamespaceInodes& process, const NamespaceInodes& host,
                   const Program& program, bool runtime_knows, std::uint32_t outer_mnt) {
    const Same mnt = compare(process.mnt, host.mnt);
    const Same pid = compare(process.pid, host.pid != 0 ? host.pid : kInitialPidNamespace);
    const bool from_host = mnt != Same::no || compare(program.executed_in, host.mnt) == Same::yes;
    const bool from_outer = compare(program.executed_in, outer_mnt) == Same::yes;
    if ((from_host || from_outer) && is_runtime_helper(program.exe_path, program.comm))
        return from_host ? Belonging::host : Belonging::outer;
    if (runtime_knows) return Belonging::container;
    const bool apart = match.spelling == CgroupSpelling::text
                           ? mnt == Same::no && pid == Same::no // "/<a>/<b>" alone says little
                           : mnt == Same::no || pid == Same::no;
    if (apart) return Belonging::container;
    // Namespaces unknown (a replayed or damaged record): a runtime's own spelling is believed.
    if (mnt == Same::unknown && pid == Same::unknown && match.spelling == CgroupSpelling::runtime)
        return Belonging::container;
    return Belonging::undecided;
}

} // namespace gyr
