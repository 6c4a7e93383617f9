#include "event/schema.h"
#include "match/explain.h"
#include "rules/source.h"

#include <nlohmann/json.hpp>

namespace gyr::match {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kMaxText = 100; // of a check; a list may have hundreds of items
constexpr std::size_t kPlaceColumn = 100;

std::string shortened(const std::string& text) {
    return text.size() <= kMaxText ? text : text.substr(0, kMaxText - 3) + "...";
}

std::string quoted(const std::string& text) {
    return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string_view word_of(Explained::Kind kind) {
    switch (kind) {
    case Explained::Kind::all_of: return "all of";
    case Explained::Kind::any_of: return "any of";
    case Explained::Kind::negation: return "not";
    case Explained::Kind::check: break;
    }
    return "check";
}

std::string place_text(const Explained& part, const Rule& rule) {
    if (!rule.sources) return {};
    const rules::SourceTable::Entry* entry = rule.sources->find(part.span.origin);
    if (entry == nullptr) return {};
    const Place place = rule.sources->place(part.span);
    std::string out = "# " + place.file + ':' + std::to_string(place.line);
    if (entry->type != "rule") out += " (" + entry->type + ' ' + entry->name + ')';
    return out;
}

void add_text(const Explained& part, const Rule& rule, std::size_t depth, std::string& out) {
    std::string line = part.decides ? "-> " : "   ";
    line += part.holds ? "true   " : "false  ";
    line.append(depth * 2, ' ');
    if (part.kind != Explained::Kind::check) {
        line += word_of(part.kind);
    } else {
        line += shortened(part.text) + "   ";
        line += part.missing.empty() ? "was " + shortened(quoted(part.seen)) : "was missing: " + part.missing;
        if (!part.compared.empty()) line += ", against " + shortened(quoted(part.compared));
        if (const std::string place = place_text(part, rule); !place.empty()) {
            line.append(line.size() < kPlaceColumn ? kPlaceColumn - line.size() : 1, ' ');
            line += place;
        }
    }
    out += line + '\n';
    for (const Explained& child : part.children) add_text(child, rule, depth + 1, out);
}

Json to_json(const Explained& part, const Rule& rule) {
    Json out;
    out["kind"] = word_of(part.kind);
    out["holds"] = part.holds;
    out["decides"] = part.decides;
    if (part.kind == Explained::Kind::check) {
        out["text"] = part.text;
        if (part.missing.empty())
            out["seen"] = part.seen;
        else
            out["missing"] = part.missing;
        if (!part.compared.empty()) out["compared"] = part.compared;
        if (rule.sources && rule.sources->find(part.span.origin) != nullptr) {
            const Place place = rule.sources->place(part.span);
            out["place"] = {{"file", place.file}, {"line", place.line}, {"column", place.column}};
        }
        return out;
    }
    out["parts"] = Json::array();
    for (const Explained& child : part.children) out["parts"].push_back(to_json(child, rule));
    return out;
}

} // namespace

std::vector<std::string> deciding_checks(const Explained& whole) {
    std::vector<std::string> out;
    const auto collect = [&out](const auto& self, const Explained& part) -> void {
        if (!part.decides) return;
        for (const Explained& child : part.children) self(self, child);
        if (part.kind != Explained::Kind::check) return;
        out.push_back((part.holds ? "" : "not ") + shortened(part.text) + ": " +
                      (part.missing.empty() ? shortened(quoted(part.seen)) : "missing, " + part.missing));
    };
    collect(collect, whole);
    return out;
}

std::string explained_text(const Explained& whole, const Rule& rule) {
    std::string out;
    add_text(whole, rule, 0, out);
    return out;
}

std::string explained_json(const Explained& whole, const Rule& rule, const Event& event) {
    const EventInfo* info = find_event(event.code);
    const Json out = {{"rule", rule.name},      {"event", event.number},
                      {"time", event.time},     {"type", info != nullptr ? info->name : "unknown"},
                      {"matches", whole.holds}, {"condition", to_json(whole, rule)}};
    return out.dump(-1, ' ', false, Json::error_handler_t::replace);
}

} // namespace gyr::match
