#include "capfile/conversion.h"

#include "capfile/enter_store.h"
#include "capfile/test_support.h"
#include "event/schema.h"

#include <gtest/gtest.h>

#include <optional>

namespace gyr::capfile {
namespace {

using Params = std::vector<std::string>;

struct Result {
    EventCode code;
    Params params;
    friend bool operator==(const Result&, const Result&) = default;
};

class Upgrade {
  public:
    // What the converter delivers for an event; nothing when it keeps or drops it.
    std::optional<Result> operator()(EventCode code, const Params& params, std::int64_t tid = 1) {
        const std::vector<std::string_view> views(params.begin(), params.end());
        RawEvent raw;
        raw.code = code;
        raw.tid = tid;
        raw.params = views;
        if (converter.convert(raw) == Converter::Outcome::drop) return std::nullopt;
        return Result{raw.code, Params(raw.params.begin(), raw.params.end())};
    }
    Converter converter;
};

const std::string kZero4(4, '\0'), kZero8(8, '\0'), kOnes4(4, '\xff');

TEST(CaptureUpgrade, LeavesCurrentEventsAlone) {
    Upgrade up;
    const Params close = {packed<std::int64_t>(0), packed<std::int64_t>(3)};
    EXPECT_EQ(up(5, close), (Result{5, close}));
    EXPECT_EQ(up(322, {"id", "data"}), (Result{322, {"id", "data"}}));
    EXPECT_EQ(up(kProcExit, {"a"}), (Result{kProcExit, {"a"}})) << "not among those the table is about";
    EXPECT_EQ(up.converter.stats().upgraded, 0u);
}

TEST(CaptureUpgrade, GivesTheExitEventWhatItsEnterEventTold) {
    Upgrade up;
    EXPECT_EQ(up(6, {packed<std::int64_t>(3), packed(100u)}), std::nullopt);
    EXPECT_EQ(up(6, {packed<std::int64_t>(4), packed(200u)}, 2), std::nullopt) << "another thread in between";
    EXPECT_EQ(up(7, {packed<std::int64_t>(5), "hello"}),
              (Result{7, {packed<std::int64_t>(5), "hello", packed<std::int64_t>(3), packed(100u)}}));
    EXPECT_EQ(up(7, {packed<std::int64_t>(5), "hello"}),
              (Result{7, {packed<std::int64_t>(5), "hello", kZero8, kZero4}}))
        << "used up: zeros";
    EXPECT_EQ(up(7, {"r", "d"}, 2), (Result{7, {"r", "d", packed<std::int64_t>(4), packed(200u)}}));
    EXPECT_EQ(up.converter.stats().no_enter, 1u);
    EXPECT_EQ(up.converter.stats().kept, 2u);
}

TEST(CaptureUpgrade, TakesNothingFromAnotherCallsEnterEvent) {
    Upgrade up;
    EXPECT_EQ(up(4, {packed<std::int64_t>(3)}), std::nullopt);             // close begins
    EXPECT_EQ(up(7, {"r", "d"}), (Result{7, {"r", "d", kZero8, kZero4}})); // but read ends
    EXPECT_EQ(up(5, {"r"}), (Result{5, {"r", packed<std::int64_t>(3)}})) << "and close later";
}

TEST(CaptureUpgrade, MissingParametersAreZeroOrEmptyAsTheTableSays) {
    Upgrade up;
    EXPECT_EQ(up(193, {"r"}), (Result{193, {"r", "", "", ""}})) << "setresuid: empty";
    EXPECT_EQ(up(31, {"r", "d"}), (Result{31, {"r", "d", kZero8, kZero4, ""}})) << "sendto: a tuple has no size";
    EXPECT_EQ(up(298, {"op"}), std::nullopt) << "seccomp begins with one: gets a zero, then is kept";
    EXPECT_EQ(up(299, {"r"}), (Result{299, {"r", "op", kZero8}}));
}

TEST(CaptureUpgrade, TurnsOldTypesIntoTheNewest) {
    Upgrade up;
    // openat of the first kind: the name comes from the enter event.
    EXPECT_EQ(up(102, {"dirfd", "name", "flags", "mode"}), std::nullopt);
    EXPECT_EQ(up(103, {"fd"}), (Result{307, {"fd", "dirfd", "name", "flags", "mode", "", ""}}));
    // execve of eight parameters passes through seven versions.
    EXPECT_EQ(up(12, {}), (Result{292, {""}})) << "delivered, and kept";
    Params execve = {"r", "exe", "args", "tid", "pid", "ptid", "cwd", "fdlimit"};
    const auto result = up(13, execve);
    ASSERT_TRUE(result);
    EXPECT_EQ(result->code, kExecve);
    execve.resize(event_schema()[kExecve].params.size());
    EXPECT_EQ(result->params, execve);
    // The same with a path that the newest enter event tells.
    EXPECT_EQ(up(288, {c_text("/bin/ls")}), (Result{292, {c_text("/bin/ls")}}));
    const auto newest = up(289, Params(17, "x"));
    ASSERT_TRUE(newest);
    EXPECT_EQ(newest->params.back(), c_text("/bin/ls"));
    // clone: what lay behind the new ones moves to their right.
    Params clone;
    for (int i = 0; i < 11; ++i) clone.push_back(std::to_string(i));
    const auto cloned = up(15, clone);
    ASSERT_TRUE(cloned);
    EXPECT_EQ(cloned->code, kClone);
    EXPECT_EQ(cloned->params,
              (Params{"0", "1", "2", "3", "4", "5", "6", "7", "", "", "", "", "", "", "", "8", "9", "10", "", "", ""}));
}

TEST(CaptureUpgrade, MakesJsonOfTheOldestContainerEvent) {
    Upgrade up;
    const auto result = up(228, {c_text("3ad7b26ded6d"), packed(0u), c_text("we\"b\n"), c_text("busybox")});
    ASSERT_TRUE(result);
    EXPECT_EQ(result->code, 324);
    ASSERT_EQ(result->params.size(), 1u);
    EXPECT_EQ(result->params[0],
              c_text(R"({"container":{"id":"3ad7b26ded6d","type":0,"name":"we\"b\u000a","image":"busybox"}})"));
}

TEST(CaptureUpgrade, DropsAndCountsWhatHasNoPlace) {
    Upgrade up;
    EXPECT_EQ(up(17, {}), std::nullopt);    // a code of no event
    EXPECT_EQ(up(14, {}), std::nullopt);    // clone begins: nobody needs it
    EXPECT_EQ(up(13, {"r"}), std::nullopt); // an old execve with a number of parameters that never was
    EXPECT_EQ(up.converter.stats().dropped_unused, 1u);
    EXPECT_EQ(up.converter.stats().dropped_old, 1u);
    EXPECT_EQ(up.converter.stats().no_rule, 1u);
    EXPECT_EQ(up(307, {"fd"}), (Result{307, {"fd"}})) << "current but for what is missing: better than nothing";
    EXPECT_EQ(up.converter.stats().no_rule, 2u);
}

TEST(CaptureUpgrade, ResetForgetsEnterEvents) {
    Upgrade up;
    EXPECT_EQ(up(4, {packed<std::int64_t>(3)}), std::nullopt);
    up.converter.reset();
    EXPECT_EQ(up(5, {"r"}), (Result{5, {"r", kZero8}}));
}

TEST(CaptureUpgrade, EveryResultIsCurrent) {
    // From every event with every number of parameters: no exit event comes out that the schema calls old, and
    // nothing longer than the schema has it.
    for (const EventInfo& from : event_schema()) {
        for (std::size_t count = 0; count <= from.params.size(); ++count) {
            Upgrade up;
            const auto result = up(from.code, Params(count, "12345678"));
            if (!result) continue;
            const EventInfo& to = event_schema()[result->code];
            if (to.direction == EventDirection::exit) {
                EXPECT_EQ(to.flags & (kOldVersion | kUnused), 0) << from.code << " with " << count;
            }
            EXPECT_LE(result->params.size(), to.params.size()) << from.code << " with " << count;
        }
    }
}

TEST(EnterStore, StaysBoundedWhateverThreadsCome) {
    EnterStore store;
    const std::string_view small[] = {"12345678"};
    for (std::int64_t tid = 0; tid < 300'000; ++tid) store.keep(tid * 7919, 4, small);
    EXPECT_EQ(store.evictions(), 300'000 - EnterStore::kMaxThreads);
    std::size_t found = 0;
    for (std::int64_t tid = 0; tid < 300'000; ++tid) found += store.find(tid * 7919) != nullptr ? 1 : 0;
    EXPECT_EQ(found, EnterStore::kMaxThreads);
}

TEST(EnterStore, GivesUpUsedOnesFirst) {
    EnterStore store;
    const std::string_view param[] = {"waits"};
    store.keep(-1, 6, param); // a thread that waits in read() all the time
    for (std::int64_t tid = 0; tid < 300'000; ++tid) {
        store.keep(tid, 4, param);
        store.release(tid);
    }
    ASSERT_NE(store.find(-1), nullptr);
    EXPECT_EQ(store.find(-1)->param(0), "waits");
    EXPECT_EQ(store.evictions(), 0u);
}

TEST(EnterStore, KeepsLongParametersWithinItsBudget) {
    EnterStore store;
    const std::string path(4000, 'p'), huge(EnterStore::kMaxLong + 1, 'h');
    const std::string_view two[] = {path, "end"};
    for (std::int64_t tid = 0; tid < 5000; ++tid) store.keep(tid, 104, two);
    ASSERT_NE(store.find(4999), nullptr);
    EXPECT_EQ(store.find(4999)->param(0), path);
    EXPECT_EQ(store.find(4999)->param(1), "end");
    std::size_t found = 0;
    for (std::int64_t tid = 0; tid < 5000; ++tid) found += store.find(tid) != nullptr ? 1 : 0;
    EXPECT_EQ(found, EnterStore::kMaxLong / 4096);
    EXPECT_EQ(store.evictions(), 5000 - found);
    const std::string_view too_long[] = {huge};
    store.keep(4999, 104, too_long);
    EXPECT_EQ(store.find(4999), nullptr) << "not kept, and not what was there before";
}

} // namespace
} // namespace gyr::capfile
