#pragma once
// JSON schemas (draft 6) of rule files and of Falco's configuration, for editors: falco --rule-schema, --config-schema.

#include <string>

namespace gyr::app {

[[nodiscard]] std::string rule_schema();
// Which keys there are; of their values it says nothing.
[[nodiscard]] std::string falco_config_schema();

} // namespace gyr::app
