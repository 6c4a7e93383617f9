#include "simulate/action.h"
#include "simulate/simulation.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace gyr::simulate {
namespace {

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

} // namespace
} // namespace gyr::simulate
