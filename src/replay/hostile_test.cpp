// Captures that nobody wrote in good faith, and tables that are full.

#include "replay/test_support.h"

#include <gtest/gtest.h>

#include <limits>
#include <random>

namespace gyr::replay::test {
namespace {

constexpr std::int64_t kMin = std::numeric_limits<std::int64_t>::min(), kMax = std::numeric_limits<std::int64_t>::max();

TEST(ReplayHostile, NumbersAtTheirExtremes) {
    Script s;
    for (const std::int64_t n : {kMin, std::int64_t{-1}, std::int64_t{0}, std::int64_t{1} << 31, kMax}) {
        s.process(n, n, "x");
        s.file(n, n, "/a");
        s.open(n, n, "/b");
        s.read(n, n);
        s.event("dup2", n, {{"res", n}, {"oldfd", n}, {"newfd", n}});
        s.event("close_range", n, {{"res", 0}, {"first", n}, {"last", n}, {"flags", 4}});
        s.event("close", n, {{"res", 0}, {"fd", n}});
        s.fork(n, n);
        s.fork(1, n, n);
        s.event("clone", n, {{"res", 0}, {"pid", n}, {"ptid", n}, {"vtid", n}, {"vpid", n}, {"flags", n}});
        s.event("prlimit", n, {{"res", 0}, {"pid", n}, {"newcur", n}, {"resource", 7}});
        s.event("execve", n, {{"res", 0}, {"pid", n}, {"ptid", n}});
        s.event("pidfd_open", n, {{"fd", n}, {"pid", n}});
        s.event("pidfd_getfd", n, {{"fd", n}, {"pid_fd", n}, {"target_fd", n}});
        s.event("procexit", n, {{"status", n}, {"reaper_tid", n}});
    }
    s.look(5);
    EXPECT_TRUE(s.state.stats().events > 0);
}

TEST(ReplayHostile, ParentsInACircle) {
    Script s;
    s.process(10, 12, "a");
    s.process(11, 10, "b");
    s.process(12, 11, "c");
    s.process(13, 13, "its own parent");
    for (const std::int64_t pid : {13, 10, 11, 12}) {
        s.event("procexit", pid, {{"status", 0}, {"reaper_tid", pid}});
        s.look(99);
    }
    EXPECT_EQ(s.state.stats().threads, 1U);
    EXPECT_EQ(s.state.stats().groups, 0U);
}

TEST(ReplayHostile, ParametersCutShortOrMissing) {
    // Every event of the schema, with each number of empty, short and long parameters.
    for (const std::size_t length : {0U, 1U, 3U, 7U, 9U, 300U}) {
        Script s;
        s.process(1, 0, "init");
        s.process(5, 1, "x");
        s.file(5, 3, "/a");
        const std::string bytes(length, '\x01');
        for (const EventInfo& info : event_schema())
            for (std::size_t n = 0; n <= info.params.size(); ++n) {
                const std::vector<std::string_view> params(n, bytes);
                RawEvent raw;
                raw.code = info.code;
                raw.tid = 5;
                raw.time = s.time += 1;
                raw.params = params;
                EXPECT_EQ(s.state.on_event(raw)->code, info.code);
            }
    }
}

TEST(ReplayHostile, TextWithoutEndIsCut) {
    Script s;
    s.process(1, 0, "init");
    const std::string deep = "/" + std::string(100'000, 'a');
    const std::string_view view = deep;
    EXPECT_LE(s.event("openat", 1, {{"fd", 3}, {"dirfd", -100}, {"name", view}}).fd->name.size(), 4096U);
    EXPECT_LE(s.event("chdir", 1, {{"res", 0}, {"path", view}}).process->cwd.size(), 4097U);
    EXPECT_LE(s.event("prctl", 1, {{"res", 0}, {"option", 15}, {"arg2_str", view}}).process->comm.size(), 255U);
    for (int i = 0; i < 50; ++i) s.event("chroot", 1, {{"res", 0}, {"path", view}});
    EXPECT_LE(s.look(1).process->root.size(), 4096U);
}

TEST(ReplayHostile, FullTablesRefuseAndCount) {
    Script unused;
    ReplayState state({.max_threads = 10, .fd_budget_bytes = 4096, .image_budget_bytes = 2000});
    capfile::ThreadRecord r;
    const std::string env(1000, 'e');
    r.env = env;
    for (std::int64_t tid = 1; tid <= 50; ++tid) {
        r.tid = r.pid = tid;
        state.on_thread(r);
    }
    FdInfo info;
    info.name = "/some/file";
    for (std::int64_t fd = 0; fd < 100; ++fd) state.on_fd({.tid = 1, .fd = fd, .info = &info});
    RawEvent raw;
    raw.code = 203; // getuid, of a thread for which there is no room
    raw.tid = 1000;
    EXPECT_EQ(state.on_event(raw)->process, nullptr);
    const ReplayState::Stats stats = state.stats();
    EXPECT_EQ(stats.threads, 10U);
    EXPECT_EQ(stats.refused_threads, 41U);
    EXPECT_GT(stats.refused_fds, 0U);
    EXPECT_LE(stats.fd_bytes, 4096U + sizeof(FdInfo) + 64);
    EXPECT_GT(stats.trimmed_images, 0U);
    EXPECT_LE(stats.image_bytes, 10'000U);
}

TEST(ReplayHostile, ManyChildrenChangeHandsOften) {
    Script s;
    s.process(1, 0, "init", "/");
    s.process(2, 1, "a");
    for (std::int64_t i = 0; i < 2000; ++i) s.process(100 + i, 2, "child");
    for (std::int64_t i = 0; i < 500; ++i) {
        s.process(3 + i % 50, 1, "heir");
        s.event("procexit", i == 0 ? 2 : 3 + (i - 1) % 50, {{"status", 0}, {"reaper_tid", 3 + i % 50}});
    }
    EXPECT_EQ(s.look(100).process->parent.pid, 3 + 499 % 50);
    EXPECT_EQ(s.look(3 + 499 % 50).thread->children, 2000U);
}

TEST(ReplayHostile, MemoryIsGivenBack) {
    Script s;
    s.process(1, 0, "init", "/");
    for (int i = 0; i < 20'000; ++i) {
        const std::int64_t pid = 1000 + i;
        s.fork(1, pid);
        s.open(pid, 3, "/etc/a/file/with/a/long/name");
        s.event("execve", pid, {{"res", 0}, {"exe", "x"}, {"comm", "x"}, {"pid", pid}, {"ptid", 1}});
        s.event("procexit", pid, {{"status", 0}});
    }
    s.look(1);
    const ReplayState::Stats stats = s.state.stats();
    EXPECT_EQ(stats.threads, 1U);
    EXPECT_EQ(stats.groups, 1U);
    EXPECT_EQ(stats.fd_bytes, 0U);
    EXPECT_LT(stats.image_bytes, 4096U);
}

// Anything in any order: nothing may be left over when all threads have ended.
TEST(ReplayHostile, RandomLivesLeaveNothing) {
    std::mt19937 random(7);
    const auto pick = [&](std::int64_t from, std::int64_t to) {
        return std::uniform_int_distribution<std::int64_t>(from, to)(random);
    };
    Script s;
    s.process(1, 0, "init", "/");
    for (int i = 0; i < 30'000; ++i) {
        const std::int64_t tid = pick(1, 40), other = pick(1, 40);
        switch (pick(0, 9)) {
        case 0: s.fork(tid, other, pick(0, 1) << 13); break;
        case 1:
            s.event("clone", tid,
                    {{"res", 0},
                     {"exe", "y"},
                     {"pid", pick(0, 1) ? tid : other},
                     {"ptid", pick(0, 40)},
                     {"vtid", pick(0, 3)},
                     {"vpid", pick(0, 3)},
                     {"flags", pick(0, 1) << 13}});
            break;
        case 2: s.event("procexit", tid, {{"status", 0}, {"reaper_tid", pick(0, 40)}}); break;
        case 3: s.event("execve", tid, {{"res", 0}, {"exe", "z"}, {"comm", "z"}, {"pid", tid}, {"ptid", other}}); break;
        case 4: s.open(tid, pick(0, 20), "a", pick(0, 1) << 12); break;
        case 5: s.event("dup2", tid, {{"res", pick(0, 20)}, {"oldfd", pick(0, 20)}}); break;
        case 6: s.event("close", tid, {{"res", 0}, {"fd", pick(0, 20)}}); break;
        case 7: s.event("chdir", tid, {{"res", 0}, {"path", "b"}}); break;
        case 8: s.time += 3'000'000'000; break;
        default: s.look(tid); break;
        }
    }
    for (std::int64_t tid = 0; tid <= 41; ++tid) s.event("procexit", tid, {{"status", 0}});
    s.event("switch", 5000, {});
    EXPECT_EQ(s.state.stats().threads, 0U);
    EXPECT_EQ(s.state.stats().groups, 0U);
    EXPECT_EQ(s.state.stats().fd_bytes, 0U);
}

} // namespace
} // namespace gyr::replay::test
