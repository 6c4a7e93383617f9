// Events of others with what their fields and conditions are known to give: from bytes over state to fields, evaluator
// and output. Read in place, never copied. What cannot be run is told, with the reason.

#include "vector_events.h"

#include "base/test_data.h"
#include "event/schema.h"
#include "fields/static_fields.h"
#include "match/test_support.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iostream>
#include <map>

namespace gyr::test {
namespace {

using nlohmann::json;

std::vector<json> read_vectors(const std::string& name) {
    std::vector<json> out;
    const std::string dir = test_data_dir();
    if (dir.empty()) return out;
    std::ifstream file(dir + "/vectors/" + name);
    for (std::string line; std::getline(file, line);)
        if (!line.empty()) out.push_back(json::parse(line));
    return out;
}

// Vectors of these tests were taken while the test changed users behind the events' back, which the vectors do not
// tell. One of the states gives the value.
const std::map<std::string, std::vector<VectorSetup>> kUsers = {
    {"EVT_FILTER_check_evt_arg_uid", {{0, {{5, "test", "/test", "/bin/test"}}}, {0, {}}}},
    {"USER_FILTER_extract_from_existent_user_entry",
     {{1000, {{0, "root", "/root", ""}, {1000, "foo", "/foo", "/bin/bash"}}},
      {1000, {{0, "root", "/root", ""}, {1000, "bar", "/bar", "/bin/bash"}}},
      {1000, {{0, "root", "/root", ""}}}}},
    {
        "USER_FILTER_extract_from_loaded_user_entry",
        {{0, {{0, "root", "/root", "/bin/bash"}}}},
    },
};

std::vector<VectorSetup> setups_of(const json& v) {
    const auto it = kUsers.find(v["test"]);
    return it == kUsers.end() ? std::vector<VectorSetup>{{}} : it->second;
}

// Fields of a plugin that the vectors were made with. What it computes is its own; in conditions a field of the same
// type stands for each, with the value that the vectors' events give theirs: this is about comparing such fields.
const std::vector<std::pair<std::string, std::string>> kPluginFields = {
    {"sample.is_open", "proc.nchilds"}, {"sample.proc_name", "proc.name"}, {"sample.tick", "proc.cwd"}};

std::string without_plugin(std::string filter) {
    for (const auto& [name, ours] : kPluginFields)
        for (std::size_t at = filter.find(name); at != std::string::npos; at = filter.find(name, at + ours.size()))
            filter.replace(at, name.size(), ours);
    return filter;
}

// Why a vector cannot be run, before looking at its event; empty when it can.
std::string not_runnable(const std::string& text) {
    if (text.find("sample.") != std::string::npos)
        return "value that a plugin computes, whose code the material does not hold";
    return {};
}

// Vectors whose event is not the one their value is of: the test that they come from took steps in between which they
// do not tell, and the last event they tell of stands in for it. Test, field (a prefix), and what is wrong.
struct Broken {
    std::string_view test, field, why;
};
constexpr Broken kBroken[] = {
    {"PROC_FILTER_nthreads", "proc.nthreads == 0",
     "the test empties the thread group behind the events' back: two of three live on"},
    {"PROC_FILTER_nchilds", "proc.nchilds == 0",
     "the test empties the thread group behind the events' back: one of three lives on"},
    {"pid_over_32bit", "", "process numbers that no kernel gives, which end at 2^22: an engine made them that is gone"},
};
std::string broken(const json& v) {
    std::string about = v.value("field", v.value("filter", ""));
    if (v.contains("value") && v["value"].is_string()) about += " == " + v["value"].get<std::string>();
    for (const Broken& b : kBroken)
        if (v["test"] == b.test && about.starts_with(b.field)) return std::string(b.test) + ": " + std::string(b.why);
    return {};
}

// How many vectors were run and how many not, by reason.
struct Tally {
    std::size_t run = 0;
    std::map<std::string, std::size_t> left_out;
    ~Tally() {
        std::cout << run << " run\n";
        for (const auto& [why, n] : left_out) std::cout << n << " not run: " << why << '\n';
    }
};

enum class Answer : std::uint8_t { no, yes, refused };

Compiled compile_filter(const std::string& filter, const std::string& output = "hit") {
    Matcher::Options options;
    options.filter = true;
    return compile({rule("r", filter, output)}, options);
}

Answer ask(const std::string& filter, const Event& event, const EvalWorld& world) {
    auto compiled = compile_filter(filter);
    if (!compiled.matcher->rules()[0].disabled_why.empty()) return Answer::refused;
    return compiled.matcher->evaluate_rule(0, event, world, *compiled.scratch, true) == Decision::yes ? Answer::yes
                                                                                                      : Answer::no;
}
bool compiles(const std::string& filter) { return compile_filter(filter).matcher->rules()[0].disabled_why.empty(); }

TEST(EventVectors, ParametersWithoutValues) {
    const auto vectors = read_vectors("execve_empty_params.jsonl");
    if (vectors.empty()) GTEST_SKIP() << "no test data";
    for (const json& v : vectors) {
        const json shaped = {
            {"test", v["name"]},
            {"history", json::array()},
            {"event", {{"fn", "generate_execve_exit_event_with_empty_params"}, {"raw", json::array()}}}};
        VectorReplay r(shaped, {});
        ASSERT_EQ(r.add_all(), "");
        const std::string expect = v["expect"];
        const Answer wanted = expect == "true" ? Answer::yes : expect == "false" ? Answer::no : Answer::refused;
        EXPECT_EQ(static_cast<int>(ask(v["filter"], r.last(), r.view())), static_cast<int>(wanted))
            << v["filter"] << " should be " << expect;
    }
}

TEST(EventVectors, Conditions) {
    const auto vectors = read_vectors("event_filter_eval.jsonl");
    if (vectors.empty()) GTEST_SKIP() << "no test data";
    Tally tally;
    for (const json& v : vectors) {
        SCOPED_TRACE(v.dump());
        const std::string filter = without_plugin(v["filter"]);
        std::string out = not_runnable(filter);
        if (out.empty()) out = broken(v);
        if (!out.empty()) {
            ++tally.left_out[out];
            continue;
        }
        if (v["fn"] == "filter_compiles") {
            ++tally.run;
            EXPECT_EQ(compiles(filter), v["expect"].get<bool>()) << filter;
            continue;
        }
        VectorReplay r(v, {});
        if (const std::string why = r.add_all(); !why.empty()) {
            ++tally.left_out[why];
            continue;
        }
        ++tally.run;
        const Answer answer = ask(filter, r.last(), r.view());
        if (v["expect"] == "no_throw")
            EXPECT_NE(answer, Answer::refused) << filter;
        else if (v["expect"] == "throws")
            EXPECT_EQ(answer, Answer::refused) << filter;
        else
            EXPECT_EQ(answer, v["expect"].get<bool>() ? Answer::yes : Answer::no) << filter;
    }
    EXPECT_GT(tally.run, vectors.size() * 3 / 4);
}

// As output has it: %field, alone.
std::string printed(const std::string& field, const Event& event, const EvalWorld& world) {
    auto compiled = compile_filter("evt.num >= 0", "%" + field);
    if (!compiled.matcher->rules()[0].disabled_why.empty())
        return "(" + compiled.matcher->rules()[0].disabled_why + ")";
    return compiled.matcher->render(0, event, world, *compiled.scratch).text;
}
bool has_value(const std::string& field, const Event& event, const EvalWorld& world) {
    return ask(field + " exists", event, world) == Answer::yes;
}

TEST(EventVectors, FieldValues) {
    const auto vectors = read_vectors("event_field_values.jsonl");
    if (vectors.empty()) GTEST_SKIP() << "no test data";
    fields::set_static_fields({{"example", "example_value"}}); // as the vectors' tests do
    Tally tally;
    for (const json& v : vectors) {
        SCOPED_TRACE(v.dump());
        const std::string field = v["field"];
        std::string why = not_runnable(field);
        if (why.empty()) why = broken(v);
        bool held = false;
        std::string seen;
        for (const VectorSetup& setup : setups_of(v)) {
            VectorReplay r(v, setup);
            if (why.empty()) why = r.add_all();
            if (!why.empty()) break;
            if (v["check"] == "field_has_value") {
                const bool has = has_value(field, r.last(), r.view());
                held = held || has == v["value"].get<bool>();
                seen += has ? " yes" : " no";
            } else {
                const std::string text = printed(field, r.last(), r.view());
                held = held || text == bytes_of_text(v["value"]);
                seen += " " + text;
            }
        }
        if (!why.empty()) {
            ++tally.left_out[why];
            continue;
        }
        ++tally.run;
        EXPECT_TRUE(held) << field << " should be " << v["value"] << ", is" << seen;
    }
    EXPECT_GT(tally.run, vectors.size() * 3 / 4);
}

} // namespace
} // namespace gyr::test
