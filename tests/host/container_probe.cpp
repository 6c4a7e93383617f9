// Tells what the containers module makes of living processes, for tests with real runtimes: reads the little it needs
// from /proc, asks Resolver and UserDirectory, prints one "key=value" per line and PID.
//
//   container_probe [--docker-root D] [--docker-socket S] [--containerd-state D] [--containerd-socket S] [--cri-socket
//   S]
//                   [--podman-root D] [--podman-socket S] [--no-disk] [--no-sockets] [--no-hints] [--wait-known ID]
//                   [PID...]
//
// --wait-known ID: waits until the watched folders have told of the container, then prints it; never asks for it.
#include "containers/cgroup_id.h"
#include "containers/classify.h"
#include "containers/hints.h"
#include "containers/resolver.h"
#include "containers/users.h"

#include <chrono>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <poll.h>
#include <sstream>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>

namespace {

using namespace gyr;

std::string slurp(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}
std::string link_of(const std::string& path) {
    char buffer[4096];
    const ssize_t n = ::readlink(path.c_str(), buffer, sizeof buffer);
    return n < 0 ? std::string{} : std::string(buffer, static_cast<std::size_t>(n));
}
std::uint32_t inode_of(const std::string& path) {
    struct stat status {};
    return ::stat(path.c_str(), &status) == 0 ? static_cast<std::uint32_t>(status.st_ino) : 0;
}

struct Seen {
    ProcessImage image;
    Pid parent = 0;
};

Seen look_at(Pid pid) {
    const std::string proc = "/proc/" + std::to_string(pid);
    Seen seen;
    auto exec = std::make_shared<ExecImage>();
    exec->exe_path = link_of(proc + "/exe");
    exec->argv.bytes = slurp(proc + "/cmdline");
    if (exec->argv.bytes.ends_with('\0')) exec->argv.bytes.pop_back();
    for (std::size_t at = 0; !exec->argv.bytes.empty() && at != std::string::npos;) {
        exec->argv.offsets.push_back(static_cast<std::uint32_t>(at));
        at = exec->argv.bytes.find('\0', at);
        if (at != std::string::npos) ++at;
    }
    seen.image.exec = exec;
    seen.image.key = {pid, 1};
    seen.image.comm = slurp(proc + "/comm");
    if (!seen.image.comm.empty()) seen.image.comm.pop_back();
    seen.image.cwd = link_of(proc + "/cwd");
    seen.image.root = "/";
    seen.image.namespaces = {
        .mnt = inode_of(proc + "/ns/mnt"), .pid = inode_of(proc + "/ns/pid"), .user = inode_of(proc + "/ns/user")};
    auto cgroups = std::make_shared<std::vector<CgroupInfo>>();
    std::istringstream lines(slurp(proc + "/cgroup"));
    for (std::string line; std::getline(lines, line);) {
        const std::size_t first = line.find(':'), second = line.find(':', first + 1);
        if (second != std::string::npos)
            cgroups->push_back({line.substr(first + 1, second - first - 1), line.substr(second + 1)});
    }
    seen.image.cgroups = cgroups;
    const std::string stat = slurp(proc + "/stat");
    char state = 0;
    if (const std::size_t at = stat.rfind(')'); at != std::string::npos)
        std::sscanf(stat.c_str() + at + 1, " %c %d", &state, &seen.parent);
    return seen;
}

void print_info(const ContainerInfo& info) {
    std::printf("name=%s\nimage=%s\nimage_id=%s\nrepository=%s\ntag=%s\ndigest=%s\ntype=%s\nsource=%s\n",
                info.name.c_str(), info.image.c_str(), info.image_id.c_str(), info.image_repository.c_str(),
                info.image_tag.c_str(), info.image_digest.c_str(), std::string(to_string(info.type)).c_str(),
                info.source.c_str());
    std::printf("privileged=%s\n", info.privileged ? (*info.privileged ? "true" : "false") : "");
    for (const auto& [key, value] : info.labels) std::printf("label:%s=%s\n", key.c_str(), value.c_str());
    for (const auto& mount : info.mounts)
        std::printf("mount:%s=%s:%s\n", mount.destination.c_str(), mount.source.c_str(), mount.writable ? "rw" : "ro");
    std::printf("rootfs=%s\nlayers=%zu\n", info.rootfs.c_str(), info.rootfs_layers.size());
}

bool wait_for(int fd) {
    pollfd poll_fd{fd, POLLIN, 0};
    return ::poll(&poll_fd, 1, 120'000) == 1;
}

} // namespace

int main(int argc, char** argv) {
    ResolverOptions options;
    options.docker_roots.clear();
    options.docker_sockets.clear();
    options.containerd_states.clear();
    options.containerd_sockets.clear();
    options.cri_sockets.clear();
    options.podman_roots.clear();
    options.podman_sockets.clear();
    bool use_hints = true;
    std::string wait_known;
    std::vector<Pid> pids;
    for (int i = 1; i < argc; ++i) {
        const std::string flag = argv[i];
        const auto value = [&]() -> std::string { return i + 1 < argc ? argv[++i] : ""; };
        if (flag == "--docker-root")
            options.docker_roots.push_back(value());
        else if (flag == "--docker-socket")
            options.docker_sockets.push_back(value());
        else if (flag == "--containerd-state")
            options.containerd_states.push_back(value());
        else if (flag == "--containerd-socket")
            options.containerd_sockets.push_back(value());
        else if (flag == "--cri-socket")
            options.cri_sockets.push_back(value());
        else if (flag == "--podman-root")
            options.podman_roots.push_back(value());
        else if (flag == "--podman-socket")
            options.podman_sockets.push_back(value());
        else if (flag == "--no-disk")
            options.use_disk = false;
        else if (flag == "--no-sockets")
            options.use_sockets = false;
        else if (flag == "--no-hints")
            use_hints = false;
        else if (flag == "--wait-known")
            wait_known = value();
        else
            pids.push_back(std::stoi(flag));
    }
    options.watch = !wait_known.empty();
    auto resolver = Resolver::create(options);
    auto users = UserDirectory::create({});
    if (!resolver || !users) return 1;
    if (!wait_known.empty()) {
        std::printf("watching\n");
        std::fflush(stdout);
        for (int i = 0; i < 120'000; ++i) {
            const auto info = (*resolver)->cached(wait_known);
            const auto any = info != nullptr && info->complete;
            if (any) {
                print_info(*info);
                return 0;
            }
            std::this_thread::sleep_for(std::chrono::milliseconds{1});
        }
        return 1;
    }
    const NamespaceInodes host = look_at(::getpid()).image.namespaces;
    for (const Pid pid : pids) {
        Seen seen = look_at(pid);
        std::printf("pid=%d\n", pid);
        const auto match = find_container_id(*seen.image.cgroups);
        if (!match) {
            std::printf("belongs=host\n");
            continue;
        }
        const Program program{seen.image.exec->exe_path, seen.image.comm, seen.image.exec->mnt_ns};
        const Belonging belongs = classify(*match, seen.image.namespaces, host, program, false);
        std::printf("belongs=%s\nid=%s\nfull_id=%s\n",
                    belongs == Belonging::host        ? "host"
                    : belongs == Belonging::container ? "container"
                                                      : "undecided",
                    match->id.c_str(), match->full_id.c_str());
        ResolverHints hints;
        for (Pid at = seen.parent; use_hints && at > 1;) {
            const Seen parent = look_at(at);
            if (add_hints(parent.image, hints)) break;
            at = parent.parent;
        }
        const auto asked = std::chrono::steady_clock::now();
        (*resolver)->request(match->key, match->guess, match->path, hints);
        ResolverAnswer answer;
        while (answer.why == Missing::pending && wait_for((*resolver)->fd())) {
            (*resolver)->drain([&](const ResolverAnswer& got) {
                if (got.key == match->key) answer = got;
            });
        }
        const auto took =
            std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - asked);
        std::fprintf(stderr, "answered after %lld us\n", static_cast<long long>(took.count()));
        std::printf("why=%s\n", std::string(to_string(answer.why)).c_str());
        if (answer.info != nullptr) print_info(*answer.info);
        auto container = std::make_shared<Container>();
        container->full_id = match->full_id;
        container->info = answer.info;
        seen.image.container = container;
        for (const Uid uid : {Uid{0}, Uid{1000}, Uid{1001}, Uid{65'000}}) {
            UserAnswer user = (*users)->user(seen.image, uid);
            if (user.why == Missing::pending && wait_for((*users)->fd())) {
                (*users)->drain([](std::uint32_t) {});
                user = (*users)->user(seen.image, uid);
            }
            std::printf("user:%u=%s:%s\n", uid, user.entry != nullptr ? user.entry->name.c_str() : "",
                        std::string(user.source).c_str());
        }
    }
    return 0;
}
