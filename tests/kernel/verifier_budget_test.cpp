// How much work each program makes for the kernel's verifier. It limits what older kernels accept (a million
// instructions) and is most of what the agent's start takes; a program that grows past its budget has become another
// one to the verifier, often by a single line. The budgets are those of Linux 6.18; verifiers before it go other ways.

#include "plan/lower.h"
#include "sources/live_bpf/live_source.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <map>
#include <string>
#include <sys/utsname.h>
#include <unistd.h>

namespace gyr::test {
namespace {

const std::map<std::string, std::uint32_t> kBudgets{
    {"process_fork", 22'000},      {"process_exec", 22'000},
    {"process_exit", 11'000},      {"process_exit_by_count", 11'000},
    {"process_rename", 6'500},     {"process_cgroup", 6'500},
    {"process_prepare_exec", 150}, {"process_iterate", 23'000},
    {"call_exit", 32'500},         {"call_enter", 10'000},
    {"socket_state", 250},         {"uring_submit", 11'500},
    {"uring_complete", 25'500},    {"signal_deliver", 9'500},
    {"page_fault", 9'500},         {"identify", 480},
};

TEST(VerifierBudget, EveryProgramStaysBelowItsOwn) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
    if (utsname name{}; ::uname(&name) != 0 || ::strverscmp(name.release, "6.18") < 0)
        GTEST_SKIP() << "another kernel's budgets";
    auto source = LiveSource::create({});
    ASSERT_TRUE(source) << source.error().message;
    EventPlan plan = plan::plan_everything();
    plan.demands.push_back({.code = kPageFault, .calls = {}, .clauses = {}, .forced_by = {}});
    ASSERT_TRUE((*source)->set_events(plan));
    const auto counts = (*source)->verified_instructions();
    EXPECT_GE(counts.size(), 10u);
    for (const auto& [program, instructions] : counts) {
        const auto budget = kBudgets.find(program);
        ASSERT_NE(budget, kBudgets.end()) << program << " has no budget; it takes " << instructions;
        EXPECT_LE(instructions, budget->second) << program;
        EXPECT_GT(instructions, budget->second / 4) << program << ": the budget is far above it";
    }
}

} // namespace
} // namespace gyr::test
