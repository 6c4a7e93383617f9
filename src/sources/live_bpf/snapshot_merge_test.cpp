#include "sources/live_bpf/snapshot_merge.h"

#include <gtest/gtest.h>

namespace gyr {
namespace {

constexpr std::uint64_t kEnd = 100'000'000'000;

ProcessRecord record(RecordKind kind, Pid pid, std::uint64_t start = kEnd, std::uint64_t at = kEnd) {
    ProcessRecord r;
    r.kind = kind;
    r.key = {pid, start};
    r.boottime_ns = at;
    return r;
}

TEST(SnapshotMerge, TheFirstToTellOfAProcessStands) {
    SnapshotMerge m;
    EXPECT_TRUE(m.accept(record(RecordKind::snapshot, 1)));
    EXPECT_FALSE(m.accept(record(RecordKind::fork, 1)));
    EXPECT_TRUE(m.accept(record(RecordKind::fork, 2)));
    EXPECT_FALSE(m.accept(record(RecordKind::snapshot, 2)));
    EXPECT_TRUE(m.accept(record(RecordKind::exec, 3)));
    EXPECT_FALSE(m.accept(record(RecordKind::snapshot, 3)));
    EXPECT_TRUE(m.accept(record(RecordKind::exec, 1))); // of one that is known
}

TEST(SnapshotMerge, TheDeadDoNotComeBack) {
    SnapshotMerge m;
    EXPECT_TRUE(m.accept(record(RecordKind::exit, 1)));
    EXPECT_FALSE(m.accept(record(RecordKind::snapshot, 1)));
    EXPECT_TRUE(m.accept(record(RecordKind::snapshot, 1, kEnd + 1))); // the number belongs to another by now
}

TEST(SnapshotMerge, ReadsAgainWhoChangedBeforeBeingKnown) {
    SnapshotMerge m;
    EXPECT_FALSE(m.accept(record(RecordKind::change, 1)));
    EXPECT_FALSE(m.accept(record(RecordKind::change, 2)));
    EXPECT_TRUE(m.accept(record(RecordKind::snapshot, 1)));
    EXPECT_TRUE(m.accept(record(RecordKind::change, 1)));
    EXPECT_TRUE(m.accept(record(RecordKind::exit, 2)));
    EXPECT_EQ(m.finish(kEnd), std::vector<Pid>{1});
}

TEST(SnapshotMerge, AForkToldAfterTheEndIsStillThatOfAKnownProcess) {
    SnapshotMerge m;
    EXPECT_TRUE(m.accept(record(RecordKind::snapshot, 1)));
    EXPECT_TRUE(m.accept(record(RecordKind::snapshot, 2)));
    EXPECT_TRUE(m.finish(kEnd).empty());
    EXPECT_FALSE(m.accept(record(RecordKind::fork, 1)));
    EXPECT_TRUE(m.accept(record(RecordKind::change, 2)));
    EXPECT_FALSE(m.idle());
    EXPECT_TRUE(m.accept(record(RecordKind::fork, 3, kEnd + 1, 2 * kEnd))); // much later: nothing is kept any more
    EXPECT_TRUE(m.idle());
}

TEST(SnapshotMerge, KeepsOnlyTheYoungAfterTheEnd) {
    SnapshotMerge m;
    EXPECT_TRUE(m.accept(record(RecordKind::snapshot, 1, 5)));
    EXPECT_TRUE(m.finish(kEnd).empty());
    EXPECT_TRUE(m.idle());
}

} // namespace
} // namespace gyr
