#include "capfile/input.h"

#include "capfile/inflater.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <string_view>
#include <unistd.h>
#include <utility>

namespace gyr::capfile {
namespace {

constexpr std::size_t kWindow = std::size_t{256} * 1024;
constexpr std::string_view kGzipMagic = "\x1f\x8b";

bool is_gzip(std::span<const std::byte> bytes) {
    return bytes.size() >= kGzipMagic.size() && std::memcmp(bytes.data(), kGzipMagic.data(), kGzipMagic.size()) == 0;
}

} // namespace

Input::Input() = default;
Input::Input(Input&&) noexcept = default;
Input& Input::operator=(Input&&) noexcept = default;
Input::~Input() = default;

Result<Input> Input::open(const std::string& path, int stop_fd) {
    Input in;
    in.stop_fd_ = stop_fd;
    if (path == "-") {
        in.fd_ = STDIN_FILENO;
    } else {
        // A pipe that nobody writes to yet would be waited for in open(2).
        in.owned_ = UniqueFd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | (stop_fd >= 0 ? O_NONBLOCK : 0)));
        if (!in.owned_) return fail_errno("open " + path, errno);
        in.fd_ = in.owned_.get();
        static_cast<void>(::posix_fadvise(in.fd_, 0, 0, POSIX_FADV_SEQUENTIAL));
    }
    if (auto begun = in.begin(); !begun) return fail(begun.error().kind, path + ": " + begun.error().message);
    return in;
}

Input Input::from_bytes(std::span<const std::byte> bytes) {
    Input in;
    in.memory_ = bytes;
    static_cast<void>(in.begin()); // memory cannot fail to be read
    return in;
}

// Looks at the first bytes to tell gzip from plain.
Result<> Input::begin() {
    if (fd_ < 0 && !is_gzip(memory_)) { // read where it lies
        const void* raw = memory_.data();
        start_ = begin_ = static_cast<const char*>(raw);
        end_ = begin_ + memory_.size();
        at_end_ = true;
        return {};
    }
    grow(kWindow);
    while (available() < kGzipMagic.size()) {
        const std::size_t got = read_raw(buffer_.get() + available(), Inflater::kInputRoom - available());
        if (got == 0) break;
        end_ += got;
    }
    if (!failure_.empty()) return fail(ErrorKind::io, failure_);
    if (!is_gzip(std::as_bytes(std::span(begin_, end_)))) return {};
    inflater_ = std::make_unique<Inflater>();
    std::memcpy(inflater_->input(), begin_, available()); // what was read is the first of the compressed input
    inflater_->given(available());
    end_ = begin_;
    return {};
}

// A window of at least this size, with what is visible at its start.
void Input::grow(std::size_t size) {
    auto bigger = std::make_unique_for_overwrite<char[]>(size);
    const std::size_t have = available();
    if (have > 0) std::memcpy(bigger.get(), begin_, have);
    base_ = offset();
    buffer_ = std::move(bigger);
    capacity_ = size;
    start_ = begin_ = buffer_.get();
    end_ = begin_ + have;
}

bool Input::refill(std::size_t size) {
    // A length that the file only claims must not cost its memory: the window doubles as bytes really come.
    while (available() < size) {
        if (at_end_) return false;
        const std::size_t have = available();
        if (have == capacity_) {
            grow(capacity_ * 2);
        } else if (begin_ != start_) {
            base_ = offset();
            std::memmove(buffer_.get(), begin_, have);
            begin_ = start_;
            end_ = begin_ + have;
        }
        fill(std::min(size, capacity_));
    }
    return true;
}

// Appends until the window holds size bytes, or the stream ends.
void Input::fill(std::size_t size) {
    while (available() < size && !at_end_) {
        char* to = buffer_.get() + available();
        const std::size_t room = capacity_ - available();
        const std::size_t got = inflater_ ? read_inflating(to, room) : read_raw(to, room);
        if (got == 0) at_end_ = true;
        end_ += got;
    }
}

std::size_t Input::read_inflating(char* to, std::size_t room) {
    for (;;) {
        const std::size_t got = inflater_->inflate(to, room);
        if (got > 0) return got;
        if (!inflater_->failure().empty()) {
            failure_ = inflater_->failure();
            return 0;
        }
        if (inflater_->finished()) return 0;
        if (inflater_->input_wanted()) {
            inflater_->given(read_raw(inflater_->input(), Inflater::kInputRoom));
            if (!failure_.empty()) return 0;
        }
    }
}

std::size_t Input::read_raw(char* to, std::size_t room) {
    if (fd_ < 0) {
        const std::size_t size = std::min(room, memory_.size());
        if (size > 0) std::memcpy(to, memory_.data(), size);
        memory_ = memory_.subspan(size);
        return size;
    }
    ssize_t got = 0;
    do {
        if (stopped()) return 0;
        got = ::read(fd_, to, room);
    } while (got < 0 && (errno == EINTR || (errno == EAGAIN && stop_fd_ >= 0)));
    if (got < 0) {
        failure_ = fail_errno("cannot be read", errno).error().message;
        return 0;
    }
    return static_cast<std::size_t>(got);
}

// Waits until there is something to read, or the end is asked for.
bool Input::stopped() const {
    if (stop_fd_ < 0) return false;
    std::array<pollfd, 2> fds{{{fd_, POLLIN, 0}, {stop_fd_, POLLIN, 0}}};
    while (::poll(fds.data(), fds.size(), -1) < 0 && errno == EINTR) {
    }
    return fds[1].revents != 0;
}

bool Input::skip(std::uint64_t size) {
    while (size > available()) {
        size -= available();
        begin_ = end_;
        if (!ensure(1)) return false;
    }
    consume(static_cast<std::size_t>(size));
    return true;
}

} // namespace gyr::capfile
