// Events of others with what their fields and conditions are known to give: from bytes over state to fields, evaluator
// and output. Read in place, never copied. What cannot be run is told, with the reason.

#include "vector_events.h"

#include "base/test_lines.h"
#include "event/schema.h"
#include "fields/static_fields.h"
#include "match/test_support.h"

#include <gtest/gtest.h>

#include <iostream>
#include <map>

namespace gyr::test {
namespace {

using nlohmann::json;

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

// Vectors that cannot be run, or whose event is not the one their value is of: the test that they come from took steps
// in between which they do not tell, and the last event they tell of stands in for it. Test (empty: all that ask for a
// value), what is asked (a prefix), and what is wrong.
struct Broken {
    std::string_view test, asked, why;
};
constexpr Broken kBroken[] = {
    {"PROC_FILTER_nthreads", "proc.nthreads == 0",
     "the test empties the thread group behind the events' back: two of three live on"},
    {"PROC_FILTER_nchilds", "proc.nchilds == 0",
     "the test empties the thread group behind the events' back: one of three lives on"},
    {"pid_over_32bit", "proc.pid", "a process number that no kernel gives, which ends at 2^22, but an engine now gone"},
    {"pid_over_32bit", "thread.tid", "a thread number that no kernel gives, but an engine that is gone"},
    {"pid_over_32bit", "thread.vtid", "a number in the container that no kernel gives, but an engine that is gone"},
    {"", "sample.is_open", "what a plugin makes of the event: its code is not in the material"},
    {"", "sample.proc_name", "what a plugin reads of the table of threads: its code is not in the material"},
    {"", "sample.open_count", "what a plugin counts in a table of its own: its code is not in the material"},
    {"", "sample.evt_count", "what a plugin counts in a table of its own: its code is not in the material"},
    {"", "sample.tick", "whether the event is one that a thread of a plugin sends: its code is not in the material"},
    {"", "sample.hello", "a text that a plugin makes its events of: its code is not in the material"},
};
// "test: field == value: why"; empty when the vector is to be run.
std::string broken(const json& v) {
    std::string about = v.value("field", v.value("filter", ""));
    if (v.contains("value"))
        about += v["value"].is_string() ? " == " + v["value"].get<std::string>()
                                        : std::string(v["value"].get<bool>() ? " exists" : " does not exist");
    for (const Broken& b : kBroken)
        if ((b.test.empty() ? v.contains("field") : v["test"] == b.test) && about.starts_with(b.asked))
            return v["test"].get<std::string>() + ": " + about + ": " + std::string(b.why);
    return {};
}

// How many vectors were run, and the others one by one.
struct Tally {
    std::size_t run = 0;
    std::vector<std::string> left_out;
    ~Tally() {
        std::cout << run << " run, " << left_out.size() << " not run\n";
        for (const std::string& why : left_out) std::cout << "  " << why << '\n';
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
    const auto vectors = read_test_lines("vectors/execve_empty_params.jsonl");
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
    const auto vectors = read_test_lines("vectors/event_filter_eval.jsonl");
    if (vectors.empty()) GTEST_SKIP() << "no test data";
    Tally tally;
    for (const json& v : vectors) {
        SCOPED_TRACE(v.dump());
        const std::string filter = without_plugin(v["filter"]);
        if (std::string why = broken(v); !why.empty()) {
            tally.left_out.push_back(std::move(why));
            continue;
        }
        if (v["fn"] == "filter_compiles") {
            ++tally.run;
            EXPECT_EQ(compiles(filter), v["expect"].get<bool>()) << filter;
            continue;
        }
        VectorReplay r(v, {});
        if (std::string why = r.add_all(); !why.empty()) {
            tally.left_out.push_back(v["test"].get<std::string>() + ": " + filter + ": " + why);
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
    const auto vectors = read_test_lines("vectors/event_field_values.jsonl");
    if (vectors.empty()) GTEST_SKIP() << "no test data";
    fields::set_static_fields({{"example", "example_value"}}); // as the vectors' tests do
    Tally tally;
    for (const json& v : vectors) {
        SCOPED_TRACE(v.dump());
        const std::string field = v["field"];
        std::string why = broken(v);
        bool held = false;
        std::string seen;
        for (const VectorSetup& setup : setups_of(v)) {
            VectorReplay r(v, setup);
            if (!why.empty()) break;
            if (const std::string what = r.add_all(); !what.empty()) {
                why = v["test"].get<std::string>() + ": " + field + ": " + what;
                break;
            }
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
            tally.left_out.push_back(std::move(why));
            continue;
        }
        ++tally.run;
        EXPECT_TRUE(held) << field << " should be " << v["value"] << ", is" << seen;
    }
    EXPECT_GT(tally.run, vectors.size() * 3 / 4);
}

} // namespace
} // namespace gyr::test
