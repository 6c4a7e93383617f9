#pragma once
// What the loaded rules make the kernel do, for people and programs: the hooks, and which rule needs what. With process
// rules and rules on process events only, the process lane is all there is, and no system call is touched.

#include "match/matcher.h"

#include <string>

namespace gyr::plan {

[[nodiscard]] std::string plan_text(const Matcher& matcher);
[[nodiscard]] std::string plan_json(const Matcher& matcher); // one line, no newline

} // namespace gyr::plan
