// Broken and hostile captures through everything at once: reader, upgrade, state, fields and rules. The parts have
// tests of their own (capfile/damage_test.cpp, replay/hostile_test.cpp), and fuzz targets.

#include "base/test_data.h"

#include "playback/script.h"
#include "playback/test_support.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <random>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace gyr {
namespace {

// Reads many fields of every event: also of those that no rule is about.
constexpr const char* kRules = R"(
- rule: Opened
  desc: d
  condition: evt.type in (open, openat) and fd.name startswith /etc
  output: "%evt.args %fd.name %proc.cmdline %proc.aname[2] %user.name %container.name %fs.path.name %thread.cgroups"
  priority: INFO
- rule: Anything Odd
  desc: d
  condition: >
    evt.num > 0 and (proc.exepath contains no-such-path or fd.sip = 1.2.3.4 or evt.arg[0] = "no such value" or
    proc.args contains no-such-argument or evt.res = ENOTHING or fd.nameraw endswith .nothing or proc.ppid = -7)
  output: "%evt.args"
  priority: INFO
- rule: Shell
  desc: d
  condition: proc.name = sh
  output: "%proc.pname"
  priority: INFO
)";

class PlaybackHostile : public testing::Test {
  protected:
    PlaybackHostile() : rules_(test::load_text(kRules)) {
        for (const Rule& rule : rules_.matcher->rules()) EXPECT_EQ(rule.disabled_why, "") << rule.name;
    }

