// Exceptions and overrides.

#include "rules/loading_support.h"

#include <gtest/gtest.h>

namespace gyr::rules {
namespace {

// --- exceptions ---

TEST(Exceptions, BothFormsBecomeConditions) {
    const auto loaded = load(rule("A", "a.b = 1") + R"(  exceptions:
    - name: one
      fields: c.d
      values: [x, y z]
    - name: rows
      fields: [e.f, g.h]
      comps: [startswith, in]
      values:
        - [/etc, [p, q]]
        - [/var, r]
    - name: empty
      fields: [e.f]
)");
    EXPECT_EQ(told(loaded), Told{});
    EXPECT_EQ(condition_of(loaded, "A"),
              "(a.b = 1 and not c.d in (x, \"y z\") and not ((e.f startswith /etc and g.h in (p, q)) or "
              "(e.f startswith /var and g.h in (r))))");
}

TEST(Exceptions, ProblemsAreShownAtTheirCell) {
    const auto loaded = load(rule("A", "a.b = 1") + R"(  exceptions:
    - name: rows
      fields: [e.f, g.h]
      values:
        - [x]
        - [x, y, z]
)" + rule("B", "a.b = 1") + R"(  exceptions:
    - name: comp
      fields: [e.f]
      comps: [startwith]
      values: [[x]]
)");
    ASSERT_EQ(told(loaded).size(), 3U);
    EXPECT_EQ(loaded.diagnostics[0].place.line, 10U);
    EXPECT_EQ(loaded.diagnostics[1].place.line, 11U);
    EXPECT_EQ(loaded.diagnostics[2].place.line, 20U);
    EXPECT_EQ(loaded.diagnostics[2].hint, "did you mean startswith?");
}

// --- append and override ---

TEST(Exceptions, ATransformerOfTheWrongTypeIsAProblemOfTheException) {
    const auto loaded = load_checked(rule("A", "evt.type = open") +
                                     "  exceptions:\n"
                                     "  - {name: one, fields: tolower(proc.pid), values: [a]}\n"
                                     "  - {name: two, fields: [proc.name, len(proc.pid)], values: [[a, 1]]}\n"
                                     "  - {name: three, fields: tolower(proc.name), values: [a]}\n"
                                     "  - {name: four, fields: [len(proc.name)], comps: [\">\"], values: [[5]]}\n");
    EXPECT_EQ(told(loaded), (Told{"LOAD_ERR_VALIDATE f0.yaml:7:25 transformer 'tolower' does not take INT64",
                                  "LOAD_ERR_VALIDATE f0.yaml:8:37 transformer 'len' does not take INT64"}));
}

TEST(Exceptions, NothingIsAllowedWhereItMeansNone) {
    const auto with = [](const std::string& exceptions) {
        return load(rule("A", "a.b = 1") + "  exceptions: " + exceptions + "\n");
    };
    for (const char* none : {"", "[]", "[{name: x, fields: a.b}]", "[{name: x, fields: a.b, values: []}]"})
        EXPECT_EQ(condition_of(with(none), "A"), "a.b = 1") << none;
    EXPECT_EQ(told(with("[{name: x, fields: a.b, values: }]")),
              Told{"LOAD_ERR_YAML_VALIDATE f0.yaml:6:39 'values' must be a list"});
    EXPECT_EQ(told(with("[{name: x, fields: a.b, values: ['']}]")),
              Told{"LOAD_ERR_YAML_VALIDATE f0.yaml:6:48 a value of an exception is empty"});
    EXPECT_EQ(told(with("[{name: x, fields: [a.b], comps: [in], values: [[[c, '']]]}]")),
              Told{"LOAD_ERR_YAML_VALIDATE f0.yaml:6:68 a value of an exception is empty"});
    EXPECT_EQ(condition_of(with("[{name: x, fields: a.b, values: ['\"\"']}]"), "A"), "(a.b = 1 and not a.b in (\"\"))");
    EXPECT_EQ(condition_of(with("[{name: x, fields: a.b, comps: , values: [c]}]"), "A"),
              "(a.b = 1 and not a.b in (c))");
    EXPECT_EQ(told(with("[{name: x, fields: , values: [c]}]")),
              Told{"LOAD_ERR_VALIDATE f0.yaml:6:16 the exception names no fields"});
    EXPECT_EQ(told(with("[~]")),
              Told{"LOAD_ERR_YAML_VALIDATE f0.yaml:6:16 an exception must have 'name', 'fields' and 'values'"});
}

TEST(Exceptions, AppendingWithoutValuesIsWarnedOf) {
    const std::string base = rule("A", "a.b = 1") + "  exceptions: [{name: x, fields: a.b}]\n";
    const auto append = [&](const std::string& exception) {
        return load(base + "- rule: A\n  exceptions: [" + exception + "]\n  override: {exceptions: append}\n");
    };
    const auto codes = [](const LoadedRules& loaded) {
        std::vector<std::string> out;
        for (const Diagnostic& d : loaded.diagnostics) out.push_back(d.code);
        return out;
    };
    EXPECT_EQ(codes(append("{name: x}")), Told{"LOAD_APPEND_NO_VALUES"});
    EXPECT_EQ(codes(append("{name: x, values: []}")), Told{});
    EXPECT_EQ(codes(append("{name: y, fields: a.b}")), (Told{"LOAD_APPEND_NO_VALUES", "LOAD_ERR_VALIDATE"}));
}

TEST(Override, OfNothingIsADefinition) {
    for (const char* empty : {"{}", ""}) {
        const auto loaded = load(rule("A", "a.b = 1") + rule("A", "a.b = 2") + "  override: " + empty + "\n");
        EXPECT_TRUE(loaded.diagnostics.empty());
        EXPECT_EQ(condition_of(loaded, "A"), "a.b = 2");
    }
}

TEST(Override, AppendsFirstThenReplaces) {
    const auto loaded =
        load(rule("A", "a.b = 1") + "  tags: [x]\n  exceptions: [{name: e, fields: c.d, values: [p]}]\n" + R"(
- rule: A
  condition: or c.d = 2
  output: more
  tags: [y]
  priority: ERROR
  enabled: false
  exceptions: [{name: e, values: [q]}]
  override: {condition: append, output: append, tags: append, exceptions: append, priority: replace, enabled: replace}
)");
    EXPECT_EQ(told(loaded), Told{});
    const Rule& rule = loaded.rules.front();
    EXPECT_EQ(condition_of(loaded, "A"), "((a.b = 1 or c.d = 2) and not c.d in (p, q))");
    EXPECT_EQ(rule.output, "o more");
    EXPECT_EQ(rule.tags, (std::set<std::string>{"x", "y"}));
    EXPECT_EQ(rule.priority, Priority::error);
    EXPECT_FALSE(rule.enabled);
}

TEST(Override, MistakesAreNamed) {
    const std::string base = rule("A", "a.b = 1");
    const auto one = [&](const std::string& item) {
        const auto all = told(load({base, item}));
        return all.size() == 1 ? all[0] : std::to_string(all.size()) + " errors";
    };
    EXPECT_EQ(one("- rule: A\n  priority: DEBUG\n  override: {priority: append}\n"),
              "LOAD_ERR_YAML_VALIDATE f1.yaml:3:14 'priority' of a rule cannot be appended to");
    EXPECT_EQ(one("- rule: A\n  condition: and x.y = 1\n  override: {condition: add}\n"),
              "LOAD_ERR_YAML_VALIDATE f1.yaml:3:25 an override is either 'append' or 'replace'");
    EXPECT_EQ(one("- rule: B\n  condition: and x.y = 1\n  override: {condition: append}\n"),
              "LOAD_ERR_VALIDATE f1.yaml:1:3 there is no rule 'B' to append to");
    EXPECT_EQ(one("- rule: A\n  output: x\n  desc: y\n  override: {output: replace}\n"),
              "LOAD_ERR_YAML_VALIDATE f1.yaml:3:3 unexpected key 'desc': 'override' does not mention it");
}

} // namespace
} // namespace gyr::rules
