#pragma once
// What is known of the thread an event happened on, and of its process, that changes too often to be part of an
// immutable image. Filled in by whoever follows a capture's events; a live source leaves it out, and fields then say
// so.

#include "base/ids.h"

#include <cstdint>

namespace gyr {

struct ThreadFacts {
    bool is_main = true;
    std::uint64_t threads = 0;           // living threads of the process, without the one that is exiting
    std::uint64_t other_threads = 0;     // the same without the main thread: what proc.nchilds counts
    std::uint64_t children = 0;          // living children of the process
    std::uint64_t open_fds = 0;          // of the process
    Nanos exec_time = 0;                 // on the processor in the last time slice
    Nanos total_exec_time = 0;           // since the capture began
    double cpu_user = 0, cpu_system = 0; // percent, from procinfo events
    std::uint64_t vm_size_bytes = 0,
                  vm_rss_bytes = 0; // per thread, as thread.vmsize has it: 0 for all but the main thread
    std::uint64_t vm_size_kb = 0, vm_rss_kb = 0, vm_swap_kb = 0; // as this thread last told them
    std::uint64_t major_faults = 0, minor_faults = 0;            // likewise
    Nanos wait_latency = 0;
};

} // namespace gyr
