#pragma once
// For the files that write records as JSON: values, blocks and one-line dumps that are safe to show on a terminal.

#include "alerts/alert.h"

#include <nlohmann/json.hpp>

#include <string>
#include <string_view>

namespace gyr::json_text {

// Escapes what is legal inside a JSON string and yet moves a terminal's cursor, reverses its text or ends a line for
// some readers: DEL, C1 controls, line and paragraph separators, bidirectional overrides. In valid UTF-8 these
// sequences stand only inside strings of the document.
[[nodiscard]] std::string escape_display(std::string_view utf8);

// Appends text as a JSON string, as dump_line() would write it. The same for values and for the members of an object
// (of two members with one name the later, where the first one was). Without a document in between: a storm of alerts
// is written several times, for the journal and for each output.
void append_string(std::string& out, std::string_view text);
void append_value(std::string& out, const AlertValue& value);
void append_members(std::string& out, const std::vector<AlertMember>& members);
void append_block(std::string& out, const AlertBlock& block);

template <class AnyJson>
std::string dump_line(const AnyJson& document) {
    return escape_display(document.dump(-1, ' ', false, AnyJson::error_handler_t::replace));
}

template <class AnyJson>
AnyJson to_json_value(const AlertValue& value) {
    struct Visitor {
        AnyJson operator()(std::monostate) const { return nullptr; }
        AnyJson operator()(bool v) const { return v; }
        AnyJson operator()(std::int64_t v) const { return v; }
        AnyJson operator()(std::uint64_t v) const { return v; }
        AnyJson operator()(double v) const { return v; }
        AnyJson operator()(const std::string& v) const { return v; }
        AnyJson operator()(const AlertValue::List& list) const {
            AnyJson array = AnyJson::array();
            for (const AlertValue& item : list) {
                array.push_back(to_json_value<AnyJson>(item));
            }
            return array;
        }
    };
    return std::visit(Visitor{}, value.data);
}

template <class AnyJson>
AnyJson members_object(const std::vector<AlertMember>& members) {
    AnyJson object = AnyJson::object();
    for (const AlertMember& member : members) {
        object[member.name] = to_json_value<AnyJson>(member.value);
    }
    return object;
}

inline nlohmann::ordered_json block_object(const AlertBlock& block) {
    nlohmann::ordered_json object = members_object<nlohmann::ordered_json>(block.members);
    for (const AlertBlock::ObjectList& list : block.lists) {
        nlohmann::ordered_json array = nlohmann::ordered_json::array();
        for (const AlertBlock& item : list.objects) {
            array.push_back(block_object(item));
        }
        object[list.name] = std::move(array);
    }
    return object;
}

} // namespace gyr::json_text
