#include "engine/gap_watch.h"

#include <gtest/gtest.h>

namespace gyr {
namespace {

constexpr Nanos kSecond = 1'000'000'000;

struct Watched {
    GapWatch watch{"host", kSecond};
    std::vector<GapRecord> gaps;
    bool update(std::uint64_t total, Nanos first, Nanos last, Nanos now, std::string_view container = "") {
        return watch.update({{.stage = "kernel ring",
                              .event_class = "exec",
                              .total = total,
                              .first = first,
                              .last = last,
                              .container = container,
                              .reason = "full"}},
                            now, {"R"}, [this](GapRecord g) { gaps.push_back(std::move(g)); });
    }
};

TEST(GapWatch, SaysNothingWithoutALoss) {
    Watched w;
    EXPECT_FALSE(w.update(0, 0, 0, 5 * kSecond));
    w.watch.close([&](GapRecord g) { w.gaps.push_back(std::move(g)); });
    EXPECT_TRUE(w.gaps.empty());
}

TEST(GapWatch, OneRecordPerEpisodeWithTheExactCount) {
    Watched w;
    EXPECT_TRUE(w.update(3, 10 * kSecond, 11 * kSecond, 11 * kSecond));
    EXPECT_TRUE(w.update(7, 10 * kSecond, 11 * kSecond + 5, 12 * kSecond));
    EXPECT_FALSE(w.update(7, 10 * kSecond, 11 * kSecond + 5, 13 * kSecond));
    ASSERT_EQ(w.gaps.size(), 1U);
    EXPECT_EQ(w.gaps[0].count, 7U);
    EXPECT_EQ(w.gaps[0].from, 10 * kSecond);
    EXPECT_EQ(w.gaps[0].to, 11 * kSecond + 5);
    ASSERT_EQ(w.gaps[0].rules.size(), 1U);
    EXPECT_EQ(w.gaps[0].rules[0].first, "R");
}

TEST(GapWatch, ALaterEpisodeCountsOnlyItsOwn) {
    Watched w;
    w.update(3, 10 * kSecond, 11 * kSecond, 13 * kSecond);
    w.update(5, 10 * kSecond, 20 * kSecond, 20 * kSecond);
    w.watch.close([&](GapRecord g) { w.gaps.push_back(std::move(g)); });
    ASSERT_EQ(w.gaps.size(), 2U);
    EXPECT_EQ(w.gaps[0].count + w.gaps[1].count, 5U);
    EXPECT_GE(w.gaps[1].from, w.gaps[0].to);
}

TEST(GapWatch, NamesAContainerOnlyWhenItIsTheOnlyOne) {
    Watched w;
    w.update(1, kSecond, kSecond, kSecond, "aaa");
    w.update(2, kSecond, kSecond + 1, kSecond + 1, "bbb");
    w.watch.close([&](GapRecord g) { w.gaps.push_back(std::move(g)); });
    ASSERT_EQ(w.gaps.size(), 1U);
    EXPECT_EQ(w.gaps[0].container, "");
}

TEST(GapWatch, KeepsApartWhatIsCountedByContainer) {
    GapWatch watch("host", kSecond);
    std::vector<GapRecord> gaps;
    const std::vector<std::string> blind{"Files"};
    GapWatch::Loss a{.stage = "kernel ring",
                     .event_class = "openat",
                     .total = 3,
                     .first = 1,
                     .last = 2,
                     .container = {},
                     .reason = "full"};
    a.by_container = true;
    a.rules = &blind;
    GapWatch::Loss b = a;
    a.container = "aaa", a.counter = 1;
    b.container = "bbb", b.counter = 2;
    b.total = 5;
    watch.update({a, b}, 3, {"R"}, [&](GapRecord g) { gaps.push_back(std::move(g)); });
    watch.close([&](GapRecord g) { gaps.push_back(std::move(g)); });
    ASSERT_EQ(gaps.size(), 2U);
    EXPECT_EQ(gaps[0].container, "aaa");
    EXPECT_EQ(gaps[0].count, 3U);
    EXPECT_EQ(gaps[1].container, "bbb");
    EXPECT_EQ(gaps[1].count, 5U);
    ASSERT_EQ(gaps[0].rules.size(), 1U);
    EXPECT_EQ(gaps[0].rules[0].first, "Files");
}

// Processes of the host are in many groups, those of one container may be too; each has a counter.
TEST(GapWatch, AddsUpTheCountersOfOneContainer) {
    GapWatch watch("host", kSecond);
    std::vector<GapRecord> gaps;
    const auto emit = [&](GapRecord g) { gaps.push_back(std::move(g)); };
    GapWatch::Loss a{.stage = "kernel ring",
                     .event_class = "openat",
                     .total = 1000,
                     .first = 10,
                     .last = 20,
                     .container = {},
                     .reason = "full"};
    a.by_container = true;
    a.counter = 1;
    GapWatch::Loss b = a;
    b.total = 7, b.first = 5, b.last = 30, b.counter = 2;
    EXPECT_TRUE(watch.update({a, b}, 40, {}, emit));
    EXPECT_FALSE(watch.update({a, b}, 30 + kSecond, {}, emit));
    ASSERT_EQ(gaps.size(), 1U);
    EXPECT_EQ(gaps[0].count, 1007U);
    EXPECT_EQ(gaps[0].from, 5);
    EXPECT_EQ(gaps[0].to, 30);
    // Fewer than the other group lost before.
    b.total = 9, b.last = 3 * kSecond;
    EXPECT_TRUE(watch.update({a, b}, 3 * kSecond, {}, emit));
    EXPECT_FALSE(watch.update({a, b}, 5 * kSecond, {}, emit));
    ASSERT_EQ(gaps.size(), 2U);
    EXPECT_EQ(gaps[1].count, 2U);
    EXPECT_EQ(gaps[1].from, 30);
    // By now it is known to be a container.
    b.total = 10, b.last = 6 * kSecond, b.container = "aaa";
    EXPECT_TRUE(watch.update({a, b}, 6 * kSecond, {}, emit));
    watch.close(emit);
    ASSERT_EQ(gaps.size(), 3U);
    EXPECT_EQ(gaps[2].container, "aaa");
    EXPECT_EQ(gaps[2].count, 1U);
}

} // namespace
} // namespace gyr
