#include "rules/file_watch.h"

#include <gtest/gtest.h>

#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace gyr::rules {
namespace {

class FileWatchTest : public testing::Test {
  protected:
    FileWatchTest() { std::filesystem::create_directories(dir_); }
    ~FileWatchTest() override { std::filesystem::remove_all(dir_); }
    std::string write(const std::string& name, const std::string& text) {
        std::ofstream(dir_ / name) << text;
        return (dir_ / name).string();
    }
    std::filesystem::path dir_ = std::filesystem::temp_directory_path() / ("gyr-watch-" + std::to_string(::getpid()));
};

TEST_F(FileWatchTest, TellsOfAChangeOnceItHasComeToRest) {
    FileWatch watch({write("a", "1\n"), write("b", "1\n")});
    EXPECT_FALSE(watch.changed());
    write("b", "1\n2\n");
    EXPECT_FALSE(watch.changed()) << "may still be written";
    write("b", "1\n2\n3\n");
    EXPECT_FALSE(watch.changed());
    EXPECT_TRUE(watch.changed());
    EXPECT_FALSE(watch.changed()) << "once";
}

TEST_F(FileWatchTest, SeesAFileReplacedRemovedAndBack) {
    const std::string path = write("a", "1\n");
    FileWatch watch({path});
    std::filesystem::rename(write("new", "2\n"), path); // same size, maybe the same second
    EXPECT_FALSE(watch.changed());
    EXPECT_TRUE(watch.changed());
    std::filesystem::remove(path);
    EXPECT_FALSE(watch.changed());
    EXPECT_TRUE(watch.changed());
    write("a", "3\n");
    EXPECT_FALSE(watch.changed());
    EXPECT_TRUE(watch.changed());
}

TEST_F(FileWatchTest, NoFilesNeverChange) {
    FileWatch watch({});
    EXPECT_FALSE(watch.changed());
    EXPECT_FALSE(watch.changed());
}

} // namespace
} // namespace gyr::rules
