#include "recording/flight_recorder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <random>
#include <string>
#include <vector>

namespace gyr::recording {
namespace {

constexpr EventCode kClose = 5;
constexpr Nanos kSecond = 1'000'000'000;

struct Kept {
    Nanos time;
    std::int64_t tid;
    std::vector<std::string> params;
    friend bool operator==(const Kept&, const Kept&) = default;
};

void keep(FlightRecorder& recorder, Nanos time, const std::vector<std::string>& params = {}, EventCode code = kClose) {
    const std::vector<std::string_view> views(params.begin(), params.end());
    RawEvent event;
    event.code = code;
    event.time = time;
    event.tid = time + 1;
    event.params = views;
    recorder.keep(event);
}

std::vector<Kept> all(const FlightRecorder& recorder) {
    std::vector<Kept> out;
    EXPECT_TRUE(recorder.for_each([&](const RawEvent& e) -> Result<> {
        out.push_back({e.time, e.tid, {e.params.begin(), e.params.end()}});
        return {};
    }));
    return out;
}

TEST(FlightRecorder, IsOffByDefault) {
    FlightRecorder recorder({});
    EXPECT_FALSE(recorder.on());
    keep(recorder, 1);
    EXPECT_EQ(recorder.size(), 0u);
    EXPECT_EQ(recorder.oldest(), 0);
}

TEST(FlightRecorder, KeepsTheLastSecondsInOrder) {
    FlightRecorder recorder({.span = 10 * kSecond});
    for (Nanos second = 0; second < 100; ++second) keep(recorder, second * kSecond, {"res", std::to_string(second)});
    const auto kept = all(recorder);
    ASSERT_EQ(kept.size(), 11u);
    EXPECT_EQ(kept.front(), (Kept{89 * kSecond, 89 * kSecond + 1, {"res", "89"}}));
    EXPECT_EQ(kept.back().params[1], "99");
    EXPECT_EQ(recorder.oldest(), 89 * kSecond);
    EXPECT_EQ(recorder.starved(), 0u);
    recorder.clear();
    EXPECT_TRUE(all(recorder).empty());
    keep(recorder, 200 * kSecond);
    EXPECT_EQ(all(recorder).size(), 1u);
}

TEST(FlightRecorder, PassesOverWhatIsNoEventOfACapture) {
    FlightRecorder recorder({.span = kSecond});
    keep(recorder, 1, {}, kSnapshot);
    EXPECT_EQ(recorder.size(), 0u);
}

TEST(FlightRecorder, AnEventThatIsTooLongIsCounted) {
    FlightRecorder recorder({.span = kSecond, .max_bytes = 8192});
    keep(recorder, 1, {std::string(4000, 'x')});
    EXPECT_EQ(recorder.size(), 0u);
    EXPECT_EQ(recorder.starved(), 1u);
}

TEST(FlightRecorder, HoldsAsMuchAsItsMemoryAndNothingElseThanWhatCame) {
    // Against the obvious: a queue, from which the oldest go until what the recorder says it has is left.
    std::mt19937 random(1);
    FlightRecorder recorder({.span = 1000, .max_bytes = 16384});
    std::deque<Kept> expected;
    std::uint64_t pushed = 0;
    for (Nanos time = 1; time < 20000; ++time) {
        std::vector<std::string> params;
        for (unsigned i = random() % 4; i > 0; --i) {
            const unsigned most = random() % 50 == 0 ? 1000 : 60;
            params.emplace_back(random() % most, 'p');
        }
        keep(recorder, time, params);
        expected.push_back({time, time + 1, params});
        ++pushed;
        while (!expected.empty() && expected.front().time < time - 1000) expected.pop_front();
        while (expected.size() > recorder.size()) expected.pop_front();
        if (time % 97 != 0) continue;
        const auto kept = all(recorder);
        ASSERT_TRUE(std::ranges::equal(kept, expected)) << time;
        ASSERT_GT(kept.size(), 5u);
    }
    EXPECT_GT(recorder.starved(), 0u);
    EXPECT_LT(recorder.starved(), pushed);
}

TEST(FlightRecorder, StopsAtTheFirstFailure) {
    FlightRecorder recorder({.span = kSecond});
    for (Nanos time = 1; time < 10; ++time) keep(recorder, time);
    int visited = 0;
    const auto done = recorder.for_each([&](const RawEvent&) -> Result<> {
        if (++visited == 3) return fail(ErrorKind::io, "full");
        return {};
    });
    EXPECT_FALSE(done);
    EXPECT_EQ(visited, 3);
}

} // namespace
} // namespace gyr::recording
