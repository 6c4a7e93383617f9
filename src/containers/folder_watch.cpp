#include "containers/folder_watch.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <sys/inotify.h>
#include <unistd.h>

namespace gyr {

FolderWatch::FolderWatch(std::size_t max_watches)
    : max_watches_(max_watches), fd_(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC)) {}

FolderWatch::~FolderWatch() {
    if (fd_ >= 0) ::close(fd_);
}

bool FolderWatch::add(Kind kind, const std::string& folder) {
    if (fd_ < 0 || watches_.size() >= max_watches_) return false;
    // Files are complete when renamed into place or closed after writing; folders when made.
    std::uint32_t mask = IN_ONLYDIR | IN_DONT_FOLLOW | IN_DELETE_SELF | IN_MOVED_TO;
    mask |= kind == Kind::docker_container ? IN_CLOSE_WRITE : IN_CREATE;
    const int watch = ::inotify_add_watch(fd_, folder.c_str(), mask);
    if (watch < 0) return false;
    watches_.insert_or_assign(watch, Watch{kind, folder});
    return true;
}

void FolderWatch::read(const std::function<void(const Event&)>& take, bool& overflowed) {
    alignas(inotify_event) std::array<char, 16'384> buffer;
    for (;;) {
        const ssize_t bytes = ::read(fd_, buffer.data(), buffer.size());
        if (bytes < 0 && errno == EINTR) continue;
        if (bytes <= 0) return;
        for (std::size_t at = 0; at + sizeof(inotify_event) <= static_cast<std::size_t>(bytes);) {
            inotify_event event{};
            std::memcpy(&event, buffer.data() + at, sizeof event);
            const char* name = buffer.data() + at + sizeof event;
            at += sizeof event + event.len;
            if ((event.mask & IN_Q_OVERFLOW) != 0) overflowed = true;
            const auto found = watches_.find(event.wd);
            if (found == watches_.end()) continue;
            const Watch watch = found->second; // take() may add watches
            if ((event.mask & IN_IGNORED) != 0) {
                watches_.erase(found);
                take({watch.kind, watch.folder, {}});
            } else if (event.len > 0) {
                take({watch.kind, watch.folder, std::string_view(name, ::strnlen(name, event.len))});
            }
        }
    }
}

} // namespace gyr
