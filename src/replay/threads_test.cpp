#include "replay/test_support.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace gyr::replay::test {
namespace {

constexpr std::int64_t kThreadFlags = (1 << 13) | 1 | 2; // CLONE_THREAD, FILES, FS
constexpr std::int64_t kNewPid = 1 << 6, kCloneParent = 1 << 8, kInNamespace = 1 << 29;

// init, and a shell below it with one descriptor.
struct Shell : Script {
    Shell() {
        process(1, 0, "init", "/");
        process(100, 1, "sh");
        file(100, 0, "/dev/pts/0");
    }
};

TEST(ReplayThreads, ForkInheritsWhatTheParentHas) {
    Shell s;
    s.fork(100, 200);
    const Event& e = s.look(200);
    ASSERT_TRUE(e.process);
    EXPECT_EQ(e.process->comm, "sh");
    EXPECT_EQ(e.process->cwd, "/home/");
    EXPECT_EQ(e.process->parent.pid, 100);
    EXPECT_EQ(e.process->key.pid, 200);
    EXPECT_EQ(e.thread->threads, 1U);
    EXPECT_EQ(e.thread->open_fds, 1U);
    ASSERT_TRUE(e.fds->find_fd(0));
    EXPECT_EQ(e.fds->find_fd(0)->name, "/dev/pts/0");
    EXPECT_EQ(s.look(100).thread->children, 1U);
}

TEST(ReplayThreads, ChildsOwnEventAloneIsEnough) {
    Shell s;
    const Event& e = s.event("clone", 200,
                             {{"res", 0},
                              {"exe", "sh"},
                              {"comm", "sh"},
                              {"pid", 200},
                              {"ptid", 100},
                              {"vtid", 200},
                              {"vpid", 200},
                              {"uid", 5}});
    ASSERT_TRUE(e.process);
    EXPECT_EQ(e.process->parent.pid, 100);
    EXPECT_EQ(e.process->credentials.uid, 5U);
    EXPECT_EQ(e.process->cwd, "/home/");
    // The caller's event that follows changes nothing.
    s.fork(100, 200);
    EXPECT_EQ(s.state.stats().threads, 3U);
    EXPECT_EQ(s.look(200).process->credentials.uid, 5U);
}

TEST(ReplayThreads, ChildOfAnUnknownParentHasNone) {
    Shell s;
    const Event& e = s.event("clone", 300, {{"res", 0}, {"exe", "x"}, {"comm", "x"}, {"pid", 300}, {"ptid", 299}});
    ASSERT_TRUE(e.process);
    EXPECT_EQ(e.process->comm, "x");
    EXPECT_EQ(e.process->parent.pid, 299);
    EXPECT_EQ(s.state.processes().find(e.process->parent), nullptr);
}

TEST(ReplayThreads, ThreadsShareDescriptorsAndDirectory) {
    Shell s;
    s.fork(100, 101, kThreadFlags);
    s.open(101, 7, "file");
    EXPECT_EQ(s.read(100, 7).fd->name, "/home/file");
    s.event("chdir", 101, {{"res", 0}, {"path", "sub/../other"}});
    EXPECT_EQ(s.look(100).process->cwd, "/home/other/");
    EXPECT_EQ(s.look(101).process->cwd, "/home/other/");
    EXPECT_FALSE(s.look(101).thread->is_main);
    EXPECT_EQ(s.look(101).process->key.pid, 100);
    EXPECT_EQ(s.look(101).process->parent.pid, 1);
    EXPECT_EQ(s.look(100).thread->threads, 2U);
    EXPECT_EQ(s.look(100).thread->other_threads, 1U);
}

TEST(ReplayThreads, ProcessesDoNotShareDescriptorsAfterAFork) {
    Shell s;
    s.fork(100, 200);
    s.open(200, 3, "/a");
    EXPECT_EQ(s.read(100, 3).fd, nullptr);
    s.event("close", 100, {{"res", 0}, {"fd", 0}});
    EXPECT_TRUE(s.read(200, 0).fd);
    EXPECT_FALSE(s.read(100, 0).fd);
    s.event("chdir", 200, {{"res", 0}, {"path", "/x"}});
    EXPECT_EQ(s.look(100).process->cwd, "/home/");
}

TEST(ReplayThreads, ExecReplacesTheImageAndKeepsTheRest) {
    Shell s;
    s.fork(100, 200);
    const ProcessImagePtr before = s.look(200).process;
    const Event& e = s.event("execve", 200,
                             {{"res", 0},
                              {"exe", "ls"},
                              {"args", Raw{std::string("-l\0/tmp\0", 8)}},
                              {"pid", 200},
                              {"ptid", 100},
                              {"comm", "ls"},
                              {"env", Raw{std::string("A=1\0", 4)}},
                              {"trusted_exepath", "/bin/ls"},
                              {"loginuid", 7},
                              {"flags", 2},
                              {"uid", 0}});
    EXPECT_EQ(e.before, before);
    EXPECT_EQ(before->comm, "sh") << "an image never changes";
    EXPECT_EQ(e.process->comm, "ls");
    EXPECT_EQ(e.process->exec->exe_path, "/bin/ls");
    ASSERT_EQ(e.process->exec->argv.size(), 3U);
    EXPECT_EQ(e.process->exec->argv[2], "/tmp");
    EXPECT_EQ(e.process->exec->env[0], "A=1");
    EXPECT_EQ(e.process->cwd, "/home/");
    EXPECT_EQ(e.process->credentials.login_uid, 7U);
    EXPECT_EQ(e.process->exec->exe_file.marks, kFileUpperLayer + 0U);
    EXPECT_TRUE(e.fds->find_fd(0));
}

TEST(ReplayThreads, ExecPathComesFromTheCallWhenTheKernelDidNotTell) {
    Shell s;
    EXPECT_EQ(s.event("execve", 100, {{"res", 0}, {"exe", "a"}, {"comm", "a"}, {"filename", "./bin/../a"}})
                  .process->exec->exe_path,
              "/home/a");
    s.event("execveat", 100, {{"dirfd", 0}, {"pathname", "b"}}, EventDirection::enter);
    // Refused calls leave everything as it is.
    EXPECT_EQ(s.event("execve", 100, {{"res", -2}, {"exe", "c"}, {"comm", "c"}}).process->comm, "a");
}

TEST(ReplayThreads, ExecByAnotherThreadLeavesOneThread) {
    Shell s;
    s.fork(100, 101, kThreadFlags);
    s.fork(100, 102, kThreadFlags);
    const Event& e = s.event("execve", 100, {{"res", 0}, {"exe", "new"}, {"comm", "new"}, {"pid", 100}, {"ptid", 1}});
    EXPECT_EQ(e.thread->threads, 1U);
    EXPECT_EQ(s.state.stats().threads, 2U);
    EXPECT_EQ(s.look(100).process->comm, "new");
}

TEST(ReplayThreads, ExecRevivesTheMainThreadThatHadEnded) {
    Shell s;
    s.fork(100, 101, kThreadFlags);
    s.event("procexit", 100, {{"status", 0}});
    EXPECT_EQ(s.look(101).thread->threads, 1U);
    EXPECT_EQ(s.look(101).thread->other_threads, 1U) << "the main thread is dead: all living ones are others";
    const Event& e = s.event("execve", 100, {{"res", 0}, {"exe", "new"}, {"comm", "new"}, {"pid", 100}, {"ptid", 1}});
    EXPECT_EQ(e.thread->threads, 1U);
    EXPECT_EQ(e.thread->other_threads, 0U);
}

TEST(ReplayThreads, ExitIsSeenAndThenGone) {
    Shell s;
    s.fork(100, 200);
    const Event& e = s.event("procexit", 200, {{"status", 256}});
    ASSERT_TRUE(e.process);
    EXPECT_EQ(e.process->key.pid, 200);
    EXPECT_EQ(e.exit_code, 256);
    EXPECT_EQ(e.thread->threads, 0U);
    EXPECT_EQ(e.thread->open_fds, 1U);
    s.look(100);
    EXPECT_EQ(s.state.processes().find_pid(200), nullptr);
    EXPECT_EQ(s.look(100).thread->children, 0U);
}

TEST(ReplayThreads, MainThreadWaitsForTheOthers) {
    Shell s;
    s.fork(100, 101, kThreadFlags);
    s.event("procexit", 100, {{"status", 0}});
    s.look(101);
    EXPECT_TRUE(s.state.processes().find_pid(100)) << "its threads still use what it holds";
    EXPECT_TRUE(s.read(101, 0).fd);
    s.event("procexit", 101, {{"status", 0}});
    s.look(1);
    EXPECT_EQ(s.state.processes().find_pid(100), nullptr);
    EXPECT_EQ(s.state.stats().threads, 1U);
    EXPECT_EQ(s.state.stats().groups, 1U);
}

TEST(ReplayThreads, OrphansGoToTheReaperThatTheExitNames) {
    Shell s;
    s.process(50, 1, "supervisor");
    s.fork(100, 200);
    s.event("procexit", 100, {{"status", 0}, {"reaper_tid", 50}});
    EXPECT_EQ(s.look(200).process->parent.pid, 50);
    EXPECT_EQ(s.look(50).thread->children, 1U);
}

TEST(ReplayThreads, OrphansGoToASiblingThreadThenToWhoReaps) {
    Shell s;
    s.fork(100, 101, kThreadFlags);
    s.fork(100, 200);
    s.event("procexit", 100, {{"status", 0}});
    EXPECT_EQ(s.look(200).process->parent.pid, 101);

    Shell t;
    t.event("prctl", 100, {{"res", 0}, {"option", 36}, {"arg2_int", 1}});
    t.fork(100, 200);
    t.fork(200, 300);
    t.event("procexit", 200, {{"status", 0}});
    EXPECT_EQ(t.look(300).process->parent.pid, 100) << "a subreaper";
    t.event("procexit", 100, {{"status", 0}});
    EXPECT_EQ(t.look(300).process->parent.pid, 1) << "init";
}

TEST(ReplayThreads, CloneParentMakesASibling) {
    Shell s;
    s.fork(100, 200, kCloneParent);
    EXPECT_EQ(s.look(200).process->parent.pid, 1);
}

TEST(ReplayThreads, InsideANamespaceOnlyTheChildsEventCounts) {
    Shell s;
    s.fork(100, 2, kInNamespace);
    s.fork(100, 3, kNewPid);
    EXPECT_EQ(s.state.processes().find_pid(2), nullptr);
    EXPECT_EQ(s.state.processes().find_pid(3), nullptr);
    const Event& e = s.event("clone", 900,
                             {{"res", 0},
                              {"exe", "sh"},
                              {"comm", "sh"},
                              {"pid", 900},
                              {"ptid", 100},
                              {"vtid", 1},
                              {"vpid", 1},
                              {"flags", kInNamespace}});
    EXPECT_EQ(e.process->vpid, 1);
    // From in there the caller's result is a number of the namespace, whatever the flags say.
    s.fork(900, 2);
    EXPECT_EQ(s.state.processes().find_pid(2), nullptr);
}

TEST(ReplayThreads, ChildCorrectsACallerWhoDidNotKnowOfTheNamespace) {
    Shell s;
    s.fork(100, 200);
    const Event& e =
        s.event("clone", 200,
                {{"res", 0}, {"exe", "sh"}, {"comm", "sh"}, {"pid", 200}, {"ptid", 100}, {"vtid", 1}, {"vpid", 1}});
    EXPECT_EQ(e.process->vtid, 1);
    EXPECT_EQ(s.look(200).process->vpid, 1);
}

TEST(ReplayThreads, OldOwnerOfANumberMakesWay) {
    Shell s;
    s.process(200, 1, "old");
    s.thread(201, 200, 1, "old");
    s.time += 10'000'000'000;
    s.fork(100, 200);
    EXPECT_EQ(s.look(200).process->comm, "sh");
    EXPECT_EQ(s.look(200).thread->threads, 1U) << "the old process's threads went with it";
    EXPECT_EQ(s.state.processes().find_pid(201), nullptr);
}

TEST(ReplayThreads, UnknownThreadIsKnownByItsNumberUntilAnExecTells) {
    Shell s;
    const Event& e = s.look(777);
    ASSERT_TRUE(e.process);
    EXPECT_EQ(e.process->comm, "<NA>");
    EXPECT_EQ(e.process->key.pid, -1);
    EXPECT_TRUE(e.process->incomplete);
    EXPECT_EQ(e.thread->threads, 0U);
    EXPECT_EQ(s.open(777, 3, "/x").fd->name, "/x");
    const Event& x = s.event("execve", 777, {{"res", 0}, {"exe", "a"}, {"comm", "a"}, {"pid", 777}, {"ptid", 100}});
    EXPECT_EQ(x.process->key.pid, 777);
    EXPECT_EQ(x.process->parent.pid, 100);
    EXPECT_FALSE(x.process->incomplete);
    EXPECT_EQ(x.thread->threads, 1U);
    EXPECT_EQ(s.state.stats().unknown_threads, 1U);
}

TEST(ReplayThreads, ListsMayTellOfTheMainThreadAlone) {
    Script s;
    s.process(1, 0, "init", "/");
    // The thread before its main thread.
    s.thread(101, 100, 1, "worker", "");
    capfile::ThreadRecord main;
    main.tid = main.pid = main.vtid = main.vpid = 100;
    main.ptid = 1;
    main.comm = main.exe = "server";
    main.cwd = "/srv";
    main.env = std::string_view("A=1\0", 4);
    main.cgroups = std::string_view("cpu=/x\0", 7);
    main.fdlimit = 7;
    s.state.on_thread(main);
    const Event& e = s.look(101);
    EXPECT_EQ(e.process->comm, "worker");
    EXPECT_EQ(e.process->cwd, "/srv/");
    EXPECT_EQ(e.process->fd_limit, 7U);
    EXPECT_EQ(e.process->exec->env[0], "A=1");
    EXPECT_EQ(e.process->exec->argv[0], "worker");
    ASSERT_EQ(e.process->cgroups->size(), 1U);
    EXPECT_EQ(e.thread->threads, 2U);
}

TEST(ReplayThreads, CredentialsFollowTheCalls) {
    Shell s;
    EXPECT_EQ(s.event("setuid", 100, {{"res", 0}, {"uid", 5}}).process->credentials.uid, 5U);
    EXPECT_EQ(s.event("setuid", 100, {{"res", -1}, {"uid", 0}}).process->credentials.uid, 5U);
    EXPECT_EQ(s.event("setresuid", 100, {{"res", 0}, {"ruid", 1}, {"euid", 2}, {"suid", 3}}).process->credentials.uid,
              2U);
    EXPECT_EQ(s.event("setresuid", 100, {{"res", 0}, {"ruid", 1}, {"euid", -1}, {"suid", 3}}).process->credentials.uid,
              2U);
    EXPECT_EQ(s.event("setgid", 100, {{"res", 0}, {"gid", 9}}).process->credentials.gid, 9U);
    EXPECT_EQ(s.event("capset", 100, {{"res", 0}, {"cap_effective", 33}}).process->credentials.cap_effective, 33U);
    EXPECT_EQ(s.event("setsid", 100, {{"res", 100}}).process->vsid, 100);
    EXPECT_EQ(s.event("prctl", 100, {{"res", 0}, {"option", 15}, {"arg2_str", "renamed"}}).process->comm, "renamed");
    EXPECT_EQ(s.event("setrlimit", 100, {{"res", 0}, {"cur", 64}, {"max", 64}, {"resource", 7}}).process->fd_limit,
              64U);
}

TEST(ReplayThreads, ImageStaysTheSameObjectWhileNothingChanges) {
    Shell s;
    const ProcessImagePtr image = s.look(100).process;
    s.open(100, 3, "/a");
    EXPECT_EQ(s.event("setuid", 100, {{"res", 0}, {"uid", 0}}).process, image);
    EXPECT_EQ(s.event("chdir", 100, {{"res", 0}, {"path", "/home"}}).process, image);
}

// The names of those that made a process, nearest first.
std::vector<std::string> creators_of(Script& s, std::int64_t tid) {
    std::vector<std::string> names;
    ProcessKey key = s.look(tid).process->key;
    while (const ProcessImage* creator = s.state.processes().find_creator(key)) {
        names.push_back(creator->comm + std::to_string(creator->key.pid));
        key = creator->key;
    }
    return names;
}
const Event& end(Script& s, std::int64_t tid) { return s.event("procexit", tid, {{"status", 0}}); }

TEST(ReplayThreads, WhoMadeAProcessIsKnownWhenItHasEnded) {
    Shell s;
    s.fork(100, 200);
    s.fork(200, 300);
    s.fork(300, 400);
    end(s, 200);
    end(s, 300);
    EXPECT_EQ(s.look(400).process->parent.pid, 1) << "adopted";
    EXPECT_EQ(creators_of(s, 400), (std::vector<std::string>{"sh300", "sh200", "sh100", "init1"}));
    s.fork(1, 300); // another one with the number
    EXPECT_EQ(creators_of(s, 400), (std::vector<std::string>{"sh300", "sh200", "sh100", "init1"}));
    EXPECT_EQ(creators_of(s, 300), (std::vector<std::string>{"init1"}));
    end(s, 100);
    EXPECT_EQ(creators_of(s, 400), (std::vector<std::string>{"sh300", "sh200", "sh100", "init1"}));
}

TEST(ReplayThreads, ALineOfTheEndedHasNoLengthThatHurts) {
    Shell s;
    std::int64_t last = 100;
    for (std::int64_t pid = 1000; pid < 21'000; ++pid) {
        s.fork(last, pid);
        if (last != 100) end(s, last);
        last = pid;
    }
    EXPECT_GE(creators_of(s, last).size(), 60U) << "the limit was met, and lines began anew";
    EXPECT_LE(creators_of(s, last).size(), 16'500U);
    end(s, last);
    EXPECT_EQ(creators_of(s, 100), (std::vector<std::string>{"init1"}));
}

TEST(ReplayThreads, ParentsInACircleMakeNoLineWithoutEnd) {
    Script s;
    s.process(10, 30, "a");
    s.process(20, 10, "b");
    s.process(30, 20, "c");
    EXPECT_LE(creators_of(s, 10).size(), 3U);
}

} // namespace
} // namespace gyr::replay::test
