#include "rules/file_watch.h"

#include <sys/stat.h>

#include <utility>

namespace gyr::rules {

FileWatch::FileWatch(std::vector<std::string> paths) : paths_(std::move(paths)), known_(look()), last_(known_) {}

std::vector<FileWatch::State> FileWatch::look() const {
    std::vector<State> out;
    out.reserve(paths_.size());
    for (const std::string& path : paths_) {
        struct stat s {};
        State state;
        if (::stat(path.c_str(), &s) == 0)
            state = {s.st_dev, s.st_ino, static_cast<std::uint64_t>(s.st_size), s.st_mtim.tv_sec, s.st_mtim.tv_nsec};
        out.push_back(state);
    }
    return out;
}

bool FileWatch::changed() {
    std::vector<State> now = look();
    const bool at_rest = now == last_;
    last_ = std::move(now);
    if (!at_rest || last_ == known_) return false;
    known_ = last_;
    return true;
}

} // namespace gyr::rules
