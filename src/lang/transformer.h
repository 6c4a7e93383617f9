#pragma once
// The transformers a condition may call: names and how many arguments they take (reference/rule-language.md §4).
// What types they accept and give is the evaluator's business.

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string_view>

namespace gyr::lang {

enum class TransformerKind : std::uint8_t { tolower, toupper, b64, basename, len, join, concat, getopt, val };

struct TransformerInfo {
    std::string_view name;
    TransformerKind kind;
    std::size_t min_args = 1;
    std::size_t max_args = 1;
    bool takes_key = false; // getopt(…)[c]
    std::string_view summary;
};

inline constexpr std::size_t kAnyNumber = std::numeric_limits<std::size_t>::max();

// All but val, which only marks a field on the right side and is not listed.
[[nodiscard]] std::span<const TransformerInfo> transformers();
[[nodiscard]] const TransformerInfo* find_transformer(std::string_view name); // val included; null: unknown

} // namespace gyr::lang
