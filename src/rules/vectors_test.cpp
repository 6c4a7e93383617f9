// Rule files and event-type sets of others, with what they are known to give. Read in place, never copied.
#include "base/test_data.h"
#include "lang/parser.h"
#include "rules/event_types.h"
#include "rules/loader.h"
#include "rules/test_catalog.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <fstream>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace gyr::rules {
namespace {

std::vector<nlohmann::json> read_lines(const std::string& name) {
    std::vector<nlohmann::json> out;
    const std::string dir = test_data_dir();
    if (dir.empty()) return out;
    std::ifstream file(dir + "/" + name);
    for (std::string line; std::getline(file, line);)
        if (!line.empty()) out.push_back(nlohmann::json::parse(line));
    return out;
}

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

// The vectors name messages of another program; ours say the same in other words under the same code.
const std::map<std::string, std::string> kCodeOfMessage = {
    {"'append' key is deprecated. Add an 'append' entry (e.g. 'condition: append') under 'override' instead.",
     "LOAD_DEPRECATED_ITEM"},
    {"Keys 'override' and 'append: true' cannot be used together. Add an 'append' entry (e.g. 'condition: append') "
     "under 'override' instead.",
     "LOAD_ERR_YAML_VALIDATE"},
    {"Macro uses 'append' or 'override.condition: append' but no macro by that name already exists",
     "LOAD_ERR_VALIDATE"},
    {"Rule uses 'append' or 'override.<key>: append' but no rule by that name already exists", "LOAD_ERR_VALIDATE"},
    {"An append override for 'condition' was specified but 'condition' is not defined", "LOAD_ERR_YAML_VALIDATE"},
    {"Unexpected key 'priority'", "LOAD_ERR_YAML_VALIDATE"},
    {"'enabled' was specified but 'enabled' is not defined", "LOAD_ERR_YAML_VALIDATE"},
    {"Item has no mapping for key 'fields'", "LOAD_ERR_YAML_VALIDATE"},
    {"Rule matches too many evt.type values", "LOAD_NO_EVTTYPE"},
    {"Unable to parse engine version", "LOAD_ERR_YAML_VALIDATE"},
    {"Macro has an invalid name. Macro names should match a regular expression", "LOAD_INVALID_MACRO_NAME"},
    {"List has an invalid name. List names should match a regular expression", "LOAD_INVALID_LIST_NAME"},
    {"Overriding/appending exception with no values", "LOAD_APPEND_NO_VALUES"},
    {"'proc.pname' may be a valid field misused as a const string value", "LOAD_COMPILE_CONDITION"},
    {"'proc.pname ' may be a valid field misused as a const string value", "LOAD_COMPILE_CONDITION"},
    {"'toupper( proc.pname)' may be a valid field transformer misused as a const string value",
     "LOAD_COMPILE_CONDITION"},
    {"Rule has been re-defined with a different source", "LOAD_ERR_VALIDATE"},
    {"Unknown key 'typo_field'", "LOAD_UNKNOWN_KEY"},
    {"Unknown key 'priority'", "LOAD_UNKNOWN_KEY"},
    {"usage of deprecated field 'evt.dir' has been detected in the rule output", "LOAD_DEPRECATED_ITEM"},
    {"evt.dir", "LOAD_DEPRECATED_ITEM"},
    {"comps must be one of", "LOAD_ERR_VALIDATE"},
    {"'in oneof' is not a supported comparison operator", "LOAD_ERR_VALIDATE"},
    {"'>= oneof' is not a supported comparison operator", "LOAD_ERR_VALIDATE"},
    {"'oneof' is not a supported comparison operator", "LOAD_ERR_VALIDATE"},
};

const std::string& code_of(const std::string& message) {
    static const std::string kUnknown = "(message not in the table of this test)";
    const auto it = kCodeOfMessage.find(message);
    return it == kCodeOfMessage.end() ? kUnknown : it->second;
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
    const auto vectors = read_lines("vectors/rule_loader.jsonl");
    if (vectors.empty()) GTEST_SKIP() << "no test data";
    for (const auto& v : vectors) {
        const auto loaded = load_texts({{v.at("rules_filename"), v.at("rules")}});
        SCOPED_TRACE(v.at("test").get<std::string>() + "\n" + v.at("rules").get<std::string>() + all_text(loaded));
        EXPECT_EQ(loaded.ok(), v.at("load_ok").get<bool>());
        for (const auto& message : v.at("errors_contain"))
            EXPECT_TRUE(codes(loaded, Severity::error).contains(code_of(message))) << message;
        for (const auto& message : v.at("warnings_contain"))
            EXPECT_TRUE(codes(loaded, Severity::warning).contains(code_of(message))) << message;
        for (const auto& message : v.at("warnings_absent"))
            EXPECT_FALSE(codes(loaded, Severity::warning).contains(code_of(message))) << message;
        for (const auto& check : v.value("checks", nlohmann::json::array())) check_value(check, loaded);
    }
}

TEST(Vectors, EventTypesOfConditions) {
    const auto vectors = read_lines("vectors/filter_evttypes.jsonl");
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
