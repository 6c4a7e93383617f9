#include "engine/identity_table.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <future>
#include <sys/stat.h>

namespace gyr {
namespace {

namespace fs = std::filesystem;

// A host of two folders: its own files, and those of process 7, which is in a container. Of a file there, one lies
// below that has its number and the device kLayer.
constexpr std::uint32_t kOverlay = 1, kLayer = 2;

class IdentityTableTest : public testing::Test {
  protected:
    void SetUp() override {
        std::string name = testing::TempDir() + "gyr-identities-XXXXXX";
        ASSERT_NE(::mkdtemp(name.data()), nullptr);
        root_ = name;
        fs::create_directories(root_ + "/etc");
        fs::create_directories(root_ + "/proc/7/root/etc");
        std::ofstream(root_ + "/etc/shadow") << "x";
        std::ofstream(root_ + "/proc/7/root/etc/shadow") << "x";
    }
    void TearDown() override { fs::remove_all(root_); }

    static std::uint64_t inode(const std::string& path) {
        struct stat st {};
        EXPECT_EQ(::stat(path.c_str(), &st), 0);
        return st.st_ino;
    }
    static Result<std::vector<FileId>> identify(int fd, std::uint64_t in_container) {
        struct stat st {};
        if (::fstat(fd, &st) != 0) return fail(ErrorKind::io, "fstat");
        if (st.st_ino != in_container)
            return std::vector{FileId{.dev = kLayer, .kernel_dev = kLayer, .ino = st.st_ino}};
        return std::vector{FileId{.dev = kOverlay, .kernel_dev = kOverlay, .ino = st.st_ino},
                           FileId{.dev = kLayer, .kernel_dev = kLayer, .ino = st.st_ino, .kept = true}};
    }

    std::string root_;
};

TEST_F(IdentityTableTest, KnowsFilesOfLayersButNotToEngines) {
    const std::uint64_t in_container = inode(root_ + "/proc/7/root/etc/shadow"), on_host = inode(root_ + "/etc/shadow");
    std::promise<void> second;
    int woken = 0;
    IdentityTable table(
        {.host_root = root_}, [&](int fd) { return identify(fd, in_container); },
        [&] {
            if (++woken == 2) second.set_value();
        });
    table.set_paths({"/etc/shadow"});
    table.wait(std::chrono::seconds{60});
    table.see_container("c", 7);
    ASSERT_EQ(second.get_future().wait_for(std::chrono::seconds{60}), std::future_status::ready);
    ASSERT_NE(table.take(), nullptr);

    const auto names = [&](FileNumbers file, std::vector<FileNumbers> below, bool keeps_layers) {
        FdInfo fd;
        fd.dev = file.dev;
        fd.ino = file.ino;
        const auto found = table.names_of(fd, below, keeps_layers);
        return std::vector<std::string>(found.begin(), found.end());
    };
    const std::vector<std::string> shadow{"/etc/shadow"}, none;
    const FileNumbers layer{kLayer, in_container}, overlay{kOverlay, in_container}, host{kLayer, on_host}, other{9, 9};
    EXPECT_EQ(names(layer, {}, false), shadow) << "by the folder of the layer";
    EXPECT_EQ(names(layer, {}, true), none);
    EXPECT_EQ(names(other, {layer}, false), shadow) << "by an overlay laid over the layer";
    EXPECT_EQ(names(other, {layer}, true), none) << "as engines look at layers";
    EXPECT_EQ(names(overlay, {layer}, false), shadow) << "from outside of the container";
    EXPECT_EQ(names(overlay, {layer}, true), none);
    EXPECT_EQ(names(other, {host}, true), shadow) << "a file of the host below an overlay";
    EXPECT_EQ(names(other, {other}, false), none);
}

} // namespace
} // namespace gyr
