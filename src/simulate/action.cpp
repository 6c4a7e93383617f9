#include "simulate/action.h"

namespace gyr::simulate {

std::vector<RuleAction> rule_actions() {
    std::vector<RuleAction> all;
    for (const auto part :
         {shell_actions(), program_actions(), container_actions(), file_actions(), kernel_actions(), network_actions()})
        all.insert(all.end(), part.begin(), part.end());
    return all;
}

} // namespace gyr::simulate
