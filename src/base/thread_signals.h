#pragma once
// Signals of threads that serve: they take none but the one by which the whole process is told to do something to each
// of its threads (app/sandbox.h).

#include <csignal>

namespace gyr {

[[nodiscard]] inline int every_thread_signal() { return SIGRTMIN + 3; }

inline void block_signals() {
    sigset_t all;
    sigfillset(&all);
    sigdelset(&all, every_thread_signal());
    ::pthread_sigmask(SIG_SETMASK, &all, nullptr);
}

} // namespace gyr
