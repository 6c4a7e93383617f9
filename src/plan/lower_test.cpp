// What the rules of a plan make the kernel ask, and whom it is for.

#include "plan/lower.h"

#include "event/schema.h"
#include "match/test_support.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

namespace gyr::plan {
namespace {

EventPlan plan_of(const std::vector<std::string>& conditions) {
    std::vector<Rule> rules;
    for (const std::string& condition : conditions)
        rules.push_back(test::rule(std::string(1, static_cast<char>('A' + rules.size())), condition));
    const auto compiled = test::compile(rules);
    EXPECT_TRUE(compiled.diagnostics.empty());
    return plan_events(*compiled.matcher);
}

const EventDemand& demand(const EventPlan& plan, std::string_view event) {
    const auto found =
        std::ranges::find_if(plan.demands, [&](const EventDemand& d) { return find_event(d.code)->name == event; });
    static const EventDemand none;
    EXPECT_NE(found, plan.demands.end()) << event;
    return found == plan.demands.end() ? none : *found;
}

using Names = std::vector<std::vector<std::string>>;

TEST(Lower, NamesTheRulesOfEachClause) {
    const EventPlan plan = plan_of({"evt.type = openat and fd.name startswith /etc/ssh/",
                                    "evt.type = openat and evt.is_open_write = true and fd.name startswith /etc/ssh/",
                                    "evt.type in (openat, connect) and container.id != host",
                                    "evt.type = connect and fd.sport = 9 and proc.name = cat",
                                    "evt.type = openat and fd.name startswith /root/.ssh/",
                                    "evt.type = fchmod and evt.failed = true", "evt.type = fchmod"});
    // The second is covered by the first; the first and the fifth are one clause with two sets.
    EXPECT_EQ(demand(plan, "openat").rules, (Names{{"A", "B", "E"}, {"C"}}));
    EXPECT_EQ(demand(plan, "connect").rules, (Names{{"C"}, {"D"}}));
    EXPECT_EQ(demand(plan, "connect").clauses.size(), 2u);
    EXPECT_EQ(demand(plan, "fchmod").rules, Names{}) << "all of them are told";
    EXPECT_EQ(demand(plan, "fchmod").forced_by, "G");
    // Success and failure alone together are no clause: the first of them is named.
    const EventPlan both =
        plan_of({"evt.type = fchmod and evt.failed = true", "evt.type = fchmod and evt.res = SUCCESS"});
    EXPECT_TRUE(demand(both, "fchmod").clauses.empty());
    EXPECT_EQ(demand(both, "fchmod").forced_by, "A");
}

TEST(Lower, NamesAllRulesOfClausesThatWereMadeWider) {
    std::vector<std::string> conditions; // more clauses than the kernel asks
    for (int i = 0; i < 20; ++i)
        conditions.push_back("evt.type = openat and fd.name startswith /d" + std::to_string(i) +
                             "/ and evt.is_open_write = true and proc.name = p" + std::to_string(i));
    const EventPlan plan = plan_of(conditions);
    const EventDemand& opens = demand(plan, "openat");
    ASSERT_EQ(opens.clauses.size(), 12u);
    ASSERT_EQ(opens.rules.size(), 12u);
    std::set<std::string> named;
    for (const auto& rules : opens.rules) named.insert(rules.begin(), rules.end());
    EXPECT_EQ(named.size(), 20u);
}

TEST(Lower, AsksForTheFailureOfAnExecHoweverItIsPut) {
    for (const char* asks : {"evt.failed = true", "evt.failed != false", "not evt.failed = false", "evt.rawres < 0",
                             "not evt.rawres >= 0", "evt.res = ENOENT", "evt.res != SUCCESS", "not evt.res = SUCCESS"})
        EXPECT_EQ(plan_of({std::string("evt.type = execve and ") + asks}).failed_exec_rules.size(), 1u) << asks;
    for (const char* other : {"evt.failed = false", "not evt.failed = true", "evt.rawres >= 0", "not evt.rawres < 0",
                              "proc.name = x", "not evt.res = ENOENT"})
        EXPECT_TRUE(plan_of({std::string("evt.type = execve and ") + other}).failed_exec_rules.empty()) << other;
}

// What has no result has no failure: the negation holds.
TEST(Lower, ANegatedResultIsAskedOnlyOfWhatHasOne) {
    for (const char* not_failed : {"not evt.failed = true", "not evt.rawres < 0", "not evt.res = SUCCESS"}) {
        EXPECT_EQ(demand(plan_of({std::string("evt.type = fchmod and ") + not_failed}), "fchmod").clauses.size(), 1u);
        const EventPlan plan = plan_of({std::string("evt.type = preadv2 and ") + not_failed});
        ASSERT_EQ(plan.demands.size(), 1u);
        EXPECT_TRUE(plan.demands[0].clauses.empty()) << not_failed;
    }
}

// pmatch also matches names without a slash at the beginning, and the kernel looks for no name in those.
TEST(Lower, APatternMayBeAboutWhatIsNoPath) {
    EXPECT_TRUE(
        demand(plan_of({"evt.type = read and fd.name pmatch (\"/anon_inode:inotify\")"}), "read").clauses.empty());
    EXPECT_FALSE(demand(plan_of({"evt.type = read and fd.name pmatch (/etc)"}), "read").clauses.empty());
}

// Two spellings of one network are one key of the kernel's table, which a reload would take away with the first.
TEST(Lower, ANetworkIsItsPrefix) {
    const EventPlan plan =
        plan_of({"evt.type = connect and fd.snet in (127.0.0.1/8, 127.0.0.0/8, \"2001:db8::1/33\")"});
    ASSERT_EQ(plan.ends.size(), 3u);
    EXPECT_EQ(plan.ends[0].address, plan.ends[1].address);
    EXPECT_EQ(plan.ends[0].address[12], 127);
    EXPECT_EQ(plan.ends[0].address[15], 0);
    EXPECT_EQ(plan.ends[2].address[3], 0xb8);
    EXPECT_EQ(plan.ends[2].address[15], 0);
}

TEST(Lower, SetsAreThoseThatAClauseAsksFor) {
    const EventPlan plan = plan_of(
        {"evt.type = openat and fd.name startswith /etc/", "evt.type = openat", // its set is not asked
         "evt.type = open and fd.name in (/etc/shadow, /etc/passwd)", "evt.type = openat and fd.name = /none/here",
         "evt.type = connect and fd.sport = 9", "evt.type = connect", "evt.type = bind and fd.sport = 10"});
    EXPECT_EQ(demand(plan, "open").clauses, (std::vector<EventClause>{{.path_sets = 1}}));
    EXPECT_EQ(demand(plan, "bind").clauses, (std::vector<EventClause>{{.end_sets = 1}}));
    std::map<std::string, std::uint32_t> names;
    for (const PathName& n : plan.names) names[n.path] = n.sets;
    // An exact path stays: its file is known by its identity all the same.
    EXPECT_EQ(names, (std::map<std::string, std::uint32_t>{{"/etc/shadow", 1}, {"/etc/passwd", 1}, {"/none/here", 0}}));
    ASSERT_EQ(plan.ends.size(), 1u);
    EXPECT_EQ(plan.ends[0].port, 10);
    EXPECT_EQ(plan.ends[0].sets, 1u);
}

TEST(Lower, MoreNamesThanThereAreSetsShareTheLast) {
    std::vector<std::string> conditions;
    for (int i = 0; i < 40; ++i)
        conditions.push_back("evt.type = openat and fd.name = /d/" + std::to_string(i) + " and proc.name = p" +
                             std::to_string(i % 9));
    const EventPlan plan = plan_of(conditions);
    ASSERT_EQ(plan.names.size(), 40u);
    std::uint32_t asked = 0;
    for (const EventClause& c : demand(plan, "openat").clauses) asked |= c.path_sets;
    EXPECT_EQ(asked, 0xffffu) << "sixteen, which is what the kernel has of each generation";
    for (const PathName& n : plan.names) EXPECT_NE(n.sets & asked, 0u) << n.path;
}

} // namespace
} // namespace gyr::plan
