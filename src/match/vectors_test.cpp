// Conditions, transformers and templates of others, with what they are known to give: what needs types, values and the
// evaluator. (Syntax alone: lang/vectors_test.cpp.) Read in place, never copied.
#include "base/test_lines.h"
#include "match/binder.h"
#include "match/event_names.h"
#include "match/test_support.h"
#include "rules/condition_check.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <map>

namespace gyr {
namespace {

using nlohmann::json;

std::string replaced(std::string text, const std::map<std::string, std::string>& words) {
    for (const auto& [from, to] : words)
        for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
            text.replace(at, from.size(), to);
    return text;
}

// The vectors' own fields, by real ones of the same type whose values the test chooses.
const std::map<std::string, std::string> kMockFields = {{"c.true", "proc.name"},
                                                        {"c.false", "proc.exepath"},
                                                        {"c.singlequote", "proc.exe"},
                                                        {"c.doublequote", "proc.args"},
                                                        {"c.buffer", "evt.buffer"}};

struct Mock {
    test::World world;
    std::shared_ptr<ProcessImage> process = world.process(1, "0", {"hello 'quoted'", "hello \"quoted\""});
    Event event;
    Mock() {
        process->comm = "1";
        event = test::exec_event(process);
    }
};

// What the compiler says: errors and hints.
std::pair<bool, std::size_t> judge(const std::string& condition) {
    const auto parsed = lang::parse(condition);
    if (!parsed) return {false, 0};
    match::Expressions expressions;
    match::Graph graph;
    match::Binder binder(expressions, graph);
    std::vector<match::Problem> problems;
    static_cast<void>(binder.bind(**parsed, problems));
    std::size_t hints = 0;
    for (const auto& finding : rules::check_condition(**parsed, &fields::catalog(), "syscall"))
        hints += finding.kind == rules::Finding::Kind::hint ? 1 : 0;
    bool good = true;
    for (const match::Problem& p : problems) {
        hints += p.warning ? 1 : 0;
        good = good && p.warning;
    }
    return {good, hints};
}

TEST(MatchVectors, Conditions) {
    const auto vectors = read_test_lines("vectors/filter_compiler.jsonl");
    if (vectors.empty()) GTEST_SKIP() << "no test data";
    std::size_t done = 0;
    for (const json& v : vectors) {
        const auto filter = replaced(v.at("filter"), kMockFields);
        SCOPED_TRACE(v.dump());
        ++done;
        if (v.at("fn") == "test_filter_run") {
            auto c = test::compile({test::rule("r", "evt.type = execve and (" + filter + ")")});
            ASSERT_TRUE(c.diagnostics.empty()) << c.diagnostics[0].message;
            Mock m;
            Verdicts verdicts;
            c.matcher->evaluate(m.event, m.world.view(), *c.scratch, verdicts);
            EXPECT_EQ(!verdicts.matched.empty(), v.at("expect").get<bool>());
            continue;
        }
        const auto [good, hints] = judge(filter);
        EXPECT_EQ(good, v.at("expect") == "accept");
        if (good && v.contains("warnings")) { // a refused condition may have hints beside its errors
            EXPECT_EQ(hints, v.at("warnings").get<std::size_t>());
        }
    }
    EXPECT_EQ(done, vectors.size());
}

TEST(MatchVectors, Transformers) {
    const auto vectors = read_test_lines("vectors/transformers.jsonl");
    if (vectors.empty()) GTEST_SKIP() << "no test data";
    const std::map<std::string, lang::TransformerKind> kinds = {
        {"toupper", lang::TransformerKind::toupper},   {"tolower", lang::TransformerKind::tolower},
        {"base64", lang::TransformerKind::b64},        {"b64", lang::TransformerKind::b64},
        {"basename", lang::TransformerKind::basename}, {"len", lang::TransformerKind::len}};
    for (const json& v : vectors) {
        SCOPED_TRACE(v.dump());
        ASSERT_TRUE(kinds.contains(v.at("transformer")));
        match::Expression e;
        e.kind = match::Expression::Kind::transform;
        e.transformer = kinds.at(v.at("transformer"));
        const auto words = v.at("input").get<std::vector<std::string>>();
        std::vector<fields::Value> items;
        for (const std::string& w : words) items.push_back(fields::Value::of_text(w));
        const bool list = v.at("flags").get<std::string>().find("EPF_IS_LIST") != std::string::npos;
        const fields::Value in = list ? fields::Value::of_list(items) : items.at(0);
        Arena arena;
        const fields::Value out = match::transform(e, std::span(&in, 1), arena);
        const auto expected = v.at("expected").get<std::vector<std::string>>();
        std::vector<std::string> got;
        if (out.kind == fields::ValueKind::u64) got.push_back(std::to_string(out.u));
        for (const fields::Value& item : out.list()) got.emplace_back(item.text());
        if (out.kind == fields::ValueKind::text) got.emplace_back(out.text());
        EXPECT_EQ(got, expected);
    }
}

// The tree of the template vectors: init, bash under it, and a process under that.
struct Lineage {
    test::World world;
    std::shared_ptr<ProcessImage> init =
        world.process(1, "/test/dir", {"init", "context", "ls", "--format", "{{json .}}"});
    std::shared_ptr<ProcessImage> bash = world.process(2, "/bin/bash", {"bash"}, init.get());
    std::shared_ptr<ProcessImage> tool = world.process(3, "/bin/tool", {"tool"}, bash.get());
    Event event;
    explicit Lineage(const std::string& tid) {
        init->comm = "init";
        event = test::exec_event(tid == "3" ? tool : tid == "2" ? bash : init);
    }
};
// A value of the event, by one of the process: this is about templates.
const std::map<std::string, std::string> kTemplateFields = {{"evt.arg[1]", "proc.exepath"},
                                                            {"evt.arg.path", "proc.exepath"}};

std::string text_of(const match::OutputValue& v) {
    if (const auto* s = std::get_if<std::string>(&v.value)) return *s;
    if (const auto* i = std::get_if<std::int64_t>(&v.value)) return std::to_string(*i);
    if (const auto* u = std::get_if<std::uint64_t>(&v.value)) return std::to_string(*u);
    return "<NA>";
}

TEST(MatchVectors, Templates) {
    const auto vectors = read_test_lines("vectors/formatter.jsonl");
    if (vectors.empty()) GTEST_SKIP() << "no test data";
    std::size_t refused = 0, rendered = 0, values = 0;
    for (const json& v : vectors) {
        SCOPED_TRACE(v.dump());
        const std::string format = replaced(v.at("format"), kTemplateFields);
        Matcher::Options strict;
        strict.strict = true;
        auto c = test::compile({test::rule("r", "evt.type = execve", format)}, strict);
        EXPECT_EQ(has_errors(c.diagnostics), v.value("throws", false));
        if (has_errors(c.diagnostics)) {
            ++refused;
            continue;
        }
        const Lineage lineage(v.value("tid", "1"));
        const auto out = c.matcher->render(0, lineage.event, lineage.world.view(), *c.scratch);
        if (v.contains("field")) {
            const std::string key = replaced(v.at("field"), kTemplateFields);
            const auto it = std::ranges::find(out.values, key, &match::OutputValue::key);
            EXPECT_EQ(it == out.values.end() ? "no value " + key : text_of(*it), v.at("value").get<std::string>());
            ++values;
        }
        if (!v.contains("output")) continue;
        ++rendered;
        const std::string expected = v.at("output");
        const bool lenient = v.at("format").get<std::string>().starts_with('*');
        if (!v.at("json").get<bool>() && v.at("resolve_transformers").get<bool>()) {
            // A rule's output is always lenient; without the star the vector stops at the first missing value.
            const bool cut = !lenient && v.at("test") == "stop_on_null";
            EXPECT_EQ(cut ? out.text.substr(0, expected.size()) : out.text, expected);
            continue;
        }
        // As JSON: the values by key. Those of transformers are left out, and so are missing ones without the star.
        json object;
        for (const match::OutputValue& value : out.values) {
            const bool missing = std::holds_alternative<std::monostate>(value.value);
            if (value.transformed || (missing && !lenient)) continue;
            object[value.key] = missing ? json() : json(text_of(value));
        }
        EXPECT_EQ(object.dump(), replaced(expected, kTemplateFields));
    }
    std::cout << refused << " refused, " << rendered << " rendered, " << values << " values\n";
}

} // namespace
} // namespace gyr
