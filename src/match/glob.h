#pragma once
// Shell patterns as fnmatch(3) has them with flags 0: '*' crosses slashes, a leading dot is not special, backslash
// quotes, [a-z], [!a-z], [[:alpha:]]. Bytes, no locale, no allocation; time at most pattern times text.

#include <string_view>

namespace gyr::match {

[[nodiscard]] bool glob_match(std::string_view pattern, std::string_view text, bool ignore_case);
[[nodiscard]] bool has_glob(std::string_view pattern); // contains one of ?*[

} // namespace gyr::match
