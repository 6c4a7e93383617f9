// Paths walked again in folders, links and processes that are really there.

#include "engine/true_paths.h"

#include "event/schema.h"

#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <sched.h>
#include <string>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace gyr {
namespace {

constexpr std::uint32_t kPidNamespace = 7, kMountNamespace = 8;
constexpr Pid kNobody = 0x7ffffffe; // more than any kernel gives

class Processes : public ProcessView {
  public:
    const ProcessImagePtr& add(Pid pid, Pid parent = 0, std::uint32_t mnt = kMountNamespace,
                               std::shared_ptr<Container> container = {}) {
        auto image = std::make_shared<ProcessImage>();
        image->key = {pid, 1};
        image->parent = {parent, 1};
        image->vpid = pid;
        image->namespaces.pid = kPidNamespace;
        image->namespaces.mnt = mnt;
        image->container = std::move(container);
        image->root = "/";
        return all_[pid] = std::move(image);
    }
    [[nodiscard]] const ProcessImage* find(const ProcessKey& key) const override { return find_pid(key.pid); }
    [[nodiscard]] const ProcessImage* find_pid(Pid pid) const override {
        const auto at = all_.find(pid);
        return at == all_.end() ? nullptr : at->second.get();
    }
    [[nodiscard]] const ProcessImage* find_vpid(std::uint32_t pidns, Pid vpid) const override {
        return pidns == kPidNamespace ? find_pid(vpid) : nullptr;
    }
    [[nodiscard]] const ProcessImage* find_creator(const ProcessKey&) const override { return nullptr; }
    [[nodiscard]] const ProcessImage*
    find_in_mount_namespace(std::uint32_t mnt, const std::function<bool(const ProcessImage&)>& wanted) const override {
        for (const auto& [pid, image] : all_)
            if (image->namespaces.mnt == mnt && wanted(*image)) return image.get();
        return nullptr;
    }

  private:
    std::map<Pid, ProcessImagePtr> all_;
};

// A process that has done something and waits for its end.
class Child {
  public:
    explicit Child(const std::function<bool()>& deed) {
        int ready[2] = {};
        EXPECT_EQ(::pipe2(ready, O_CLOEXEC), 0);
        pid_ = ::fork();
        if (pid_ == 0) {
            const char done = deed() ? 'y' : 'n';
            if (::write(ready[1], &done, 1) != 1) ::_exit(1);
            while (true) ::pause();
        }
        ::close(ready[1]);
        char done = 'n';
        did_ = ::read(ready[0], &done, 1) == 1 && done == 'y';
        ::close(ready[0]);
    }
    ~Child() {
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
    }
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;
    [[nodiscard]] bool did() const { return did_; }
    [[nodiscard]] Pid pid() const { return pid_; }

  private:
    pid_t pid_ = -1;
    bool did_ = false;
};

// Who is not root becomes it in a user namespace, where that is allowed.
bool change_root(const std::string& to) {
    if (::geteuid() != 0 && ::unshare(CLONE_NEWUSER) != 0) return false;
    return ::chroot(to.c_str()) == 0;
}

class TruePathsTest : public ::testing::Test {
  protected:
    TruePathsTest() {
        std::string name = (std::filesystem::temp_directory_path() / "gyr-true-paths-XXXXXX").string();
        EXPECT_NE(::mkdtemp(name.data()), nullptr);
        top_ = std::filesystem::canonical(name).string();
        folder("real");
        file("real/a");
        link("link", top_ + "/real");
        self_ = processes_.add(::getpid());
    }
    ~TruePathsTest() override {
        std::error_code ignored;
        std::filesystem::remove_all(top_, ignored);
    }
    void folder(const std::string& name) { std::filesystem::create_directories(top_ + "/" + name); }
    void file(const std::string& name) { std::ofstream(top_ + "/" + name) << "x"; }
    void link(const std::string& name, const std::string& to) {
        ASSERT_EQ(::symlink(to.c_str(), (top_ + "/" + name).c_str()), 0);
    }
    [[nodiscard]] std::string at(const std::string& name) const { return top_ + "/" + name; }

