#include "containers/hints.h"

#include "containers/cgroup_id.h"

namespace gyr {
namespace {

constexpr int kLevels = 8;
constexpr std::size_t kMaxPath = 4096;

bool is_path(std::string_view text) {
    return text.starts_with('/') && text.size() < kMaxPath && text.find("/../") == std::string_view::npos &&
           !text.ends_with("/..");
}

std::string_view base_name(std::string_view path) { return path.substr(path.rfind('/') + 1); }

bool add_shim(const ProcessImage& shim, ResolverHints& hints) {
    const ItemList& argv = shim.exec->argv;
    std::string_view id;
    for (std::size_t i = 1; i + 1 < argv.size(); ++i) {
        std::string_view flag = argv[i];
        if (flag.starts_with("--")) flag.remove_prefix(1);
        if (flag == "-namespace" && argv[i + 1].size() < kMaxPath)
            hints.containerd_namespace = argv[i + 1];
        else if (flag == "-address" && is_path(argv[i + 1]))
            hints.containerd_socket = argv[i + 1];
        else if (flag == "-id")
            id = argv[i + 1];
    }
    // The shim stays in the folder of the container it was started for: the bundle. A pod's shim serves all of its
    // containers, whose bundles are the neighbours; the resolver takes the container's own.
    if (is_path(shim.cwd) && !id.empty() && base_name(shim.cwd) == id) hints.bundle = shim.cwd;
    return !hints.containerd_namespace.empty();
}

bool add_conmon(const ProcessImage& conmon, ResolverHints& hints) {
    const ItemList& argv = conmon.exec->argv;
    bool found = false;
    for (std::size_t i = 1; i + 1 < argv.size(); ++i) {
        const std::string_view flag = argv[i], value = argv[i + 1];
        if (flag == "-b" && is_path(value)) {
            hints.bundle = value;
            found = true;
        } else if (flag == "-n" && value.size() < kMaxPath) {
            hints.name = value;
        } else if (flag == "--exit-command-arg" && i + 3 < argv.size() && argv[i + 2] == flag && is_path(argv[i + 3])) {
            if (value == "--root")
                hints.graph_root = argv[i + 3];
            else if (value == "--runroot")
                hints.run_root = argv[i + 3];
        }
    }
    return found;
}

} // namespace

bool add_hints(const ProcessImage& supervisor, ResolverHints& hints, std::string_view outer) {
    if (supervisor.kernel_thread || supervisor.exec == nullptr) return false;
    // A process inside a container may call itself what it likes; its word about the host's files is not taken, and
    // about its own container's only as to what the kernel says is within that.
    if (supervisor.container != nullptr && (outer.empty() || supervisor.container->id != outer)) return false;
    const std::string_view name = base_name(supervisor.exec->exe_path);
    const bool found = name.starts_with("containerd-shim") ? add_shim(supervisor, hints)
                       : name == "conmon"                  ? add_conmon(supervisor, hints)
                                                           : false;
    if (found && supervisor.container != nullptr) {
        hints.supervisor = supervisor.key.pid;
        hints.supervisor_mnt = supervisor.namespaces.mnt;
    }
    return found;
}

ResolverHints find_hints(const ProcessImage& process, const ProcessView& processes, std::string_view outer) {
    ResolverHints hints;
    hints.pid = process.key.pid;
    const ProcessImage* at = &process;
    for (int level = 0; level < kLevels && at != nullptr; ++level) {
        const ProcessImage* creator = processes.find_creator(at->key);
        const ProcessImage* parent = at->parent ? processes.find(at->parent) : nullptr;
        if (parent != nullptr && add_hints(*parent, hints, outer)) break;
        if (creator != nullptr && creator != parent && add_hints(*creator, hints, outer)) break;
        at = parent != nullptr ? parent : creator;
    }
    return hints;
}

} // namespace gyr
