#pragma once
// Alerts as lines on a file descriptor, normally standard output: a bounded queue and a thread that formats and writes.
//
// Each line is handed to the kernel before the next is looked at. What does not fit into the queue is counted by rule
// and declared by a gap record at that point of the stream as soon as there is room again. A reader that goes away is
// no error: the rest is counted as lost and on_closed is called once, from the thread.

#include "alerts/format.h"
#include "alerts/sink.h"
#include "base/result.h"

#include <functional>
#include <memory>
#include <string>

namespace gyr::outputs {

struct StreamSinkOptions {
    int fd = 1;                  // stays the caller's
    std::string name = "stdout"; // in statistics, gap records and messages
    FormatOptions format;
    std::size_t buffer_bytes = 16U << 20; // of records waiting; raise it when bursts of alerts outrun the reader
    std::string hostname;                 // of gap records
    std::function<void()> on_closed;      // the reader has gone
    std::function<void(const std::string&)> on_problem; // a sentence; once until a line could be written again
};

// Fails when fd is not open for writing.
[[nodiscard]] Result<std::unique_ptr<AlertSink>> make_stream_sink(StreamSinkOptions options);

} // namespace gyr::outputs
