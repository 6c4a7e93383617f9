#include "journal/rollup.h"

#include "alerts/lookup.h"
#include "alerts/test_support.h"

#include <gtest/gtest.h>

namespace gyr::journal {
namespace {

constexpr Nanos kMinute = 60'000'000'000;

RollupRules rules(std::vector<std::string> by, std::uint64_t max = 1) {
    RollupRules r;
    r.all = RollupRule{std::move(by), 5 * kMinute, max};
    return r;
}

// The alert with another value of a field of its sentence.
Alert with(std::uint64_t number, const std::string& field, const std::string& value,
           Priority priority = Priority::warning) {
    Alert a = test_alert(number, priority);
    a.output_fields.push_back({field, {value}});
    return a;
}

TEST(Rollup, TheFirstGoesOutTheRestIsCounted) {
    Rollup rollup;
    rollup.set_rules(rules({"container.id"}));
    std::string key;
    EXPECT_TRUE(rollup.admit(with(1, "fd.name", "/a"), 1, 100, key));
    for (std::uint64_t n = 2; n <= 41; ++n)
        EXPECT_FALSE(rollup.admit(with(n, "fd.name", n % 2 == 0 ? "/b" : "/c"), n, 100, key));
    EXPECT_TRUE(rollup.take_due(5 * kMinute).empty()) << "the window is open for five minutes from the first alert on";
    const auto due = rollup.take_due(100 + 5 * kMinute);
    ASSERT_EQ(due.size(), 1U);
    EXPECT_EQ(due[0].key, key);
    EXPECT_EQ(due[0].upto, 41U);
    const AlertRecord summary(due[0].alert);
    EXPECT_EQ(value_text(lookup(summary, "rollup.count")), "40");
    EXPECT_EQ(value_text(lookup(summary, "rollup.fd.name")), "/b, /c");
    EXPECT_EQ(value_text(lookup(summary, "container.id")), "3f2b");
    EXPECT_EQ(value_text(lookup(summary, "rollup.first")), "2026-01-31T10:30:00.125456789Z");
    EXPECT_EQ(value_text(lookup(summary, "rollup.last")), "2026-01-31T10:30:00.164456789Z");
    EXPECT_EQ(due[0].alert.priority, Priority::warning);
    EXPECT_EQ(due[0].alert.rule, "Terminal Access");
    // The window is over: the next one is a first one again.
    EXPECT_TRUE(rollup.admit(test_alert(50), 50, 101 + 5 * kMinute, key));
    EXPECT_TRUE(rollup.take_due(INT64_MAX).empty()) << "one alone needs no summary";
}

TEST(Rollup, NeverAcrossPrioritiesRulesOrKeys) {
    Rollup rollup;
    rollup.set_rules(rules({"fd.name"}));
    std::string key;
    EXPECT_TRUE(rollup.admit(with(1, "fd.name", "/a"), 1, 1, key));
    EXPECT_TRUE(rollup.admit(with(2, "fd.name", "/b"), 2, 1, key));
    EXPECT_TRUE(rollup.admit(with(3, "fd.name", "/a", Priority::critical), 3, 1, key));
    Alert other = with(4, "fd.name", "/a");
    other.rule = "Other";
    EXPECT_TRUE(rollup.admit(other, 4, 1, key));
    EXPECT_FALSE(rollup.admit(with(5, "fd.name", "/a"), 5, 1, key));
}

TEST(Rollup, ManyMayGoOutFirstAndARuleMayHaveItsOwnWay) {
    Rollup rollup;
    RollupRules r = rules({}, 1);
    r.rules["Terminal Access"] = {{}, kMinute, 3};
    r.rules["Silent"] = {{}, kMinute, 0};
    r.rules["Loud"] = {{}, 0, 1};
    rollup.set_rules(r);
    std::string key;
    for (std::uint64_t n = 1; n <= 5; ++n) EXPECT_EQ(rollup.admit(test_alert(n), n, 1, key), n <= 3);
    Alert silent = test_alert(1);
    silent.rule = "Silent";
    EXPECT_FALSE(rollup.admit(silent, 6, 1, key));
    Alert loud = test_alert(1);
    loud.rule = "Loud";
    for (std::uint64_t n = 1; n <= 5; ++n) EXPECT_TRUE(rollup.admit(loud, 6 + n, 1, key));
    EXPECT_EQ(rollup.take_due(0, true).size(), 2U);
}

TEST(Rollup, AmendmentsAreNeverKeptBack) {
    Rollup rollup;
    rollup.set_rules(rules({}));
    std::string key;
    EXPECT_TRUE(rollup.admit(test_alert(1), 1, 1, key));
    Alert again = test_alert(1);
    again.revision = 1;
    EXPECT_TRUE(rollup.admit(again, 2, 1, key));
}

TEST(Rollup, AFloodOfKeysIsBoundedAndStillCounted) {
    Rollup rollup;
    rollup.set_rules(rules({"fd.name"}));
    std::string key;
    std::uint64_t told = 0;
    std::uint64_t admitted = 0;
    constexpr std::uint64_t kKeys = Rollup::kMaxWindows + 500;
    for (std::uint64_t n = 0; n < kKeys; ++n) {
        Alert alert;
        alert.output_fields.push_back({"fd.name", {std::to_string(n)}});
        for (int twice = 0; twice < 2; ++twice) admitted += rollup.admit(alert, n, 1, key) ? 1U : 0U;
        for (const auto& summary : rollup.take_due(1))
            told += std::get<std::uint64_t>(summary.alert.find_block("rollup")->find("count")->data);
    }
    for (const auto& summary : rollup.take_due(1, true))
        told += std::get<std::uint64_t>(summary.alert.find_block("rollup")->find("count")->data);
    EXPECT_EQ(admitted + told, 2 * kKeys);
}

TEST(Rollup, DistinctValuesAreBoundedAndSaySo) {
    Rollup rollup;
    rollup.set_rules(rules({}));
    std::string key;
    for (std::uint64_t n = 0; n < 100; ++n) (void)rollup.admit(with(n, "fd.name", "/" + std::to_string(n)), n, 1, key);
    const auto due = rollup.take_due(0, true);
    ASSERT_EQ(due.size(), 1U);
    const auto* values = due[0].alert.find_block("rollup")->find("fd.name");
    ASSERT_NE(values, nullptr);
    EXPECT_EQ(std::get<AlertValue::List>(values->data).size(), Rollup::kMaxValues);
    EXPECT_EQ(value_text(*due[0].alert.find_block("rollup")->find("more_values_of")), "fd.name");
}

} // namespace
} // namespace gyr::journal
