#pragma once
// The table of conversion_table.inc as data: which event becomes what, step by step.

#include "event/event_type.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace gyr::capfile {

enum class Action : std::uint8_t { keep, keep_and_deliver, deliver, append, become };
enum class From : std::uint8_t { own, enter, enter_or_empty, empty, zero, container_json };

struct Step {
    From from;
    std::uint8_t index = 0;
};

struct UpgradeRule {
    EventCode code;
    std::uint8_t params;
    Action action;
    EventCode becomes; // with Action::become
    std::span<const Step> steps;
};

[[nodiscard]] std::span<const UpgradeRule> upgrade_rules();                        // by code, then parameters
[[nodiscard]] std::span<const UpgradeRule> upgrade_rules_of(EventCode code);       // below kEventCodes
[[nodiscard]] const UpgradeRule* find_upgrade(EventCode code, std::size_t params); // null: there is none

// A value of the type of a parameter that says nothing: zero, for a user or group all ones, for what has no fixed size
// empty.
[[nodiscard]] std::string_view zero_of(EventCode code, std::size_t param);

} // namespace gyr::capfile
