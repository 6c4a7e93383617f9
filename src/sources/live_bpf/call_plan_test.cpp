// Which system calls are told, and by what: against the numbers of the system's own headers.

#include "sources/live_bpf/call_plan.h"

#include "event/schema.h"
#include "sources/live_bpf/call_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>

namespace gyr {
namespace {

// Names by number, from a header of the kernel's interface.
std::map<int, std::string> header_numbers(const std::string& path) {
    std::map<int, std::string> out;
    std::ifstream file(path);
    for (std::string line; std::getline(file, line);) {
        std::istringstream words(line);
        std::string define, name;
        int number = 0;
        if (words >> define >> name >> number && define == "#define" && name.starts_with("__NR_"))
            out[number] = name.substr(5);
    }
    return out;
}

constexpr std::array kProcessLane{kExecve, kExecveat, kClone, kClone3, kFork, kVfork};

std::set<int> mapped(int CallNumber::*number) {
    std::set<int> out;
    for (const CallNumber& c : call_numbers()) {
        const bool by_lane = std::ranges::find(kProcessLane, c.code) != kProcessLane.end();
        if (c.*number >= 0 && (by_lane || find_collected(c.code) != nullptr)) out.insert(c.*number);
    }
    return out;
}

TEST(CallCoverage, Every64BitCallIsToldOrSaysWhyNot) {
    const auto header = header_numbers("/usr/include/x86_64-linux-gnu/asm/unistd_64.h");
    if (header.empty()) GTEST_SKIP() << "the headers of the kernel's interface are not installed";
    // Numbers that were given away and never had a call behind them: ENOSYS whatever one does.
    const std::set<std::string> never{"putpmsg", "afs_syscall", "tuxcall", "security", "vserver"};
    const auto told = mapped(&CallNumber::native);
    for (const auto& [number, name] : header)
        EXPECT_EQ(told.contains(number), !never.contains(name)) << name << " (" << number << ")";
}

TEST(CallCoverage, Every32BitCallIsToldOrSaysWhyNot) {
    const auto header = header_numbers("/usr/include/x86_64-linux-gnu/asm/unistd_32.h");
    if (header.empty()) GTEST_SKIP() << "the headers of the kernel's interface are not installed";
    const std::set<std::string> never{"break", "stty",   "gtty",        "ftime",   "prof",   "lock",
                                      "mpx",   "ulimit", "afs_syscall", "putpmsg", "profil", "vserver"};
    const auto told = mapped(&CallNumber::compat);
    for (const auto& [number, name] : header)
        EXPECT_EQ(told.contains(number), !never.contains(name)) << name << " (" << number << ")";
}

TEST(CallTable, EveryEventHasItsParametersInTheSchemasOrder) {
    for (const CollectedEvent& e : collected_events()) {
        const EventInfo* info = find_event(e.code);
        ASSERT_NE(info, nullptr) << e.code;
        // An exec that failed tells its first parameters only: the others are those of the program that did not come to
        // be.
        if (e.code == kExecve || e.code == kExecveat)
            EXPECT_EQ(e.param_count, 2);
        else
            EXPECT_EQ(info->params.size(), e.param_count) << info->name;
        EXPECT_FALSE(info->flags & kOldVersion) << info->name;
        for (const ParamSource& p : e.all_params()) {
            const bool of_fetch = p.from == ParamFrom::text || p.from == ParamFrom::data || p.from == ParamFrom::number;
            EXPECT_TRUE(!of_fetch || p.index < e.fetch_count) << info->name;
        }
    }
}

TEST(CallPlan, OnlyAskedForCallsOfAGenericEventAreWanted) {
    EventPlan plan;
    plan.demands.push_back({.code = kGenericExit, .calls = {99}, .clauses = {}, .forced_by = {}}); // sched_yield
    const LoweredPlan lowered = lower_plan(plan, 0);
    ASSERT_EQ(lowered.entries.size(), 1u);
    EXPECT_EQ(lowered.entries[0].call_id, 99);
    ASSERT_EQ(lowered.slots.size(), 2u); // both entries' numbers
    EXPECT_EQ(lowered.slots[0].first, 24);
    EXPECT_TRUE(lowered.hooks.calls);
    EXPECT_FALSE(lowered.hooks.enter);
    EXPECT_FALSE(lowered.hooks.uring);
}

TEST(CallPlan, AFileThatClosesIsLookedAtBeforehand) {
    EventPlan plan;
    plan.demands.push_back({.code = 5, .calls = {}, .clauses = {}, .forced_by = {}}); // close
    EXPECT_TRUE(lower_plan(plan, 0).hooks.enter);
}

TEST(CallPlan, NamesAreCutWhereTheKernelCutsThem) {
    using Kind = PathName::Kind;
    const std::string longer(40, 'a'), longest(60, 'a');
    EXPECT_EQ(name_hash({Kind::base, longer, {}, 1}), name_hash({Kind::base, longest, {}, 1}));
    EXPECT_NE(name_hash({Kind::base, "shadow", {}, 1}), name_hash({Kind::base, "shadow-", {}, 1}));
    EXPECT_NE(name_hash({Kind::pair, "etc", "shadow", 1}), name_hash({Kind::pair, "shadow", "etc", 1}));
}

} // namespace
} // namespace gyr
