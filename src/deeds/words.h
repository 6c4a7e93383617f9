#pragma once
// Words of a step: parted by blanks, '…' and "…" keep them together, \ keeps the next character (not within '…').

#include <string>
#include <string_view>
#include <vector>

namespace gyr::deeds {

[[nodiscard]] std::vector<std::string> split_words(std::string_view line);

} // namespace gyr::deeds
