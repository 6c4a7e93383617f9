#pragma once
// Finds out what a container is called, runs and is labelled with: from what lies on disk first, from the runtimes'
// sockets where the disk does not tell, again and again with growing pauses for as long as the container lives.
// Nothing here ever makes the caller wait.
//
//   request() ──▶ disk thread: watched folders, bundle, Docker's and Podman's state (about a millisecond)
//                    │ not known or not complete
//                    └▶ one thread per socket that exists: a runtime that hangs holds up nobody else
//                    │ what a runtime inside a container knows is read through that container's root, by a thread of
//                    │ its own
//   answers come back through fd() + drain(), on the thread that calls drain().
//
// Docker's folders are watched, so that in the ordinary case metadata is there (cached()) before the container's first
// process runs. Ended containers are remembered for a bounded time, as alerts about them may still be on their way.
//
// All of it reads foreign bytes: every file, answer and nesting is bounded, and what cannot be read counts as not said.
// Threads: request, cached, forget, drain from one thread (the engine's); the class owns its workers and ends them in
// the destructor, within the time of one bounded call.

#include "base/ids.h"
#include "base/result.h"
#include "state/container.h"
#include "state/missing.h"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace gyr {

struct ResolverOptions {
    std::string host_root; // prefix of every path below when the agent runs in a container ("/host"); "" for none

    // What the runtimes leave on disk. Further places are learnt from the shims' command lines and the bundles.
    std::vector<std::string> docker_roots = {"/var/lib/docker"};
    std::vector<std::string> containerd_states = {"/run/containerd", "/run/docker/containerd/daemon",
                                                  "/run/k3s/containerd"};
    std::vector<std::string> podman_roots = {"/var/lib/containers/storage"};

    // Sockets; those that are not there are left out, and looked for again at each retry. Empty: that kind is not
    // asked.
    std::vector<std::string> docker_sockets = {"/var/run/docker.sock"};
    std::vector<std::string> podman_sockets = {"/run/podman/podman.sock"}; // and each /run/user/*/podman/podman.sock
    std::vector<std::string> containerd_sockets = {"/run/containerd/containerd.sock",
                                                   "/run/k3s/containerd/containerd.sock",
                                                   "/run/host-containerd/containerd.sock"};
    std::vector<std::string> cri_sockets = {"/run/containerd/containerd.sock", "/run/crio/crio.sock",
                                            "/run/k3s/containerd/containerd.sock"};
    bool use_disk = true;
    bool use_sockets = true;
    bool watch = true; // inotify on Docker's folders

    std::chrono::milliseconds call_timeout{15'000}; // connecting and the whole answer, each call
    // Pauses between rounds; the last one repeats. Raise it when a runtime suffers from being asked.
    std::vector<std::chrono::milliseconds> retry = {
        std::chrono::milliseconds{10},     std::chrono::milliseconds{30},    std::chrono::milliseconds{100},
        std::chrono::milliseconds{300},    std::chrono::milliseconds{1'000}, std::chrono::milliseconds{3'000},
        std::chrono::milliseconds{10'000}, std::chrono::milliseconds{60'000}};
    std::chrono::milliseconds keep_ended{60'000}; // after forget()
    std::size_t max_containers = 16'384;          // known at once; beyond: ended ones go, then requests are refused
    std::size_t max_watches = 4'096;              // inotify watches
    std::size_t max_bytes = 4U << 20;             // of one file or answer
};

// What a process's ancestors tell about where its container's state lies. Optional, all of it.
struct ResolverHints {
    Pid pid = 0; // a process of the container
    // containerd-shim… -namespace NS -id ID -address SOCKET; its working directory is the bundle
    std::string containerd_namespace, containerd_socket, bundle;
    std::string name;                 // conmon -n
    std::string graph_root, run_root; // Podman's, from conmon's arguments
    // The supervisor runs in a container itself: all of the above are paths as this process of it sees them. 0: the
    // host's.
    Pid supervisor = 0;
    std::uint32_t supervisor_mnt = 0; // its mount namespace
};

struct ResolverAnswer {
    std::string key;
    std::shared_ptr<const ContainerInfo> info; // null when nothing is known
    // none: complete. pending: info is a part, more is being asked for. Else the reason why there is no (more) metadata
    // now; a later answer may still bring it.
    Missing why = Missing::pending;
};

class Resolver {
  public:
    static Result<std::unique_ptr<Resolver>> create(ResolverOptions options);
    ~Resolver();
    Resolver(const Resolver&) = delete;
    Resolver& operator=(const Resolver&) = delete;

    // key: container_key() of cgroup_id.h, in all of these.
    // What is known already (seen in a watched folder, or asked for before); null otherwise. Does no I/O.
    [[nodiscard]] std::shared_ptr<const ContainerInfo> cached(const std::string& key) const;
    // Starts finding out. Answers come through drain() whenever more is known; asking again while it runs is free, with
    // better hints it looks again. False: no room (max_containers).
    bool request(const std::string& key, ContainerType guess, const std::string& cgroup_path, ResolverHints hints);
    // No process is left in it: no further retries; what is known stays for keep_ended.
    void forget(const std::string& key);

    // Readable when drain() has something.
    [[nodiscard]] int fd() const;
    void drain(const std::function<void(const ResolverAnswer&)>& take);

    struct Stats {
        std::size_t known = 0, pending = 0, watched = 0;
        std::uint64_t disk_hits = 0, socket_hits = 0, timeouts = 0, refused = 0, unreadable = 0;
    };
    [[nodiscard]] Stats stats() const;
    // Any thread: each socket that was found and how it answered last ("docker /run/…: answers", "…: no answer in
    // time").
    [[nodiscard]] std::vector<std::string> describe_sockets() const;

  private:
    class Impl;
    explicit Resolver(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

} // namespace gyr
