// Names as containers know them, from fixture trees that stand for /proc/PID/root, the host and image layers.
#include "base/test_threads.h"
#include "containers/passwd.h"
#include "containers/users.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

namespace gyr {
namespace {

namespace fs = std::filesystem;

class UsersTest : public testing::Test {
  protected:
    void SetUp() override {
        std::string pattern = (fs::temp_directory_path() / "gyr-users.XXXXXX").string();
        ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
        dir_ = pattern;
        write("host/etc/passwd", "root:x:0:0:root:/root:/bin/bash\nalice:x:1000:1000::/home/alice:/bin/zsh\n");
        write("host/etc/group", "root:x:0:\nwheel:x:10:alice\n");
        options_.proc = dir_ + "/proc";
        options_.host_root = dir_ + "/host";
    }
    void TearDown() override {
        users_.reset();
        fs::remove_all(dir_);
    }
    void start() {
        auto made = UserDirectory::create(options_);
        ASSERT_TRUE(made);
        users_ = std::move(*made);
    }
    void write(const std::string& path, const std::string& text) const {
        fs::create_directories(fs::path(dir_ + "/" + path).parent_path());
        std::ofstream(dir_ + "/" + path) << text;
    }
    // /proc/PID of a container whose root is dir_/root; the image of a process in it.
    ProcessImage add_process(Pid pid, const std::string& root, const std::string& id = "c1") {
        const std::string process = "proc/" + std::to_string(pid);
        write(process + "/ns/mnt", "");
        fs::create_directories(dir_ + "/" + root);
        fs::create_directory_symlink(dir_ + "/" + root, dir_ + "/" + process + "/root");
        struct stat status {};
        EXPECT_EQ(::stat((dir_ + "/" + process + "/ns/mnt").c_str(), &status), 0);
        ProcessImage image = host_process();
        image.key.pid = pid;
        image.namespaces.mnt = static_cast<std::uint32_t>(status.st_ino);
        image.namespaces.user = 0xEFFFFFFD;
        image.container = std::make_shared<Container>();
        image.container->full_id = id;
        return image;
    }
    static ProcessImage host_process() {
        ProcessImage image;
        image.exec = std::make_shared<ExecImage>();
        image.cgroups = std::make_shared<std::vector<CgroupInfo>>();
        image.root = "/";
        return image;
    }
    // Waits for what is on its way; the first answer must be pending.
    UserAnswer user(const ProcessImage& process, Uid uid) {
        EXPECT_EQ(users_->user(process, uid).why, Missing::pending);
        wait();
        return users_->user(process, uid);
    }
    void wait() {
        pollfd fd{users_->fd(), POLLIN, 0};
        ASSERT_EQ(::poll(&fd, 1, 120'000), 1);
        users_->drain([](std::uint32_t) {});
    }

    std::string dir_;
    UserOptions options_;
    std::unique_ptr<UserDirectory> users_;
};

TEST_F(UsersTest, HostNamesAreThereAtOnce) {
    start();
    const UserAnswer alice = users_->user(host_process(), 1000);
    ASSERT_NE(alice.entry, nullptr);
    EXPECT_EQ(alice.entry->name, "alice");
    EXPECT_EQ(alice.entry->home, "/home/alice");
    EXPECT_EQ(alice.entry->shell, "/bin/zsh");
    EXPECT_EQ(alice.source, "host");
    EXPECT_EQ(users_->group(host_process(), 10).entry->name, "wheel");
    EXPECT_EQ(users_->user(host_process(), 4242).why, Missing::not_applicable);
}

TEST_F(UsersTest, ContainersHaveTheirOwnNames) {
    write("c/etc/passwd", "root:x:0:0::/:/bin/sh\napp:x:1000:50::/srv:/bin/false\n");
    write("c/etc/group", "staff:x:50:\n");
    start();
    const ProcessImage process = add_process(41, "c");
    const UserAnswer app = user(process, 1000);
    ASSERT_NE(app.entry, nullptr);
    EXPECT_EQ(app.entry->name, "app"); // not alice
    EXPECT_EQ(app.source, "container");
    EXPECT_EQ(users_->group(process, 50).entry->name, "staff");
    EXPECT_EQ(users_->group(process, 10).why, Missing::not_applicable);
}

TEST_F(UsersTest, AProgramOfTheHostHasTheHostsNamesUntilItExecutesInTheContainer) {
    write("c/etc/passwd", "app:x:1000:50::/srv:/bin/false\n");
    const ProcessImage first = add_process(1, "host");
    start();
    const auto executed_in = [&](std::uint32_t mnt) {
        ProcessImage process = add_process(43, "c");
        auto exec = std::make_shared<ExecImage>();
        exec->exe_path = "/usr/bin/runc";
        exec->mnt_ns = mnt;
        process.exec = exec;
        return process;
    };
    const UserAnswer helper = users_->user(executed_in(first.namespaces.mnt), 1000);
    ASSERT_NE(helper.entry, nullptr);
    EXPECT_EQ(helper.entry->name, "alice");
    EXPECT_EQ(helper.source, "host");
    fs::remove_all(dir_ + "/proc/43");
    // A name excuses nothing of what was executed elsewhere.
    EXPECT_EQ(user(executed_in(4026532200), 1000).entry->name, "app");
}

TEST_F(UsersTest, WithoutAThreadToHaveItIsReadLater) {
    write("a/etc/passwd", "app:x:1000:50::/srv:/bin/false\n");
    write("b/etc/passwd", "web:x:1000:50::/srv:/bin/false\n");
    start();
    const ProcessImage first = add_process(41, "a"), second = add_process(42, "b", "c2");
    {
        const NoThreadsLeft none;
        EXPECT_EQ(users_->user(first, 1000).why, Missing::pending);
    }
    EXPECT_EQ(users_->user(second, 1000).why, Missing::pending);
    while (users_->user(first, 1000).entry == nullptr || users_->user(second, 1000).entry == nullptr) wait();
    EXPECT_EQ(users_->user(first, 1000).entry->name, "app");
    EXPECT_EQ(users_->user(second, 1000).entry->name, "web");
}

TEST_F(UsersTest, RootIsRootWithoutAnyFile) {
    start();
    const UserAnswer root = user(add_process(42, "scratch"), 0);
    ASSERT_NE(root.entry, nullptr);
    EXPECT_EQ(root.entry->name, "root");
    EXPECT_EQ(root.entry->home, "/root");
    EXPECT_EQ(root.source, "default");
}

TEST_F(UsersTest, LinksAreResolvedInsideTheContainer) {
    fs::create_directories(dir_ + "/c/etc");
    fs::create_symlink("/usr/lib/passwd", dir_ + "/c/etc/passwd"); // absolute: from the container's root
    write("c/usr/lib/passwd", "inner:x:7:7::/:\n");
    fs::create_symlink("../../../../../../../../../.." + dir_ + "/host/etc/group", dir_ + "/c/etc/group"); // up and out
    start();
    const ProcessImage process = add_process(43, "c");
    EXPECT_EQ(user(process, 7).entry->name, "inner");
    EXPECT_EQ(users_->group(process, 10).entry, nullptr);
}

TEST_F(UsersTest, FilesThatAreNoneDoNotHang) {
    fs::create_directories(dir_ + "/c/etc");
    ASSERT_EQ(::mkfifo((dir_ + "/c/etc/passwd").c_str(), 0600), 0);
    fs::create_directories(dir_ + "/c/etc/group");
    start();
    EXPECT_EQ(user(add_process(44, "c"), 5).why, Missing::not_applicable);
}

TEST_F(UsersTest, HugeFilesAreReadUpToTheBound) {
    options_.max_file_bytes = 64;
    write("c/etc/passwd", "first:x:1:1::/:\n" + std::string(40, '#') + "\ncutoff:x:2:2::/:\nlast:x:3:3::/:\n");
    start();
    const ProcessImage process = add_process(45, "c");
    EXPECT_EQ(user(process, 1).entry->name, "first");
    EXPECT_EQ(users_->user(process, 2).entry, nullptr); // its line is not whole
    EXPECT_EQ(users_->user(process, 3).entry, nullptr);
}

TEST_F(UsersTest, AnotherProcessOfTheSamePidTellsNothing) {
    write("c/etc/passwd", "wrong:x:9:9::/:\n");
    start();
    ProcessImage process = add_process(46, "c");
    process.namespaces.mnt += 1; // what it was when the event happened
    EXPECT_EQ(user(process, 9).why, Missing::gone);
}

TEST_F(UsersTest, AGoneProcessIsReadFromTheLayersOfItsImage) {
    write("low/etc/passwd", "old:x:5:5::/:\nlayered:x:6:6::/:\n");
    write("low/etc/group", "deep:x:6:\n");
    write("mid/etc/passwd", "newer:x:5:5::/:\n");
    start();
    ProcessImage process = add_process(47, "c");
    fs::remove_all(dir_ + "/proc/47");
    EXPECT_EQ(user(process, 5).why, Missing::gone);
    auto info = std::make_shared<ContainerInfo>();
    info->rootfs = "/../gone/merged"; // below the host root
    info->rootfs_layers = {"/../upper-is-gone", "/../mid", "/../low"};
    process.container->info = info;
    EXPECT_EQ(user(process, 5).entry->name, "newer"); // asked again now that the place is known
    EXPECT_EQ(users_->group(process, 6).entry->name, "deep");
    EXPECT_EQ(users_->user(process, 6).entry, nullptr); // hidden by the layer above
}

TEST_F(UsersTest, UserNamespacesAreMapped) {
    write("c/etc/passwd", "root:x:0:0::/root:\napp:x:1000:1000::/:\n");
    start();
    ProcessImage process = add_process(48, "c");
    process.namespaces.user = 4026532999;
    write("proc/48/uid_map", "         0       1000          1\n         1     100000      65536\n");
    write("proc/48/gid_map", "         0       1000          1\n");
    EXPECT_EQ(user(process, 1000).entry->name, "root");
    EXPECT_EQ(users_->user(process, 100999).entry->name, "app");
    EXPECT_EQ(users_->user(process, 0).why, Missing::not_applicable); // the host's root is nobody in there
}

// A rootless container's root is uid 1000 outside, and not whom its image gives that number.
TEST_F(UsersTest, WithoutTheMapNobodyIsNamed) {
    write("c/etc/passwd", "root:x:0:0::/root:\nnode:x:1000:1000::/:\n");
    start();
    ProcessImage process = add_process(50, "c");
    process.namespaces.user = 4026532999;
    auto info = std::make_shared<ContainerInfo>();
    info->rootfs = "/../c";
    process.container->info = info;
    write("proc/50/uid_map", "");
    write("proc/50/gid_map", "");
    const UserAnswer unmapped = user(process, 1000);
    EXPECT_EQ(unmapped.entry, nullptr);
    EXPECT_EQ(unmapped.why, Missing::gone);
    ProcessImage gone = add_process(51, "c", "c2");
    gone.namespaces.user = 4026532999;
    gone.container->info = info;
    fs::remove_all(dir_ + "/proc/51");
    const UserAnswer unknown = user(gone, 1000);
    EXPECT_EQ(unknown.entry, nullptr);
    EXPECT_EQ(unknown.why, Missing::gone);
}

TEST_F(UsersTest, TheSameNamespaceNumberInAnotherContainerIsAnotherPlace) {
    write("a/etc/passwd", "a:x:5:5::/:\n");
    write("b/etc/passwd", "b:x:5:5::/:\n");
    start();
    const ProcessImage first = add_process(49, "a", "one");
    EXPECT_EQ(user(first, 5).entry->name, "a");
    ProcessImage second = first;
    second.container = std::make_shared<Container>();
    second.container->full_id = "two";
    fs::remove(dir_ + "/proc/49/root");
    fs::create_directory_symlink(dir_ + "/b", dir_ + "/proc/49/root");
    EXPECT_EQ(user(second, 5).entry->name, "b");
}

TEST_F(UsersTest, PlacesWithoutEndAreNotAllLookedAt) {
    write("c/etc/passwd", "a:x:5:5::/:\n");
    options_.max_containers = 2;
    start();
    ProcessImage process = add_process(51, "c");
    for (int i = 0; i < 1000; ++i) {
        process.root = "/jail/" + std::to_string(i);
        EXPECT_EQ(users_->user(process, 5).why, Missing::pending);
    }
    int answers = 0;
    const auto take = [&](std::uint32_t) { ++answers; };
    const auto until = [&](int wanted) {
        while (answers < wanted) {
            pollfd fd{users_->fd(), POLLIN, 0};
            ASSERT_EQ(::poll(&fd, 1, 20'000), 1);
            users_->drain(take);
        }
    };
    until(3); // beside the host's, which were read at the start
    process.root = "/jail/last";
    EXPECT_EQ(users_->user(process, 5).why, Missing::pending);
    until(4); // and no more of the thousand
    EXPECT_EQ(answers, 4);
    EXPECT_EQ(users_->user(process, 5).entry->name, "a");
}

TEST_F(UsersTest, ARuntimesHelperSeesTheHost) {
    start();
    ProcessImage process = add_process(50, "c");
    auto exec = std::make_shared<ExecImage>();
    exec->exe_path = "/usr/bin/runc";
    process.exec = exec;
    EXPECT_EQ(users_->user(process, 1000).entry->name, "alice");
}

TEST(Passwd, SkipsLinesThatAreNotInOrder) {
    UserTable table;
    table.parse_passwd("# "
                       "comment\n\n:x:1:1\nx:x:notanumber:1::/:\nok:x:5:6:c:/h:/s:more\nlate:x:5:1::/:\nminus:x:-1:1::/"
                       ":\nbig:x:4294967296:1::/:\nshort:x:7:7\n",
                       false);
    EXPECT_EQ(table.find_user(1), nullptr);
    EXPECT_EQ(table.find_user(5)->name, "ok"); // the first of an id
    EXPECT_EQ(table.find_user(5)->gid, 6u);
    EXPECT_EQ(table.find_user(7)->name, "short");
    EXPECT_EQ(table.find_user(0xffffffff), nullptr);
}

} // namespace
} // namespace gyr