    static FdInfo path_info(const std::string& given, const std::string& base) {
        FdInfo path;
        path.name_raw = given;
        path.name =
            std::filesystem::path(given.starts_with('/') ? given : base + "/" + given).lexically_normal().string();
        return path;
    }
    // Where the path of a call led; empty: nowhere else.
    std::string led(std::string_view call, const std::string& given, const std::string& base = {}) {
        return both(call, given, {}, base).first;
    }
    std::pair<std::string, std::string> both(std::string_view call, const std::string& first, const std::string& second,
                                             const std::string& base = {},
                                             std::span<const std::string_view> params = {}) {
        const FdInfo path = path_info(first, base), other = path_info(second, base);
        Event event;
        event.code = event_codes(call).back();
        event.process = self_;
        event.path = &path;
        if (!second.empty()) event.other_path = &other;
        event.base = event.other_base = base;
        event.params = params;
        const PathCall* how = find_path_call(event.code, params);
        if (how == nullptr) {
            ADD_FAILURE() << call;
            return {};
        }
        const TruePaths::Found found = paths_.find(event, *how, processes_);
        return {std::string(found.path), std::string(found.other_path)};
    }

    Processes processes_;
    ProcessImagePtr self_;
    TruePaths paths_{""};
    std::string top_;
};

TEST_F(TruePathsTest, ALinkedFolderIsTheOneItLinksTo) {
    EXPECT_EQ(led("unlink", at("link/a")), at("real/a"));
    EXPECT_EQ(led("mkdir", at("link/new")), at("real/new")) << "what is not there has a folder all the same";
    EXPECT_EQ(led("unlink", at("real/a")), "") << "the path itself";
}

TEST_F(TruePathsTest, BothPathsOfACallAreWalked) {
    folder("other");
    link("elsewhere", "other");
    using Pair = std::pair<std::string, std::string>;
    EXPECT_EQ(both("rename", at("link/a"), at("link/b")), Pair(at("real/a"), at("real/b")));
    EXPECT_EQ(both("rename", at("link/a"), at("elsewhere/b")), Pair(at("real/a"), at("other/b")));
    EXPECT_EQ(both("rename", at("real/a"), at("elsewhere/b")), Pair("", at("other/b")));
    EXPECT_EQ(both("rename", at("link/a"), at("gone/b")), Pair(at("real/a"), ""));
    EXPECT_EQ(both("rename", at("real/a"), at("real/b")), Pair("", ""));
}

TEST_F(TruePathsTest, DotsBehindALinkLeaveTheFolderItLinksTo) {
    folder("outside/deep");
    file("outside/secret");
    link("real/in", at("outside/deep"));
    EXPECT_EQ(led("chmod", at("real/in/../secret")), at("outside/secret")) << "the text alone says real/secret";
    EXPECT_EQ(led("unlink", at("real/in/../secret")), at("outside/secret"));
    EXPECT_EQ(led("unlink", at("real/../real/a")), at("real/a")) << "no link: but the call's text is another";
    EXPECT_EQ(led("lstat", at("link/..")), top_);
    EXPECT_EQ(led("unlink", "/../../.." + at("link/a")), at("real/a")) << "above the root there is nothing";
}

TEST_F(TruePathsTest, AChainOfLinksIsFollowedToItsEndAndALoopNowhere) {
    link("chain0", "real");
    for (int i = 1; i < 45; ++i) link("chain" + std::to_string(i), "chain" + std::to_string(i - 1));
    EXPECT_EQ(led("unlink", at("chain5/a")), at("real/a"));
    EXPECT_EQ(led("unlink", at("chain39/a")), at("real/a")) << "forty links, as many as the kernel follows";
    EXPECT_EQ(led("unlink", at("chain40/a")), "");
    link("loop", "pool");
    link("pool", "loop");
    link("me", "me/me");
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_EQ(led("unlink", at("loop/a")), "");
    EXPECT_EQ(led("unlink", at("me/a")), "");
    EXPECT_EQ(led("chmod", at("link/../loop")), at("loop")) << "its folder is still known";
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(5));
}

TEST_F(TruePathsTest, ALinkInTheLastPlaceIsFollowedWhenTheCallDoes) {
    link("to-a", "real/a");
    EXPECT_EQ(led("chmod", at("to-a")), at("real/a"));
    EXPECT_EQ(led("lchown", at("to-a")), "");
    EXPECT_EQ(led("rename", at("to-a")), "");
    // linkat(olddir, oldpath, newdir, newpath, flags): result first.
    const std::uint64_t none = 0, follow = 0x400;
    const auto view = [](const std::uint64_t& n) {
        return std::string_view(reinterpret_cast<const char*>(&n), sizeof n);
    };
    for (const std::uint64_t* flags : {&none, &follow}) {
        const std::array<std::string_view, 6> params{view(none), view(none), {}, view(none), {}, view(*flags)};
        EXPECT_EQ(both("linkat", at("to-a"), at("b"), {}, params).first, flags == &follow ? at("real/a") : "");
    }
}

