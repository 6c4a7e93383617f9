#pragma once
// The time zone that local times are printed in, for commands whose output must not depend on the machine.

#include <string>

namespace gyr::app {

// Before the first time is printed, and before other threads start. name as in TZ: "UTC", "Europe/Berlin"; "local"
// leaves the machine's.
void use_time_zone(const std::string& name);

} // namespace gyr::app
