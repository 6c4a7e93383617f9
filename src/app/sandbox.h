#pragma once
// What the agent gives up once it watches: all capabilities but those it goes on needing, in every thread, and the
// system calls that only somebody who has taken it over would make. For the rest of the process's life and for what it
// starts (program outputs).

#include "base/result.h"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace gyr::app {

struct KeptCapability {
    unsigned number;
    std::string_view name, why;
};
// The exact list; deploy/ grants these and those of the start.
[[nodiscard]] std::span<const KeptCapability> kept_capabilities();
// Needed besides until the agent is armed.
[[nodiscard]] std::span<const KeptCapability> start_capabilities();
// Names of the system calls that fail with EPERM from then on.
[[nodiscard]] std::span<const std::string_view> refused_calls();

// All threads are told. One inside a call that nothing interrupts gives up before it runs on, which is not waited for
// long. A capability that the process does not have is not gained. Error: some of it did not work; what did stays.
[[nodiscard]] Result<> enter_sandbox();
// Names of the threads that are not there yet; tells those that nobody told, as they are younger.
[[nodiscard]] std::vector<std::string> threads_outside_sandbox();

} // namespace gyr::app
