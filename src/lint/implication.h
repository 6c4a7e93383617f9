#pragma once
// Whether one condition makes another certain, decided by their form alone. Sound but not complete: "yes" is proven,
// "no" only means that no proof was found within a bounded number of steps.
//
// A field that is missing makes every check of it false, so "not (x = a)" and "x != a" are not the same, and only the
// first is the opposite of "x = a".

#include "lang/ast.h"

#include <cstddef>

namespace gyr::lint {

class Implication {
  public:
    // Steps for one question; conditions of hundreds of parts would otherwise take for ever.
    explicit Implication(std::size_t max_steps = 20'000) : max_steps_(max_steps) {}

    // Whenever a holds, b holds.
    [[nodiscard]] bool implies(const lang::Expr& a, const lang::Expr& b);
    // a and b never hold together.
    [[nodiscard]] bool excludes(const lang::Expr& a, const lang::Expr& b);

  private:
    [[nodiscard]] bool implies_step(const lang::Expr& a, const lang::Expr& b);
    [[nodiscard]] bool excludes_step(const lang::Expr& a, const lang::Expr& b);

    std::size_t max_steps_, steps_ = 0;
};

// The same for two checks.
[[nodiscard]] bool check_implies(const lang::Check& a, const lang::Check& b);
[[nodiscard]] bool check_excludes(const lang::Check& a, const lang::Check& b);

} // namespace gyr::lint
