#pragma once
// Whose events were lost: what the kernel counted by process, kept until the gap record it belongs to is written.

#include "alerts/alert.h"
#include "base/ids.h"

#include <compare>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace gyr {

class LossByProcess {
  public:
    // What a gap record is about.
    struct What {
        std::string event_class, container, reason;
        friend auto operator<=>(const What&, const What&) = default;
    };

    // More of it. name: of the process, empty when not known.
    void add(const What& what, const ProcessKey& process, const std::string& name, std::uint64_t count);
    // Those that made the most of it, at most ten; what was known of it is forgotten.
    [[nodiscard]] std::vector<GapProcess> take(const What& what);
    void clear() { lost_.clear(); }

  private:
    std::map<What, std::map<ProcessKey, GapProcess>> lost_; // each holds kMost processes at most
};

} // namespace gyr
