#pragma once
// Where finished records go. The seam between the engine, which must never wait, and the outputs, which may.

#include "alerts/alert.h"

#include <cstdint>
#include <string>

namespace gyr {

// Counters since start; each record pushed ends in exactly one of delivered and lost.
struct SinkStats {
    std::uint64_t accepted = 0; // pushed
    std::uint64_t delivered = 0;
    std::uint64_t lost = 0; // queue full, write error, not delivered by the end
};

class AlertSink {
  public:
    virtual ~AlertSink() = default;
    // Takes the record; never blocks. What cannot be taken is counted and declared by a gap record later.
    // Any thread.
    virtual void push(AlertRecordPtr record) = 0;
    // Delivers what is queued, waiting at most timeout for a slow receiver, and ends. Once, by the owner.
    virtual void close(Nanos timeout) = 0;
    [[nodiscard]] virtual SinkStats stats() const = 0;
    [[nodiscard]] virtual const std::string& name() const = 0; // "stdout"
};

} // namespace gyr
