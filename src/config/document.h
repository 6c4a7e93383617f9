#pragma once
// docs/configuration.md and `gyr config show`, both written from the table of keys.

#include "config/config.h"

#include <map>
#include <string>

namespace gyr::config {

// The whole of docs/configuration.md.
[[nodiscard]] std::string configuration_markdown();

// The effective configuration as a YAML document that loads again; each line tells where its value comes from.
// origins as in Loaded.
[[nodiscard]] std::string show_config(const Config& config, const std::map<std::string, std::string>& origins);

} // namespace gyr::config
