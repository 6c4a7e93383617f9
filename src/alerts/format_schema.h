#pragma once
// Alerts in the schemas of others: Elastic Common Schema 8 and OCSF 1.1 (Detection Finding, class 2004). Gaps and
// notices come here as alerts of source "internal". What a schema has no place for stays under "gyr" or "unmapped".

#include "alerts/alert.h"

#include <string>

namespace gyr {

[[nodiscard]] std::string format_ecs(const Alert& alert);
[[nodiscard]] std::string format_ocsf(const Alert& alert);

} // namespace gyr
