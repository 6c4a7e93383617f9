#pragma once
// static.NAME: texts that the configuration gives every event, such as the name of the cluster.

#include "fields/registry.h"

#include <map>
#include <span>
#include <string>

namespace gyr::fields {

using StaticFields = std::map<std::string, std::string>;
// In rules that are compiled from now on.
void set_static_fields(StaticFields fields);

[[nodiscard]] std::span<const Field> static_fields();

} // namespace gyr::fields
