#pragma once
// The query of a request URI. Pure functions over what anybody may have sent.

#include <string>
#include <string_view>
#include <vector>

namespace gyr {

// All values of a parameter, decoded, in their order. Pairs that are not well encoded are left out.
[[nodiscard]] std::vector<std::string> uri_parameters(std::string_view uri, std::string_view name);

} // namespace gyr
