#pragma once
// inotify over the folders in which runtimes put new containers. Tells names; reading is the owner's affair. One
// thread.

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace gyr {

class FolderWatch {
  public:
    enum class Kind : unsigned char {
        docker_containers, // <root>/containers: a folder per container
        docker_container,  // <root>/containers/ID: its files
        task_root,         // <state>/io.containerd.runtime.v2.task: a folder per namespace
        task_namespace,    // …/<namespace>: a bundle per container
    };
    struct Event {
        Kind kind;
        const std::string& folder;
        std::string_view name; // of what appeared; empty when the folder itself is gone
    };

    explicit FolderWatch(std::size_t max_watches);
    ~FolderWatch();
    FolderWatch(const FolderWatch&) = delete;
    FolderWatch& operator=(const FolderWatch&) = delete;

    // False: not there, no permission, or no room. Watching again is free.
    bool add(Kind kind, const std::string& folder);
    // Reads what has happened, without waiting. overflowed: events were lost, look at everything again.
    void read(const std::function<void(const Event&)>& take, bool& overflowed);
    [[nodiscard]] int fd() const { return fd_; } // -1 when this host has no inotify to give
    [[nodiscard]] std::size_t size() const { return watches_.size(); }

  private:
    struct Watch {
        Kind kind;
        std::string folder;
    };
    std::size_t max_watches_;
    int fd_ = -1;
    std::unordered_map<int, Watch> watches_;
};

} // namespace gyr
