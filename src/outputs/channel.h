#pragma once
// One way to deliver records: a file, a program, a server. A channel knows how to hand over a batch once; when, how
// often and what to do about failures is Output's (outputs/output.h). One thread uses a channel.

#include "alerts/alert.h"
#include "alerts/format.h"
#include "outputs/line_writer.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace gyr::outputs {

// A record on its way. text: in the output's format, one line without its newline.
struct Item {
    AlertRecordPtr record;
    std::string text;
};

// How a wait for something to do ended.
enum class Idle : std::uint8_t {
    woken,  // patience.wake_fd was readable
    broken, // what had been handed over may not have arrived; send() with no items repeats it
    closed, // the receiver is gone for good
};

enum class Sent : std::uint8_t {
    all,     // everything has arrived
    retry,   // from the first that has not: later it may
    refused, // the first that has not will never be taken as it is
    closed,  // the receiver is gone for good (a pipe's reader)
};

struct SendResult {
    Sent outcome = Sent::all;
    std::size_t done = 0; // of the items, from the first on, that have arrived
    std::string problem;  // a sentence about what did not work; empty: only the time was over
    Nanos wait = 0;       // how long the receiver wants to be left alone; 0: it did not say
};

class Channel {
  public:
    virtual ~Channel() = default;
    // Waits no longer than the output's timeout for any one answer, and not beyond patience. No items: only what an
    // earlier receiver may have lost; done then says how many records that are.
    virtual SendResult send(std::span<const Item> items, const Patience& patience) = 0;
    // Sleeps until patience.wake_fd is readable and drains it, or until there is trouble with the receiver.
    virtual Idle wait_idle(const Patience& patience);
    // Opens again whatever has a name (a file that was moved away).
    virtual void reopen() {}
    // The end: what was handed over gets its time to be taken.
    virtual void finish(const Patience&) {}
};

// Waits for wake_fd, at most until `until` (monotonic), and drains it. False: it was the time.
bool wait_for_wake(const Patience& patience, Nanos until);

// Waits until fd has one of the events or an error, at most until `until` (monotonic) or the end of patience, whose
// wake_fd it drains. False: it was the time.
bool wait_for(int fd, short events, const Patience& patience, Nanos until);

// Until when something that may take `timeout` may be waited for.
[[nodiscard]] Nanos deadline_of(const Patience& patience, Nanos timeout);

// The same with its long values cut and marked, so that the text has max_bytes or little more.
[[nodiscard]] Item shortened(const Item& item, const FormatOptions& format, std::size_t max_bytes);

// The item's text, or, when it is longer than max_bytes, the same record with its long values cut and marked.
[[nodiscard]] std::string fit(const Item& item, const FormatOptions& format, std::size_t max_bytes);

// "uuid" or, for a revision, "uuid-N"; for gaps and notices something as unique.
[[nodiscard]] std::string delivery_id(const AlertRecord& record);

} // namespace gyr::outputs
