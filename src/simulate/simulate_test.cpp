#include "simulate/action.h"
#include "simulate/deeds.h"
#include "simulate/simulation.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace gyr::simulate {
namespace {

using Texts = std::vector<std::string>;

TEST(Words, AreSplitAsAShellWould) {
    EXPECT_EQ(split_words("call nc -e /bin/sh"), (Texts{"call", "nc", "-e", "/bin/sh"}));
    EXPECT_EQ(split_words("sh -c 'a b' \"c 'd\"  e"), (Texts{"sh", "-c", "a b", "c 'd", "e"}));
    EXPECT_EQ(split_words(R"(x 'a\' b\ c '')"), (Texts{"x", R"(a\)", "b c", ""}));
    EXPECT_EQ(split_words(""), Texts{});
}

TEST(Actions, AreOneForEachRuleAndComplete) {
    std::set<std::string_view> rules;
    for (const RuleAction& a : rule_actions()) {
        EXPECT_TRUE(rules.insert(a.rule).second) << a.rule;
        EXPECT_NE(a.alert.steps[0], nullptr) << a.rule;
        EXPECT_NE(a.near_miss.steps[0], nullptr) << a.rule;
    }
    for (const Evasion& e : evasions()) EXPECT_TRUE(rules.contains(e.rule)) << e.name;
}

TEST(Tasks, AreThoseOfTheRulesAsked) {
    const auto tasks = tasks_for({"io_uring Set Up in Container", "no such rule"});
    ASSERT_EQ(tasks.size(), 2U);
    EXPECT_EQ(tasks[0].expect, Expect::alert);
    EXPECT_EQ(tasks[1].expect, Expect::silence);
}

TEST(Outcomes, NeedTheDeedAndTheWitness) {
    Outcome alert{{"a", "a", Expect::alert, {}}, true, true, true, 0, {}};
    EXPECT_TRUE(alert.good());
    alert.alerted = false;
    EXPECT_FALSE(alert.good());
    Outcome silent{{"a", "a", Expect::silence, {}}, true, true, false, 0, {}};
    EXPECT_TRUE(silent.good());
    silent.seen = false; // nobody looked: silence says nothing
    EXPECT_FALSE(silent.good());
}

TEST(Steps, TellWhichOneFailed) {
    EXPECT_EQ(perform({"true", "?false", "nothing"}), 0);
    EXPECT_EQ(perform({"true", "false", "true"}), 2);
    EXPECT_EQ(perform({"?no-such-program-here"}), 1); // could not be done, which is no status
}

TEST(Deeds, HaveNamesOfTheirOwn) {
    std::set<std::string_view> names;
    for (const auto part : {role_deeds(), file_deeds(), kernel_deeds(), network_deeds()})
        for (const NamedDeed& deed : part) EXPECT_TRUE(names.insert(deed.name).second) << deed.name;
    EXPECT_EQ(find_deed("no such deed"), nullptr);
    EXPECT_NE(find_deed("spawn"), nullptr);
}

} // namespace
} // namespace gyr::simulate
