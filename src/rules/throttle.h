#pragma once
// The value of a rule's 'throttle': {by: [fields], for: 5m, max: 1}.

#include "rules/rule.h"
#include "rules/yaml_tree.h"

#include <optional>
#include <string>

namespace gyr::rules {

struct ThrottleMistake {
    const YamlNode* node = nullptr; // what is wrong
    std::string message;
};

// A null node gives none, which takes an earlier one away. False: see mistake.
[[nodiscard]] bool read_throttle(const YamlNode& node, std::optional<Throttle>& out, ThrottleMistake& mistake);

} // namespace gyr::rules