TEST_F(TruePathsTest, WhatIsGoneInTheMeantimeHasItsFolder) {
    EXPECT_EQ(led("chmod", at("link/gone")), at("real/gone"));
    EXPECT_EQ(led("chown", at("link/gone")), at("real/gone"));
    EXPECT_EQ(led("unlink", at("gone/a")), "") << "without a folder nothing can be told";
    EXPECT_EQ(led("chmod", at("link/gone/a")), "");
}

TEST_F(TruePathsTest, ARelativePathStartsWhereTheKernelSaid) {
    folder("other/deep");
    link("real/out", "../other/deep");
    EXPECT_EQ(led("unlink", "out/x", at("real")), at("other/deep/x"));
    EXPECT_EQ(led("unlink", "out/../x", at("real")), at("other/x"));
    EXPECT_EQ(led("unlink", "./out/x", at("real")), at("other/deep/x"));
    EXPECT_EQ(led("chmod", "out", at("real")), at("other/deep"));
    EXPECT_EQ(led("unlink", "x", at("real")), "");
    EXPECT_EQ(led("unlink", "../link/a", at("real")), at("real/a"));
    EXPECT_EQ(led("unlink", "out/x"), "") << "from where, nobody knows";
    EXPECT_EQ(led("unlink", "usr/../" + at("link/a").substr(1), "/"), at("real/a"));
}

TEST_F(TruePathsTest, LinksOfProcLeadToTheProcessesThemselves) {
    EXPECT_EQ(led("unlink", "/proc/self/root" + at("real/a")), at("real/a"));
    EXPECT_EQ(led("unlink", "/proc/thread-self/root" + at("link/a")), at("real/a"));
    EXPECT_EQ(led("unlink", "//proc/.//self/./root/" + at("link/a")), at("real/a"));
    EXPECT_EQ(led("unlink", "/proc/self/task/1/root/proc/self/root" + at("link/a")), at("real/a"));
    EXPECT_EQ(led("chmod", "/proc/self/root"), "/");
    EXPECT_EQ(led("unlink", "/proc/self/root"), "/proc/" + std::to_string(::getpid()) + "/root") << "the link itself";
    const int fd = ::open(at("real").c_str(), O_PATH | O_CLOEXEC);
    ASSERT_GE(fd, 0);
    EXPECT_EQ(led("unlink", "/proc/self/fd/" + std::to_string(fd) + "/a"), at("real/a"));
    EXPECT_EQ(led("unlink", "/proc/self/fd/" + std::to_string(fd) + "/../link/a"), at("real/a"));
    ::close(fd);
    std::string endless;
    for (int i = 0; i < 100; ++i) endless += "/proc/self/root";
    EXPECT_EQ(led("unlink", endless + at("real/a")), "") << "more than anybody means";
}

TEST_F(TruePathsTest, LinksOfProcLeadToOtherProcesses) {
    const Child child([this] { return ::chdir(at("real").c_str()) == 0; });
    ASSERT_TRUE(child.did());
    const std::string proc = "/proc/" + std::to_string(child.pid());
    EXPECT_EQ(led("unlink", proc + "/root" + at("link/a")), "") << "nobody that is known";
    processes_.add(child.pid());
    EXPECT_EQ(led("unlink", proc + "/root" + at("link/a")), at("real/a"));
    EXPECT_EQ(led("unlink", proc + "/cwd/a"), at("real/a"));
    EXPECT_EQ(led("unlink", proc + "/cwd/../link/a"), at("real/a"));
    EXPECT_EQ(led("chmod", proc + "/cwd"), at("real"));
    EXPECT_EQ(led("unlink", proc + "/exe/a"), "");
    self_ = processes_.add(child.pid());
    EXPECT_EQ(led("chmod", "/proc/self/comm"), proc + "/comm") << "its own, not that of who looks";
}

