#pragma once
// JSON of foreign making: bounded depth before anything is built, no exceptions, and accessors for which a value of
// another type is one that is not there.

#include <nlohmann/json.hpp> // include from .cpp files only

#include <cstdint>
#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace gyr {

inline constexpr std::int64_t kMaxJsonDepth = 64;

// nullopt: not JSON, or nested deeper than kMaxJsonDepth. The caller bounds the size.
[[nodiscard]] std::optional<nlohmann::json> parse_bounded_json(std::string_view text);

// The value below the keys, or null.
[[nodiscard]] const nlohmann::json* json_at(const nlohmann::json& root, std::initializer_list<const char*> keys);
[[nodiscard]] std::string json_text(const nlohmann::json& root, std::initializer_list<const char*> keys);
[[nodiscard]] std::optional<bool> json_bool(const nlohmann::json& root, std::initializer_list<const char*> keys);
[[nodiscard]] std::map<std::string, std::string, std::less<>> json_labels(const nlohmann::json& root,
                                                                          std::initializer_list<const char*> keys);

} // namespace gyr
