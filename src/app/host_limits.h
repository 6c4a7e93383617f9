#pragma once
// Limits of the host that the agent raises for itself when it starts.

#include <string>

namespace gyr::app {

// The limit of locked memory (kernels before 5.11 count maps of BPF programs in it), and a rank among those whom the
// kernel ends when memory runs out that makes others go first, unless somebody gave this process a rank already.
// One sentence about what was refused; empty when nothing was.
[[nodiscard]] std::string raise_limits();

} // namespace gyr::app