TEST_F(TruePathsTest, AnotherRootIsTheProcesss) {
    folder("jail/etc");
    folder("jail/other");
    file("jail/other/x");
    link("jail/etc/out", "/other"); // below its root
    const Child child([this] { return change_root(at("jail")); });
    if (!child.did()) GTEST_SKIP() << "no right to change the root";
    const ProcessImagePtr jailed = processes_.add(child.pid());
    const std::string proc = "/proc/" + std::to_string(child.pid());
    EXPECT_EQ(led("unlink", proc + "/root/etc/out/x"), at("jail/other/x")) << "from outside";
    self_ = jailed;
    EXPECT_EQ(led("unlink", "/etc/out/x"), at("jail/other/x"));
    EXPECT_EQ(led("unlink", "/../../etc/out/x"), at("jail/other/x"));
    EXPECT_EQ(led("unlink", "/proc/self/root/etc/out/x"), at("jail/other/x"));
    EXPECT_EQ(led("unlink", "out/x", at("jail/etc")), at("jail/other/x")) << "the kernel names folders from outside";
    EXPECT_EQ(led("unlink", "out/x", at("real")), "") << "a folder outside of its root";
    EXPECT_EQ(led("chroot", "/no/matter"), at("jail")) << "it is there";
}

TEST_F(TruePathsTest, WhoIsGoneHasHisParentsRoot) {
    self_ = processes_.add(kNobody, ::getpid());
    EXPECT_EQ(led("unlink", at("link/a")), at("real/a"));
    EXPECT_EQ(led("chroot", at("link")), "") << "nobody stands in for a root that was his alone";
    const auto container = std::make_shared<Container>();
    self_ = processes_.add(kNobody, ::getpid(), kMountNamespace + 1, container);
    EXPECT_EQ(led("unlink", at("link/a")), "") << "the parent is not in its container, and sees other files";
    struct stat own {};
    ASSERT_EQ(::stat("/proc/self/ns/mnt", &own), 0);
    self_ = processes_.add(kNobody, ::getpid(), static_cast<std::uint32_t>(own.st_ino), container);
    EXPECT_EQ(led("unlink", at("link/a")), at("real/a")) << "the parent has entered its mount namespace since";
    self_ = processes_.add(kNobody, ::getpid(), kMountNamespace + 1);
    EXPECT_EQ(led("unlink", at("link/a")), at("real/a")) << "the mount namespace is a copy of the parent's";
    Event event;
    event.code = event_codes("unlink").back();
    EXPECT_TRUE(paths_.find(event, *find_path_call(event.code, {}), processes_).path.empty());
}

TEST_F(TruePathsTest, WhoIsGoneHasTheRootOfAnybodyWhoSeesTheSameFiles) {
    self_ = processes_.add(kNobody, kNobody - 1);
    EXPECT_EQ(led("unlink", at("link/a")), at("real/a"));
    self_ = processes_.add(kNobody, kNobody - 1, kMountNamespace + 1);
    EXPECT_EQ(led("unlink", at("link/a")), "") << "nobody does";
    processes_.add(kNobody - 2, 0, kMountNamespace + 1);
    EXPECT_EQ(led("unlink", at("link/a")), "") << "who did has gone too";
    const Child other([] { return true; });
    processes_.add(other.pid(), 0, kMountNamespace + 1);
    EXPECT_EQ(led("unlink", at("link/a")), at("real/a"));
    EXPECT_EQ(led("unlink", at("link/b")), at("real/b")) << "the same one again";
    self_ = processes_.add(kNobody, kNobody - 1, 0);
    processes_.add(other.pid(), 0, 0);
    EXPECT_EQ(led("unlink", at("link/a")), "") << "of neither it is known what he sees";
}

TEST_F(TruePathsTest, LongerThanAPathCanBeIsNotTold) {
    std::string longer = at("link");
    while (longer.size() < 5000) longer += "/./././.";
    EXPECT_EQ(led("unlink", longer + "/a"), "");
    EXPECT_EQ(led("unlink", std::string(5000, 'x')), "");
    EXPECT_EQ(led("unlink", at(std::string(300, 'n') + "/a")), "") << "longer than a name can be";
    // A folder so deep that nobody can name it whole; there it has a link.
    const std::string name(250, 'd');
    std::string deep = top_;
    int fd = ::open(top_.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
    while (deep.size() < 4500) {
        ASSERT_EQ(::mkdirat(fd, name.c_str(), 0700), 0);
        const int next = ::openat(fd, name.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
        ::close(fd);
        fd = next;
        deep += "/" + name;
    }
    ASSERT_EQ(::symlinkat(at("real").c_str(), fd, "out"), 0);
    ::close(fd);
    EXPECT_EQ(led("unlink", "out/a", deep), "");
    EXPECT_EQ(led("unlink", "a", deep), "");
    EXPECT_EQ(led("unlink", at("link/a")), at("real/a")) << "and the next is told again";
}

} // namespace
} // namespace gyr
