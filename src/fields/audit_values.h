#pragma once
// How ka.*, jevt.* and json.* fields find their values in the JSON of an audit event. Include from .cpp files only.

#include "fields/context.h"
#include "fields/registry.h"
#include "fields/value.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstddef>
#include <string_view>
#include <vector>

namespace gyr::fields {

using AuditJson = nlohmann::ordered_json;

// The keys that lead to a value, from the outside in, with '|' between them (keys hold slashes and dots).
template <std::size_t kSize>
struct JsonPath {
    char text[kSize] = {};
    consteval JsonPath(const char (&s)[kSize]) { std::copy_n(s, kSize, text); } // NOLINT: meant to be implicit
    [[nodiscard]] constexpr std::string_view view() const { return {text, kSize - 1}; }
};

// The event as JSON; null: it is no event of the audit log.
[[nodiscard]] const AuditJson* json_document(const Context& c);
// The same for ka.*: null also when it is JSON of something else than the audit log.
[[nodiscard]] const AuditJson* audit_document(const Context& c);

// A member of an object, or an item of an array by its number; null: there is none.
[[nodiscard]] const AuditJson* json_member(const AuditJson& at, std::string_view key);
[[nodiscard]] const AuditJson* json_value(const AuditJson& at, std::string_view path);

// Everything a path leads to. An array on the way is gone through; with an index in arg, only that item of it. Items
// in which the path ends early give null, so that what belongs to the same container stays at the same place. False:
// the path leads nowhere.
using JsonValues = std::vector<const AuditJson*>;
[[nodiscard]] bool collect_values(const AuditJson& at, std::string_view path, const Argument& arg, JsonValues& out);

// A text as it is, all else as JSON.
[[nodiscard]] Value json_text_value(const AuditJson& json, Arena& arena);
// Nothing, null and empty lists are missing.
[[nodiscard]] Value json_text_or_missing(const AuditJson* json, Arena& arena);
// Of several values; nulls are left out, arrays among them gone through. None at all: missing.
[[nodiscard]] Value list_of_texts(const JsonValues& values, Arena& arena);
[[nodiscard]] Value list_value(const std::vector<Value>& items, Arena& arena);

[[nodiscard]] inline Value no_value() { return Value::missing(Missing::not_applicable); }

template <JsonPath kPath>
Value audit_text(const Context& c, const Argument&) {
    const AuditJson* json = audit_document(c);
    return json_text_or_missing(json ? json_value(*json, kPath.view()) : nullptr, c.arena);
}

template <JsonPath kPath>
Value audit_texts(const Context& c, const Argument& arg) {
    JsonValues values;
    const AuditJson* json = audit_document(c);
    if (!json || !collect_values(*json, kPath.view(), arg, values)) return no_value();
    return list_of_texts(values, c.arena);
}

[[nodiscard]] Field audit_field(std::string_view name, std::string_view doc, Extractor extract);
[[nodiscard]] Field audit_list(std::string_view name, std::string_view doc, Extractor extract);
// With an index, of one container, volume or rule only.
[[nodiscard]] Field audit_items(std::string_view name, std::string_view doc, Extractor extract);

} // namespace gyr::fields
