#pragma once
// Disjunctions of clauses while they are made of rules: how they are joined, and kept few enough for the kernel. Sets
// of names and of ends are those of single predicates, and conditions about processes those of rules, as many as there
// are; the kernel's few (event/event_plan.h) are made of them at the end (plan/set_numbers.h).

#include "event/event_plan.h"

#include <bitset>
#include <cstddef>
#include <vector>

namespace gyr::plan {

constexpr std::size_t kMostSets = 512; // of each kind; the predicates after that share the last one
using Sets = std::bitset<kMostSets>;

// All that is set must hold; of each kind of sets one must be met, if any is there.
struct Clause {
    EventClause asks; // without what the kernel has few bits for: path_sets, end_sets and process_bits
    Sets paths = {}, ends = {};
    Sets processes = {}; // conditions about the process
    friend bool operator==(const Clause&, const Clause&) = default;
};
// Empty: never.
using Clauses = std::vector<Clause>;

// The part of all events that sets let through, roughly: by set.
struct SetRates {
    std::vector<double> paths, ends;
};

[[nodiscard]] inline bool is_plain(const Clause& c) { return c == Clause{}; }
// The part of the events of its type that a clause lets through, as guessed from how rare what it asks for is: 0 to 1.
[[nodiscard]] double rate(const Clause& c, const SetRates& rates);
// Whatever meets a meets b.
[[nodiscard]] bool implies(const Clause& a, const Clause& b);
// Something that both imply.
[[nodiscard]] Clause widen(const Clause& a, const Clause& b);
void add(Clauses& to, const Clause& clause);
// What meets a clause of a and one of b.
[[nodiscard]] Clauses both(const Clauses& a, const Clauses& b, const SetRates& rates);
// Widens the pairs that let least more through by it until there are no more than most.
void limit(Clauses& clauses, std::size_t most, const SetRates& rates);

} // namespace gyr::plan
