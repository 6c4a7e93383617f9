#pragma once
// Threads that begin while the agent runs. When a flood of processes has used up all there may be, the next thread is
// an expected failure: an exception that nobody catches would end the agent.

#include "base/result.h"

#include <system_error>
#include <thread>
#include <utility>

namespace gyr {

// Errors: io, with errno's words.
template <class Run>
[[nodiscard]] Result<std::thread> start_thread(Run run) {
    try {
        return std::thread(std::move(run));
    } catch (const std::system_error& error) {
        return fail_errno("start a thread", error.code().value());
    }
}

} // namespace gyr
