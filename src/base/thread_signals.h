#pragma once
// Which signals threads take.

#include <csignal>
#include <initializer_list>

namespace gyr {

// Of the thread that calls and of those it starts from now on.
inline sigset_t block_signals(std::initializer_list<int> which) {
    sigset_t signals;
    sigemptyset(&signals);
    for (const int s : which) sigaddset(&signals, s);
    ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    return signals;
}

// For a program that is about to be started: it would inherit what is blocked.
inline void unblock_signals() {
    sigset_t none;
    sigemptyset(&none);
    ::pthread_sigmask(SIG_SETMASK, &none, nullptr);
}

[[nodiscard]] inline int every_thread_signal() { return SIGRTMIN + 3; }

// Threads that serve take none but the one by which the whole process is told to do something to each of its threads
// (app/sandbox.h).
inline void block_signals() {
    sigset_t all;
    sigfillset(&all);
    sigdelset(&all, every_thread_signal());
    ::pthread_sigmask(SIG_SETMASK, &all, nullptr);
}

} // namespace gyr
