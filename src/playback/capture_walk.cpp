#include "playback/capture_walk.h"

namespace gyr::playback {

WalkEnd walk(capfile::Reader& reader, replay::ReplayState& state,
             FunctionRef<bool(const Event&, const EvalWorld&)> visit, const WalkLimits& limits,
             const EventCodes* wanted) {
    using capfile::Item;
    WalkEnd end;
    EvalWorld world{.processes = &state.processes(),
                    .users = &state.users(),
                    .hostname = &state.hostname(),
                    .first_event_time = 0,
                    .addresses = &state.addresses()};
    while (!limits.stop.stop_requested()) {
        switch (reader.next()) {
        case Item::event: {
            const bool counts = reader.for_rules();
            const EventCode code = reader.event().code;
            const bool shown = counts && (wanted == nullptr || code >= wanted->size() || (*wanted)[code]);
            const Event* event = state.on_event(reader.event(), shown);
            if (event->number > limits.until) return end;
            if (!counts) break;
            if (world.first_event_time == 0) world.first_event_time = event->time;
            if (limits.span > 0 && event->time - world.first_event_time >= limits.span) return end;
            ++end.events;
            end.last_time = event->time;
            if (shown && !visit(*event, world)) return end;
            break;
        }
        case Item::section: state.on_section(); break;
        case Item::machine: state.on_machine(reader.machine()); break;
        case Item::interface: state.on_interface(reader.interface()); break;
        case Item::user: state.on_user(reader.user()); break;
        case Item::group: state.on_group(reader.group()); break;
        case Item::thread: state.on_thread(reader.thread()); break;
        case Item::fd: state.on_fd(reader.fd()); break;
        case Item::unknown_block: break; // counted in the reader's stats
        case Item::damage: end.damage = reader.damage(); return end;
        case Item::end: return end;
        }
    }
    return end;
}

} // namespace gyr::playback
