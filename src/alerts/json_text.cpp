#include "alerts/json_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>
#include <variant>

namespace gyr::json_text {
namespace {

// Stands for itself inside a JSON string, whatever stands beside it.
bool is_plain(char c) { return c >= 0x20 && c <= 0x7e && c != '"' && c != '\\'; }

// The members without the braces around them; first: nothing stands before them.
void append_inner_members(std::string& out, const std::vector<AlertMember>& members, bool& first) {
    for (auto at = members.begin(); at != members.end(); ++at) {
        const auto same = [&](const AlertMember& m) { return m.name == at->name; };
        if (std::any_of(members.begin(), at, same)) continue;
        if (!std::exchange(first, false)) out += ',';
        append_string(out, at->name);
        out += ':';
        append_value(out, std::find_if(members.rbegin(), members.rend(), same)->value);
    }
}

} // namespace

void append_string(std::string& out, std::string_view text) {
    if (!std::ranges::all_of(text, is_plain)) {
        out += dump_line(nlohmann::json(text));
        return;
    }
    out += '"';
    out += text;
    out += '"';
}

void append_value(std::string& out, const AlertValue& value) {
    struct Visitor {
        std::string& out;
        void operator()(std::monostate) const { out += "null"; }
        void operator()(bool v) const { out += v ? "true" : "false"; }
        void operator()(std::int64_t v) const { fmt::format_to(std::back_inserter(out), "{}", v); }
        void operator()(std::uint64_t v) const { fmt::format_to(std::back_inserter(out), "{}", v); }
        void operator()(double v) const { out += nlohmann::json(v).dump(); }
        void operator()(const std::string& v) const { append_string(out, v); }
        void operator()(const AlertValue::List& list) const {
            out += '[';
            for (const AlertValue& item : list) {
                if (&item != &list.front()) out += ',';
                append_value(out, item);
            }
            out += ']';
        }
    };
    std::visit(Visitor{out}, value.data);
}

void append_members(std::string& out, const std::vector<AlertMember>& members) {
    bool first = true;
    out += '{';
    append_inner_members(out, members, first);
    out += '}';
}

void append_block(std::string& out, const AlertBlock& block) {
    bool first = true;
    out += '{';
    append_inner_members(out, block.members, first);
    for (const AlertBlock::ObjectList& list : block.lists) {
        if (!std::exchange(first, false)) out += ',';
        append_string(out, list.name);
        out += ":[";
        for (const AlertBlock& item : list.objects) {
            if (&item != &list.objects.front()) out += ',';
            append_block(out, item);
        }
        out += ']';
    }
    out += '}';
}

std::string escape_display(std::string_view utf8) {
    std::string out;
    out.reserve(utf8.size() + 16);
    for (std::size_t i = 0; i < utf8.size(); ++i) {
        const auto at = [&](std::size_t k) { return static_cast<unsigned char>(k < utf8.size() ? utf8[k] : 0); };
        unsigned code = 0;
        std::size_t length = 1;
        if (at(i) == 0x7f) {
            code = 0x7f;
        } else if (at(i) == 0xc2 && at(i + 1) >= 0x80 && at(i + 1) <= 0x9f) {
            code = at(i + 1);
            length = 2;
        } else if (at(i) == 0xe2 && at(i + 1) == 0x80 && at(i + 2) >= 0xa8 && at(i + 2) <= 0xae) {
            code = 0x2000U + (at(i + 2) - 0x80U);
            length = 3;
        } else if (at(i) == 0xe2 && at(i + 1) == 0x81 && at(i + 2) >= 0xa6 && at(i + 2) <= 0xa9) {
            code = 0x2040U + (at(i + 2) - 0x80U);
            length = 3;
        }
        if (code == 0) {
            out += utf8[i];
        } else {
            out += fmt::format("\\u{:04x}", code);
            i += length - 1;
        }
    }
    return out;
}

} // namespace gyr::json_text
