#pragma once
// What `gyr simulate` does for each rule: one thing that must set it off and one that comes near and must not. A table,
// made of steps that are command lines; a step's first word may be one of the deeds of deeds/deeds.h.

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace gyr::simulate {

// Where a step runs. Every place has files, processes, network and cgroup of its own (stage.h).
enum class Where : std::uint8_t {
    host,           // not a container, with all capabilities
    container,      // with the capabilities that engines give by default
    capable,        // a container with all capabilities
    privileged,     // a container, told to be privileged
    host_processes, // a container, told to share the host's processes
    host_network,   // a container, told to share the host's network
    host_files,     // a container, told to have the host's root mounted
};
inline constexpr std::size_t kPlaces = 7;

struct Doing {
    Where where = Where::host;
    // In order; each ends with status 0, or with any status when it begins with '?'. Null: no more.
    std::array<const char*, 5> steps{};
};

struct RuleAction {
    std::string_view rule;
    Doing alert;
    Doing near_miss;
};

// An attack that is made to go unseen; some rule sees it all the same.
struct Evasion {
    std::string_view name;
    std::string_view rule;
    Doing doing;
};

[[nodiscard]] std::vector<RuleAction> rule_actions();
[[nodiscard]] std::span<const Evasion> evasions();

// The rules' actions by subject, a file each.
[[nodiscard]] std::span<const RuleAction> shell_actions();
[[nodiscard]] std::span<const RuleAction> program_actions();
[[nodiscard]] std::span<const RuleAction> container_actions();
[[nodiscard]] std::span<const RuleAction> file_actions();
[[nodiscard]] std::span<const RuleAction> kernel_actions();
[[nodiscard]] std::span<const RuleAction> network_actions();

} // namespace gyr::simulate
