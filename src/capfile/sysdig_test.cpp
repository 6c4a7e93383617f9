// sysdig, which nobody here wrote, reads what the writer wrote: the same events, by the same threads, with the same
// values. Skipped where it is not installed.

#include "capfile/synthetic.h"
#include "capfile/test_support.h"
#include "event/schema.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <sstream>
#include <string>
#include <unistd.h>

namespace gyr::capfile {
namespace {

constexpr std::uint64_t kEvents = 3000;
constexpr EventCode kCloseExit = 5, kOpenatExit = 307;

std::vector<std::string> lines_of(const std::string& command) {
    std::vector<std::string> lines;
    FILE* pipe = ::popen(command.c_str(), "r");
    if (pipe == nullptr) return lines;
    std::array<char, 8192> line;
    while (std::fgets(line.data(), line.size(), pipe) != nullptr) {
        lines.emplace_back(line.data());
        if (!lines.back().empty() && lines.back().back() == '\n') lines.back().pop_back();
    }
    ::pclose(pipe);
    return lines;
}

bool has_sysdig() { return std::system("command -v sysdig > /dev/null 2>&1") == 0; }

class SysdigReads : public testing::TestWithParam<bool> {
  protected:
    void SetUp() override {
        if (!has_sysdig()) GTEST_SKIP() << "sysdig is not installed";
        path_ =
            (std::filesystem::temp_directory_path() / ("gyr-sysdig-" + std::to_string(::getpid()) + ".scap")).string();
        auto writer = Writer::create(path_, {.compress = GetParam(), .enter_events = true});
        ASSERT_TRUE(writer);
        ASSERT_TRUE(write_synthetic(*writer, kEvents));
        ASSERT_TRUE(writer->close());
    }
    void TearDown() override { std::filesystem::remove(path_); }

    std::string path_;
};

INSTANTIATE_TEST_SUITE_P(PlainAndGzip, SysdigReads, testing::Bool());

TEST_P(SysdigReads, TheSameEvents) {
    const auto lines =
        lines_of("sysdig -r " + path_ + " -p '%evt.rawtime %thread.tid %evt.cpu %evt.type %evt.dir' 'evt.dir = <'");
    auto reader = Reader::open(path_);
    std::vector<std::string> expected;
    for (const Whole::Event& e : Whole(*reader).events) {
        if (event_schema()[e.code].direction != EventDirection::exit) continue;
        std::ostringstream line;
        line << e.time << ' ' << e.tid << ' ' << e.cpu << ' ' << event_schema()[e.code].name << " <";
        expected.push_back(line.str());
    }
    ASSERT_GT(expected.size(), kEvents / 2);
    EXPECT_EQ(lines, expected);
}

TEST_P(SysdigReads, TheDescriptorsOfOpenAndClose) {
    // What each thread has open, from our own reading, against the name that sysdig finds when it is closed.
    const auto lines =
        lines_of("sysdig -r " + path_ + " -p '%evt.rawtime %fd.num %fd.name' 'evt.type = close and evt.dir = >'");
    auto reader = Reader::open(path_);
    std::map<std::pair<std::int64_t, std::int64_t>, std::string> open;
    std::vector<std::string> expected;
    for (const Whole::Event& e : Whole(*reader).events) {
        if (e.code == kOpenatExit) open[{e.tid, load_param<std::int64_t>(e.params[0])}] = text_of_param(e.params[2]);
        if (e.code != kCloseExit) continue;
        const auto fd = load_param<std::int64_t>(e.params[1]);
        expected.push_back(std::to_string(e.time) + ' ' + std::to_string(fd) + ' ' + open[{e.tid, fd}]);
    }
    ASSERT_GT(expected.size(), kEvents / 4);
    EXPECT_EQ(lines, expected);
}

TEST_P(SysdigReads, ProcessesUsersAndTheMachine) {
    const auto lines = lines_of(
        "sysdig -r " + path_ +
        " -p '%proc.name|%proc.pname|%proc.args|%user.name|%proc.exepath' 'evt.type = execve and evt.dir = <'");
    ASSERT_GT(lines.size(), 10u);
    for (const std::string& line : lines) EXPECT_EQ(line, "git|worker|status --short|root|/usr/bin/git");
}

} // namespace
} // namespace gyr::capfile
