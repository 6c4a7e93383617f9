#pragma once
// The last seconds of events, kept in memory, so that a capture that is begun when something happens also holds what
// came before it.
//
// One block of memory, taken when the recorder is made; keeping an event copies it there and allocates nothing. Events
// older than the time span go, and the oldest when the memory is full: starved() then tells that the span could not be
// kept. One thread only.

#include "base/function_ref.h"
#include "base/result.h"
#include "event/raw_event.h"

#include <cstddef>
#include <cstdint>
#include <memory>

namespace gyr::recording {

struct FlightRecorderOptions {
    Nanos span = 0;                                        // how far back, by the events' own time; 0: off
    std::size_t max_bytes = std::size_t{16} * 1024 * 1024; // memory for it
};

class FlightRecorder {
  public:
    explicit FlightRecorder(FlightRecorderOptions options);
    FlightRecorder(FlightRecorder&&) noexcept = default;
    FlightRecorder& operator=(FlightRecorder&&) noexcept = default;

    [[nodiscard]] bool on() const { return options_.span > 0; }
    // An event that takes more than a quarter of the memory is not kept, but counted. Those that only this program
    // knows (snapshot, procchange) are not events of a capture and are passed over.
    void keep(const RawEvent& event);
    // Whether keep() would keep it without dropping another for want of memory.
    [[nodiscard]] bool has_room(const RawEvent& event) const;

    // From the oldest to the newest. The event and what it points to are good during the call. Stops at a failure.
    Result<> for_each(FunctionRef<Result<>(const RawEvent&)> visit) const;
    void clear();

    [[nodiscard]] std::size_t size() const { return count_; }
    [[nodiscard]] Nanos oldest() const; // time of the oldest event; 0: none
    // Events that were still within the span and had to go, or were too long, since the start.
    [[nodiscard]] std::uint64_t starved() const { return starved_; }

  private:
    struct Head;

    [[nodiscard]] const Head& head_at(std::uint64_t position) const;
    [[nodiscard]] std::uint64_t start_of(std::size_t size) const;         // where an entry of this size goes
    [[nodiscard]] std::uint64_t next_entry(std::uint64_t position) const; // past the unused end of the memory
    void drop_oldest();

    FlightRecorderOptions options_;
    std::unique_ptr<std::byte[]> memory_;
    // Positions only grow; modulo the size of the memory they are places in it. Entries do not wrap.
    std::uint64_t first_ = 0, end_ = 0;
    std::size_t count_ = 0;
    Nanos newest_ = 0;
    std::uint64_t starved_ = 0;
};

} // namespace gyr::recording
