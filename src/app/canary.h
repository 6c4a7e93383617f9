#pragma once
// A sign that alerts still arrive: a harmless program is run, a rule of its own sees it, and the alert goes the whole
// way from the kernel to every output.

#include "config/config.h"

#include <optional>
#include <string>
#include <string_view>

#include <sys/types.h>

namespace gyr::app {

inline constexpr std::string_view kCanaryRule = "Gyr internal: canary";
inline constexpr std::string_view kCanaryFile = "canary";    // stands for the rule's file in messages
inline constexpr std::string_view kCanaryCommand = "canary"; // what the program is asked to do: nothing

// The rule, for the program that this agent runs. Its priority is the least important one that is loaded.
[[nodiscard]] std::string canary_rule(const config::Config& config);

class Canary {
  public:
    ~Canary();
    // Runs the program; a sentence when it cannot be run.
    [[nodiscard]] std::optional<std::string> run();

  private:
    void reap(int options);
    pid_t child_ = -1;
};

} // namespace gyr::app
