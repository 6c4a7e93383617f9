#include "replay/tell.h"

namespace gyr::replay {

bool tell(ReplayState& state, const capfile::Reader& reader, capfile::Item item) {
    switch (item) {
    case capfile::Item::section: state.on_section(); return true;
    case capfile::Item::machine: state.on_machine(reader.machine()); return true;
    case capfile::Item::interface: state.on_interface(reader.interface()); return true;
    case capfile::Item::user: state.on_user(reader.user()); return true;
    case capfile::Item::group: state.on_group(reader.group()); return true;
    case capfile::Item::thread: state.on_thread(reader.thread()); return true;
    case capfile::Item::fd: state.on_fd(reader.fd()); return true;
    case capfile::Item::event:
    case capfile::Item::unknown_block:
    case capfile::Item::damage:
    case capfile::Item::end: return false;
    }
    return false;
}

} // namespace gyr::replay
