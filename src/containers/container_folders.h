#pragma once
// The folders in which Docker and containerd put new containers, watched, so that their metadata is known or asked for
// before their first process runs. One thread.

#include "containers/disk_lookup.h"
#include "containers/folder_watch.h"
#include "containers/resolver.h"
#include "state/container.h"

#include <cstddef>
#include <functional>
#include <string>
#include <unordered_set>

namespace gyr {

// Who is told, during look_around(), learn_docker_root() and take_events().
struct ContainerFolderNews {
    std::function<void(const std::string& id, ContainerInfo)> described; // by Docker
    // A bundle is there; folder is where, as the host names it, and its last part the namespace.
    std::function<void(const std::string& folder, const std::string& name_space, const std::string& id)> bundle;
    std::function<void(const std::string& id)> gone; // one that described() told of
};

class ContainerFolders {
  public:
    // Both are kept by reference.
    ContainerFolders(const ResolverOptions& options, DiskLookup& disk, ContainerFolderNews news);

    // Watches what is there of the known folders and was not, and reads the containers in them.
    void look_around();
    // Another folder of Docker's.
    void learn_docker_root(const std::string& root);

    // Readable when take_events() has something; -1 when this host has no inotify to give.
    [[nodiscard]] int fd() const { return watch_.fd(); }
    void take_events();
    [[nodiscard]] std::size_t size() const { return watch_.size(); }

  private:
    template <class Take>
    void for_each_name(const std::string& folder, Take take);
    void watch_docker_root(const std::string& root);
    void watch_docker_container(const std::string& containers, const std::string& id);
    void read_docker(const std::string& containers, const std::string& id);
    void watch_tasks(const std::string& tasks);
    void watch_namespace(const std::string& folder);
    void expect_bundle(const std::string& folder, const std::string& id);

    const ResolverOptions& options_;
    DiskLookup& disk_;
    const ContainerFolderNews news_;
    const bool wanted_;
    FolderWatch watch_;
    std::unordered_set<std::string> watching_; // Docker's roots and folders of tasks that are watched
};

} // namespace gyr
