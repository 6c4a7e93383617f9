// What gyr plan says of rules of each kind: above a list of rules it never says that nothing is looked at.

#include "plan/listing.h"

#include "match/test_support.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <string>
#include <vector>

namespace gyr::plan {
namespace {

// The line that says it, of rules with these conditions.
std::string looked_at(const std::vector<std::string>& conditions, const std::string& source = "syscall") {
    std::vector<Rule> rules;
    for (const std::string& c : conditions) {
        rules.push_back(test::rule("rule " + std::to_string(rules.size()), c));
        rules.back().source = source;
    }
    const auto compiled = test::compile(std::move(rules));
    constexpr std::string_view kHead = "events looked at by rules: ";
    const std::string text = plan_text(*compiled.matcher);
    const std::size_t at = text.find(kHead);
    if (at == std::string::npos) return text;
    return text.substr(at + kHead.size(), text.find('\n', at) - at - kHead.size());
}

TEST(PlanListing, SaysWhatRulesAreAskedAbout) {
    EXPECT_EQ(looked_at({}), "none");
    EXPECT_EQ(looked_at({"evt.type = openat and fd.name = /etc/shadow"}), "the system calls above");
    EXPECT_EQ(looked_at({"proc.name = nc"}), "programs as they start and change");
    EXPECT_EQ(looked_at({"evt.type = execve and evt.failed = true"}), "execve, the system calls above");
    EXPECT_EQ(looked_at({"evt.type = execve and proc.name = nc"}), "execve");
    EXPECT_EQ(looked_at({"evt.type = procexit", "proc.name = nc", "evt.type = rename"}),
              "procexit, the system calls above, programs as they start and change");
    EXPECT_EQ(looked_at({"ka.verb = create"}, "k8s_audit"), "pluginevent");
    EXPECT_EQ(looked_at({"evt.failed = true"}).find("pluginevent"), std::string::npos);
}

TEST(PlanListing, ListsTheSameForPrograms) {
    const auto compiled = test::compile({test::rule("a", "evt.type = procexit"), test::rule("b", "evt.type = rename")});
    const auto json = nlohmann::json::parse(plan_json(*compiled.matcher));
    EXPECT_EQ(json["events"], nlohmann::json::array({"procexit"}));
    ASSERT_EQ(json["syscalls"].size(), 1U);
    EXPECT_EQ(json["syscalls"][0]["event"], "rename");
}

} // namespace
} // namespace gyr::plan
