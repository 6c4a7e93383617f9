#pragma once
// A container's metadata from what its runtime keeps on disk, without asking any process. Does I/O and may take as long
// as the file system takes: for worker threads.

#include "containers/file_root.h"
#include "containers/resolver.h"

#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace gyr {

class DiskLookup {
  public:
    // Of the host.
    explicit DiskLookup(const ResolverOptions& options) : DiskLookup(options, FileRoot(options.host_root)) {}
    // Of a runtime that runs in a container itself and sees these files.
    DiskLookup(const ResolverOptions& options, FileRoot files)
        : options_(options), files_(std::move(files)), docker_roots_(options.docker_roots) {}

    struct Found {
        ContainerInfo info;
        std::string docker_root;       // a Docker root that was not among the options, learnt from the bundle
        std::string containerd_socket; // of the containerd whose state folder it was found in
    };
    // nullopt: nothing on disk (yet). full_id must satisfy is_safe_id.
    [[nodiscard]] std::optional<Found> find(const std::string& full_id, const std::string& cgroup_path,
                                            const ResolverHints& hints) const;

    // <root>/containers/ID of one Docker root.
    [[nodiscard]] std::optional<ContainerInfo> find_docker(const std::string& root, const std::string& full_id) const;
    // A bundle folder.
    [[nodiscard]] std::optional<Found> find_bundle(const std::string& bundle, const std::string& full_id) const;
    // containers/storage of Podman and CRI-O.
    [[nodiscard]] std::optional<Found> find_storage(const std::string& graph_root, const std::string& full_id) const;
    [[nodiscard]] std::optional<Found> find_storage_of(std::string_view driver, const std::string& graph_root,
                                                       const std::string& full_id, const std::string& bundle) const;

    [[nodiscard]] const FileRoot& files() const { return files_; }
    // Any thread.
    void add_docker_root(const std::string& root);
    [[nodiscard]] std::vector<std::string> docker_roots() const;
    // With the host root in front.
    [[nodiscard]] std::string on_host(const std::string& path) const { return options_.host_root + path; }
    // Without it.
    [[nodiscard]] std::string from_host(const std::string& path) const;

    // Who, by uid, has the file system below these hints to control when it is not root (rootless): never read on the
    // thread that serves everybody.
    [[nodiscard]] std::optional<std::uint32_t> find_owner(const std::string& cgroup_path,
                                                          const ResolverHints& hints) const;

  private:
    [[nodiscard]] std::optional<std::string> read(const std::string& path) const;
    [[nodiscard]] std::vector<std::string> overlay_layers(const std::string& folder, const std::string& links) const;
    [[nodiscard]] std::optional<Found> find_in_containerd(const std::string& full_id,
                                                          const std::string& name_space) const;
    [[nodiscard]] std::optional<Found> find_rootless(const std::string& full_id, const std::string& cgroup_path) const;

    const ResolverOptions& options_;
    const FileRoot files_;
    mutable std::mutex mutex_;
    std::vector<std::string> docker_roots_; // guarded by mutex_
};

// The user in whose slice it is: uid of "/user.slice/user-1000.slice/…".
[[nodiscard]] std::optional<Uid> owner_of(std::string_view cgroup_path);

// Letters, digits, '.', '_', '-'; not "." or ".."; at most 128: safe as a file name and inside a URL.
[[nodiscard]] bool is_safe_id(std::string_view id);

} // namespace gyr
