#pragma once
// Lowers an event plan (event/event_plan.h) into the kernel's tables: which slots are wanted, what is fetched and asked
// for each. A new plan is written beside the one in use and then switched to call by call, so that no event is judged
// by half of one and half of the other.

#include "base/result.h"
#include "event/event_plan.h"
#include "sources/live_bpf/programs.h"

#include <array>
#include <cstdint>
#include <map>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace gyr {

// A plan as the kernel has it.
struct LoweredPlan {
    std::vector<gyr_plan> entries;
    std::vector<std::pair<std::uint16_t, std::uint16_t>> slots; // slot, index into entries
    Programs::OnDemand hooks;
};

// What each system call is called and told by.
struct CallNumber {
    std::uint16_t call_id; // architecture-neutral
    std::string_view name;
    int native, compat; // numbers of the 64-bit and the 32-bit entry; -1: none
    EventCode code;
};
[[nodiscard]] std::span<const CallNumber> call_numbers();

// Operations of io_uring that do what a system call does.
struct UringOperation {
    unsigned opcode;
    std::string_view call;
};
[[nodiscard]] std::span<const UringOperation> uring_operations();

// generation 0 or 1: which half of the path sets' bits is used. every_one_is_judged: none of the events that clauses
// are for is passed over before they are counted and checked.
[[nodiscard]] LoweredPlan lower_plan(const EventPlan& plan, unsigned generation, bool every_one_is_judged = false);
// The hash the kernel makes of names; second may be empty.
[[nodiscard]] std::uint32_t name_hash(const PathName& name);
// By which most files are dismissed: of the second name alone.
[[nodiscard]] std::uint32_t dismissal_hash(const PathName& name);

class CallPlan {
  public:
    explicit CallPlan(Programs& programs, bool every_one_is_judged = false)
        : programs_(programs), every_one_is_judged_(every_one_is_judged) {}
    // Writes it and attaches or detaches what it needs or does not.
    Result<> apply(const EventPlan& plan);

    // Files that exact paths of plans lead to at the moment; written for the plan in use and those that follow.
    Result<> set_files(std::map<std::string, std::vector<gyr_file_key>> files);

  private:
    Result<std::size_t> write_files(const std::vector<PathName>* next);
    using Names = std::map<std::pair<std::uint32_t, std::uint32_t>, std::uint32_t>; // kind and hash, sets
    using Networks = std::map<std::pair<std::uint8_t, std::array<std::uint8_t, 16>>, std::uint32_t>; // prefix, address
    void write_calls(const std::vector<gyr_u16>& entries);
    Result<> write_letters(const std::map<std::string, std::uint32_t>& letters); // two of them; sets
    void use_letters(unsigned generation);
    Result<> write_networks(const Networks& networks);
    Result<> write_names(const Names& names, const std::vector<PathName>& more, const std::vector<PathName>& old);

    Programs& programs_;
    bool every_one_is_judged_;
    unsigned generation_ = 0;
    Names names_;
    Networks networks_;
    std::map<std::string, std::vector<gyr_file_key>> files_;                   // by path
    std::map<std::pair<std::uint64_t, std::uint32_t>, std::uint32_t> written_; // files in the kernel: ino, dev; sets
    std::vector<PathName> path_names_;
};

} // namespace gyr
