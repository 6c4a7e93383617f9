#include "state/event.h"

#include <deque>

namespace gyr {

struct Event::Kept {
    std::deque<std::string> bytes;
    std::vector<std::string_view> params;
    FdInfo fd, other_fd, path, other_path;
    ThreadFacts thread;
};

void Event::keep() {
    if (kept_ || (params.empty() && !fd && !other_fd && !path && !other_path && !thread && !fds)) return;
    fds = nullptr;
    auto kept = std::make_shared<Kept>();
    for (const std::string_view p : params) kept->params.emplace_back(kept->bytes.emplace_back(p));
    params = kept->params;
    for (std::string_view* b : {&base, &other_base})
        if (!b->empty()) *b = kept->bytes.emplace_back(*b);
    if (fd) kept->fd = *fd, fd = &kept->fd;
    if (other_fd) kept->other_fd = *other_fd, other_fd = &kept->other_fd;
    if (path) kept->path = *path, path = &kept->path;
    if (other_path) kept->other_path = *other_path, other_path = &kept->other_path;
    if (thread) kept->thread = *thread, thread = &kept->thread;
    kept_ = std::move(kept);
}

} // namespace gyr
