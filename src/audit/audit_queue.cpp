#include "audit/audit_queue.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <iterator>

namespace gyr {

Result<> AuditQueue::open() {
    fd_ = UniqueFd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!fd_) return fail_errno("create an event descriptor", errno);
    return {};
}

bool AuditQueue::push(std::vector<AuditEventPtr> events, std::size_t bytes) {
    if (events.empty()) return true;
    {
        const std::lock_guard lock(mutex_);
        // One document always fits an empty queue.
        if (!events_.empty() && (events_.size() + events.size() > kMaxEvents || bytes_ + bytes > max_bytes_))
            return false;
        if (tap_) tap_(events);
        events_.insert(events_.end(), std::make_move_iterator(events.begin()), std::make_move_iterator(events.end()));
        bytes_ += bytes;
    }
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(fd_.get(), &one, sizeof one);
    return true;
}

std::vector<AuditEventPtr> AuditQueue::take() {
    std::uint64_t value = 0;
    [[maybe_unused]] const auto got = ::read(fd_.get(), &value, sizeof value);
    const std::lock_guard lock(mutex_);
    bytes_ = 0;
    return std::exchange(events_, {});
}

} // namespace gyr
