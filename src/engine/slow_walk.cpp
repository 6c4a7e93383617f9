#include "engine/slow_walk.h"

#include "base/thread_start.h"

#include <fmt/format.h>

#include <array>
#include <condition_variable>
#include <cstddef>
#include <fcntl.h>
#include <linux/openat2.h>
#include <mutex>
#include <string_view>
#include <sys/syscall.h>
#include <unistd.h>
#include <utility>

namespace gyr {
namespace {

constexpr int kMostWaits = 50; // for a thread that has work, and others are before it

// Whether the thread runs, or would if it had a processor; not: it waits for a file system.
bool wants_to_run(pid_t tid) {
    const UniqueFd fd(::open(fmt::format("/proc/self/task/{}/stat", tid).c_str(), O_RDONLY | O_CLOEXEC));
    std::array<char, 512> text{};
    const ssize_t n = fd ? ::read(fd.get(), text.data(), text.size()) : 0;
    if (n <= 0) return false;
    const std::string_view line(text.data(), static_cast<std::size_t>(n));
    const std::size_t name_end = line.rfind(')'); // proc_pid_stat(5)
    return name_end != std::string_view::npos && line.substr(name_end).starts_with(") R");
}

} // namespace

struct SlowWalk::Shared {
    std::mutex mutex;
    std::condition_variable asked, answered;
    bool busy = false, end = false, found = false;
    pid_t tid = 0; // of the thread, once it has begun
    UniqueFd root;
    std::string path, answer;

    void run() {
        std::unique_lock lock(mutex);
        tid = ::gettid();
        while (true) {
            asked.wait(lock, [this] { return end || busy; });
            if (end) return;
            const UniqueFd below = std::move(root);
            const std::string what = path;
            lock.unlock();
            std::string led_to;
            const UniqueFd fd = open_below(below.get(), what, 0);
            const bool is = fd && path_of(fd.get(), led_to);
            lock.lock();
            found = is;
            answer = std::move(led_to);
            busy = false;
            answered.notify_one();
        }
    }
};

SlowWalk::~SlowWalk() {
    if (!shared_) return;
    const std::lock_guard lock(shared_->mutex);
    shared_->end = true;
    shared_->asked.notify_one();
}

bool SlowWalk::walk(int root, const std::string& path, std::string& out) {
    if (!shared_) {
        auto shared = std::make_shared<Shared>();
        auto thread = start_thread([shared] { shared->run(); });
        if (!thread) return false;
        thread->detach(); // a thread that is kept waiting cannot be waited for
        shared_ = std::move(shared);
    }
    std::unique_lock lock(shared_->mutex);
    if (shared_->busy) return false;
    shared_->root = UniqueFd(::fcntl(root, F_DUPFD_CLOEXEC, 0));
    if (!shared_->root) return false;
    shared_->path = path;
    shared_->busy = true;
    shared_->asked.notify_one();
    const auto answered = [this] { return !shared_->busy; };
    for (int turn = 0; !shared_->answered.wait_for(lock, patience_, answered); ++turn)
        if (turn == kMostWaits || (shared_->tid != 0 && !wants_to_run(shared_->tid))) return false;
    if (shared_->found) out = shared_->answer;
    return shared_->found;
}

UniqueFd SlowWalk::open_below(int root, const std::string& path, std::uint64_t resolve) {
    open_how how{};
    how.flags = O_PATH | O_CLOEXEC;
    how.resolve = RESOLVE_IN_ROOT | resolve;
    return UniqueFd(static_cast<int>(::syscall(SYS_openat2, root, path.c_str(), &how, sizeof how)));
}

bool SlowWalk::path_of(int fd, std::string& out) { return read_link(fmt::format("/proc/self/fd/{}", fd), out); }

bool SlowWalk::read_link(const std::string& link, std::string& out) {
    std::array<char, 4096> text{}; // no more is told
    const ssize_t n = ::readlink(link.c_str(), text.data(), text.size());
    if (n <= 0 || text[0] != '/' || static_cast<std::size_t>(n) == text.size()) return false;
    out.assign(text.data(), static_cast<std::size_t>(n));
    return true;
}

} // namespace gyr
