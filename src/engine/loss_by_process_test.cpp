#include "engine/loss_by_process.h"

#include <gtest/gtest.h>

namespace gyr {
namespace {

const LossByProcess::What kOpens{"openat", "c1", "full"};

TEST(LossByProcess, NamesThoseThatMadeTheMostFirst) {
    LossByProcess losses;
    losses.add(kOpens, {.pid = 7, .start_boottime_ns = 70}, "cat", 3);
    losses.add(kOpens, {.pid = 8, .start_boottime_ns = 80}, "", 90);
    losses.add(kOpens, {.pid = 7, .start_boottime_ns = 70}, "", 4);
    losses.add({"openat", "c2", "full"}, {.pid = 9, .start_boottime_ns = 90}, "other", 1000);
    const std::vector<GapProcess> found = losses.take(kOpens);
    ASSERT_EQ(found.size(), 2U);
    EXPECT_EQ(found[0].pid, 8);
    EXPECT_EQ(found[0].count, 90U);
    EXPECT_EQ(found[0].name, "");
    EXPECT_EQ(found[1].pid, 7);
    EXPECT_EQ(found[1].count, 7U);
    EXPECT_EQ(found[1].name, "cat");
    EXPECT_TRUE(losses.take(kOpens).empty()) << "it was taken";
}

TEST(LossByProcess, TellsTwoProcessesOfOneNumberApart) {
    LossByProcess losses;
    losses.add(kOpens, {.pid = 7, .start_boottime_ns = 70}, "first", 1);
    losses.add(kOpens, {.pid = 7, .start_boottime_ns = 71}, "second", 2);
    const std::vector<GapProcess> found = losses.take(kOpens);
    ASSERT_EQ(found.size(), 2U);
    EXPECT_EQ(found[0].name, "second");
    EXPECT_EQ(found[1].name, "first");
}

TEST(LossByProcess, IsBoundedWhateverTheNumberOfProcesses) {
    LossByProcess losses;
    for (Pid pid = 1; pid <= 20000; ++pid) losses.add(kOpens, {.pid = pid, .start_boottime_ns = 1}, "p", 1);
    EXPECT_EQ(losses.take(kOpens).size(), 10U);
}

} // namespace
} // namespace gyr
