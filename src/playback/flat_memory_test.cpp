// A file ten times as long takes no more memory to replay.

#include "capfile/synthetic.h"
#include "playback/test_support.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace gyr {
namespace {

constexpr const char* kRules = R"(
- rule: a shell
  desc: d
  condition: proc.name in (sh, bash) and proc.tty != 0
  output: "%proc.cmdline"
  priority: INFO
- rule: an open
  desc: d
  condition: evt.type in (open, openat) and fd.name startswith /usr/share/app/7/module-8 and proc.name != x
  output: "%fd.name %proc.aname"
  priority: INFO
)";

class FlatMemory : public testing::TestWithParam<bool> {
  protected:
    void TearDown() override { std::filesystem::remove(path_); }

    // The most that a process of its own has resident while it replays so many events, in KiB.
    long peak_of(std::uint64_t events) {
        auto writer = capfile::Writer::create(path_, {.compress = GetParam()});
        EXPECT_TRUE(writer && capfile::write_synthetic(*writer, events) && writer->close());
        const pid_t child = ::fork();
        if (child == 0) ::_exit(replays(events) ? 0 : 1);
        int status = 0;
        rusage usage{};
        EXPECT_EQ(::wait4(child, &status, 0, &usage), child);
        EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        return usage.ru_maxrss;
    }

  private:
    bool replays(std::uint64_t events) {
        auto reader = capfile::Reader::open(path_);
        if (!reader) return false;
        std::uint64_t alerts = 0;
        playback::Playback playback({}, rules_.matcher, [&](const Alert&) { ++alerts; });
        const playback::WalkEnd end = playback.play(*reader);
        return !end.damage && playback.stats().events == events && alerts > 0;
    }

    const std::string path_ = testing::TempDir() + "flat-memory-" + std::to_string(::getpid()) + ".scap";
    const test::RuleSet rules_ = test::load_text(kRules);
};

TEST_P(FlatMemory, OverAFileTenTimesAsLong) {
#ifdef GYR_SANITIZED
    GTEST_SKIP() << "memory is not the program's own";
#endif
    constexpr std::uint64_t kEvents = 60'000;
    constexpr long kNoise = 768; // KiB: less than a byte and a half for each further event
    const long once = peak_of(kEvents), ten_times = peak_of(10 * kEvents);
    EXPECT_LE(ten_times, once + kNoise);
    RecordProperty("kib", static_cast<int>(ten_times));
}

INSTANTIATE_TEST_SUITE_P(PlainAndGzip, FlatMemory, testing::Bool());

} // namespace
} // namespace gyr
