// Files with rotation, as one finds them in the folder afterwards.

#include "alerts/test_support.h"
#include "base/fd.h"
#include "outputs/channels.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include <array>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <set>

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>

namespace gyr::outputs {
namespace {

namespace fs = std::filesystem;
using ::testing::UnorderedElementsAre;

class FileChannelTest : public ::testing::Test {
  protected:
    FileChannelTest() {
        std::string pattern = fs::temp_directory_path() / "gyr-test-XXXXXX";
        folder = ::mkdtemp(pattern.data());
        options.path = folder / "alerts";
    }
    ~FileChannelTest() override { fs::remove_all(folder); }

    // One record of this text.
    static Item item(const std::string& text) {
        static const auto record = std::make_shared<const AlertRecord>(test_alert(1));
        return {record, text};
    }
    SendResult send(Channel& channel, const std::vector<std::string>& texts) {
        std::vector<Item> items;
        for (const std::string& text : texts) items.push_back(item(text));
        return channel.send(items, patience);
    }
    [[nodiscard]] std::unique_ptr<Channel> channel() const { return std::move(*make_file_channel(options)); }
    [[nodiscard]] std::set<std::string> names() const {
        std::set<std::string> out;
        for (const auto& entry : fs::directory_iterator(folder)) out.insert(entry.path().filename().string());
        return out;
    }
    // Unpacked when it is packed.
    [[nodiscard]] std::string content(const std::string& name) const {
        gzFile file = gzopen((folder / name).c_str(), "rb");
        std::string out(1 << 16, '\0');
        out.resize(static_cast<std::size_t>(std::max(0, gzread(file, out.data(), 1 << 16))));
        gzclose(file);
        return out;
    }

