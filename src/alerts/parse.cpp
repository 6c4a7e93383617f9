#include "alerts/parse.h"

#include "base/rfc3339.h"
#include "base/units.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <optional>

namespace gyr {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kMaxDepth = 16; // of values inside a record

std::optional<Missing> missing_by_name(std::string_view name) {
    for (int i = 0; i <= static_cast<int>(Missing::ambiguous); ++i) {
        if (const auto why = static_cast<Missing>(i); to_string(why) == name) return why;
    }
    return std::nullopt;
}

AlertValue value_of(const Json& json, int depth) {
    switch (json.type()) {
    case Json::value_t::boolean: return {json.get<bool>()};
    case Json::value_t::number_integer: return {json.get<std::int64_t>()};
    case Json::value_t::number_unsigned: return {json.get<std::uint64_t>()};
    case Json::value_t::number_float: return {json.get<double>()};
    case Json::value_t::string: return {json.get<std::string>()};
    case Json::value_t::array: {
        AlertValue::List list;
        for (const Json& item : json) {
            if (depth < kMaxDepth) list.push_back(value_of(item, depth + 1));
        }
        return {std::move(list)};
    }
    default: return {};
    }
}

AlertBlock block_of(const std::string& name, const Json& json, int depth) {
    AlertBlock block{.name = name, .members = {}, .lists = {}};
    for (const auto& [key, value] : json.items()) {
        const bool objects = value.is_array() && !value.empty() &&
                             std::ranges::all_of(value, [](const Json& item) { return item.is_object(); });
        if (!objects) {
            block.members.push_back({key, value_of(value, depth)});
            continue;
        }
        AlertBlock::ObjectList list{.name = key, .objects = {}};
        for (const Json& item : value) {
            if (depth < kMaxDepth) list.objects.push_back(block_of({}, item, depth + 1));
        }
        block.lists.push_back(std::move(list));
    }
    return block;
}

std::string text_at(const Json& json, const char* key) {
    const auto found = json.find(key);
    return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
}

template <class Number>
Number number_at(const Json& json, const char* key) {
    const auto found = json.find(key);
    return found != json.end() && found->is_number_integer() ? found->get<Number>() : Number{};
}

Nanos time_at(const Json& json, const char* key) { return parse_rfc3339(text_at(json, key)).value_or(0); }

// Members of an alert that are not context blocks.
constexpr std::array<std::string_view, 13> kAlertKeys = {"uuid",     "amends",        "revision", "time",   "rule",
                                                         "priority", "output",        "source",   "scause", "hostname",
                                                         "tags",     "output_fields", "missing"};

Result<AlertRecord> alert_of(const Json& json) {
    Alert a;
    a.uuid = text_at(json, "uuid");
    a.revision = number_at<std::uint32_t>(json, "revision");
    a.rule = text_at(json, "rule");
    const auto time = parse_rfc3339(text_at(json, "time"));
    if (!time) return fail(ErrorKind::invalid, "the record has no time such as 2026-01-31T10:30:00Z");
    a.time = *time;
    if (!parse_priority(text_at(json, "priority"), a.priority))
        return fail(ErrorKind::invalid, "the record has no priority that is one");
    a.message = text_at(json, "output");
    a.source = text_at(json, "source");
    a.cause = text_at(json, "scause");
    a.hostname = text_at(json, "hostname");
    if (const auto tags = json.find("tags"); tags != json.end() && tags->is_array()) {
        for (const Json& tag : *tags) {
            if (tag.is_string()) a.tags.push_back(tag.get<std::string>());
        }
    }
    for (const auto& [key, value] : json.items()) {
        if (value.is_object() && std::ranges::find(kAlertKeys, key) == kAlertKeys.end())
            a.blocks.push_back(block_of(key, value, 0));
    }
    if (const auto fields = json.find("output_fields"); fields != json.end() && fields->is_object()) {
        for (const auto& [key, value] : fields->items()) a.output_fields.push_back({key, value_of(value, 0)});
    }
    if (const auto missing = json.find("missing"); missing != json.end() && missing->is_object()) {
        for (const auto& [key, value] : missing->items()) {
            const auto why = value.is_string() ? missing_by_name(value.get<std::string>()) : std::nullopt;
            a.missing.push_back({key, why.value_or(Missing::unsupported)});
        }
    }
    return AlertRecord(std::move(a));
}

AlertRecord gap_of(const Json& json) {
    GapRecord g;
    g.from = time_at(json, "from");
    g.to = time_at(json, "to");
    g.count = number_at<std::uint64_t>(json, "count");
    g.stage = text_at(json, "stage");
    g.event_class = text_at(json, "class");
    g.container = text_at(json, "container");
    g.cgroup = text_at(json, "cgroup");
    g.reason = text_at(json, "reason");
    g.hostname = text_at(json, "hostname");
    if (const auto rules = json.find("rules"); rules != json.end() && rules->is_object()) {
        for (const auto& [rule, count] : rules->items())
            g.rules.emplace_back(rule, count.is_number_integer() ? count.get<std::uint64_t>() : 0);
    }
    if (const auto processes = json.find("processes"); processes != json.end() && processes->is_array()) {
        for (const Json& process : *processes) {
            if (!process.is_object()) continue;
            g.processes.push_back(
                {number_at<Pid>(process, "pid"), text_at(process, "name"), number_at<std::uint64_t>(process, "count")});
        }
    }
    return g;
}

AlertRecord notice_of(const Json& json) {
    return Notice{time_at(json, "time"), text_at(json, "kind"), text_at(json, "message"), text_at(json, "hostname")};
}

} // namespace

Result<Nanos> parse_since(std::string_view text, Nanos now) {
    if (const auto ago = parse_duration(text)) return now - *ago;
    if (const auto time = parse_rfc3339(text)) return *time;
    return fail(ErrorKind::invalid,
                fmt::format("'{}' is neither a duration (1h) nor a time (2026-01-31T10:30:00Z)", text.substr(0, 40)));
}

Result<AlertRecord> parse_record(std::string_view line) {
    const Json json = Json::parse(line, nullptr, false);
    if (!json.is_object()) return fail(ErrorKind::invalid, "the record is not a JSON object");
    if (const auto gap = json.find("gap"); gap != json.end() && gap->is_object()) return gap_of(*gap);
    if (const auto notice = json.find("notice"); notice != json.end() && notice->is_object() && !json.contains("uuid"))
        return notice_of(*notice);
    return alert_of(json);
}

} // namespace gyr
