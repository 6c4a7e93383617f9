#pragma once
// What keeps an agent from working with a configuration although each value is fine by itself: contradictions, and
// files of certificates that cannot be used.

#include "app/outputs_setup.h"
#include "config/config.h"

#include <map>
#include <string>
#include <vector>

namespace gyr::app {

// Apart from what only a start can tell (whether an address can be listened on, whether a server is there). elsewhere:
// the agent will run on another host, so that the files named are not looked at.
[[nodiscard]] std::vector<SettingProblem> config_problems(const config::Config& config, bool elsewhere = false);

// "gyr.yaml:3:7: MESSAGE", as far as it is known where the key, or what it is a part of, was given.
[[nodiscard]] std::string with_place(const SettingProblem& problem, const std::map<std::string, std::string>& origins);

} // namespace gyr::app
