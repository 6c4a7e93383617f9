#include "containers/container_folders.h"

#include "base/folder.h"
#include "containers/cgroup_id.h"

#include <algorithm>
#include <filesystem>
#include <string_view>
#include <utility>

namespace gyr {
namespace {

constexpr std::size_t kMaxDockerRoots = 16;
constexpr std::string_view kTasks = "/io.containerd.runtime.v2.task";

// What comes before the last part of a path, and the last part.
std::string folder_of(const std::string& path) { return path.substr(0, path.rfind('/')); }
std::string name_of(const std::string& path) { return path.substr(path.rfind('/') + 1); }

} // namespace

ContainerFolders::ContainerFolders(const ResolverOptions& options, DiskLookup& disk, ContainerFolderNews news)
    : options_(options), disk_(disk), news_(std::move(news)), wanted_(options.watch && options.use_disk),
      watch_(wanted_ ? options.max_watches : 0) {}

void ContainerFolders::learn_docker_root(const std::string& root) {
    const std::vector<std::string> known = disk_.docker_roots();
    if (known.size() >= kMaxDockerRoots || std::ranges::find(known, root) != known.end()) return;
    disk_.add_docker_root(root);
    watch_docker_root(root);
}

void ContainerFolders::look_around() {
    if (!wanted_) return;
    for (const std::string& root : disk_.docker_roots()) {
        if (!watching_.contains(root)) watch_docker_root(root);
    }
    for (const std::string& state : options_.containerd_states) {
        const std::string tasks = disk_.on_host(state + std::string(kTasks));
        if (!watching_.contains(tasks)) watch_tasks(tasks);
    }
}

template <class Take>
void ContainerFolders::for_each_name(const std::string& folder, Take take) {
    std::size_t seen = 0;
    for_each_entry(folder, [&](const std::filesystem::directory_entry& entry) {
        take(entry.path().filename().string());
        return ++seen < options_.max_containers;
    });
}

void ContainerFolders::watch_docker_root(const std::string& root) {
    const std::string folder = disk_.on_host(root + "/containers");
    if (!watch_.add(FolderWatch::Kind::docker_containers, folder)) return;
    watching_.insert(root);
    for_each_name(folder, [&](const std::string& id) { watch_docker_container(folder, id); });
}

void ContainerFolders::watch_docker_container(const std::string& containers, const std::string& id) {
    if (!is_hex_id(id)) return;
    watch_.add(FolderWatch::Kind::docker_container, containers + "/" + id);
    read_docker(containers, id);
}

void ContainerFolders::read_docker(const std::string& containers, const std::string& id) {
    const std::string root = disk_.from_host(folder_of(containers));
    auto info = disk_.find_docker(root, id);
    if (!info) return;
    news_.described(id, std::move(*info));
}

void ContainerFolders::watch_tasks(const std::string& tasks) {
    if (!watch_.add(FolderWatch::Kind::task_root, tasks)) return;
    watching_.insert(tasks);
    for_each_name(tasks, [&](const std::string& name) { watch_namespace(tasks + "/" + name); });
}

void ContainerFolders::watch_namespace(const std::string& folder) {
    if (folder.ends_with("/moby")) return; // Docker's own folder tells more
    if (!watch_.add(FolderWatch::Kind::task_namespace, folder)) return;
    for_each_name(folder, [&](const std::string& id) { expect_bundle(folder, id); });
}

void ContainerFolders::expect_bundle(const std::string& folder, const std::string& id) {
    if (is_safe_id(id)) news_.bundle(disk_.from_host(folder), name_of(folder), id);
}

void ContainerFolders::take_events() {
    bool overflowed = false;
    watch_.read(
        [&](const FolderWatch::Event& event) {
            using enum FolderWatch::Kind;
            const std::string name(event.name);
            switch (event.kind) {
            case docker_containers:
                if (name.empty())
                    watching_.erase(disk_.from_host(folder_of(event.folder)));
                else
                    watch_docker_container(event.folder, name);
                break;
            case docker_container: {
                const std::string id = name_of(event.folder);
                const std::string containers = folder_of(event.folder);
                if (name.empty())
                    news_.gone(id);
                else if (name == "config.v2.json" || name == "hostconfig.json")
                    read_docker(containers, id);
                break;
            }
            case task_root:
                if (name.empty())
                    watching_.erase(event.folder);
                else
                    watch_namespace(event.folder + "/" + name);
                break;
            case task_namespace:
                if (!name.empty()) expect_bundle(event.folder, name);
                break;
            }
        },
        overflowed);
    if (overflowed) {
        watching_.clear();
        look_around();
    }
}

} // namespace gyr
