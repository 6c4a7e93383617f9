#pragma once
// Overrides from the command line: "a.b=value", "a[0].b=value", "a[]=value" (append). The value is YAML (so JSON works
// too); a backslash takes the meaning from '.', '[', ']' and '\' in a key. Values are not expanded by the environment.

#include "base/result.h"
#include "config/tree.h"

#include <string_view>

namespace gyr::config {

// Changes root, creating maps and lists on the way.
[[nodiscard]] Result<> apply_override(Node& root, std::string_view assignment);

} // namespace gyr::config
