#pragma once
// From compiled rules to what the kernel has to tell (event/event_plan.h): for every event type that some rule is asked
// about, the clauses an event must meet for any rule to be able to match. What the kernel cannot decide counts as true,
// so the clauses hold for a superset of the events that match.

#include "event/event_plan.h"
#include "match/matcher.h"

namespace gyr::plan {

struct LowerOptions {
    bool clauses = true; // off: every event of the types that rules are asked about, to compare with (plan.enabled)
    bool masks = true;   // off: nothing is asked of the process (plan.masks)
};
// also: a second set of rules that the same events have to serve (a reload).
[[nodiscard]] EventPlan plan_events(const Matcher& matcher, const Matcher* also = nullptr, LowerOptions options = {});
// Every event that the collector knows but page faults, in full: for a recording.
[[nodiscard]] EventPlan plan_everything();

// One clause in words: "success, write, name in 12 names".
[[nodiscard]] std::string clause_text(const EventClause& clause, const EventPlan& plan);

} // namespace gyr::plan
