#pragma once
// FOR TESTS ONLY. The meaning of conditions, written down as plainly as possible and slow: it walks the tree, extracts
// a field anew each time it stands there, builds strings and lists as it goes. The compiled evaluator is compared with
// it.

#include "fields/context.h"
#include "lang/ast.h"
#include "match/predicate.h"

namespace gyr::match::reference {

// condition must compile and have no macros. pending_is_missing as for Matcher::evaluate_rule.
[[nodiscard]] Truth evaluate(const lang::Expr& condition, const Event& event, const EvalWorld& world,
                             bool pending_is_missing);

} // namespace gyr::match::reference