    // What was raised, in words. Broken files raise what comes before the damage.
    std::vector<std::string> play(std::string_view bytes) {
        std::vector<std::string> alerts;
        auto reader = capfile::Reader::from_bytes(std::as_bytes(std::span(bytes)));
        if (!reader) return alerts;
        playback::PlaybackOptions options;
        options.state = {.max_threads = 10'000, .fd_budget_bytes = 4 << 20, .image_budget_bytes = 4 << 20};
        playback::Playback playback(options, rules_.matcher, [&](const Alert& alert) {
            alerts.push_back(std::to_string(alert.event_number) + alert.rule + alert.message);
        });
        static_cast<void>(playback.play(*reader));
        EXPECT_LE(playback.stats().state.threads, 10'000U);
        EXPECT_LE(playback.stats().state.fd_bytes, (4U << 20) + (1U << 20));
        return alerts;
    }

    test::RuleSet rules_;
};

std::string story(std::size_t least_bytes) {
    playback::Script script;
    script.process({.pid = 1, .sid = 1, .comm = "init", .exe = "/sbin/init"});
    for (std::int64_t pid = 100; pid < static_cast<std::int64_t>(100 + least_bytes / 900); ++pid) {
        script.clone(1, pid);
        script.exec(pid, {.comm = "sh", .exe = "/bin/sh", .arguments = {"-c", "true"}});
        script.open(pid, "/etc/passwd", 3);
        script.close(pid, 3);
        script.exit(pid, 0);
    }
    return *script.finish();
}

// Where to cut a capture: at every offset of the first block of each kind and the first event of each type, and at the
// edges of all others. Inside a block it makes no difference for what is behind the reader, whose own test has every
// offset. With GYR_TEST_WHOLE every offset here too.
std::vector<std::size_t> cuts(std::string_view whole, std::size_t end) {
    std::vector<std::size_t> out;
    std::set<std::pair<std::uint32_t, std::uint16_t>> seen;
    std::size_t block = 0;
    constexpr std::size_t kCode = 8 + 2 + 20; // of an event, in its block
    for (std::size_t at = 28; at < end;) {
        std::uint32_t type = 0, length = 0;
        std::uint16_t code = 0;
        std::memcpy(&type, whole.data() + at, sizeof type);
        std::memcpy(&length, whole.data() + at + 4, sizeof length);
        if (type == 0x216) std::memcpy(&code, whole.data() + at + kCode, sizeof code);
#ifdef GYR_SANITIZED // where each access to memory is checked all of them would take too long
        const bool all = seen.insert({type, code}).second && out.size() < 200;
        const bool some = all || block % 8 == 0;
#else
        const bool all = seen.insert({type, code}).second || std::getenv("GYR_TEST_WHOLE") != nullptr;
        constexpr bool some = true;
#endif
        const std::size_t step = all ? 1 : std::max<std::size_t>(1, length / 3);
        for (std::size_t cut = at; some && cut < at + length; cut += step) out.push_back(cut);
        if (some) out.push_back(at + length - 1);
        ++block;
        at += length;
    }
    while (!out.empty() && out.back() > end) out.pop_back();
    return out;
}

TEST_F(PlaybackHostile, AFileCutAnywhereRaisesWhatCameBefore) {
    const std::string whole = story(100'000);
    ASSERT_GT(whole.size(), 65'536U);
    const std::vector<std::string> all = play(whole);
    ASSERT_GT(all.size(), 100U);
    std::size_t before = 0;
    for (const std::size_t cut : cuts(whole, 65'536)) {
        const std::vector<std::string> some = play(std::string_view(whole).substr(0, cut));
        ASSERT_LE(some.size(), all.size());
        ASSERT_TRUE(std::ranges::equal(some, std::span(all).first(some.size()))) << cut;
        ASSERT_GE(some.size(), before) << cut;
        before = some.size();
    }
    EXPECT_GT(before, 100U);
}

TEST_F(PlaybackHostile, RandomBytes) {
    std::mt19937_64 random(11); // the same bytes every time
    std::string noise(2 * 1024 * 1024, '\0');
    for (char& c : noise) c = static_cast<char>(random());
    EXPECT_TRUE(play(noise).empty());
    const std::string whole = story(20'000);
    EXPECT_EQ(play(whole + noise), play(whole));
    // Noise where parameters are: the frame of each event stays, so that all of it reaches state and rules.
    std::string changed = whole;
    constexpr std::size_t kFrame =
        8 + 2 + 8 + 8 + 4 + 2 + 4; // block, processor, time, thread, length, type, parameters
    for (int round = 0; round < 20; ++round) {
        changed = whole;
        for (std::size_t at = 0; at + 8 <= changed.size();) {
            std::uint32_t type = 0, length = 0;
            std::memcpy(&type, changed.data() + at, 4);
            std::memcpy(&length, changed.data() + at + 4, 4);
            if (type == 0x216 && length > kFrame + 4 + 64 && random() % 4 != 0) {
                const std::size_t lengths = 64; // leave the lengths of parameters as they are
                for (std::size_t i = at + kFrame + lengths; i < at + length - 4; ++i)
                    if (random() % 8 == 0) changed[i] = static_cast<char>(random());
            }
            at += length;
        }
        static_cast<void>(play(changed));
    }
}

TEST_F(PlaybackHostile, RealCapturesWithChangedBytes) {
    const std::string data = test_data_dir();
    if (data.empty()) GTEST_SKIP() << "GYR_TEST_DATA names no folder";
    std::mt19937_64 random(12);
    const int rounds = std::getenv("GYR_TEST_WHOLE") != nullptr ? 2'000 : 20;
    for (const char* name : {"libs-test_ipv6_client.scap", "falco-cat_write.scap", "libs-sample.scap"}) {
        auto reader = capfile::Reader::open(data + "/captures/" + name, {.upgrade = false});
        if (!reader) continue;
        // Once more without compression, so that a changed byte is one of the capture.
        std::string plain;
        auto writer = capfile::Writer::to_string(plain, {.compress = false});
        for (auto item = reader->next(); item != capfile::Item::end; item = reader->next()) {
            if (item == capfile::Item::thread) static_cast<void>(writer->write_threads({&reader->thread(), 1}));
            if (item == capfile::Item::fd) static_cast<void>(writer->write_fds(reader->fd().tid, {&reader->fd(), 1}));
            if (item == capfile::Item::event) static_cast<void>(writer->write_event(reader->event()));
            if (plain.size() > 200'000) break;
        }
        ASSERT_TRUE(writer->close());
        for (int round = 0; round < rounds; ++round) {
            std::string changed = plain;
            for (std::uint64_t n = 1 + random() % 40; n > 0; --n)
                changed[28 + random() % (changed.size() - 28)] = static_cast<char>(random());
            static_cast<void>(play(changed));
        }
    }
}

} // namespace
} // namespace gyr
