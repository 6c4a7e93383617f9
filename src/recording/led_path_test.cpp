#include "recording/led_path.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace gyr::recording {
namespace {

std::string number(std::int64_t n, std::size_t size = 8) { return {reinterpret_cast<const char*>(&n), size}; }

class LedPathTest : public testing::Test {
  protected:
    LedPathTest() {
        process->cwd = "/home/app/";
        event.process = process;
        event.time = 7;
        event.tid = 100;
        event.cpu = 1;
        event.fd = &fd;
    }
    // An openat of this name below dirfd that gave descriptor 3 for path.
    bool openat(const std::string& name, const std::string& path, std::int64_t dirfd = -100, std::int64_t result = 3) {
        texts = {number(result), number(dirfd), name + '\0', number(1, 4), number(0, 4), number(5, 4), number(9)};
        params.assign(texts.begin(), texts.end());
        event.code = 307;
        event.params = params;
        fd.name = path;
        return led.begin_of(event, out);
    }

    std::shared_ptr<ProcessImage> process = std::make_shared<ProcessImage>();
    FdInfo fd;
    Event event;
    std::vector<std::string> texts;
    std::vector<std::string_view> params;
    LedPath led;
    RawEvent out;
};

TEST_F(LedPathTest, TellsWhereALinkLed) {
    ASSERT_TRUE(openat("/tmp/link", "/etc/shadow"));
    EXPECT_EQ(out.code, 306);
    EXPECT_EQ(out.tid, 100);
    EXPECT_EQ(out.time, 7);
    EXPECT_EQ(out.cpu, 1);
    ASSERT_EQ(out.params.size(), 4u);
    EXPECT_EQ(load_param<std::int64_t>(out.params[0]), -100);
    EXPECT_EQ(text_of_param(out.params[1]), "/etc/shadow");
    EXPECT_EQ(load_param<std::uint32_t>(out.params[2]), 1u);
}

TEST_F(LedPathTest, SaysNothingWhenThePathIsWhatWasAskedFor) {
    EXPECT_FALSE(openat("/etc/passwd", "/etc/passwd"));
    EXPECT_FALSE(openat("/etc//x/../passwd", "/etc/passwd"));
    EXPECT_FALSE(openat("notes", "/home/app/notes"));
    EXPECT_FALSE(openat("/etc/passwd", "/etc/passwd", 5));
}

TEST_F(LedPathTest, TellsThePathBelowADirectorysDescriptor) {
    ASSERT_TRUE(openat("passwd", "/etc/passwd", 5));
    EXPECT_EQ(load_param<std::int64_t>(out.params[0]), -100);
    EXPECT_EQ(text_of_param(out.params[1]), "/etc/passwd");
}

TEST_F(LedPathTest, SaysNothingOfWhatFailedOrIsNoPath) {
    EXPECT_FALSE(openat("/tmp/link", "/etc/shadow", -100, -2));
    EXPECT_FALSE(openat("/proc/self/fd/1", "pipe:[1]"));
    openat("/tmp/link", "/etc/shadow");
    event.fd = nullptr;
    EXPECT_FALSE(led.begin_of(event, out));
    event.fd = &fd;
    event.params = event.params.first(3);
    EXPECT_FALSE(led.begin_of(event, out));
}

TEST_F(LedPathTest, KnowsTheOtherCallsThatOpen) {
    openat("/tmp/link", "/etc/shadow");
    texts = {number(3), "/tmp/link" + std::string(1, '\0'), number(1, 4), number(0, 4), number(5, 4), number(9)};
    params.assign(texts.begin(), texts.end());
    event.params = params;
    event.code = 3;
    ASSERT_TRUE(led.begin_of(event, out));
    EXPECT_EQ(out.code, 2);
    EXPECT_EQ(out.params.size(), 3u);
    EXPECT_EQ(text_of_param(out.params[0]), "/etc/shadow");
    event.code = 59;
    ASSERT_TRUE(led.begin_of(event, out));
    EXPECT_EQ(out.code, 58);
    EXPECT_EQ(out.params.size(), 2u);
    event.code = 5;
    EXPECT_FALSE(led.begin_of(event, out));
}

} // namespace
} // namespace gyr::recording
