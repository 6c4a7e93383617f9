#pragma once
// The enter event that older readers expect before an exit event.
//
// A current exit event carries everything the system call was given. Readers of before that (sysdig 0.29 is one) take
// part of it from the event that told of the call's beginning, and without one do not know, say, which descriptor a
// close was about. This is the inverse of the upgrade in capfile/conversion.h, from the same table.

#include "event/raw_event.h"

#include <array>
#include <string_view>

namespace gyr::capfile {

// False when older readers need none for this event. Else `out` is the enter event: at the same time, by the same
// thread; its parameters are put into `params` and point to where those of the exit event do.
[[nodiscard]] bool make_enter_event(const RawEvent& exit, std::array<std::string_view, kMaxParams>& params,
                                    RawEvent& out);

} // namespace gyr::capfile
