#pragma once
// Constants of conditions, parsed once by the type of what they are compared with (reference/rule-language.md §3).

#include "base/result.h"
#include "fields/value.h"
#include "lang/field_catalog.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace gyr::match {

struct IpNet {
    fields::IpAddress address;
    unsigned prefix = 0; // bits
    [[nodiscard]] bool contains(const fields::IpAddress& ip) const;
};

// Numbers become i64, u64 or f64 as the type's class asks; the error is one sentence.
[[nodiscard]] Result<fields::Value> parse_number(std::string_view text, lang::FieldType type);
[[nodiscard]] Result<bool> parse_bool(std::string_view text);
[[nodiscard]] Result<fields::IpAddress> parse_ip(std::string_view text);
[[nodiscard]] Result<IpNet> parse_net(std::string_view text);
[[nodiscard]] Result<std::string> parse_hex(std::string_view text); // "48545450" → "HTTP"

enum class NumberKind : std::uint8_t { signed_, unsigned_, floating };
[[nodiscard]] NumberKind number_kind(lang::FieldType type);

} // namespace gyr::match
