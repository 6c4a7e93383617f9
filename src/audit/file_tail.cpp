#include "audit/file_tail.h"

#include "audit/audit_lines.h"
#include "base/fd.h"

#include <fmt/format.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <stop_token>
#include <utility>

namespace gyr {
namespace {

constexpr std::chrono::milliseconds kLookEvery{100};
constexpr std::size_t kAtOnce = 4U << 20; // bytes of one file before the others have their turn

} // namespace

class FileTail::File {
  public:
    File(std::string path, AuditQueue& queue, const std::function<void(std::string)>& on_problem)
        : path_(std::move(path)), queue_(queue),
          lines_([this](AuditEventPtr event) { events_.push_back(std::move(event)); },
                 [this, on_problem](std::uint64_t, const std::string& message) {
                     on_problem(fmt::format("{}: {}", path_, message));
                 }) {
        open_file();
        if (fd_) ::lseek(fd_.get(), 0, SEEK_END);
    }

    // What has been added. With no room in the queue what was read waits, and nothing more is read.
    void look() {
        if (!give()) return;
        if (fd_ && !read_on()) return; // the rest first, whatever the name leads to by now
        struct stat named {};
        if (::stat(path_.c_str(), &named) != 0) return;
        struct stat ours {};
        if (fd_ && ::fstat(fd_.get(), &ours) == 0 && ours.st_dev == named.st_dev && ours.st_ino == named.st_ino) {
            if (::lseek(fd_.get(), 0, SEEK_CUR) <= ours.st_size) return;
            ::lseek(fd_.get(), 0, SEEK_SET); // cut off, perhaps in the middle of a line
            if (!rest_.empty()) lines_.add(std::exchange(rest_, {}));
            return;
        }
        if (fd_ && !read_on()) return; // what was written between the look at it and at the name
        if (!rest_.empty()) lines_.add(std::exchange(rest_, {}));
        open_file();
        if (fd_) static_cast<void>(read_on());
    }

  private:
    void open_file() { fd_ = UniqueFd(::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY)); }

    bool give() {
        if (events_.empty()) return true;
        if (!queue_.push(events_, bytes_)) return false;
        events_.clear();
        bytes_ = 0;
        return true;
    }

    // True: all that the file held has been read.
    [[nodiscard]] bool read_on() {
        std::array<char, 64 * 1024> buffer{};
        bool more = true;
        for (std::size_t total = 0; more && total < kAtOnce;) {
            const ssize_t n = ::read(fd_.get(), buffer.data(), buffer.size());
            more = n > 0;
            if (!more) break;
            total += static_cast<std::size_t>(n);
            bytes_ += static_cast<std::size_t>(n);
            std::string_view piece(buffer.data(), static_cast<std::size_t>(n));
            for (std::size_t end = 0; (end = piece.find('\n')) != std::string_view::npos;
                 piece.remove_prefix(end + 1)) {
                rest_ += piece.substr(0, end);
                lines_.add(rest_);
                rest_.clear();
            }
            rest_ += piece;
            if (rest_.size() > 2 * kMaxAuditBytes) rest_.clear();
        }
        return give() && !more;
    }

    std::string path_;
    AuditQueue& queue_;
    AuditLines lines_;
    UniqueFd fd_;
    std::string rest_; // of a line that is being written
    std::vector<AuditEventPtr> events_;
    std::size_t bytes_ = 0;
};

FileTail::FileTail(std::vector<std::string> paths, AuditQueue& queue,
                   const std::function<void(std::string)>& on_problem) {
    for (std::string& path : paths) files_.push_back(std::make_unique<File>(std::move(path), queue, on_problem));
    thread_ = std::jthread([this](const std::stop_token& stop) {
        std::mutex mutex;
        std::condition_variable_any sleep;
        std::unique_lock lock(mutex);
        while (!stop.stop_requested()) {
            for (const auto& file : files_) file->look();
            sleep.wait_for(lock, stop, kLookEvery, [] { return false; });
        }
    });
}

FileTail::~FileTail() {
    thread_.request_stop();
    thread_.join();
}

} // namespace gyr
