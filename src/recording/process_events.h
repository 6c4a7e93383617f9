#pragma once
// What the process lane tells, in the capture format's words: the events of clone, exec and exit that a file has
// instead of our records.
//
// Views of what is given out point into the image and into this object, and are good until its next call.

#include "event/raw_event.h"
#include "state/event.h"
#include "state/process_view.h"

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace gyr::recording {

class ProcessEvents {
  public:
    // False for what captures do not have (snapshot, procchange).
    [[nodiscard]] bool encode(const Event& event, RawEvent& out);
    // Of a fork: the other end of the call, as the child sees it.
    [[nodiscard]] bool encode_child(const Event& fork, const ProcessView& processes, RawEvent& out);
    // Before a process's exit, one call for each of its threads that had been told of: they end with it, and make no
    // records of their own. False: there are no more.
    [[nodiscard]] bool encode_thread_exit(const Event& exit, RawEvent& out);
    // A thread that made its first appearance: the end of the clone that made it, as it sees it. False when it is
    // known, or is its process's first. Threads make no records of their own.
    [[nodiscard]] bool encode_thread(const Event& event, RawEvent& out);

  private:
    void fill(const ProcessImage& image, const Event& event, Tid tid, std::int64_t result, std::uint32_t flags,
              RawEvent& out);

    std::string area_;
    std::array<std::string_view, kMaxParams> params_{};
    void forget_threads(Pid process);

    std::unordered_map<Tid, Pid> threads_; // other than processes' first, and whose they are
    std::unordered_map<Pid, std::vector<Tid>> by_process_;
};

} // namespace gyr::recording
