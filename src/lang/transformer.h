#pragma once
// The transformers a condition may call: names, how many arguments they take, and of which types
// (reference/rule-language.md §4).

#include "lang/field_catalog.h"

#include <cstdint>
#include <expected>
#include <limits>
#include <optional>
#include <span>
#include <string>
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

// What goes into a transformer, and what comes out of it.
struct ValueType {
    FieldType type = FieldType::none;
    bool is_list = false;
    bool constant = false;
    std::string_view text = {}; // as written, where that is known
};
[[nodiscard]] std::string describe(const ValueType& type); // "a list of CHARBUF"

struct Misuse {
    std::string message, hint;
};
// What a call with these arguments gives, or why there is no such call.
[[nodiscard]] std::expected<ValueType, Misuse>
type_of_call(const TransformerInfo& info, std::span<const ValueType> args, const std::optional<std::string>& key);

struct OperandMisuse {
    std::string message, hint;
    Span span;
};
// The type of a field, of a transformer over fields, or of a constant. FieldType::none where the catalog cannot tell;
// nothing is wrong then. Unknown fields count as such.
[[nodiscard]] std::expected<ValueType, OperandMisuse> type_of(const Operand& operand, const FieldCatalog& catalog);

} // namespace gyr::lang
