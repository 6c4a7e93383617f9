#include "alerts/loss_tally.h"

#include <algorithm>

namespace gyr {

void LossTally::add(const AlertRecord& record) {
    Nanos from = 0;
    Nanos to = 0;
    std::uint64_t count = 1;
    if (const auto* alert = std::get_if<Alert>(&record)) {
        from = to = alert->time;
        ++rules_[alert->rule];
    } else if (const auto* gap = std::get_if<GapRecord>(&record)) {
        from = gap->from;
        to = gap->to;
        count = gap->count;
        for (const auto& [rule, n] : gap->rules) {
            rules_[rule] += n;
        }
    } else {
        from = to = std::get<Notice>(record).time;
    }
    from_ = empty() ? from : std::min(from_, from);
    to_ = empty() ? to : std::max(to_, to);
    count_ += count;
    ++records_;
}

GapRecord LossTally::take(const std::string& stage, const std::string& reason, const std::string& hostname) {
    GapRecord gap;
    gap.from = from_;
    gap.to = to_;
    gap.count = count_;
    gap.stage = stage;
    gap.event_class = "alert";
    gap.reason = reason;
    gap.hostname = hostname;
    gap.rules.assign(rules_.begin(), rules_.end());
    *this = {};
    return gap;
}

} // namespace gyr
