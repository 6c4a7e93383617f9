// The end of a thread.

#include "replay/tables.h"

namespace gyr::replay {

void apply_exit(Step& s) {
    if (!s.thread) return;
    s.event.exit_code = static_cast<std::int32_t>(s.number<std::int64_t>(0));
    s.thread->named_reaper = s.has(4) ? s.number<std::int64_t>(4) : 0;
    // It no longer counts; that it goes is left to the next event.
    s.tables.threads.mark_dead(*s.thread);
    s.tables.exit_tid = s.thread->tid;
    s.tables.asked.forget(s.thread->tid);
}

} // namespace gyr::replay
