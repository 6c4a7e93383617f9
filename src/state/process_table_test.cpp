#include "state/process_table.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace gyr {
namespace {

using namespace std::string_literals;

constexpr Nanos kSecond = 1'000'000'000;
constexpr Nanos kBoot = 1'700'000'000 * kSecond;

// A host with a script: each step is a record such as the kernel would send.
struct Script {
    explicit Script(ProcessTable::Options options = {}, ProcessTable::Classifier classify = {})
        : table(options, std::move(classify)) {}

    ProcessRecord base(RecordKind kind, ProcessKey key, ProcessKey parent) {
        ++now;
        ProcessRecord r;
        r.kind = kind;
        r.boottime_ns = now;
        r.time = kBoot + static_cast<Nanos>(now);
        r.key = key;
        r.tid = key.pid;
        r.real_parent = parent;
        r.vpid = r.vtid = key.pid;
        r.comm = "init";
        r.cwd = "/";
        r.namespaces.pid = 1;
        r.cgroups = cgroups;
        return r;
    }
    ProcessTable::Applied snapshot(ProcessKey key, ProcessKey parent, std::string_view comm, std::string_view argv) {
        ProcessRecord r = base(RecordKind::snapshot, key, parent);
        r.comm = comm;
        r.argv = {.bytes = argv};
        return table.apply(r);
    }
    ProcessTable::Applied fork(ProcessKey parent, ProcessKey child, std::string_view comm = "init") {
        ProcessRecord r = base(RecordKind::fork, child, parent);
        r.has_image = false;
        r.comm = comm;
        return table.apply(r);
    }
    ProcessTable::Applied exec(ProcessKey key, ProcessKey parent, std::string_view comm, std::string_view argv,
                               std::uint32_t exec_id = 1) {
        ProcessRecord r = base(RecordKind::exec, key, parent);
        r.comm = comm;
        r.argv = {.bytes = argv};
        r.exec_id = exec_id;
        r.credentials = credentials;
        return table.apply(r);
    }
    ProcessTable::Applied exit(ProcessKey key, ProcessKey parent = {}) {
        ProcessRecord r = base(RecordKind::exit, key, parent);
        r.has_image = false;
        return table.apply(r);
    }

