#pragma once
// The few sets that the kernel has (event/event_plan.h) of the many that clauses ask for. Sets that the same clauses
// ask for are one; when there are still too many, those become one by which least more is let through.

#include "event/event_plan.h"
#include "plan/clauses.h"
#include "plan/object_sets.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace gyr::plan {

constexpr unsigned kKernelSets = 16;       // of names, and of ends
constexpr unsigned kKernelConditions = 64; // about the process

// What one clause asks for, and how often events come that meet all else of it, compared with other clauses.
struct AskedSets {
    Sets sets;
    double often = 1;
};

class SetNumbers {
  public:
    // rates: by set. most: how many the kernel has, up to 64.
    SetNumbers(std::span<const AskedSets> asked, const std::vector<double>& rates, unsigned most);
    // A bit for each of the kernel's sets that one of these is part of; 0: no clause asks for any.
    [[nodiscard]] std::uint64_t of(const Sets& sets) const;
    [[nodiscard]] std::uint64_t of(std::size_t set) const;
    // By bit, the sets it stands for.
    [[nodiscard]] std::span<const Sets> members() const { return members_; }

  private:
    std::vector<Sets> members_; // by bit
};

// The clauses of one of the plan's demands; none: all of its events.
struct LoweredClauses {
    std::size_t demand = 0; // its index
    Clauses clauses;
};

// Gives the demands their clauses, and the plan what is in the sets that they ask for. conditions: by number, as
// ProcessConditions::nodes(). Sets that no clause asks for would have the kernel look at more of each path. Exact paths
// stay, without a set: files are known by their identity all the same.
void number_sets(std::span<const LoweredClauses> lowered, const ObjectSets& sets,
                 const std::vector<std::uint32_t>& conditions, EventPlan& plan);

} // namespace gyr::plan
