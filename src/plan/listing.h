#pragma once
// What the loaded rules make the kernel do, for people and programs: the hooks, and which rule needs what. With process
// rules and rules on process events only, the process lane is all there is, and no system call is touched, unless they
// ask where a process stands.

#include "event/event_plan.h"
#include "match/matcher.h"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace gyr::plan {

[[nodiscard]] std::string plan_text(const Matcher& matcher);
[[nodiscard]] std::string plan_json(const Matcher& matcher); // one line, no newline

// What the clauses made of the events of a type while somebody watched.
struct EventStatistics {
    EventCode code = kEventNone;
    std::uint64_t sent = 0, stopped = 0;
    std::vector<std::uint64_t> let_through, refused; // by clause
};
// With the events in the order of the plan; those that did not happen are left out.
[[nodiscard]] std::string statistics_text(const EventPlan& plan, std::span<const EventStatistics> statistics);
[[nodiscard]] std::string statistics_json(const EventPlan& plan, std::span<const EventStatistics> statistics);

} // namespace gyr::plan
