// Rule files and event-type sets of others, with what they are known to give. Read in place, never copied.
#include "base/test_lines.h"
#include "lang/parser.h"
#include "rules/event_types.h"
#include "rules/loader.h"
#include "rules/report.h"
#include "rules/test_catalog.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace gyr::rules {
namespace {

TestCatalog catalog;
TestEvents events;

LoadedRules load_texts(const std::vector<std::pair<std::string, std::string>>& texts) {
    LoadOptions options;
    options.fields = &catalog;
    options.events = &events;
    RuleLoader loader(options);
    for (const auto& [name, text] : texts) loader.add_text(name, text);
    return loader.finish();
}

std::set<std::string> codes(const LoadedRules& loaded, Severity severity) {
    std::set<std::string> out;
    for (const Diagnostic& d : loaded.diagnostics)
        if (d.severity == severity) out.insert(d.code);
    return out;
}

std::string all_text(const LoadedRules& loaded) {
    std::string out;
    for (const Diagnostic& d : loaded.diagnostics) out += d.code + ' ' + to_text(d) + '\n';
    return out;
}

// The vectors name messages of another program, or parts of them; ours say the same in other words under the same code.
struct CodeOf {
    std::string_view part, code;
};
constexpr CodeOf kErrors[] = {
    {"no list by that name already exists", "LOAD_ERR_VALIDATE"},
    {"no macro by that name already exists", "LOAD_ERR_VALIDATE"},
    {"no rule by that name already exists", "LOAD_ERR_VALIDATE"},
    {"re-defined with a different source", "LOAD_ERR_VALIDATE"},
    {"Undefined macro", "LOAD_ERR_VALIDATE"},
    {"reference loop in macro", "LOAD_ERR_VALIDATE"},
    {"Rules require engine version", "LOAD_ERR_VALIDATE"},
    {"Invalid required version", "LOAD_ERR_VALIDATE"},
    {"Defined multiple alternative version requirements", "LOAD_ERR_VALIDATE"},
    {"Appended rule must have", "LOAD_ERR_VALIDATE"},
    {"must have equal length", "LOAD_ERR_VALIDATE"},
    {"must both be strings", "LOAD_ERR_VALIDATE"},
    {"comps must be one of", "LOAD_ERR_VALIDATE"},
    {"is not a supported comparison operator", "LOAD_ERR_VALIDATE"},
    {"is not a supported filter field", "LOAD_ERR_VALIDATE"},
    {"must have fields property", "LOAD_ERR_VALIDATE"},
    {"must have values property", "LOAD_ERR_VALIDATE"},
    {"Can not append exception", "LOAD_ERR_VALIDATE"},
    {"Expected values array to contain", "LOAD_ERR_VALIDATE"},
    {"cannot be used together", "LOAD_ERR_YAML_VALIDATE"},
    {"Unable to parse engine version", "LOAD_ERR_YAML_VALIDATE"},
    {"Item has no mapping for key", "LOAD_ERR_YAML_VALIDATE"},
    {"Mapping for key", "LOAD_ERR_YAML_VALIDATE"},
    {"Value is not", "LOAD_ERR_YAML_VALIDATE"},
    {"Value must be non-empty", "LOAD_ERR_YAML_VALIDATE"},
    {"sequence value is not scalar", "LOAD_ERR_YAML_VALIDATE"},
    {"Can't decode YAML", "LOAD_ERR_YAML_VALIDATE"},
    {"must be a sequence", "LOAD_ERR_YAML_VALIDATE"},
    {"must be a mapping", "LOAD_ERR_YAML_VALIDATE"},
    {"is not defined", "LOAD_ERR_YAML_VALIDATE"},
    {"Unexpected key", "LOAD_ERR_YAML_VALIDATE"},
    {"Unexpected element type", "LOAD_ERR_YAML_VALIDATE"},
    {"cannot be appended to, use 'replace' instead", "LOAD_ERR_YAML_VALIDATE"},
    {"cannot be replaced", "LOAD_ERR_YAML_VALIDATE"},
    {"Invalid override operation", "LOAD_ERR_YAML_VALIDATE"},
    {"Invalid priority", "LOAD_ERR_YAML_VALIDATE"},
    {"Rules content is not yaml", "LOAD_ERR_YAML_VALIDATE"},
    {"invalid formatting token", "LOAD_ERR_COMPILE_OUTPUT"},
    {"nonexistent field", "LOAD_ERR_COMPILE_CONDITION"},
    {"unknown event type", "LOAD_ERR_COMPILE_CONDITION"},
};
constexpr CodeOf kWarnings[] = {
    {"key is deprecated", "LOAD_DEPRECATED_ITEM"},
    {"key usage is deprecated", "LOAD_DEPRECATED_ITEM"},
    {"usage of deprecated field", "LOAD_DEPRECATED_ITEM"},
    {"evt.dir", "LOAD_DEPRECATED_ITEM"},
    {"%container.info is deprecated", "LOAD_DEPRECATED_ITEM"},
    {"too many evt.type values", "LOAD_NO_EVTTYPE"},
    {"Macro has an invalid name", "LOAD_INVALID_MACRO_NAME"},
    {"List has an invalid name", "LOAD_INVALID_LIST_NAME"},
    {"exception with no values", "LOAD_APPEND_NO_VALUES"},
    {"Multiple definitions of exception", "LOAD_EXCEPTION_NAME_NOT_UNIQUE"},
    {"misused as a const string value", "LOAD_COMPILE_CONDITION"},
    {"Unknown key", "LOAD_UNKNOWN_KEY"},
    {"Unknown top level item", "LOAD_UNKNOWN_ITEM"},
    {"Unknown source", "LOAD_UNKNOWN_SOURCE"},
    {"Macro not referred to", "LOAD_UNUSED_MACRO"},
    {"List not referred to", "LOAD_UNUSED_LIST"},
    {"nonexistent field", "LOAD_UNKNOWN_FILTER"},
    {"unknown event type", "LOAD_UNKNOWN_FILTER"},
};

std::string code_of(std::string_view message, std::span<const CodeOf> known) {
    for (const CodeOf& c : known)
        if (message.find(c.part) != std::string_view::npos) return std::string(c.code);
    return "(message not in the tables of this test)";
}

void check_value(const nlohmann::json& check, const LoadedRules& loaded) {
    const std::string what = check.at("what");
    if (what == "compiled_condition") {
        const Rule* rule = loaded.find(check.at("rule").get<std::string>());
        ASSERT_TRUE(rule != nullptr && rule->condition != nullptr);
        EXPECT_EQ(lang::to_string(*rule->condition), check.at("value").get<std::string>());
    } else if (what == "num_rules") {
        std::size_t enabled = 0;
        for (const Rule& rule : loaded.rules) enabled += rule.enabled && rule.disabled_why.empty() ? 1 : 0;
        EXPECT_EQ(std::to_string(enabled), check.at("value").get<std::string>());
    } else if (what == "raw_bool" && check.at("expr") == "has_warnings()") {
        EXPECT_EQ(!codes(loaded, Severity::warning).empty(), check.at("value").get<bool>());
    } else if (what == "raw" && check.at("expr").get<std::string>().starts_with("rule_description")) {
        const std::string expr = check.at("expr");
        std::string value = check.at("value");
        const Rule& rule = loaded.rules.front();
        if (expr.find("\"condition\"") != std::string::npos)
            EXPECT_EQ(rule.condition_text, value);
        else if (expr.find("\"output\"") != std::string::npos)
            EXPECT_EQ(rule.output, value);
        else if (expr.find("\"description\"") != std::string::npos)
            EXPECT_EQ(rule.description, value);
        else if (expr.find("\"priority\"") != std::string::npos)
            EXPECT_EQ(to_string(rule.priority), value);
        else if (expr.find("\"source\"") != std::string::npos)
            EXPECT_EQ(rule.source, value);
        else if (expr.find("\"name\"") != std::string::npos)
            EXPECT_EQ(rule.name, value);
        else if (expr.find("\"enabled\"") != std::string::npos)
            EXPECT_EQ(rule.enabled, value == "true");
        else if (expr.find("\"capture\"") != std::string::npos)
            EXPECT_EQ(rule.capture, value == "true");
        else if (expr.find("\"capture_duration\"") != std::string::npos)
            EXPECT_EQ(std::to_string(rule.capture_duration_ms) + "u", value);
        else
            ADD_FAILURE() << "unknown check " << check;
    } else if (what == "raw" && check.at("expr").get<std::string>().starts_with("snippet")) {
        for (const Diagnostic& d : loaded.diagnostics) {
            EXPECT_EQ(d.snippet.find("condition: >"), std::string::npos) << d.snippet;
            EXPECT_NE(d.snippet.find("evt.dir"), std::string::npos) << d.snippet;
        }
    } else if (what == "raw_bool" && check.at("expr").get<std::string>().find("container.info") != std::string::npos) {
        EXPECT_EQ(loaded.rules.front().output.find("%container.info"), std::string::npos);
    }
    // compiled_output and formatted fields are about output formats that the agent adds, not about rule files.
}

TEST(Vectors, RuleFiles) {
    const auto vectors = read_test_lines("vectors/rule_loader.jsonl");
    if (vectors.empty()) GTEST_SKIP() << "no test data";
    for (const auto& v : vectors) {
        const auto loaded = load_texts({{v.at("rules_filename"), v.at("rules")}});
        SCOPED_TRACE(v.at("test").get<std::string>() + "\n" + v.at("rules").get<std::string>() + all_text(loaded));
        EXPECT_EQ(loaded.ok(), v.at("load_ok").get<bool>());
        for (const auto& message : v.at("errors_contain"))
            EXPECT_TRUE(codes(loaded, Severity::error).contains(code_of(message.get<std::string>(), kErrors)))
                << message;
        for (const auto& message : v.at("warnings_contain"))
            EXPECT_TRUE(codes(loaded, Severity::warning).contains(code_of(message.get<std::string>(), kWarnings)))
                << message;
        for (const auto& message : v.at("warnings_absent"))
            EXPECT_FALSE(codes(loaded, Severity::warning).contains(code_of(message.get<std::string>(), kWarnings)))
                << message;
        for (const auto& check : v.value("checks", nlohmann::json::array())) check_value(check, loaded);
        if (!v.value("validation", nlohmann::json()).is_string()) continue;
        const auto json = nlohmann::json::parse(check_json(by_file(loaded.files, loaded.diagnostics)));
        EXPECT_EQ(json.at("falco_load_results").at(0).at("schema_valid"), v.at("validation") == "validation_ok");
    }
}

TEST(Vectors, EventTypesOfConditions) {
    const auto vectors = read_test_lines("vectors/filter_evttypes.jsonl");
    if (vectors.empty()) GTEST_SKIP() << "no test data";
    const auto set_of = [&](const std::string& filter) {
        const auto expr = lang::parse(filter);
        EXPECT_TRUE(expr.has_value()) << filter;
        const auto set = event_types(**expr, events);
        EXPECT_TRUE(set.has_value()) << filter << ": " << set.error().front().message;
        return set.value_or(EventSet{});
    };
    const std::map<std::string, std::string> named = {{"openat_only", "evt.type = openat"},
                                                      {"not_openat", "evt.type != openat"},
                                                      {"close_only", "evt.type = close"},
                                                      {"not_close", "evt.type != close"},
                                                      {"openat_close_only", "evt.type in (openat, close)"},
                                                      {"not_openat_close", "not evt.type in (openat, close)"}};
    EventSet all;
    for (const std::uint16_t code : events.all_codes()) all.insert(code);
    for (const auto& v : vectors) {
        const std::string filter = v.at("filter");
        SCOPED_TRACE(v.dump());
        if (v.contains("same_as")) {
            EXPECT_EQ(set_of(filter), set_of(v.at("same_as")));
        } else if (v.at("set") == "all_events") {
            EXPECT_EQ(set_of(filter), all);
        } else if (v.at("set") == "no_events") {
            EXPECT_TRUE(set_of(filter).empty());
        } else {
            ASSERT_TRUE(named.contains(v.at("set"))) << v;
            EXPECT_EQ(set_of(filter), set_of(named.at(v.at("set"))));
        }
    }
}

} // namespace
} // namespace gyr::rules
