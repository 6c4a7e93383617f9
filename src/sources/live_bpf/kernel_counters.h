#pragma once
// What the kernel programs count: what was lost, what the plan's clauses let through, and what went wrong in them.
// live_source.h says of each what it means.

#include "abi/counters.h"
#include "sources/live_bpf/live_source.h"
#include "sources/live_bpf/programs.h"

#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace gyr {

std::uint64_t events_lost(const Programs& programs);
std::vector<EventLoss> event_losses(const Programs& programs);
std::vector<ProcessLoss> take_process_losses(const Programs& programs);
std::vector<LiveSource::EventCount> event_counts(const Programs& programs);
Losses losses(const Programs& programs);
using LossesTaken = std::array<std::uint64_t, GYR_KINDS>; // by kind: how many were told already
Losses take_losses(const Programs& programs, LossesTaken& taken);
std::vector<std::pair<std::string, std::uint64_t>> kernel_errors(const Programs& programs);

} // namespace gyr
