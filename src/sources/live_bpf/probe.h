#pragma once
// What live detection can use on this host, for `gyr doctor`. Asks by doing where that leaves no trace.

#include <string>
#include <vector>

namespace gyr {

struct ProbeResult {
    std::string name;
    bool ok = false;
    bool required = false;     // live detection does not start without it
    std::string detail;        // what was found
    std::string coverage_lost; // what is not seen without it; empty when ok
};

[[nodiscard]] std::vector<ProbeResult> probe_host();

} // namespace gyr
