#include "outputs/line_writer.h"

#include "base/clock.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

namespace gyr::outputs {
namespace {

void drain(int event_fd) {
    std::uint64_t value = 0;
    [[maybe_unused]] const ssize_t n = ::read(event_fd, &value, sizeof value);
}

} // namespace

LineWriter::LineWriter(int fd) : fd_(fd) {
    struct stat info {};
    if (::fstat(fd, &info) != 0) {
        return;
    }
    if (S_ISSOCK(info.st_mode)) {
        kind_ = Kind::socket;
    } else if (S_ISFIFO(info.st_mode) || ::isatty(fd) == 1) {
        // A new open file description; files are left alone because they would lose their shared offset.
        own_fd_ = ::open(fmt::format("/proc/self/fd/{}", fd).c_str(), O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        kind_ = own_fd_ >= 0 ? Kind::nonblocking : Kind::pipe;
    }
}

LineWriter::~LineWriter() { release(); }

void LineWriter::release() {
    if (own_fd_ >= 0) {
        ::close(own_fd_);
        own_fd_ = -1;
    }
}

LineWriter::Step LineWriter::write_some(const char* bytes, std::size_t size, std::size_t& done) {
    ssize_t n = 0;
    if (kind_ == Kind::socket) {
        n = ::send(fd_, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL);
    } else if (kind_ == Kind::pipe) {
        pollfd now{fd_, POLLOUT, 0};
        if (::poll(&now, 1, 0) == 0) {
            return Step::full;
        }
        n = ::write(fd_, bytes, std::min<std::size_t>(size, PIPE_BUF));
    } else {
        n = ::write(fd(), bytes, size);
    }
    if (n >= 0) {
        done += static_cast<std::size_t>(n);
        return Step::progress;
    }
    switch (errno) {
    case EINTR: return Step::progress;
    case EAGAIN: return Step::full;
    case EPIPE:
    case ECONNRESET: return Step::reader_gone;
    default: last_error_ = errno; return Step::error;
    }
}

bool LineWriter::await_room(const Patience& patience, Nanos deadline) {
    while (true) {
        const Nanos until = std::min(deadline, patience.until.load(std::memory_order_acquire));
        int timeout_ms = -1;
        if (until != INT64_MAX) {
            const Nanos left = until - steady_now();
            if (left <= 0) {
                return false;
            }
            timeout_ms = static_cast<int>(std::min<Nanos>(left / 1'000'000 + 1, 60'000));
        }
        std::array<pollfd, 2> fds{{{fd(), POLLOUT, 0}, {patience.wake_fd, POLLIN, 0}}};
        if (::poll(fds.data(), fds.size(), timeout_ms) > 0) {
            if (fds[0].revents != 0) {
                return true; // writable, or an error that the next write tells
            }
            drain(patience.wake_fd);
        }
    }
}

WriteOutcome LineWriter::write_line(std::string line, const Patience& patience, Nanos deadline) {
    if (torn_) {
        line.insert(line.begin(), '\n');
    }
    std::size_t done = 0;
    while (done < line.size()) {
        const Step step = write_some(line.data() + done, line.size() - done, done);
        WriteOutcome end = WriteOutcome::written;
        if (step == Step::progress || (step == Step::full && await_room(patience, deadline))) {
            continue;
        }
        switch (step) {
        case Step::reader_gone: end = WriteOutcome::reader_gone; break;
        case Step::error: end = WriteOutcome::error; break;
        default: end = WriteOutcome::gave_up; break;
        }
        // The newline put in front ends a torn line even when nothing of this one followed.
        torn_ = torn_ ? done != 1 : done > 0;
        return end;
    }
    torn_ = false;
    return WriteOutcome::written;
}

bool LineWriter::wait_idle(const Patience& patience) {
    // A file never hangs up, and poll(2) would return at once for it.
    std::array<pollfd, 2> fds{{{patience.wake_fd, POLLIN, 0}, {fd(), 0, 0}}};
    const nfds_t count = kind_ == Kind::file ? 1 : 2;
    while (::poll(fds.data(), count, -1) < 0 && errno == EINTR) {
    }
    if ((fds[0].revents & POLLIN) != 0) {
        drain(patience.wake_fd);
        return false; // what was queued first; a reader that has gone is met again
    }
    return count == 2 && (fds[1].revents & (POLLERR | POLLHUP | POLLNVAL)) != 0;
}

bool LineWriter::hung_up() const {
    if (kind_ == Kind::file) {
        return false;
    }
    pollfd state{fd(), 0, 0};
    return ::poll(&state, 1, 0) > 0 && (state.revents & (POLLERR | POLLHUP | POLLNVAL)) != 0;
}

} // namespace gyr::outputs
