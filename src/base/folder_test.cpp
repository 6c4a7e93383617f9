#include "base/folder.h"

#include <gtest/gtest.h>

#include <atomic>
#include <fstream>
#include <set>
#include <string>
#include <thread>

#include <stdlib.h>

namespace gyr {
namespace {

namespace fs = std::filesystem;

class FolderTest : public ::testing::Test {
  protected:
    FolderTest() {
        std::string pattern = fs::temp_directory_path() / "gyr-test-XXXXXX";
        path = ::mkdtemp(pattern.data());
    }
    ~FolderTest() override { fs::remove_all(path); }
    std::size_t count_below(const fs::path& folder) {
        std::size_t count = 0;
        for_each_entry(folder, [&](const fs::directory_entry& entry) {
            std::error_code error;
            ++count;
            if (entry.is_directory(error)) count += count_below(entry.path());
            return true;
        });
        return count;
    }
    fs::path path;
};

TEST_F(FolderTest, GivesEveryEntryUntilItIsEnough) {
    for (const char* name : {"a", "b", "c"}) std::ofstream(path / name) << name;
    std::set<std::string> names;
    for_each_entry(path,
                   [&](const fs::directory_entry& entry) { return names.insert(entry.path().filename()).second; });
    EXPECT_EQ(names, (std::set<std::string>{"a", "b", "c"}));
    int taken = 0;
    for_each_entry(path, [&](const fs::directory_entry&) { return ++taken < 2; });
    EXPECT_EQ(taken, 2);
    for_each_entry(path / "nothing", [&](const fs::directory_entry&) { return ++taken > 0; });
    for_each_entry(path / "a", [&](const fs::directory_entry&) { return ++taken > 0; });
    EXPECT_EQ(taken, 2);
}

TEST_F(FolderTest, FoldersMayGoAwayOnTheWay) {
    std::atomic<bool> over{false};
    std::thread churn([&] {
        while (!over) {
            std::error_code error;
            for (const char* name : {"a", "b", "c", "d"}) fs::create_directories(path / name / "x" / "y", error);
            for (const char* name : {"a", "b", "c", "d"}) fs::remove_all(path / name, error);
        }
    });
    for (int i = 0; i < 2000; ++i) EXPECT_LE(count_below(path), 12U);
    over = true;
    churn.join();
}

} // namespace
} // namespace gyr