    ProcessTable table;
    std::uint64_t now = 1000;
    Credentials credentials;
    std::vector<CgroupRecord> cgroups{{"", "/"}};
};

constexpr ProcessKey kInit{1, 1};
constexpr ProcessKey kShell{100, 500};
constexpr ProcessKey kChild{101, 600};

TEST(ProcessTable, SplitsArgvIncludingEmptyItems) {
    Script s;
    s.exec(kShell, kInit, "sh", "sh\0\0-c\0a b\0"s);
    const ItemList& argv = s.table.find(kShell)->exec->argv;
    ASSERT_EQ(argv.size(), 4U);
    EXPECT_EQ(argv[0], "sh");
    EXPECT_EQ(argv[1], "");
    EXPECT_EQ(argv[2], "-c");
    EXPECT_EQ(argv[3], "a b");
}

TEST(ProcessTable, ForkSharesTheImageAndExecReplacesIt) {
    Script s;
    s.snapshot(kShell, kInit, "sh", "sh\0"s);
    s.fork(kShell, kChild, "sh");
    EXPECT_EQ(s.table.find(kChild)->exec, s.table.find(kShell)->exec);
    const auto applied = s.exec(kChild, kShell, "ls", "ls\0-l\0"s, 2);
    ASSERT_TRUE(applied.new_exec_image);
    EXPECT_EQ(applied.before->comm, "sh");
    EXPECT_EQ(s.table.find(kChild)->comm, "ls");
    EXPECT_EQ(s.table.find(kShell)->exec->argv[0], "sh");
}

TEST(ProcessTable, ForkHandsDownWhatHasFiredAndExecForgetsIt) {
    Script s;
    s.snapshot(kShell, kInit, "sh", "sh\0"s);
    s.table.entry(kShell)->fired = {5};
    s.fork(kShell, kChild);
    EXPECT_EQ(s.table.entry(kChild)->fired, std::vector<std::uint64_t>{5});
    s.exec(kChild, kShell, "sh", "sh\0"s, 2);
    EXPECT_TRUE(s.table.entry(kChild)->fired.empty());
}

TEST(ProcessTable, AReusedPidIsAnotherProcess) {
    Script s;
    s.snapshot(kInit, {}, "init", "init\0"s);
    s.fork(kInit, {200, 10});
    s.exec({200, 10}, kInit, "first", "first\0"s);
    s.exit({200, 10}, kInit);
    s.fork(kInit, {200, 99});
    s.exec({200, 99}, kInit, "second", "second\0"s);
    EXPECT_EQ(s.table.find_pid(200)->comm, "second");
    EXPECT_EQ(s.table.find({200, 10})->comm, "first");
    EXPECT_EQ(s.table.stats().missed_exits, 0U);
}

TEST(ProcessTable, ALostExitShowsWhenThePidComesBack) {
    Script s;
    s.snapshot({200, 10}, kInit, "first", "first\0"s);
    s.fork(kInit, {200, 99});
    EXPECT_EQ(s.table.stats().missed_exits, 1U);
    EXPECT_TRUE(s.table.entry({200, 10})->dead);
    EXPECT_EQ(s.table.find_pid(200)->key.start_boottime_ns, 99U);
}

// The snapshot has seen the next process of a pid, the ring still has the end of the one before.
TEST(ProcessTable, TheEndOfAnEarlierProcessOfAPidIsNotThatOfTheNext) {
    Script s;
    s.snapshot({200, 99}, kInit, "second", "second\0"s);
    s.exit({200, 10}, kInit);
    EXPECT_EQ(s.table.stats().missed_exits, 0U);
    ASSERT_NE(s.table.find_pid(200), nullptr);
    EXPECT_EQ(s.table.find_pid(200)->key.start_boottime_ns, 99U);
    EXPECT_TRUE(s.exec({200, 99}, kInit, "third", "third\0"s, 2).new_exec_image);
}

TEST(ProcessTable, ALateEndDoesNotTakeThePidBack) {
    Script s;
    s.snapshot({200, 10}, kInit, "first", "first\0"s);
    s.fork(kInit, {200, 99});
    ProcessRecord late = s.base(RecordKind::exit, {200, 10}, kInit);
    late.has_image = false;
    late.credentials.uid = 4242; // so that it makes an image
    s.table.apply(late);
    ASSERT_NE(s.table.find_pid(200), nullptr);
    EXPECT_EQ(s.table.find_pid(200)->key.start_boottime_ns, 99U);
    EXPECT_EQ(s.table.find_vpid(1, 200)->key.start_boottime_ns, 99U);
}

TEST(ProcessTable, ASnapshotOlderThanAnEventTellsNothing) {
    Script s;
    ProcessRecord old = s.base(RecordKind::snapshot, kShell, kInit);
    old.comm = "sh";
    s.exec(kShell, kInit, "ls", "ls\0"s, 2);
    const auto applied = s.table.apply(old);
    EXPECT_EQ(applied.process, nullptr);
    EXPECT_EQ(s.table.find(kShell)->comm, "ls");
    EXPECT_EQ(s.table.stats().stale, 1U);
}

TEST(ProcessTable, ASnapshotAfterAnEventDoesNotCountTheImageTwice) {
    Script s;
    EXPECT_TRUE(s.exec(kShell, kInit, "sh", "sh\0"s, 2).new_exec_image);
    ProcessRecord again = s.base(RecordKind::snapshot, kShell, kInit);
    again.comm = "sh";
    again.exec_id = 2;
    const auto applied = s.table.apply(again);
    EXPECT_FALSE(applied.new_exec_image);
    EXPECT_FALSE(applied.changed);
}

TEST(ProcessTable, ASnapshotOfAProcessThatHasExitedDoesNotReviveIt) {
    Script s;
    s.exec(kShell, kInit, "sh", "sh\0"s);
    s.exit(kShell, kInit);
    s.snapshot(kShell, kInit, "sh", "sh\0"s);
    EXPECT_TRUE(s.table.entry(kShell)->dead);
    EXPECT_EQ(s.table.find_pid(kShell.pid), nullptr);
}

TEST(ProcessTable, ASnapshotOfAnUnseenProcessIsANewImage) {
    Script s;
    EXPECT_TRUE(s.snapshot(kShell, kInit, "sh", "sh\0"s).new_exec_image);
}

TEST(ProcessTable, AMissedExecIsNoticedByTheNextSnapshot) {
    Script s;
    s.exec(kShell, kInit, "sh", "sh\0"s, 1);
    ProcessRecord r = s.base(RecordKind::snapshot, kShell, kInit);
    r.comm = "nc";
    r.exec_id = 2;
    const auto applied = s.table.apply(r);
    EXPECT_TRUE(applied.new_exec_image);
    EXPECT_EQ(s.table.stats().missed_execs, 1U);
}

TEST(ProcessTable, AForkWhoseParentWasNeverSeenAsksToBeReadAgain) {
    Script s;
    EXPECT_TRUE(s.fork(kShell, kChild).incomplete);
    EXPECT_TRUE(s.table.find(kChild)->incomplete);
    EXPECT_FALSE(s.snapshot(kChild, kShell, "sh", "sh\0"s).incomplete);
    EXPECT_FALSE(s.table.find(kChild)->incomplete);
    EXPECT_EQ(s.table.stats().missed_execs, 0U);
}

// The wall clock moves between the two, if only by a nanosecond of its steering.
TEST(ProcessTable, APidNamespaceStaysTheSameWhateverTheClockDoes) {
    Script s;
    ProcessRecord r = s.base(RecordKind::snapshot, kShell, kInit);
    r.pidns_init_start_boottime_ns = 50;
    s.table.apply(r);
    const std::uint64_t before = s.table.entry(kShell)->image->pidns_number;
    EXPECT_NE(before, 0U);
    r = s.base(RecordKind::exec, kShell, kInit);
    r.time += 1;
    r.pidns_init_start_boottime_ns = 50;
    s.table.apply(r);
    EXPECT_EQ(s.table.entry(kShell)->image->pidns_number, before);
}

TEST(ProcessTable, LineageOutlivesTheParentForItsTime) {
    Script s({.lineage_keep = 10 * kSecond});
    s.snapshot(kInit, {}, "init", "init\0"s);
    s.fork(kInit, kShell);
    s.exec(kShell, kInit, "nginx", "nginx\0"s);
    s.fork(kShell, kChild);
    s.exec(kChild, kShell, "sh", "sh\0"s);
    s.exit(kShell, kInit);
    EXPECT_EQ(s.table.find_creator(kChild)->comm, "nginx");
    // A living descendant keeps it past its time.
    s.table.expire(kBoot + static_cast<Nanos>(s.now) + 11 * kSecond);
    ASSERT_NE(s.table.find_creator(kChild), nullptr);
    s.exit(kChild, kInit);
    s.table.expire(kBoot + static_cast<Nanos>(s.now) + 60 * kSecond);
    s.table.expire(kBoot + static_cast<Nanos>(s.now) + 120 * kSecond);
    EXPECT_EQ(s.table.find(kShell), nullptr);
    EXPECT_EQ(s.table.find(kChild), nullptr);
    EXPECT_EQ(s.table.stats().living, 1U);
    EXPECT_EQ(s.table.stats().ended, 0U);
    EXPECT_EQ(s.table.stats().evicted, 0U);
}

// A daemon that forks twice: those in between have ended, and who began it is worth knowing for as long as it runs.
TEST(ProcessTable, AllAncestorsOfTheLivingAreKept) {
    Script s({.lineage_keep = 10 * kSecond});
    constexpr ProcessKey kGrandchild{102, 700};
    s.snapshot(kInit, {}, "init", "init\0"s);
    s.fork(kInit, kShell);
    s.fork(kShell, kChild);
    s.fork(kChild, kGrandchild);
    s.exit(kShell, kInit);
    s.exit(kChild, kInit);
    const Nanos ended = kBoot + static_cast<Nanos>(s.now);
    for (int round = 1; round < 4; ++round) s.table.expire(ended + round * 11 * kSecond);
    EXPECT_NE(s.table.find(kChild), nullptr);
    EXPECT_NE(s.table.find(kShell), nullptr);
    s.exit(kGrandchild, kInit);
    for (int round = 4; round < 8; ++round) s.table.expire(ended + round * 11 * kSecond);
    EXPECT_EQ(s.table.find(kGrandchild), nullptr);
    EXPECT_EQ(s.table.find(kChild), nullptr);
    EXPECT_EQ(s.table.find(kShell), nullptr);
}

// A snapshot comes in the order of pids, and those have gone round: children before their parents.
TEST(ProcessTable, AParentToldAfterItsChildrenIsKeptForThem) {
    Script s({.lineage_keep = 10 * kSecond});
    constexpr ProcessKey kOther{102, 700};
    s.snapshot(kInit, {}, "init", "init\0"s);
    s.snapshot(kChild, kShell, "a", "a\0"s);
    s.snapshot(kShell, kInit, "sh", "sh\0"s);
    s.fork(kShell, kOther);
    s.exit(kOther, kShell);
    s.exit(kShell, kInit);
    s.table.expire(kBoot + static_cast<Nanos>(s.now) + 11 * kSecond);
    ASSERT_NE(s.table.find_creator(kChild), nullptr);
    EXPECT_EQ(s.table.find_creator(kChild)->comm, "sh");
    EXPECT_EQ(s.table.find(kOther), nullptr);
}

TEST(ProcessTable, AChainOfForksThatEndStaysBounded) {
    Script s({.lineage_max = 100});
    s.snapshot(kInit, {}, "init", "init\0"s);
    ProcessKey parent = kInit;
    for (int i = 0; i < 20'000; ++i) {
        const ProcessKey child{2 + i, static_cast<std::uint64_t>(10 + i)};
        s.fork(parent, child);
        s.exec(child, parent, "worm", "worm\0-x\0"s, static_cast<std::uint32_t>(i));
        if (parent != kInit) s.exit(parent, kInit);
        parent = child;
    }
    const auto stats = s.table.stats();
    EXPECT_EQ(stats.living, 2U);
    EXPECT_EQ(stats.ended, 100U);
    EXPECT_EQ(stats.evicted, 20'000U - 1 - 100);
}

TEST(ProcessTable, BytesReturnWhenProcessesAreGone) {
    Script s({.lineage_keep = 0});
    s.snapshot(kInit, {}, "init", "init\0"s);
    const auto before = s.table.stats().bytes;
    const std::string argv = "sh\0"s + std::string(1000, 'x');
    for (int i = 0; i < 100; ++i) s.exec({1000 + i, 5}, kInit, "sh", argv);
    EXPECT_GE(s.table.stats().bytes, before + 100 * 1000);
    for (int i = 0; i < 100; ++i) s.exit({1000 + i, 5}, kInit);
    s.table.expire(kBoot + 1000 * kSecond);
    EXPECT_EQ(s.table.stats().bytes, before);
}

TEST(ProcessTable, OverBudgetNewImagesAreTrimmedAndCountedNeverRefused) {
    Script s({.budget_bytes = 64U << 10});
    s.snapshot(kInit, {}, "init", "init\0"s);
    const std::string argv = "sh\0"s + std::string(4000, 'x');
    for (int i = 0; i < 200; ++i) s.exec({1000 + i, 5}, kInit, "sh", argv);
    EXPECT_EQ(s.table.stats().living, 201U);
    EXPECT_GT(s.table.stats().trimmed, 0U);
    const ItemList& last = s.table.find({1199, 5})->exec->argv;
    EXPECT_TRUE(last.truncated);
    EXPECT_EQ(last[0], "sh");
    EXPECT_LT(s.table.stats().bytes, 400U << 10);
}

TEST(ProcessTable, CredentialsGainedByExecAreTold) {
    Script s;
    s.credentials.uid = s.credentials.euid = 1000;
    s.exec(kShell, kInit, "sh", "sh\0"s, 1);
    s.credentials.euid = 0;
    s.credentials.cap_effective = 0xff;
    s.exec(kShell, kInit, "su", "su\0"s, 2);
    const ProcessImage* p = s.table.find(kShell);
    EXPECT_TRUE(p->gained.uid);
    EXPECT_FALSE(p->gained.gid);
    EXPECT_EQ(p->gained.caps, 0xffU);
    s.exec(kShell, kInit, "sh", "sh\0"s, 3);
    EXPECT_FALSE(s.table.find(kShell)->gained.uid);
}

TEST(ProcessTable, TheContainerIsAskedForOncePerCgroupChange) {
    int asked = 0;
    auto container = std::make_shared<Container>();
    container->id = "0123456789ab";
    Script s({}, [&](const ProcessImage& p) -> std::shared_ptr<Container> {
        ++asked;
        return p.cgroups->front().path == "/docker/x" ? container : nullptr;
    });
    s.snapshot(kInit, {}, "init", "init\0"s);
    s.fork(kInit, kShell);
    EXPECT_EQ(asked, 1);
    s.cgroups = {{"", "/docker/x"}};
    s.exec(kShell, kInit, "sh", "sh\0"s);
    EXPECT_EQ(asked, 2);
    s.fork(kShell, kChild);
    EXPECT_EQ(asked, 2);
    EXPECT_EQ(s.table.find(kChild)->container, container);
}

TEST(ProcessTable, WhoLeavesAContainerKeepsItAsOriginAndSoDoItsChildren) {
    const auto make = [](std::string id, std::vector<std::string> chain) {
        auto c = std::make_shared<Container>();
        c->id = std::move(id);
        c->chain = std::move(chain);
        return c;
    };
    const auto outer = make("outer", {"outer"}), inner = make("inner", {"outer", "inner"}),
               other = make("other", {"other"});
    Script s({}, [&](const ProcessImage& p) -> std::shared_ptr<Container> {
        const std::string& path = p.cgroups->front().path;
        return path == "/outer" ? outer : path == "/outer/inner" ? inner : path == "/other" ? other : nullptr;
    });
    const auto move = [&](const ProcessKey& key, std::string_view path) {
        s.cgroups = {{"", path}};
        s.exec(key, kInit, "sh", "sh\0"s);
        return s.table.find(key);
    };
    s.cgroups = {{"", "/"}};
    s.snapshot(kInit, {}, "init", "init\0"s);
    s.fork(kInit, kShell);
    EXPECT_EQ(s.table.find(kShell)->origin, nullptr);
    EXPECT_FALSE(has_moved(*s.table.find(kShell)));
    EXPECT_EQ(move(kShell, "/outer")->origin, outer); // from the host into one, as a runtime does
    EXPECT_FALSE(has_moved(*s.table.find(kShell)));
    EXPECT_EQ(move(kShell, "/other")->origin, outer);
    EXPECT_TRUE(has_moved(*s.table.find(kShell)));
    s.fork(kShell, kChild);
    EXPECT_EQ(s.table.find(kChild)->origin, outer);
    EXPECT_EQ(s.table.find(kChild)->container, other);
    EXPECT_TRUE(has_moved(*move(kChild, "/")));
    EXPECT_FALSE(has_moved(*move(kShell, "/outer")));       // back
    EXPECT_EQ(move(kShell, "/outer/inner")->origin, inner); // made inside of it
    EXPECT_FALSE(has_moved(*s.table.find(kShell)));
    EXPECT_TRUE(has_moved(*move(kShell, "/outer"))); // out of that one
}

TEST(ProcessTable, FindsSessionLeadersInsideAPidNamespace) {
    Script s;
    ProcessRecord r = s.base(RecordKind::exec, kShell, kInit);
    r.comm = "sh";
    r.namespaces.pid = 4026532222;
    r.vpid = 1;
    s.table.apply(r);
    ASSERT_NE(s.table.find_vpid(4026532222, 1), nullptr);
    EXPECT_EQ(s.table.find_vpid(4026532222, 1)->comm, "sh");
    EXPECT_EQ(s.table.find_vpid(7, 1), nullptr);
}

TEST(ProcessTable, CredentialsThatNothingToldOfShowAtTheExit) {
    Script s;
    const ProcessKey parent{10, 1}, child{11, 2};
    s.snapshot(parent, {}, "sh", "sh");
    s.fork(parent, child, "sh");
    s.exec(child, parent, "actor", "actor");
    ProcessRecord r = s.base(RecordKind::exit, child, parent);
    r.has_image = false;
    r.comm = "actor";
    r.credentials.uid = r.credentials.euid = 4242;
    const auto exit = s.table.apply(r);
    EXPECT_TRUE(exit.changed);
    EXPECT_EQ(exit.image->credentials.uid, 4242u);
    EXPECT_EQ(exit.before->credentials.uid, 0u);
    EXPECT_EQ(exit.image->exec->argv[0], "actor");
}

TEST(ProcessTable, AChangeThatTellsNoNameLeavesIt) {
    Script s;
    const ProcessKey parent{10, 1};
    s.snapshot(parent, {}, "su", "su");
    ProcessRecord r = s.base(RecordKind::change, parent, {});
    r.has_image = false;
    r.comm = "";
    r.changes = kChangeCredentials;
    r.credentials.uid = 1000;
    const auto change = s.table.apply(r);
    EXPECT_EQ(change.image->comm, "su");
    EXPECT_EQ(change.image->credentials.uid, 1000u);
    r = s.base(RecordKind::change, parent, {});
    r.has_image = false;
    r.comm = "";
    r.changes = kChangeComm; // prctl(PR_SET_NAME, "")
    EXPECT_EQ(s.table.apply(r).image->comm, "");
}

TEST(ProcessTable, AForkWithOtherCredentialsIsAChange) {
    Script s;
    const ProcessKey parent{10, 1}, child{11, 2}, other{12, 3};
    s.snapshot(parent, {}, "sh", "sh");
    ProcessRecord r = s.base(RecordKind::fork, child, parent);
    r.has_image = false;
    r.credentials.euid = 7;
    EXPECT_TRUE(s.table.apply(r).changed);
    EXPECT_FALSE(s.fork(parent, other).changed);
}

} // namespace
} // namespace gyr
