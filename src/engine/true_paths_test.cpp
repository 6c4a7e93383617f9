#include "engine/true_paths.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <unistd.h>

namespace gyr {
namespace {

namespace fs = std::filesystem;

struct Nobody : ProcessView {
    const ProcessImage* known = nullptr;
    [[nodiscard]] const ProcessImage* find(const ProcessKey&) const override { return known; }
    [[nodiscard]] const ProcessImage* find_pid(Pid) const override { return nullptr; }
    [[nodiscard]] const ProcessImage* find_vpid(std::uint32_t, Pid) const override { return nullptr; }
    [[nodiscard]] const ProcessImage* find_creator(const ProcessKey&) const override { return nullptr; }
};

class TruePathsOf : public ::testing::Test {
  protected:
    void SetUp() override {
        std::string name = (fs::temp_directory_path() / "gyr-true-paths-XXXXXX").string();
        ASSERT_NE(::mkdtemp(name.data()), nullptr);
        folder_ = fs::canonical(name).string();
        fs::create_directories(folder_ + "/real/inner");
        std::ofstream(folder_ + "/real/file") << "x";
        fs::create_directory_symlink(folder_ + "/real/inner", folder_ + "/link");
        fs::create_symlink(folder_ + "/real/file", folder_ + "/alias");
        process_.key.pid = ::getpid();
    }
    void TearDown() override { fs::remove_all(folder_); }

    std::string follow(const std::string& given, bool last = false) {
        FdInfo path;
        path.name_raw = given;
        path.name = given.starts_with('/') ? given : folder_ + "/" + given;
        return std::string(paths_.follow(process_, others_, path, last));
    }

    std::string folder_;
    ProcessImage process_;
    Nobody others_;
    TruePaths paths_{""};
};

TEST_F(TruePathsOf, LinksAmongTheFoldersAreFollowed) {
    EXPECT_EQ(follow(folder_ + "/link/new"), folder_ + "/real/inner/new");
    EXPECT_EQ(follow("link/new"), folder_ + "/real/inner/new");
    EXPECT_EQ(follow("/proc/self/root" + folder_ + "/link/new"), folder_ + "/real/inner/new");
}

TEST_F(TruePathsOf, UpFromALinkIsUpFromWhereItLed) {
    EXPECT_EQ(follow(folder_ + "/link/../file"), folder_ + "/real/file");
}

TEST_F(TruePathsOf, TheLastLinkOnlyWhenTheCallFollowsIt) {
    EXPECT_EQ(follow(folder_ + "/alias"), "");
    EXPECT_EQ(follow(folder_ + "/alias", true), folder_ + "/real/file");
}

TEST_F(TruePathsOf, NothingNewIsNothing) {
    EXPECT_EQ(follow(folder_ + "/real/file"), "");
    EXPECT_EQ(follow("file"), "") << "its folder is what the kernel said";
    EXPECT_EQ(follow(folder_ + "/no/such/file"), "");
}

TEST_F(TruePathsOf, AnAncestorStandsInForAProcessThatHasGone) {
    const ProcessImage parent = process_;
    process_.key.pid = 0x7fffffff;
    EXPECT_EQ(follow(folder_ + "/link/new"), "");
    others_.known = &parent;
    EXPECT_EQ(follow(folder_ + "/link/new"), folder_ + "/real/inner/new");
    process_.namespaces.mnt = 1; // who sees other files does not
    EXPECT_EQ(follow(folder_ + "/link/new"), "");
}

} // namespace
} // namespace gyr
