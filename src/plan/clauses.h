#pragma once
// Disjunctions of clauses (event/event_plan.h): how they are joined, and kept few enough for the kernel.

#include "event/event_plan.h"

#include <cstddef>
#include <vector>

namespace gyr::plan {

// Empty: never.
using Clauses = std::vector<EventClause>;

[[nodiscard]] inline bool is_plain(const EventClause& c) { return c == EventClause{}; }
// Whatever meets a meets b.
[[nodiscard]] bool implies(const EventClause& a, const EventClause& b);
// Something that both imply.
[[nodiscard]] EventClause widen(const EventClause& a, const EventClause& b);
void add(Clauses& to, const EventClause& clause);
// What meets a clause of a and one of b.
[[nodiscard]] Clauses both(const Clauses& a, const Clauses& b);
// Widens the pairs that lose least by it until there are no more than most.
void limit(Clauses& clauses, std::size_t most);

} // namespace gyr::plan
