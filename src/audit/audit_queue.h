#pragma once
// Audit events on their way from the threads that receive them to the one that judges them. Bounded by number and bytes
// of the documents they came in: what does not fit is refused, and who gave it is told, so that it can be sent again.

#include "audit/audit_event.h"
#include "base/fd.h"
#include "base/result.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <span>
#include <utility>
#include <vector>

namespace gyr {

class AuditQueue {
  public:
    static constexpr std::size_t kMaxEvents = 65'536;
    static constexpr std::size_t kMaxBytes = 64U << 20;

    explicit AuditQueue(std::size_t max_bytes = kMaxBytes) : max_bytes_(max_bytes) {}
    // Is shown what push() takes, on its thread. To be set before anybody pushes.
    void set_tap(std::function<void(std::span<const AuditEventPtr>)> tap) { tap_ = std::move(tap); }
    // Error: no descriptor is to be had.
    Result<> open();
    // Any thread. All or none; bytes: of the documents. False: no room.
    bool push(std::vector<AuditEventPtr> events, std::size_t bytes);
    // Readable when take() has something.
    [[nodiscard]] int fd() const { return fd_.get(); }
    [[nodiscard]] std::vector<AuditEventPtr> take();

  private:
    const std::size_t max_bytes_;
    UniqueFd fd_;
    std::function<void(std::span<const AuditEventPtr>)> tap_;
    std::mutex mutex_;
    std::vector<AuditEventPtr> events_; // guarded by mutex_
    std::size_t bytes_ = 0;             // guarded by mutex_
};

} // namespace gyr
