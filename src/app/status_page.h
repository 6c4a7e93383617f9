#pragma once
// What a running agent tells of itself, as JSON in one line.

#include "app/agent.h"

#include <optional>
#include <string>

namespace gyr::app {

[[nodiscard]] std::string status_json(const Agent& agent); // rules, coverage, journal, outputs
[[nodiscard]] std::string rules_json(const Agent& agent);
[[nodiscard]] std::optional<std::string> rule_json(const Agent& agent, const std::string& name);
[[nodiscard]] std::string plan_of(const Agent& agent);
[[nodiscard]] std::string versions_json(); // the keys that Falco has

} // namespace gyr::app