    fs::path folder;
    OutputOptions options;
    Patience patience;
};

TEST_F(FileChannelTest, AppendsForItsOwnerOnly) {
    std::ofstream(options.path) << "before\n";
    fs::permissions(options.path, fs::perms::owner_read | fs::perms::owner_write);
    EXPECT_EQ(send(*channel(), {"one", "two"}).outcome, Sent::all);
    EXPECT_EQ(content("alerts"), "before\none\ntwo\n");
    options.path = folder / "new";
    EXPECT_EQ(send(*channel(), {"three"}).outcome, Sent::all);
    EXPECT_EQ(fs::status(options.path).permissions(), fs::perms::owner_read | fs::perms::owner_write);
}

TEST_F(FileChannelTest, RotatesBySizeAndKeepsSoMany) {
    options.rotate.bytes = 10;
    options.rotate.keep = 2;
    const auto c = channel();
    for (const char* text : {"1111", "2222", "3333", "4444", "5555", "6666", "7777"})
        EXPECT_EQ(send(*c, {text}).outcome, Sent::all);
    EXPECT_THAT(names(), UnorderedElementsAre("alerts", "alerts.1", "alerts.2"));
    EXPECT_EQ(content("alerts"), "7777\n");
    EXPECT_EQ(content("alerts.1"), "5555\n6666\n");
    EXPECT_EQ(content("alerts.2"), "3333\n4444\n");
    EXPECT_EQ(send(*c, {std::string(100, 'x')}).outcome, Sent::all) << "a line that is larger than a file may be";
    EXPECT_EQ(content("alerts"), std::string(100, 'x') + "\n");
}

TEST_F(FileChannelTest, CompressesWhatIsOld) {
    options.rotate.bytes = 10;
    options.rotate.keep = 2;
    options.rotate.compress = true;
    const auto c = channel();
    for (const char* text : {"11111111", "22222222", "33333333", "44444444"})
        EXPECT_EQ(send(*c, {text}).outcome, Sent::all);
    EXPECT_THAT(names(), UnorderedElementsAre("alerts", "alerts.1.gz", "alerts.2.gz"));
    EXPECT_EQ(content("alerts.1.gz"), "33333333\n");
    EXPECT_EQ(content("alerts.2.gz"), "22222222\n");
}

TEST_F(FileChannelTest, RotatesByAge) {
    options.rotate.age = 1;
    const auto c = channel();
    // The age is looked at in whole seconds.
    for (int i = 0; i < 12'000 && !fs::exists(folder / "alerts.1"); ++i) {
        ASSERT_EQ(send(*c, {"x"}).outcome, Sent::all);
        ::poll(nullptr, 0, 10);
    }
    EXPECT_TRUE(fs::exists(folder / "alerts.1"));
    EXPECT_EQ(content("alerts"), "x\n");
}

TEST_F(FileChannelTest, NoticesThatTheFileWasMovedAway) {
    const auto c = channel();
    EXPECT_EQ(send(*c, {"one"}).outcome, Sent::all);
    fs::rename(options.path, folder / "moved");
    EXPECT_EQ(send(*c, {"two"}).outcome, Sent::all);
    EXPECT_EQ(content("moved"), "one\n");
    EXPECT_EQ(content("alerts"), "two\n");
}

TEST_F(FileChannelTest, WhatCannotBeWrittenIsTriedAgain) {
    options.path = folder / "nothing" / "alerts";
    const auto c = channel();
    const SendResult result = send(*c, {"one"});
    EXPECT_EQ(result.outcome, Sent::retry);
    EXPECT_EQ(result.done, 0U);
    EXPECT_NE(result.problem.find("No such file"), std::string::npos) << result.problem;
    fs::create_directory(folder / "nothing");
    EXPECT_EQ(send(*c, {"one"}).outcome, Sent::all);
}

TEST_F(FileChannelTest, EndsALineThatWasLeftInTheMiddle) {
    std::ofstream(options.path) << "whole\nto";
    EXPECT_EQ(send(*channel(), {"one", "two"}).outcome, Sent::all);
    EXPECT_EQ(content("alerts"), "whole\nto\none\ntwo\n");
}

TEST_F(FileChannelTest, APipeHoldsNothingUp) {
    std::signal(SIGPIPE, SIG_IGN); // as the program does
    ASSERT_EQ(::mkfifo(options.path.c_str(), 0600), 0);
    options.rotate.bytes = 4;
    options.timeout = 1'000'000; // ns
    const auto c = channel();
    // Nobody reads it.
    SendResult result = send(*c, {"one"});
    EXPECT_EQ(result.outcome, Sent::retry);
    EXPECT_NE(result.problem.find("nobody reads"), std::string::npos) << result.problem;
    // Somebody who takes nothing: until it is full.
    UniqueFd reader(::open(options.path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    std::size_t sent = 0;
    const std::string line(999, 'x');
    while ((result = send(*c, {line})).outcome == Sent::all) ++sent;
    EXPECT_EQ(result.outcome, Sent::retry);
    EXPECT_NE(result.problem.find("takes nothing"), std::string::npos) << result.problem;
    // What is in it is the next reader's, and then comes the rest.
    reader = UniqueFd(::open(options.path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    std::string got(1 << 20, '\0');
    got.resize(static_cast<std::size_t>(std::max<ssize_t>(0, ::read(reader.get(), got.data(), got.size()))));
    EXPECT_EQ(got.size(), sent * 1000);
    EXPECT_EQ(send(*c, {"after"}).outcome, Sent::all);
    std::array<char, 16> last{};
    ASSERT_EQ(::read(reader.get(), last.data(), last.size()), 6);
    EXPECT_EQ(std::string(last.data(), 6), "after\n");
    reader.reset();
    EXPECT_EQ(send(*c, {"gone"}).outcome, Sent::retry);
}

TEST_F(FileChannelTest, DevicesAreNeverRotated) {
    options.path = "/dev/null";
    options.rotate.bytes = 4;
    const auto c = channel();
    for (int i = 0; i < 5; ++i) EXPECT_EQ(send(*c, {"12345678"}).outcome, Sent::all);
    options.path = "/dev/full";
    EXPECT_EQ(send(*channel(), {"12345678"}).outcome, Sent::retry);
    struct stat info {};
    ASSERT_EQ(::stat("/dev/null", &info), 0);
    EXPECT_TRUE(S_ISCHR(info.st_mode));
}

} // namespace
} // namespace gyr::outputs
