#pragma once
// From a capture file's reader to the state: what is not an event.

#include "capfile/reader.h"
#include "replay/state.h"

namespace gyr::replay {

// Gives the reader's current item to the state. False for items that the state does not want: events, which
// on_event() takes, damage, the end, and blocks of unknown kinds.
bool tell(ReplayState& state, const capfile::Reader& reader, capfile::Item item);

} // namespace gyr::replay
