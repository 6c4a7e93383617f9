#pragma once
// Writes whole lines to a file descriptor of any kind without ever being stuck in it: pipes, terminals and sockets are
// written without blocking and waited for with poll(2), so that a deadline ends the waiting. The flags of the
// descriptor given are not changed (it is shared with the shell and with other programs): a pipe or terminal is opened
// a second time instead.

#include "base/ids.h"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>

namespace gyr::outputs {

// What became of a line. error: see last_error(). After gave_up or error the next line still begins on its own line.
enum class WriteOutcome : std::uint8_t { written, reader_gone, error, gave_up };

// Until when a writer may wait for its reader: CLOCK_MONOTONIC ns, changed by another thread, which then makes wake_fd
// readable so that the waiting looks again.
struct Patience {
    std::atomic<Nanos> until{INT64_MAX};
    int wake_fd = -1; // eventfd
};

class LineWriter {
  public:
    // fd stays the caller's, and open as long as this lives.
    explicit LineWriter(int fd);
    ~LineWriter();
    LineWriter(const LineWriter&) = delete;
    LineWriter& operator=(const LineWriter&) = delete;

    // One line, its newline included; goes out in one write(2) where the receiver takes it. What is not taken until the
    // deadline is given up.
    WriteOutcome write_line(std::string line, const Patience& patience, Nanos deadline = INT64_MAX);
    // Whether the receiver takes something, or has gone, before the deadline.
    bool await_room(const Patience& patience, Nanos deadline);
    // Sleeps until wake_fd is readable or the receiver has gone; true when it has gone. Drains wake_fd.
    bool wait_idle(const Patience& patience);

    // Whether the receiver has gone, as far as can be told without writing.
    [[nodiscard]] bool hung_up() const;

    // Lets go of its own opening, so that the receiver sees the end when the caller's descriptor is closed too. Nothing
    // can be written afterwards.
    void release();

    [[nodiscard]] int last_error() const { return last_error_; }

  private:
    enum class Kind : std::uint8_t {
        file,        // never makes us wait
        nonblocking, // own_fd_
        pipe,        // could not be opened again: written in pieces that a writable pipe takes whole
        socket,
    };
    enum class Step : std::uint8_t { progress, full, reader_gone, error };

    Step write_some(const char* bytes, std::size_t size, std::size_t& done);
    [[nodiscard]] int fd() const { return own_fd_ >= 0 ? own_fd_ : fd_; }

    int fd_;
    int own_fd_ = -1;
    Kind kind_ = Kind::file;
    int last_error_ = 0;
    bool torn_ = false; // an earlier line stopped in the middle
};

} // namespace gyr::outputs
