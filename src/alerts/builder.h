#pragma once
// From a rule that matched an event to the alert about it: the rule's own sentence, and the whole context (container,
// pod, user, process with its ancestors) whatever the sentence says. One thread; the result owns all it holds.

#include "alerts/alert.h"
#include "fields/context.h"
#include "match/matcher.h"
#include "state/event.h"

#include <cstdint>

namespace gyr {

struct BuiltAlert {
    Alert alert;
    bool pending = false; // something in it may still come; alert is good as it is, but says less
};

// scratch: of the matcher. rule must be usable.
[[nodiscard]] BuiltAlert build_alert(const Matcher& matcher, std::uint32_t rule, const Event& event,
                                     const EvalWorld& world, Matcher::Scratch& scratch);

} // namespace gyr
