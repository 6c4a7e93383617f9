#pragma once
// Which files the exact paths in rules lead to at the moment, by device and inode: a hard link to /etc/shadow, a bind
// mount of it or a magic link into it is that file, whatever the path it was opened by; so is the file of an overlay
// that shows it, and the file in a container's layer that the container's overlay shows. Paths are looked up below the
// host's root and below the root of each container, again and again, since a file may be replaced by another. A thread
// of its own does that: a file system may take its time.

#include "base/fd.h"
#include "base/result.h"
#include "event/fd_info.h"
#include "sources/live_bpf/live_source.h"

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

namespace gyr {

class IdentityTable {
  public:
    // Files by the paths that rules name them with; several when a path is another file elsewhere.
    using Found = std::map<std::string, std::vector<FileId>>;
    // The file of a descriptor, and those below it.
    using Identify = std::function<Result<std::vector<FileId>>(int fd)>;
    struct Options {
        std::string host_root;                // prefix of /proc and of the host's files
        std::size_t max_paths = 512;          // looked up; others are known by name only
        std::size_t max_roots = 512;          // containers
        unsigned host_every_ms = 1000;        // how often files of the host are looked up again
        unsigned containers_every_ms = 5'000; // … and those of containers
    };
    // identify is called by the thread, wake too, when take() has something new.
    IdentityTable(Options options, Identify identify, std::function<void()> wake);
    ~IdentityTable();
    IdentityTable(const IdentityTable&) = delete;
    IdentityTable& operator=(const IdentityTable&) = delete;

    // The exact paths of the rules of the moment.
    void set_paths(std::vector<std::string> paths);
    // Until the paths given last were looked up on the host, at most so long.
    void wait(std::chrono::milliseconds most);
    // A process that has the root of this container.
    void see_container(const std::string& id, Pid pid);
    // What was found, when that changed since the last call.
    [[nodiscard]] const Found* take();
    // Paths that rules know the file by, other than the name it was opened by, or one that lies below it. keeps_layers:
    // whoever acts is a container engine: files of containers and of layers are those that it keeps, and no others.
    // Valid until the next call and the next take().
    [[nodiscard]] std::span<const std::string_view> names_of(const FdInfo& fd, std::span<const FileNumbers> below,
                                                             bool keeps_layers);

  private:
    struct Root {
        Pid pid = 0;
        Found found;
        bool fresh = true;
    };
    void run(const std::stop_token& stop);
    [[nodiscard]] Found look_up(const std::string& root, const std::vector<std::string>& paths, bool hold);
    void publish();

    Options options_;
    Identify identify_;
    std::function<void()> wake_;

    std::mutex mutex_;
    std::condition_variable_any changed_;
    std::vector<std::string> paths_;    // guarded by mutex_
    std::map<std::string, Root> roots_; // by container; guarded by mutex_
    bool poked_ = false;                // guarded by mutex_
    bool looked_up_ = false;            // guarded by mutex_
    std::condition_variable looked_;
    Found news_;            // guarded by mutex_
    bool has_news_ = false; // guarded by mutex_

    // Of the thread.
    Found host_, published_;
    std::map<std::string, UniqueFd> held_; // files of the host, kept open so that their numbers are not given to others

    // Of the caller.
    Found current_;
    struct Hash {
        std::size_t operator()(const FileNumbers& f) const noexcept {
            return std::hash<std::uint64_t>{}(f.ino * 31 + f.dev);
        }
    };
    struct Name {
        std::string_view path; // in current_
        bool kept = false;     // FileId::kept
    };
    std::unordered_map<FileNumbers, std::vector<Name>, Hash> names_;
    std::vector<std::string_view> given_; // by names_of

    std::jthread thread_; // last: ends before the rest goes
};

} // namespace gyr
