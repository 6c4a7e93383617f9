#include "app/falco_schema.h"

#include "config/falco.h"
#include "rules/keys.h"

#include <nlohmann/json.hpp>

#include <array>
#include <map>
#include <string_view>
#include <vector>

namespace gyr::app {
namespace {

using Schema = nlohmann::json;

constexpr const char* kDraft = "http://json-schema.org/draft-06/schema#";

const Schema kText{{"type", "string"}};
const Schema kScalar{{"type", {"string", "number", "boolean"}}};
const Schema kFlag{{"type", "boolean"}};
const Schema kCount{{"type", "integer"}, {"minimum", 0}};

Schema list_of(const Schema& item) { return {{"type", "array"}, {"items", item}}; }

// Of the keys of `known`; those that are not in `types` may hold anything.
template <class Keys>
Schema object_of(const Keys& known, const std::map<std::string_view, Schema>& types) {
    Schema properties = Schema::object();
    for (const std::string_view key : known) {
        const auto type = types.find(key);
        properties[std::string(key)] = type == types.end() ? Schema::object() : type->second;
    }
    return {{"type", "object"}, {"properties", std::move(properties)}, {"additionalProperties", false}};
}

Schema requiring(Schema object, std::vector<std::string_view> keys) {
    object["required"] = std::move(keys);
    return object;
}

Schema overrides(const Schema& operations, const std::vector<std::string_view>& keys) {
    std::map<std::string_view, Schema> types;
    for (const std::string_view key : keys) types[key] = operations;
    return object_of(keys, types);
}

Schema rule_item() {
    const Schema priorities{
        {"type", "string"},
        {"pattern", "^(?i:emergency|alert|critical|error|warning|notice|informational|info|debug)$"}};
    const Schema exception =
        requiring(object_of(rules::kExceptionKeys, {{"name", kText}, {"values", {{"type", "array"}}}}), {"name"});
    const Schema throttle =
        object_of(rules::kThrottleKeys, {{"by", list_of(kText)}, {"for", kScalar}, {"max", kCount}});
    std::vector<std::string_view> changeable(rules::kReplaceable.begin(), rules::kReplaceable.end());
    return requiring(
        object_of(rules::kRuleKeys, {{"rule", kScalar},
                                     {"condition", kText},
                                     {"output", kText},
                                     {"desc", kScalar},
                                     {"priority", priorities},
                                     {"source", kText},
                                     {"enabled", kFlag},
                                     {"tags", list_of(kScalar)},
                                     {"exceptions", list_of(exception)},
                                     {"append", kFlag},
                                     {"override", overrides({{"enum", {"append", "replace"}}}, changeable)},
                                     {"capture", kFlag},
                                     {"capture_duration", kCount},
                                     {"warn_evttypes", kFlag},
                                     {"skip-if-unknown-filter", kFlag},
                                     {"throttle", throttle}}),
        {"rule"});
}

Schema plugin_item() {
    constexpr std::array<std::string_view, 2> kVersion{"name", "version"};
    constexpr std::array<std::string_view, 3> kKeys{"name", "version", "alternatives"};
    const std::map<std::string_view, Schema> texts{{"name", kText}, {"version", kText}};
    std::map<std::string_view, Schema> types = texts;
    types["alternatives"] = list_of(requiring(object_of(kVersion, texts), {"name", "version"}));
    return list_of(requiring(object_of(kKeys, types), {"name", "version"}));
}

// Puts a key "a.b.c" into nested objects.
void put_key(Schema& object, std::string_view path) {
    const std::size_t dot = path.find('.');
    Schema& property = object["properties"][std::string(path.substr(0, dot))];
    if (property.is_null()) property = Schema::object();
    if (dot == std::string_view::npos) return;
    property["type"] = "object";
    put_key(property, path.substr(dot + 1));
}

} // namespace

std::string rule_schema() {
    const Schema operations{{"enum", {"append", "replace"}}};
    Schema items = Schema::array();
    items.push_back(
        requiring(object_of(rules::kListKeys, {{"list", kScalar},
                                               {"items", list_of(kScalar)},
                                               {"items_file", kText},
                                               {"append", kFlag},
                                               {"override", overrides(operations, {"items", "items_file"})}}),
                  {"list"}));
    items.push_back(requiring(object_of(rules::kMacroKeys, {{"macro", kScalar},
                                                            {"condition", kText},
                                                            {"append", kFlag},
                                                            {"override", overrides(operations, {"condition"})}}),
                              {"macro"}));
    items.push_back(rule_item());
    constexpr std::array<std::string_view, 1> kEngine{"required_engine_version"}, kPlugins{"required_plugin_versions"};
    items.push_back(requiring(object_of(kEngine, {{kEngine[0], {{"type", {"integer", "string"}}}}}), {kEngine[0]}));
    items.push_back(requiring(object_of(kPlugins, {{kPlugins[0], plugin_item()}}), {kPlugins[0]}));
    const Schema schema{{"$schema", kDraft}, {"type", "array"}, {"items", {{"oneOf", items}}}};
    return schema.dump(2) + "\n";
}

std::string falco_config_schema() {
    Schema schema{
        {"$schema", kDraft}, {"type", "object"}, {"properties", Schema::object()}, {"additionalProperties", false}};
    for (const std::string_view key : config::falco_keys()) put_key(schema, key);
    return schema.dump(2) + "\n";
}

} // namespace gyr::app
