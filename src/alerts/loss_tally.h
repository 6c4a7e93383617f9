#pragma once
// Counts what had to be left out on the way to an output, until a gap record can say so.

#include "alerts/alert.h"

#include <map>
#include <string>

namespace gyr {

class LossTally {
  public:
    void add(const AlertRecord& record);
    [[nodiscard]] bool empty() const { return records_ == 0; }
    // The gap record of all that was added; the tally is empty afterwards. Gap records that were themselves left out
    // are in its count.
    [[nodiscard]] GapRecord take(const std::string& stage, const std::string& reason, const std::string& hostname);

  private:
    Nanos from_ = 0, to_ = 0;
    std::uint64_t records_ = 0;
    std::uint64_t count_ = 0;
    std::map<std::string, std::uint64_t> rules_; // at most as many as there are rules
};

} // namespace gyr
