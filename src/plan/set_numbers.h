#pragma once
// The few sets that the kernel has (event/event_plan.h) of the many that clauses ask for. Sets that the same clauses
// ask for are one; when there are still too many, those become one by which least more is let through.

#include "plan/clauses.h"

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

} // namespace gyr::plan
