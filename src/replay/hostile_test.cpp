// Captures that nobody wrote in good faith, and tables that are full.

#include "replay/test_support.h"

#include <gtest/gtest.h>

#include <limits>
#include <random>

namespace gyr::replay::test {
namespace {

using namespace std::string_literals;

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

TEST(ReplayHostile, TimesAtTheirExtremes) {
    Script s;
    s.process(1, 0, "init");
    for (const std::int64_t time : {kMin, kMax - 1'000'000, kMin, std::int64_t{0}}) {
        s.time = time;
        s.fork(1, 5);
        s.fork(1, 5);
        s.look(5);
    }
    EXPECT_EQ(s.state.stats().threads, 2U);
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

TEST(ReplayHostile, ADescriptorWithoutRoomIsNotTheOneBefore) {
    ReplayState state({.fd_budget_bytes = 4096});
    capfile::ThreadRecord r;
    r.tid = r.pid = 1;
    state.on_thread(r);
    FdInfo info;
    info.name = "/old";
    for (std::int64_t fd = 0; state.stats().refused_fds == 0; ++fd) state.on_fd({.tid = 1, .fd = fd, .info = &info});
    const std::int64_t made = 0;
    const std::vector<std::string_view> params{{reinterpret_cast<const char*>(&made), sizeof made}};
    RawEvent raw;
    raw.code = 307; // openat, its end
    raw.tid = 1;
    raw.params = params;
    const Event* e = state.on_event(raw);
    EXPECT_EQ(e->fd, nullptr);
    EXPECT_EQ(e->fds->find_fd(made), nullptr);
}

// A fork copies the table, and entries are shared: what the copies take is the budget's as well.
TEST(ReplayHostile, ManyChildrenOfAParentWithManyDescriptors) {
    constexpr std::size_t kBudget = 1U << 20;
    ReplayState state({.fd_budget_bytes = kBudget});
    capfile::ThreadRecord r;
    r.tid = r.pid = r.vtid = r.vpid = 1;
    state.on_thread(r);
    FdInfo info;
    for (std::int64_t fd = 0; fd < 1000; ++fd)
        state.on_fd({.tid = 1, .fd = fd % 2 == 0 ? fd : fd + 5000, .info = &info});
    const std::uint64_t alone = state.stats().fd_bytes;
    RawEvent raw;
    raw.code = 223; // clone, of the caller
    raw.tid = 1;
    std::int64_t child = 0;
    const std::vector<std::string_view> params{{reinterpret_cast<const char*>(&child), sizeof child}};
    raw.params = params;
    for (child = 2; child < 1000; ++child) {
        raw.time += 1000;
        (void)state.on_event(raw);
    }
    const ReplayState::Stats stats = state.stats();
    EXPECT_EQ(stats.threads, 999U);
    EXPECT_GT(stats.fd_bytes, alone + kBudget / 4);
    EXPECT_LE(stats.fd_bytes, kBudget);
    EXPECT_GT(stats.refused_fds, 0U);
}

TEST(ReplayHostile, CgroupsWithoutEndAreNotKept) {
    Script s;
    s.process(1, 0, "init");
    const auto cgroups = [](std::int64_t pid) {
        std::string items = "cpu=/docker/" + std::string(64, 'a') + '\0';
        for (int i = 0; i < 5000; ++i) items += "a=/\0"s;
        return Raw{items + "b=/" + std::to_string(pid) + '\0'};
    };
    const auto run = [&](std::int64_t pid) -> const Event& {
        s.fork(1, pid);
        return s.event("execve", pid,
                       {{"res", 0}, {"comm", "x"}, {"pid", pid}, {"ptid", 1}, {"cgroups", cgroups(pid)}});
    };
    EXPECT_EQ(run(100).process->cgroups->size(), 5002U);
    for (std::int64_t pid = 101; pid < 300; ++pid) run(pid);
    const Event& late = run(300);
    EXPECT_TRUE(late.process->cgroups->empty());
    ASSERT_TRUE(late.process->container);
    EXPECT_EQ(late.process->container->id, std::string(12, 'a')) << "that rules ask for, it is small";
    EXPECT_GT(s.state.stats().trimmed_images, 0U);
    for (std::int64_t pid = 100; pid <= 300; ++pid) s.event("procexit", pid, {{"status", 0}});
    EXPECT_EQ(run(301).process->cgroups->size(), 5002U) << "there is room again";
}

TEST(ReplayHostile, WhatIsToldOfContainersAndUsersIsBounded) {
    Script s;
    s.process(1, 0, "init");
    const std::string long_name(100'000, 'n');
    const std::string_view name = long_name;
    s.event("useradded", 1, {{"uid", 7}, {"gid", 7}, {"name", name}, {"home", name}, {"shell", name}},
            EventDirection::enter);
    EXPECT_EQ(s.state.users().user(*s.look(1).process, 7).entry->name.size(), 256U);
    s.event("useradded", 1, {{"uid", 8}, {"name", "a"}, {"container_id", name}}, EventDirection::enter);
    EXPECT_EQ(s.state.stats().refused_users, 1U);

    const auto tell = [&](const std::string& id) -> const Event& {
        std::string mounts;
        for (int i = 0; i < 100'000; ++i) mounts += "{},";
        const std::string json = R"({"container":{"id":")" + id + R"(","name":"c","Mounts":[)" + mounts + "{}]}}";
        return s.event("asyncevent", 1, {{"name", "container"}, {"data", Raw{json + '\0'}}}, EventDirection::enter);
    };
    EXPECT_EQ(tell(long_name).container, nullptr);
    EXPECT_EQ(s.state.stats().refused_containers, 1U);
    ASSERT_TRUE(tell("c1").container);
    for (int i = 0; i < 6; ++i) tell("c1"); // the same again takes the place of what was
    EXPECT_EQ(s.state.stats().refused_containers, 1U);
    for (int i = 2; i < 10; ++i) tell("c" + std::to_string(i));
    EXPECT_GT(s.state.stats().refused_containers, 1U);
    ASSERT_TRUE(tell("c9").container);
    EXPECT_EQ(tell("c9").container->info, nullptr);
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
