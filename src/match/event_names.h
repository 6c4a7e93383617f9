#pragma once
// The event schema as the rules module asks for it, and what can be said of event types before any event is seen.

#include "lang/ast.h"
#include "rules/event_types.h"

#include <string>
#include <vector>

namespace gyr::match {

[[nodiscard]] const rules::EventNames& event_names();

// Constants that the condition compares evt.type or syscall.type with.
[[nodiscard]] std::vector<std::string> named_event_types(const lang::Expr& condition);

// What a check of evt.num alone says whatever the event: 1 always true, 0 never, -1 neither. Numbers count from 1.
[[nodiscard]] int decide_event_number(const lang::Check& check);

} // namespace gyr::match
