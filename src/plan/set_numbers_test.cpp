#include "plan/set_numbers.h"

#include <gtest/gtest.h>

#include <bit>

namespace gyr::plan {
namespace {

TEST(SetNumbers, SetsThatTheSameClausesAskForAreOne) {
    const std::vector<AskedSets> asked{{.sets = 0b00111}, {.sets = 0b00101}, {.sets = 0b01000}};
    const SetNumbers numbers(asked, std::vector<double>(5, 0.1), kKernelSets);
    EXPECT_EQ(numbers.of(std::size_t{0}), 1u);
    EXPECT_EQ(numbers.of(std::size_t{1}), 2u);
    EXPECT_EQ(numbers.of(std::size_t{2}), 1u);
    EXPECT_EQ(numbers.of(std::size_t{3}), 4u);
    EXPECT_EQ(numbers.of(std::size_t{4}), 0u) << "nothing asks for it";
    EXPECT_EQ(numbers.of(Sets(0b00111)), 3u);
    EXPECT_EQ(numbers.of(Sets{}), 0u);
}

TEST(SetNumbers, TooManyBecomeOneWhereLeastIsLost) {
    // One clause for each; the first is about what everything opens, and the second is hardly ever asked.
    std::vector<AskedSets> asked;
    std::vector<double> rates;
    for (std::size_t i = 0; i < kKernelSets + 2; ++i) {
        asked.push_back({.sets = Sets{}.set(i), .often = i == 1 || i == 2 ? 0.001 : 1});
        rates.push_back(i == 0 ? 0.5 : i == 3 || i == 4 ? 0.0001 : 0.1);
    }
    const SetNumbers numbers(asked, rates, kKernelSets);
    std::uint64_t all = 0;
    for (std::size_t i = 0; i < rates.size(); ++i) {
        EXPECT_TRUE(std::has_single_bit(numbers.of(i))) << i;
        all |= numbers.of(i);
    }
    EXPECT_EQ(all, 0xffffu);
    EXPECT_EQ(numbers.of(std::size_t{3}), numbers.of(std::size_t{4})) << "rare names";
    EXPECT_EQ(numbers.of(std::size_t{1}), numbers.of(std::size_t{2})) << "clauses that are seldom asked";
    for (std::size_t i = 1; i < rates.size(); ++i) EXPECT_NE(numbers.of(i), numbers.of(std::size_t{0})) << i;
}

} // namespace
} // namespace gyr::plan
