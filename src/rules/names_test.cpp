// Lists and macros: what a name in a condition becomes.

#include "rules/loading_support.h"
#include "rules/report.h"

#include <gtest/gtest.h>

namespace gyr::rules {
namespace {

// --- lists ---

TEST(Lists, AreReplacedByNameInTheText) {
    const auto loaded =
        load("- list: shells\n  items: [bash, two words, '\"quoted\"']\n" +
             rule("A", "proc.name in (shells, zsh) or proc.name=shells_not or proc.name in (other_shells)"));
    EXPECT_EQ(
        condition_of(loaded, "A"),
        "(proc.name in (bash, \"two words\", quoted, zsh) or proc.name = shells_not or proc.name in (other_shells))");
}

TEST(Lists, AnEmptyOneTakesACommaAlong) {
    const std::string empty = "- list: none\n  items: []\n";
    EXPECT_EQ(condition_of(load(empty + rule("A", "a.b in (x, none, y)")), "A"), "a.b in (x, y)");
    EXPECT_EQ(condition_of(load(empty + rule("A", "a.b in (x, none)")), "A"), "a.b in (x)");
    EXPECT_EQ(condition_of(load(empty + rule("A", "a.b in (none)")), "A"), "a.b in ()");
}

TEST(Lists, InsideListsAreExpandedOneLevelAndOnlyWhenEarlier) {
    EXPECT_EQ(
        condition_of(load("- list: a\n  items: [x]\n- list: b\n  items: [a, y]\n" + rule("A", "f.g in (b)")), "A"),
        "f.g in (x, y)");
    // Two levels: the inner name stays a word, as its turn is over when the outer one is replaced.
    EXPECT_EQ(condition_of(load("- list: a\n  items: [x]\n- list: b\n  items: [a, y]\n- list: c\n  items: [b, z]\n" +
                                rule("A", "f.g in (c)")),
                           "A"),
              "f.g in (a, y, z)");
    // Later ones are replaced in the text, in their turn.
    EXPECT_EQ(
        condition_of(load("- list: b\n  items: [a, y]\n- list: a\n  items: [x]\n" + rule("A", "f.g in (b)")), "A"),
        "f.g in (x, y)");
}

TEST(Lists, ThatNameLaterOnesDoNotGrowWithoutMeasure) {
    std::string text;
    for (int i = 0; i < 12; ++i) {
        const std::string inner = "l" + std::to_string(i + 1);
        text += "- list: l" + std::to_string(i) + "\n  items: [" + inner;
        for (int k = 0; k < 9; ++k) text += ", " + inner;
        text += "]\n";
    }
    const auto loaded = load(text + rule("A", "a.b in (l0)"));
    EXPECT_EQ(told(loaded), Told{"LOAD_ERR_COMPILE_CONDITION f0.yaml:26:14 the condition becomes too large when its "
                                 "lists are replaced"});
    EXPECT_FALSE(loaded.find("A")->disabled_why.empty());
}

TEST(Lists, AppendAndRedefinition) {
    EXPECT_EQ(
        condition_of(
            load("- list: l\n  items: [x]\n- list: l\n  items: [y]\n  append: true\n" + rule("A", "f.g in (l)")), "A"),
        "f.g in (x, y)");
    EXPECT_EQ(condition_of(load("- list: l\n  items: [x]\n- list: l\n  items: [y]\n" + rule("A", "f.g in (l)")), "A"),
              "f.g in (y)");
    EXPECT_EQ(told(load("- list: l\n  items: [y]\n  override: {items: append}\n")),
              Told{"LOAD_ERR_VALIDATE f0.yaml:1:3 there is no list 'l' to append to"});
}

TEST(Lists, OneThatHoldsItsOwnNameIsUsedToo) {
    const auto loaded = load("- list: l\n  items: [l]\n" + rule("A", "f.g in (l)"));
    EXPECT_EQ(told(loaded, Severity::warning), Told{});
    EXPECT_EQ(condition_of(loaded, "A"), "f.g in (l)");
}

// A rule that names a list without its items would mean something else.
TEST(Lists, WhatNamesOneWithErrorsCannotBeUsed) {
    const std::string broken = "- list: l\n  items: [x, [y]]\n";
    const auto loaded = load(broken + "- list: k\n  items: [z, l]\n- macro: m\n  condition: c.d in (l)\n" +
                             rule("A", "f.g in (a, l)") + rule("B", "f.g in (k)") + rule("C", "m and f.g = 1") +
                             rule("D", "f.g in (k2)") + "- list: k2\n  items: [w]\n");
    EXPECT_EQ(told(loaded).size(), 1U) << "the list alone is to blame";
    EXPECT_EQ(condition_of(loaded, "A"), "(list 'l' has errors)");
    EXPECT_EQ(condition_of(loaded, "B"), "(list 'l' has errors)");
    EXPECT_EQ(condition_of(loaded, "C"), "(macro 'm' has errors)");
    EXPECT_EQ(condition_of(loaded, "D"), "f.g in (w)");
    // Nor is the list of before in force when its new version has errors; a good one after it mends all.
    const std::string good = "- list: l\n  items: [p]\n";
    EXPECT_EQ(condition_of(load(good + broken + rule("A", "f.g in (l)")), "A"), "(list 'l' has errors)");
    EXPECT_EQ(condition_of(load(broken + good + rule("A", "f.g in (l)")), "A"), "f.g in (p)");
}

TEST(Lists, AnErrorAroundAListIsShownWhereItIsNamed) {
    const auto loaded = load("- list: l\n  items: [x, y]\n" + rule("A", "f.g = l"));
    ASSERT_EQ(told(loaded).size(), 1U);
    EXPECT_EQ(loaded.diagnostics[0].place.line, 4U);
}

TEST(Lists, EntriesFromAFileStayOutsideTheTree) {
    const TempFolder folder;
    folder.write("bad.txt", "# known bad\n10.0.0.1\n\n  evil.example \r\nlast");
    const std::string file = folder.write(
        "r.yaml", "- list: bad\n  items_file: bad.txt\n  items: [extra]\n- list: both\n  items: [bad, more]\n" +
                      rule("A", "f.g in (bad, x)") + rule("B", "f.g in (both)"));
    const auto loaded = load_rules({file});
    EXPECT_EQ(told(loaded), Told{});
    for (const char* name : {"A", "B"}) {
        const auto& check = std::get<lang::Check>(loaded.find(name)->condition->node);
        const auto& list = std::get<lang::ListLiteral>(check.right->value);
        ASSERT_EQ(list.external.size(), 1U) << name;
        ASSERT_EQ(list.external[0]->size(), 3U);
        EXPECT_EQ((*list.external[0])[0], "10.0.0.1");
        EXPECT_EQ((*list.external[0])[1], "evil.example");
        EXPECT_EQ((*list.external[0])[2], "last");
    }
    EXPECT_EQ(condition_of(loaded, "A"), "f.g in (extra, x, bad)");
    EXPECT_EQ(loaded.items_files, std::vector{folder.path() + "/bad.txt"});
    EXPECT_EQ(loaded.lists.front().external_size, 3U);

    const auto missing = load_rules({folder.write("m.yaml", "- list: bad\n  items_file: nowhere.txt\n")});
    ASSERT_EQ(told(missing).size(), 1U);
    EXPECT_NE(told(missing)[0].find("nowhere.txt: No such file"), std::string::npos) << told(missing)[0];
    EXPECT_EQ(missing.diagnostics[0].place.line, 2U);
    EXPECT_NE(check_text(by_file(missing.files, missing.diagnostics)).find("m.yaml:2:15: error: "), std::string::npos);
}

TEST(Lists, AMillionEntriesAreSharedNotCopied) {
    std::string text;
    for (int i = 0; i < 1'000'000; ++i) text += std::to_string(i) + ".example\n";
    const TempFolder folder;
    folder.write("big.txt", text);
    const auto loaded = load_rules({folder.write(
        "r.yaml", "- list: big\n  items_file: big.txt\n" + rule("A", "f.g in (big)") + rule("B", "not f.g in (big)"))});
    EXPECT_EQ(told(loaded), Told{});
    const auto parts_a =
        std::get<lang::ListLiteral>(std::get<lang::Check>(loaded.find("A")->condition->node).right->value);
    const auto& negated = *std::get<lang::Not>(loaded.find("B")->condition->node).child;
    const auto parts_b = std::get<lang::ListLiteral>(std::get<lang::Check>(negated.node).right->value);
    ASSERT_EQ(parts_a.external.size(), 1U);
    EXPECT_EQ(parts_a.external, parts_b.external);
    EXPECT_EQ((*parts_a.external[0])[999'999], "999999.example");
}

// --- macros ---

TEST(Macros, SeeOnlyWhatStandsBeforeThem) {
    const auto later = load("- macro: m\n  condition: n\n- macro: n\n  condition: a.b = 1\n" + rule("A", "m"));
    ASSERT_EQ(told(later).size(), 1U);
    EXPECT_EQ(told(later)[0].substr(0, 50), "LOAD_ERR_VALIDATE f0.yaml:2:14 undefined macro 'n'");
    EXPECT_EQ(condition_of(later, "A"), "(macro 'm' has errors)");
    // Rules see all; and an append makes a macro see what came meanwhile.
    EXPECT_EQ(condition_of(load(rule("A", "m") + "- macro: m\n  condition: a.b = 1\n"), "A"), "a.b = 1");
    EXPECT_EQ(condition_of(load("- macro: m\n  condition: a.b = 1\n- macro: n\n  condition: c.d = 2\n"
                                "- macro: m\n  condition: or n\n  override: {condition: append}\n" +
                                rule("A", "m")),
                           "A"),
              "(a.b = 1 or c.d = 2)");
}

TEST(Macros, ABuiltInOneCanBeReplacedNotAppendedTo) {
    const std::string append = "- macro: container\n  condition: and a.b = 2\n  override: {condition: append}\n";
    EXPECT_EQ(told(load(append)), Told{"LOAD_ERR_VALIDATE f0.yaml:1:3 there is no macro 'container' to append to"});
    const auto replaced = load("- macro: container\n  condition: a.b = 1\n" + append + rule("A", "container"));
    EXPECT_EQ(condition_of(replaced, "A"), "(a.b = 1 and a.b = 2)");
    // It stands before all others wherever it is replaced: the files that replace it may come after those that use it.
    const auto later = load(
        "- macro: m\n  condition: container and c.d = 1\n- macro: container\n  condition: a.b = 1\n" + rule("A", "m"));
    EXPECT_EQ(told(later), Told{});
    EXPECT_EQ(condition_of(later, "A"), "(a.b = 1 and c.d = 1)");
}

TEST(Macros, LoopsAreErrorsWithTheirPath) {
    const auto loaded = load(
        "- macro: a\n  condition: x.y = 1\n- macro: b\n  condition: a\n- macro: a\n  condition: b\n" + rule("A", "a"));
    ASSERT_FALSE(told(loaded).empty());
    EXPECT_NE(told(loaded)[0].find("macro loop: a -> b -> a"), std::string::npos) << told(loaded)[0];
    EXPECT_FALSE(loaded.ok());
}

TEST(Macros, AnUnknownOneGetsASuggestion) {
    const auto loaded = load(rule("A", "spawned_proces and a.b = 1"));
    ASSERT_EQ(loaded.diagnostics.size(), 1U);
    EXPECT_EQ(loaded.diagnostics[0].hint, "did you mean spawned_process?");
    EXPECT_EQ(loaded.diagnostics[0].place.column, 14U);
}

TEST(Macros, GrowthIsBounded) {
    std::string text = "- macro: m0\n  condition: a.b = 1\n";
    for (int i = 1; i < 64; ++i)
        text += "- macro: m" + std::to_string(i) + "\n  condition: m" + std::to_string(i - 1) + " or m" +
                std::to_string(i - 1) + "\n";
    const auto loaded = load(text + rule("A", "m63") + rule("B", "m1"));
    ASSERT_EQ(told(loaded).size(), 1U);
    EXPECT_NE(told(loaded)[0].find("too large"), std::string::npos);
    EXPECT_EQ(condition_of(loaded, "B"), "(a.b = 1 or a.b = 1)");

    std::string chain = "- macro: c0\n  condition: a.b = 1\n";
    for (int i = 1; i < 5000; ++i)
        chain += "- macro: c" + std::to_string(i) + "\n  condition: c" + std::to_string(i - 1) + " and x.y = 1\n";
    EXPECT_FALSE(load(chain + rule("A", "c4999")).ok()); // deep, and no crash
}

TEST(Macros, SharedBodiesAreNotCopied) {
    const auto loaded =
        load("- macro: m\n  condition: a.b = 1 and c.d = 2\n" + rule("A", "m or x.y = 1") + rule("B", "m or x.y = 2"));
    const auto& a = std::get<lang::Or>(loaded.find("A")->condition->node).children[0];
    const auto& b = std::get<lang::Or>(loaded.find("B")->condition->node).children[0];
    EXPECT_EQ(a, b);
}

} // namespace
} // namespace gyr::rules
