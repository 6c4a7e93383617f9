#include "engine/rule_cost.h"

#include "base/clock.h"
#include "match/event_key.h"
#include "match/program.h"

#include <algorithm>

namespace gyr {

void RuleCosts::begin(const Matcher& matcher) {
    nanos_.assign(matcher.rules().size(), 0);
    event_rules_.assign(kEventKeys + 1, {});
    matcher.for_each_event(
        [this](EventKey key, std::span<const match::ProgramRule> rules) { event_rules_[key.number()] = rules; });
    process_rules_.clear();
    for (std::uint32_t i = 0; i < matcher.rules().size(); ++i) {
        if (matcher.is_process_rule(i)) process_rules_.push_back(i);
    }
}

void RuleCosts::measure(const Matcher& matcher, const Event& event, const EvalWorld& world, Matcher::Scratch& scratch,
                        bool event_rules, bool process_rules) {
    asked_.clear();
    if (event_rules) {
        for (const match::ProgramRule& rule : event_rules_[key_of(event).number()]) asked_.push_back(rule.rule);
    }
    if (process_rules) asked_.insert(asked_.end(), process_rules_.begin(), process_rules_.end());
    if (asked_.empty()) return;
    const std::size_t count = std::min(asked_.size(), kAtOnce);
    const auto weight = static_cast<Nanos>(kEvery * asked_.size() / count);
    Nanos before = steady_now();
    for (std::size_t i = 0; i < count; ++i) {
        const std::uint32_t rule = asked_[turn_++ % asked_.size()];
        static_cast<void>(matcher.evaluate_rule(rule, event, world, scratch, false));
        const Nanos after = steady_now();
        nanos_[rule] += (after - before) * weight;
        before = after;
    }
}

} // namespace gyr
