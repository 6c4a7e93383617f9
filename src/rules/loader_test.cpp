#include "rules/loader.h"

#include "rules/listing.h"
#include "rules/loading_support.h"
#include "rules/report.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <sys/stat.h>
#include <unistd.h>

namespace gyr::rules {
namespace {

TEST(Loader, OneRuleFileWorksByItself) {
    const auto loaded = load(R"(
- rule: Terminal Access
  desc: An interactive shell was spawned in a container.
  condition: >
    container and proc.name in ("bash", "sh") and
    proc.tty != 0
  output: >
    An interactive shell was spawned in container %container.name.
  priority: WARNING
  tags: [container, interactive, shell]
)");
    EXPECT_EQ(told(loaded), Told{});
    EXPECT_EQ(told(loaded, Severity::warning), Told{});
    EXPECT_EQ(condition_of(loaded, "Terminal Access"),
              "(container.id != host and proc.name in (bash, sh) and proc.tty != 0)");
    const Rule& rule = loaded.rules.front();
    EXPECT_EQ(rule.output, "An interactive shell was spawned in container %container.name.");
    EXPECT_EQ(rule.priority, Priority::warning);
    EXPECT_EQ(rule.tags, (std::set<std::string>{"container", "interactive", "shell"}));
    EXPECT_EQ(rule.place.line, 2U);
}

TEST(Loader, AFilesOwnMacroReplacesTheBuiltInOne) {
    const auto loaded = load("- macro: container\n  condition: container.id exists\n" + rule("A", "container"));
    EXPECT_EQ(condition_of(loaded, "A"), "container.id exists");
}

// --- places ---

TEST(Loader, PlacesGoThroughEveryKindOfScalar) {
    for (const std::string& condition :
         {std::string("a.b = 1 and oops two"), std::string(">\n    a.b = 1\n    and oops two"),
          std::string("|-\n      a.b = 1 and\n      c.d exists and oops two"),
          std::string("\"a.b = \\\"x\\\" and oops two\""), std::string("'a.b = ''x'' and oops two'"),
          std::string("a.b = 1\n    and oops two")}) {
        const std::string text = rule("A", condition);
        const auto loaded = load(text);
        ASSERT_EQ(loaded.diagnostics.size(), 1U) << text;
        EXPECT_EQ(text.substr(loaded.diagnostics[0].place.offset, 3), "two") << text;
        const std::string& snippet = loaded.diagnostics[0].snippet;
        const std::size_t line_end = snippet.find('\n');
        ASSERT_NE(line_end, std::string::npos);
        EXPECT_EQ(snippet.substr(snippet.find('^') - line_end - 1, 3), "two") << snippet;
    }
}

TEST(Loader, AnErrorInAnAppendIsShownInItsFile) {
    const auto loaded =
        load({rule("A", "a.b = 1"), "- rule: A\n  condition: and c.d =\n  override: {condition: append}\n"});
    EXPECT_EQ(told(loaded), Told{"LOAD_ERR_COMPILE_CONDITION f1.yaml:2:23 expected a value, found the end"});
    const auto forgot =
        load({rule("A", "a.b = 1"), "- rule: A\n  condition: c.d = 2\n  override: {condition: append}\n"});
    ASSERT_EQ(told(forgot).size(), 1U);
    EXPECT_EQ(forgot.diagnostics[0].place.file, "f1.yaml");
    EXPECT_EQ(forgot.diagnostics[0].hint, "what is appended to a condition begins with 'and' or 'or'");
}

TEST(Loader, ByteOrderMarkAndCrLfDoNotMovePlaces) {
    const auto loaded = load("\xEF\xBB\xBF- rule: A\r\n  condition: >\r\n    a.b = 1\r\n    and oops two\r\n  desc: "
                             "d\r\n  output: o\r\n  priority: INFO\r\n");
    ASSERT_EQ(loaded.diagnostics.size(), 1U);
    EXPECT_EQ(loaded.diagnostics[0].place.line, 4U);
    EXPECT_EQ(loaded.diagnostics[0].place.column, 14U);
}

// --- failure stays local ---

TEST(Failure, EveryProblemOfEveryFileInOnePass) {
    const auto loaded = load({rule("A", "a.b ==") + rule("B", "nothing_such") +
                                  "- rule: C\n  desc: d\n  output: o\n  priority: INFO\n" + rule("D", "a.b = 1"),
                              "- macro: m\n  condition: (a.b = 1\n- [not, a, map]\n- rule: E\n  desc: d\n  condition: "
                              "a.b = 1\n  output: '%'\n  priority: HIGH\n"});
    std::vector<std::string> codes;
    for (const Diagnostic& d : loaded.diagnostics)
        if (d.severity == Severity::error) codes.push_back(d.code);
    std::ranges::sort(codes);
    EXPECT_EQ(codes, (Told{"LOAD_ERR_COMPILE_CONDITION", "LOAD_ERR_COMPILE_CONDITION", "LOAD_ERR_COMPILE_OUTPUT",
                           "LOAD_ERR_VALIDATE", "LOAD_ERR_YAML_VALIDATE", "LOAD_ERR_YAML_VALIDATE",
                           "LOAD_ERR_YAML_VALIDATE"}));
    EXPECT_EQ(condition_of(loaded, "D"), "a.b = 1");
    EXPECT_EQ(condition_of(loaded, "A"), "(expected a value, found the end)");
    EXPECT_EQ(condition_of(loaded, "B"), "(undefined macro 'nothing_such')");
    EXPECT_EQ(condition_of(loaded, "C"), "(rule 'C' lacks 'condition')");
    EXPECT_EQ(condition_of(loaded, "E"), "(unknown priority 'HIGH')");
}

TEST(Failure, WhatRefersToABrokenRuleIsNotToBlame) {
    const std::string broken = "- rule: A\n  condition: m\n  desc: d\n  output: o\n  priority: HIGH\n";
    const auto loaded = load("- macro: m\n  condition: a.b = 1\n" + broken +
                             "- rule: A\n  condition: and a.b = 2\n  override: {condition: append}\n");
    ASSERT_EQ(loaded.diagnostics.size(), 1U); // the macro is used, the rule is there to append to
    EXPECT_EQ(loaded.diagnostics[0].message, "unknown priority 'HIGH'");
    EXPECT_EQ(condition_of(load({broken, rule("A", "a.b = 3")}), "A"), "a.b = 3");
}

TEST(Failure, AFileForANewerEngineDisablesItsOwnRulesOnly) {
    const auto loaded = load({"- required_engine_version: 0.64.0\n" + rule("A", "a.b = 1"),
                              "- required_engine_version: 63\n" + rule("B", "a.b = 1")});
    EXPECT_EQ(told(loaded),
              Told{"LOAD_ERR_VALIDATE f0.yaml:1:28 the file needs rule engine 0.64.0, this one is 0.63.0"});
    EXPECT_FALSE(loaded.find("A")->disabled_why.empty());
    EXPECT_TRUE(loaded.find("B")->disabled_why.empty());
}

TEST(Failure, RequiredPlugins) {
    EXPECT_TRUE(load("- required_plugin_versions:\n  - {name: container, version: 0.4.0}\n  - {name: x, version: "
                     "1.0.0, alternatives: [{name: k8smeta, version: 0.1.0}]}\n")
                    .ok());
    EXPECT_EQ(told(load("- required_plugin_versions:\n  - name: okta\n    version: 0.7.0\n")),
              Told{"LOAD_ERR_VALIDATE f0.yaml:2:5 the file needs plugin okta 0.7.0, which is not loaded"});
    // Same major version, and none that is newer than what is built in.
    EXPECT_TRUE(told(load("- required_plugin_versions:\n  - {name: json, version: 1.0.0}\n"))
                    .at(0)
                    .starts_with("LOAD_ERR_VALIDATE f0.yaml:2:5 the file needs plugin json 1.0.0, but json is 0."));
    EXPECT_FALSE(load("- required_plugin_versions:\n  - {name: k8saudit, version: 0.99.0}\n").ok());
    EXPECT_TRUE(load("- required_plugin_versions:\n  - {name: k8saudit, version: 0.18.0}\n").ok());
    EXPECT_EQ(told(load("- required_plugin_versions:\n  - {name: json, version: new}\n")),
              Told{"LOAD_ERR_VALIDATE f0.yaml:2:27 plugin version 'new' has not the form 1.2.3"});
    EXPECT_EQ(told(load("- required_plugin_versions:\n  - name: json\n")),
              Told{"LOAD_ERR_YAML_VALIDATE f0.yaml:2:5 key 'version' is missing"});
}

TEST(Failure, UnknownFieldsAreErrorsOrSkippedAsTheRuleSays) {
    const auto loaded =
        load_checked(rule("A", "evt.type = open and proc.nmae = x") + rule("B", "evt.type = open and proc.nmae = x") +
                     "  skip-if-unknown-filter: true\n" + rule("C", "evt.type = opn") +
                     rule("E", "evt.type = open and proc.name[1] = x and evt.arg = x and evt.outputtime = x"));
    EXPECT_EQ(told(loaded),
              (Told{"LOAD_ERR_COMPILE_CONDITION f0.yaml:2:34 unknown field 'proc.nmae'",
                    "LOAD_ERR_COMPILE_CONDITION f0.yaml:13:25 unknown event type 'opn'",
                    "LOAD_ERR_COMPILE_CONDITION f0.yaml:18:34 field 'proc.name' takes no argument",
                    "LOAD_ERR_COMPILE_CONDITION f0.yaml:18:55 field 'evt.arg' needs an argument: evt.arg[...]",
                    "LOAD_ERR_COMPILE_CONDITION f0.yaml:18:71 field 'evt.outputtime' can only be used in output"}));
    EXPECT_EQ(told(loaded, Severity::warning),
              Told{"LOAD_UNKNOWN_FILTER f0.yaml:7:34 unknown field 'proc.nmae'; the rule is skipped"});
    EXPECT_EQ(loaded.diagnostics[0].hint, "did you mean proc.name?");
    EXPECT_EQ(condition_of(loaded, "B"), "(unknown field 'proc.nmae')");
}

TEST(Failure, FieldsOfAnotherSourceAreRefusedWhereverTheyStand) {
    const auto loaded = load_checked("- rule: A\n  desc: d\n  condition: evt.type = open and ka.verb = get\n"
                                     "  output: \"%ka.verb %jevt.value\"\n  priority: INFO\n"
                                     "  exceptions: [{name: e, fields: ka.verb, values: [x]}]\n");
    EXPECT_EQ(
        told(loaded),
        (Told{"LOAD_ERR_VALIDATE f0.yaml:6:34 field 'ka.verb' belongs to source 'k8s_audit', not to 'syscall'",
              "LOAD_ERR_COMPILE_OUTPUT f0.yaml:4:13 field 'ka.verb' belongs to source 'k8s_audit', not to 'syscall'",
              "LOAD_ERR_COMPILE_OUTPUT f0.yaml:4:22 field 'jevt.value' belongs to source 'k8s_audit', not to "
              "'syscall'"}));
}

TEST(Failure, AConditionOfBlanksIsOneThatDoesNotParse) {
    const auto loaded =
        load_checked("- rule: A\n  condition: \"  \"\n" + kTail + "- rule: B\n  condition: \"\"\n" + kTail);
    ASSERT_EQ(told(loaded).size(), 2U);
    EXPECT_TRUE(told(loaded)[0].starts_with("LOAD_ERR_YAML_VALIDATE f0.yaml:7:14 ")) << told(loaded)[0];
    EXPECT_TRUE(told(loaded)[1].starts_with("LOAD_ERR_COMPILE_CONDITION f0.yaml:2:")) << told(loaded)[1];
}

TEST(Failure, AProblemInAMacroNamesRuleAndMacro) {
    const auto loaded = load_checked("- macro: m\n  condition: proc.nmae = x\n" + rule("A", "evt.type = open and m"));
    ASSERT_EQ(told(loaded).size(), 1U);
    const Diagnostic& d = loaded.diagnostics[0];
    EXPECT_EQ(d.place.line, 2U);
    std::vector<std::string> types;
    for (const DiagnosticItem& item : d.context) types.push_back(item.type);
    EXPECT_EQ(types, (Told{"rules content", "rule", "macro", "condition expression"}));
}

TEST(Failure, ABrokenRedefinitionDoesNotLeaveTheOldRuleInForce) {
    const auto loaded = load({rule("A", "a.b = 1"), "- rule: A\n  condition: a.b = 2\n"});
    EXPECT_FALSE(loaded.ok());
    EXPECT_EQ(condition_of(loaded, "A"), "(its redefinition in f1.yaml has errors)");
}

TEST(Failure, UnknownSourceSkipsTheRuleWithAWarning) {
    const auto loaded = load(rule("A", "whatever this is") + "  source: k8s_audit\n");
    EXPECT_TRUE(loaded.ok());
    EXPECT_TRUE(loaded.rules.empty());
    ASSERT_EQ(loaded.diagnostics.size(), 1U);
    EXPECT_EQ(loaded.diagnostics[0].code, "LOAD_UNKNOWN_SOURCE");
}

TEST(Failure, AMissingColonIsShownInItsLineHoweverMuchItSwallowed) {
    const std::string head = "- rule: A\n  desc: d\n";
    EXPECT_EQ(
        told(load(head + "  condition >\n    evt.type = open\n    and proc.name = x\n  output: o\n  priority: INFO\n")),
        Told{"LOAD_ERR_YAML_PARSE f0.yaml:3:3 a ':' is missing in this line"});
    EXPECT_EQ(told(load(head + "  priority\n    INFO\n  output: o\n")),
              Told{"LOAD_ERR_YAML_PARSE f0.yaml:3:3 a ':' is missing in this line"});
    EXPECT_EQ(told(load(head + "  output o\n  priority: INFO\n")),
              Told{"LOAD_ERR_YAML_PARSE f0.yaml:3:3 a ':' is missing in this line"});
}

TEST(Failure, AliasesDoNotMultiplyWithoutMeasure) {
    std::string text = "- x: &a0 [1, 2, 3, 4, 5, 6, 7, 8, 9, 0]\n";
    for (int i = 1; i < 20; ++i) {
        const std::string inner = "*a" + std::to_string(i - 1);
        text += "- x: &a" + std::to_string(i) + " [" + inner;
        for (int k = 1; k < 10; ++k) text += ", " + inner;
        text += "]\n";
    }
    EXPECT_EQ(told(load(text)).size(), 1U);
    EXPECT_TRUE(told(load(text)).at(0).starts_with("LOAD_ERR_YAML_PARSE f0.yaml:")) << told(load(text)).at(0);
    const auto used = load("- list: l\n  items: &i [x, y]\n- list: k\n  items: *i\n" + rule("A", "a.b in (k, l)"));
    EXPECT_TRUE(used.diagnostics.empty());
}

TEST(Failure, YamlErrorsConcernTheFile) {
    const auto loaded = load({rule("A", "a.b = 1") + "  tags: [x\n" + rule("B", "a.b = 1"), rule("C", "a.b = 1")});
    EXPECT_EQ(told(loaded), Told{"LOAD_ERR_YAML_PARSE f0.yaml:6:9 this '[' is never closed"});
    EXPECT_EQ(loaded.rules.size(), 1U);
    EXPECT_FALSE(load(std::string("- rule: A\0b", 11)).ok());
    EXPECT_FALSE(load("- " + std::string(100'000, '[')).ok());
}

TEST(Warnings, UnusedUnknownDuplicateAndDeprecated) {
    const auto loaded = load("- macro: m\n  condition: a.b = 1\n- list: l\n  items: [x]\n- wrong: thing\n" +
                             rule("A", "evt.dir = <") + "  outptu: x\n  priority: ERROR\n");
    std::vector<std::string> codes;
    for (const Diagnostic& d : loaded.diagnostics) codes.push_back(d.code);
    std::ranges::sort(codes);
    EXPECT_EQ(codes, (Told{"LOAD_DEPRECATED_ITEM", "LOAD_UNKNOWN_ITEM", "LOAD_UNKNOWN_KEY", "LOAD_UNUSED_LIST",
                           "LOAD_UNUSED_MACRO", "LOAD_WARNING_EXTENSION"}));
    EXPECT_EQ(loaded.rules.front().priority, Priority::informational); // the first of two keys counts
}

TEST(Warnings, AppendIsDeprecatedWhereItIsAskedFor) {
    EXPECT_TRUE(load(rule("A", "a.b = 1") + "  append: false\n").diagnostics.empty());
    const auto loaded = load(rule("A", "a.b = 1") + "- rule: A\n  append: true\n  condition: or a.b = 2\n");
    EXPECT_EQ(told(loaded, Severity::warning), Told{"LOAD_DEPRECATED_ITEM f0.yaml:7:11 'append' is deprecated"});
    EXPECT_TRUE(told(load(rule("A", "a.b = 1") + "- rule: A\n  append: true\n  output: x\n"))
                    .at(0)
                    .starts_with("LOAD_ERR_VALIDATE f0.yaml:6:3 "));
}

TEST(Warnings, DeprecatedFieldsAreFoundAnywhereInAnOutput) {
    const auto loaded = load("- rule: A\n  condition: a.b = 1\n  desc: d\n  priority: INFO\n"
                             "  output: dir evt.dir of %evt.latency.ns, %tolower(evt.dir)\n");
    EXPECT_EQ(told(loaded, Severity::warning),
              (Told{"LOAD_DEPRECATED_ITEM f0.yaml:5:15 field 'evt.dir' in the output is deprecated and says nothing "
                    "any more",
                    "LOAD_DEPRECATED_ITEM f0.yaml:5:27 field 'evt.latency.ns' in the output is deprecated and says "
                    "nothing any more",
                    "LOAD_DEPRECATED_ITEM f0.yaml:5:52 field 'evt.dir' in the output is deprecated and says nothing "
                    "any more"}));
}

TEST(Warnings, EnabledAloneTogglesARule) {
    const auto loaded = load(rule("A", "a.b = 1") + "- rule: A\n  enabled: false\n");
    EXPECT_TRUE(loaded.ok());
    EXPECT_FALSE(loaded.rules.front().enabled);
    ASSERT_EQ(loaded.diagnostics.size(), 1U);
    EXPECT_EQ(loaded.diagnostics[0].code, "LOAD_DEPRECATED_ITEM");
}

// --- files and folders ---

TEST(Paths, FoldersAreReadInNameOrder) {
    const TempFolder folder;
    folder.write("20.yml", rule("second", "a.b = 1"));
    folder.write("10.yaml", rule("first", "a.b = 1"));
    folder.write("30/a.yaml", rule("third", "a.b = 1"));
    folder.write("notes.txt", "- not: rules");
    folder.write(".hidden.yaml", "{");
    const auto loaded = load_rules({folder.path()});
    EXPECT_EQ(told(loaded), Told{});
    ASSERT_EQ(loaded.rules.size(), 3U);
    EXPECT_EQ(loaded.rules[0].name, "first");
    EXPECT_EQ(loaded.rules[1].name, "second");
    EXPECT_EQ(loaded.rules[2].name, "third");
    EXPECT_EQ(loaded.rules[2].index, 2U);
}

TEST(Paths, WhatIsNotThereIsAnError) {
    const TempFolder folder;
    const std::string empty = folder.path() + "/empty";
    std::filesystem::create_directory(empty);
    const auto loaded = load_rules({folder.path() + "/missing.yaml", empty});
    ASSERT_EQ(loaded.diagnostics.size(), 2U);
    EXPECT_NE(loaded.diagnostics[0].message.find("No such file or directory"), std::string::npos);
    EXPECT_NE(loaded.diagnostics[1].message.find("holds no .yaml or .yml file"), std::string::npos);
    EXPECT_EQ(loaded.diagnostics[0].code, "LOAD_ERR_FILE_READ");
}

TEST(Paths, NothingWaitsForAPipeThatLiesAmongRules) {
    const TempFolder folder;
    folder.write("a.yaml", rule("A", "a.b = 1"));
    folder.write("list.yaml", "- list: l\n  items_file: items\n" + rule("B", "a.b in (l)"));
    for (const char* name : {"/pipe.yaml", "/items"}) ASSERT_EQ(::mkfifo((folder.path() + name).c_str(), 0600), 0);
    const auto loaded = load_rules({folder.path()});
    ASSERT_EQ(told(loaded).size(), 2U);
    for (const std::string& problem : told(loaded)) EXPECT_NE(problem.find("is no file"), std::string::npos) << problem;
    EXPECT_EQ(condition_of(loaded, "A"), "a.b = 1") << "the others work";
}

TEST(Paths, AFolderInsideItselfEnds) {
    const TempFolder folder;
    folder.write("a.yaml", rule("A", "a.b = 1"));
    std::filesystem::create_directory_symlink(folder.path(), folder.path() + "/loop");
    const auto loaded = load_rules({folder.path()});
    EXPECT_EQ(loaded.rules.size(), 1U);
    ASSERT_EQ(loaded.diagnostics.size(), 1U);
    const std::string message = "folder " + folder.path() + "/loop contains itself through a link";
    EXPECT_EQ(loaded.diagnostics[0].message, message);
    EXPECT_EQ(check_text(by_file(loaded.files, loaded.diagnostics)),
              folder.path() + "/a.yaml: Ok\nerror: " + message + "\n");
}

TEST(Paths, FoldersThatLinkToEachOtherAreReadOnce) {
    const TempFolder folder;
    constexpr int kFolders = 9; // in every order: more than a million ways through them
    for (int i = 0; i < kFolders; ++i) {
        const std::string name = folder.path() + "/" + std::to_string(i);
        std::filesystem::create_directory(name);
        folder.write(std::to_string(i) + "/r.yaml", rule("R" + std::to_string(i), "a.b = 1"));
        for (int k = 0; k < kFolders; ++k)
            if (k != i)
                std::filesystem::create_directory_symlink("../" + std::to_string(k), name + "/to" + std::to_string(k));
    }
    const auto loaded = load_rules({folder.path()});
    EXPECT_EQ(loaded.rules.size(), 9U);
    EXPECT_EQ(loaded.files.size(), 9U + loaded.diagnostics.size());
    EXPECT_LE(loaded.diagnostics.size(), 72U);
}

// --- comments in conditions ---

TEST(Comments, EndWhereTheirLineEndsInEveryKindOfScalar) {
    const std::string plain = "(a.b = 1 and c.d = 2)";
    EXPECT_EQ(
        condition_of(
            load("- rule: A\n  condition: >\n    a.b = 1 # the one\n    and # not three\n    c.d = 2\n" + kTail), "A"),
        plain);
    EXPECT_EQ(condition_of(load("- rule: A\n  condition: |\n    # first\n    a.b = 1\n    # second, 'quoted\n    and "
                                "c.d = 2 # last\n" +
                                kTail),
                           "A"),
              plain);
    EXPECT_EQ(condition_of(load("- rule: A\n  condition: \"a.b = 1 # the one\n    and c.d = 2\"\n" + kTail), "A"),
              plain);
    EXPECT_EQ(condition_of(load("- rule: A\n  condition: >\n    a.b in (x, y # both\n    , z) and not m\n" + kTail +
                                "- macro: m\n  condition: >\n    c.d = 1 # or more\n    or c.d = 2\n"),
                           "A"),
              "(a.b in (x, y, z) and not (c.d = 1 or c.d = 2))");
}

TEST(Comments, DoNotSwallowWhatIsAppended) {
    const auto loaded =
        load(rule("A", ">\n    a.b = 1 # the one") +
             "- rule: A\n  condition: >\n    and c.d = 2 # appended\n    and e.f = 3\n  override: "
             "{condition: append}\n- rule: A\n  condition: and g.h = 4\n  override: {condition: append}\n");
    EXPECT_EQ(condition_of(loaded, "A"), "(a.b = 1 and c.d = 2 and e.f = 3 and g.h = 4)");
}

// What was right without comments means what it meant.
TEST(Comments, LeaveValuesAlone) {
    EXPECT_EQ(condition_of(load(rule("A", ">\n    a.b = #x and c.d in (#y, z#) and e.f contains \" # \"")), "A"),
              "(a.b = #x and c.d in (#y, z#) and e.f contains \" # \")");
    EXPECT_EQ(condition_of(load(rule("A", "a.b = '# no' or c.d = x#y")), "A"), "(a.b = \"# no\" or c.d = x#y)");
}

TEST(Comments, DoNotMoveThePlaceOfAnError) {
    const auto loaded =
        load("- rule: A\n  condition: >\n    a.b = 1 # one and two\n    and c.d ==\n    and e.f = 1\n" + kTail);
    ASSERT_EQ(told(loaded).size(), 1U);
    EXPECT_TRUE(told(loaded)[0].starts_with("LOAD_ERR_COMPILE_CONDITION f0.yaml:4:")) << told(loaded)[0];
}

// --- keys of rules ---

TEST(Keys, CaptureAndItsDuration) {
    const auto loaded =
        load(rule("A", "a.b = 1") + "  capture: true\n  capture_duration: 2500\n" + rule("B", "a.b = 1") +
             "- rule: B\n  capture: yes\n  capture_duration: 7\n  override: {capture: replace, "
             "capture_duration: replace}\n" +
             rule("C", "a.b = 1") + "  capture_duration: soon\n");
    ASSERT_NE(loaded.find("A"), nullptr);
    EXPECT_TRUE(loaded.find("A")->capture);
    EXPECT_EQ(loaded.find("A")->capture_duration_ms, 2500U);
    ASSERT_NE(loaded.find("B"), nullptr);
    EXPECT_TRUE(loaded.find("B")->capture);
    EXPECT_EQ(loaded.find("B")->capture_duration_ms, 7U);
    EXPECT_EQ(told(loaded), Told{"LOAD_ERR_YAML_VALIDATE f0.yaml:22:21 'capture_duration' must be a number of "
                                 "milliseconds"});
    EXPECT_FALSE(load(rule("D", "a.b = 1")).find("D")->capture);
}

TEST(Keys, ARequirementHasNoneBesideItsOwn) {
    const auto loaded = load("- required_engine_version: 26\n  condition: x\n"
                             "- required_plugin_versions: [{name: json, version: 0.1.0}]\n  plugin: y\n");
    EXPECT_EQ(told(loaded), Told{});
    EXPECT_EQ(told(loaded, Severity::warning), (Told{"LOAD_UNKNOWN_KEY f0.yaml:2:3 unknown key 'condition'",
                                                     "LOAD_UNKNOWN_KEY f0.yaml:4:3 unknown key 'plugin'"}));
}

TEST(Keys, ATruthIsWrittenAsYamlHasIt) {
    const auto enabled = [](const std::string& word) {
        const auto loaded = load(rule("A", "a.b = 1") + "  enabled: " + word + "\n");
        if (!loaded.ok()) return std::string(loaded.diagnostics.front().code);
        return std::string(loaded.rules.front().enabled ? "on" : "off");
    };
    for (const char* yes : {"true", "True", "TRUE", "yes", "Yes", "on", "ON", "y", "Y", "'true'"})
        EXPECT_EQ(enabled(yes), "on") << yes;
    for (const char* no : {"false", "False", "no", "NO", "off", "n", "\"off\""}) EXPECT_EQ(enabled(no), "off") << no;
    for (const char* neither : {"tRue", "yES", "1", "0", "t", "", "[true]", "~"})
        EXPECT_EQ(enabled(neither), "LOAD_ERR_YAML_VALIDATE") << neither;
}

TEST(Keys, WarnEvttypesSilencesTheWarning) {
    const auto warned = load_checked(rule("A", "proc.name = x"));
    ASSERT_EQ(warned.diagnostics.size(), 1U);
    EXPECT_EQ(warned.diagnostics[0].code, "LOAD_NO_EVTTYPE");
    EXPECT_EQ(warned.diagnostics[0].severity, Severity::warning);
    EXPECT_TRUE(load_checked(rule("A", "proc.name = x") + "  warn_evttypes: false\n").diagnostics.empty());
    EXPECT_TRUE(load_checked(rule("A", "evt.type = openat and proc.name = x")).diagnostics.empty());
}

// --- what is shown ---

TEST(Report, FalcoShape) {
    const auto loaded = load({rule("A", "a.b = 1"), rule("B", "a.b ==")});
    const auto reports = by_file(loaded.files, loaded.diagnostics);
    const auto json = nlohmann::json::parse(check_json(reports)).at("falco_load_results");
    ASSERT_EQ(json.size(), 2U);
    EXPECT_EQ(json[0].at("name"), "f0.yaml");
    EXPECT_TRUE(json[0].at("successful").get<bool>());
    EXPECT_FALSE(json[1].at("successful").get<bool>());
    const auto& error = json[1].at("errors").at(0);
    EXPECT_EQ(error.at("code"), "LOAD_ERR_COMPILE_CONDITION");
    const auto& locations = error.at("context").at("locations");
    EXPECT_EQ(locations.at(1).at("item_type"), "rule");
    EXPECT_EQ(locations.at(1).at("item_name"), "B");
    EXPECT_EQ(locations.back().at("position").at("line"), 2);
    const std::string text = check_text(reports);
    EXPECT_TRUE(text.starts_with("f0.yaml: Ok\nf1.yaml: Invalid\n1 error:\n1. f1.yaml:2:20: error: ")) << text;
}

TEST(Listing, FiltersAndShows) {
    const auto loaded = load("- macro: m\n  condition: c.d in (x, y)\n" + rule("A", "a.b = 1 and not m") +
                             "  tags: [t]\n" + rule("B", "a.b =="));
    ListFilter filter;
    filter.tags = {"t"};
    EXPECT_EQ(list_text(loaded, filter), "A  Informational  enabled   syscall  t\n");
    filter.tags.clear();
    filter.priority = Priority::warning;
    EXPECT_EQ(list_text(loaded, filter), "");
    const auto json = nlohmann::json::parse(list_json(loaded, {}));
    EXPECT_FALSE(json.at("rules").at(1).at("usable").get<bool>());

    const auto parts = condition_parts(*loaded.find("A"));
    ASSERT_EQ(parts.size(), 2U);
    EXPECT_EQ(parts[1].text, "c.d in (x, y)");
    EXPECT_TRUE(parts[1].negated);
    EXPECT_EQ(parts[1].from_type, "macro");
    EXPECT_EQ(parts[1].from_name, "m");
    EXPECT_EQ(parts[1].place.line, 2U);
    EXPECT_NE(show_text(*loaded.find("A")).find("# f0.yaml:2 (macro m)"), std::string::npos);
    EXPECT_EQ(nlohmann::json::parse(show_json(*loaded.find("A"))).at("condition_expanded"),
              "(a.b = 1 and not c.d in (x, y))");
}

TEST(Listing, ShowsTheListsThatEntriesComeFrom) {
    const auto loaded = load("- list: l\n  items: [x, y]\n- list: k\n  items: [z]\n" + rule("A", "a.b in (l, w, k)"));
    EXPECT_NE(show_text(*loaded.find("A")).find("# f0.yaml:6, list l f0.yaml:2, list k f0.yaml:4\n"), std::string::npos)
        << show_text(*loaded.find("A"));
    const auto parts = nlohmann::json::parse(show_json(*loaded.find("A"))).at("parts");
    ASSERT_EQ(parts.at(0).at("lists").size(), 2U);
    EXPECT_EQ(parts.at(0).at("lists").at(1).at("name"), "k");
    EXPECT_EQ(parts.at(0).at("lists").at(1).at("place").at("line"), 4);
}

} // namespace
} // namespace gyr::rules
