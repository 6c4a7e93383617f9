#include "containers/file_root.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

namespace gyr {
namespace {

namespace fs = std::filesystem;

// A folder, and a process whose root it is.
class FileRootTest : public ::testing::Test {
  protected:
    void SetUp() override {
        folder_ = fs::temp_directory_path() / ("gyr-root-" + std::to_string(::getpid()));
        fs::create_directories(folder_ / "etc");
        fs::create_directories(folder_ / "run/names");
        std::ofstream(folder_ / "etc/name") << "inside";
        if (::geteuid() != 0) GTEST_SKIP() << "chroot needs root";
        child_ = ::fork();
        if (child_ == 0) {
            if (::chroot(folder_.c_str()) != 0) ::_exit(1);
            ::kill(::getpid(), SIGSTOP);
            ::_exit(0);
        }
        int status = 0;
        ASSERT_EQ(::waitpid(child_, &status, WUNTRACED), child_);
        ASSERT_TRUE(WIFSTOPPED(status));
    }
    void TearDown() override {
        if (child_ > 0) {
            ::kill(child_, SIGKILL);
            ::waitpid(child_, nullptr, 0);
        }
        fs::remove_all(folder_);
    }
    FileRoot root() { return FileRoot::of_process("/proc", child_, 0).value(); }

    fs::path folder_;
    pid_t child_ = -1;
};

TEST_F(FileRootTest, ReadsWhatTheProcessWouldRead) {
    fs::create_symlink("/etc/name", folder_ / "etc/link");
    fs::create_symlink("/etc", folder_ / "other");
    EXPECT_EQ(root().read("/etc/name", 100), "inside");
    EXPECT_EQ(root().read("/etc/link", 100), "inside");
    EXPECT_EQ(root().read("/other/name", 100), "inside");
    EXPECT_EQ(root().read_link("/etc/link"), "/etc/name");
    EXPECT_EQ(root().read_link("/etc/name"), "");
}

TEST_F(FileRootTest, NothingLeadsOutOfIt) {
    const fs::path outside = fs::temp_directory_path() / ("gyr-outside-" + std::to_string(::getpid()));
    std::ofstream(outside) << "outside";
    fs::create_symlink(outside, folder_ / "etc/absolute");
    fs::create_symlink("../../../.." + outside.string(), folder_ / "etc/relative");
    fs::create_symlink("/proc/self/root" + outside.string(), folder_ / "etc/magic");
    for (const char* path : {"/etc/absolute", "/etc/relative", "/etc/magic"})
        EXPECT_EQ(root().read(path, 100), std::nullopt) << path;
    EXPECT_EQ(root().read("/.." + outside.string(), 100), std::nullopt);
    EXPECT_EQ(FileRoot("").read(outside.string(), 100), "outside"); // it can be read indeed
    fs::remove(outside);
}

TEST_F(FileRootTest, WhatIsNoFileIsNotTouched) {
    ASSERT_EQ(::mkfifo((folder_ / "etc/fifo").c_str(), 0600), 0);
    EXPECT_EQ(root().read("/etc/fifo", 100), std::nullopt); // and it comes back
    EXPECT_EQ(root().read("/etc", 100), std::nullopt);
    EXPECT_EQ(root().read("/etc/name", 3), std::nullopt) << "larger than it may be";
}

TEST_F(FileRootTest, ListsNoMoreThanAskedFor) {
    for (const char* name : {"a", "b", "c"}) fs::create_directory(folder_ / "run/names" / name);
    auto names = root().list("/run/names", 10);
    std::ranges::sort(names);
    EXPECT_EQ(names, (std::vector<std::string>{"a", "b", "c"}));
    EXPECT_EQ(root().list("/run/names", 2).size(), 2U);
    EXPECT_TRUE(root().list("/nowhere", 10).empty());
}

TEST_F(FileRootTest, ASocketIsReachedByThePathGiven) {
    const int listener = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    (folder_ / "run/s").string().copy(address.sun_path, sizeof address.sun_path - 1);
    const void* raw = &address;
    ASSERT_EQ(::bind(listener, static_cast<const sockaddr*>(raw), sizeof address), 0);
    ASSERT_EQ(::listen(listener, 1), 0);
    EXPECT_FALSE(root().find_socket("/etc/name"));
    EXPECT_FALSE(root().find_socket("/run/none"));
    const auto found = root().find_socket("/run/s");
    ASSERT_TRUE(found);
    const int client = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    address = {};
    address.sun_family = AF_UNIX;
    found->path.copy(address.sun_path, sizeof address.sun_path - 1);
    EXPECT_EQ(::connect(client, static_cast<const sockaddr*>(raw), sizeof address), 0);
    ::close(client);
    ::close(listener);
}

TEST_F(FileRootTest, AnotherProcessOfThatPidIsNotTaken) {
    struct stat own {};
    ASSERT_EQ(::stat("/proc/self/ns/mnt", &own), 0);
    EXPECT_TRUE(FileRoot::of_process("/proc", child_, static_cast<std::uint32_t>(own.st_ino)));
    EXPECT_FALSE(FileRoot::of_process("/proc", child_, static_cast<std::uint32_t>(own.st_ino) + 1));
    EXPECT_FALSE(FileRoot::of_process("/proc", 0x7ffffff0, 0));
}

} // namespace
} // namespace gyr
