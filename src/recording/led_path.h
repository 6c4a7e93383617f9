#pragma once
// A call that opens tells in a capture what the program asked for. Where it led, over links and other roots, only the
// kernel knew. When that is another path, the begin of the call is written before its end, with the path it led to:
// readers, ours and others, name the descriptor by what the begin asked for, and nothing of the end is changed.

#include "event/raw_event.h"
#include "state/event.h"

#include <array>
#include <string>
#include <string_view>

namespace gyr::recording {

class LedPath {
  public:
    // The begin of the call that this event ends; false when its end alone names the descriptor as it was live. Views
    // are good until the next call.
    [[nodiscard]] bool begin_of(const Event& event, RawEvent& out);

  private:
    std::string asked_, path_;
    std::array<std::string_view, 5> params_{};
};

} // namespace gyr::recording
