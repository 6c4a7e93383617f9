#pragma once
// What each rule costs, estimated: of every kEvery-th event that is judged, some of the rules that are asked about it
// are timed one by one, each as if it stood alone, and counted for all that were not. Rules share predicates, so that
// all together cost less than the sum. One thread.

#include "fields/context.h"
#include "match/matcher.h"
#include "state/event.h"

#include <cstdint>
#include <span>
#include <vector>

namespace gyr {

class RuleCosts {
  public:
    static constexpr std::uint32_t kEvery = 1024;
    static constexpr std::size_t kAtOnce = 32; // rules timed of one event, so that it is never long
    // Rules anew; what was counted is forgotten. The matcher must live as long as it is sampled.
    void begin(const Matcher& matcher);
    // Asked for every event that is judged; timed now and then.
    void sample(const Matcher& matcher, const Event& event, const EvalWorld& world, Matcher::Scratch& scratch,
                bool event_rules, bool process_rules) {
        if (++judged_ % kEvery == 0) measure(matcher, event, world, scratch, event_rules, process_rules);
    }
    [[nodiscard]] const std::vector<Nanos>& by_rule() const { return nanos_; }

  private:
    void measure(const Matcher& matcher, const Event& event, const EvalWorld& world, Matcher::Scratch& scratch,
                 bool event_rules, bool process_rules);

    std::uint32_t judged_ = 0;
    std::size_t turn_ = 0;                                         // where the next sample begins
    std::vector<Nanos> nanos_;                                     // by rule
    std::vector<std::span<const match::ProgramRule>> event_rules_; // by EventKey::number()
    std::vector<std::uint32_t> process_rules_, asked_;
};

} // namespace gyr
