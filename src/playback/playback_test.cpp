#include "playback/playback.h"

#include "alerts/format.h"
#include "capfile/writer.h"
#include "playback/event_printer.h"
#include "playback/script.h"
#include "playback/test_support.h"

#include <gtest/gtest.h>

namespace gyr {
namespace {

std::span<const std::byte> bytes(const std::string& text) { return std::as_bytes(std::span(text)); }

// A shell started from an init, which reads a file.
std::string small_capture() {
    playback::Script script;
    script.process({.pid = 1, .parent = 0, .comm = "init", .exe = "/sbin/init"});
    script.clone(1, 100);
    script.exec(100, {.comm = "bash", .exe = "/bin/bash", .arguments = {"-i"}, .tty = 34816});
    script.open(100, "/etc/shadow", 3);
    script.close(100, 3);
    script.exit(100, 0);
    auto file = script.finish();
    EXPECT_TRUE(file);
    return file.value_or("");
}

std::vector<Alert> alerts_of(const std::string& capture, const std::string& rules,
                             playback::PlaybackOptions options = {}, const Matcher::Options& compile = {}) {
    const test::RuleSet set = test::load_text(rules, compile);
    EXPECT_TRUE(set.loaded.ok());
    for (const Rule& rule : set.matcher->rules()) EXPECT_EQ(rule.disabled_why, "");
    std::vector<Alert> alerts;
    playback::Playback playback(options, set.matcher, [&](Alert a) { alerts.push_back(std::move(a)); });
    auto reader = capfile::Reader::from_bytes(bytes(capture));
    EXPECT_TRUE(reader);
    const playback::WalkEnd end = playback.play(*reader);
    EXPECT_FALSE(end.damage);
    return alerts;
}

constexpr const char* kShell = R"(
- rule: shell
  desc: a shell
  condition: proc.name = bash and proc.tty != 0
  output: "%proc.cmdline"
  priority: WARNING
- rule: any open
  desc: an open
  condition: evt.type = openat
  output: "%evt.arg.name"
  priority: INFO
)";

TEST(Playback, ReportsProcessRulesOnceAndOthersForEveryEvent) {
    const std::vector<Alert> alerts = alerts_of(small_capture(), kShell);
    ASSERT_EQ(alerts.size(), 2u);
    EXPECT_EQ(alerts[0].rule, "shell");
    EXPECT_EQ(alerts[0].message, "bash -i");
    EXPECT_EQ(alerts[0].cause, "execve");
    EXPECT_EQ(alerts[1].rule, "any open");
    EXPECT_EQ(alerts[1].cause, "openat");
    EXPECT_EQ(alerts[1].message, "/etc/shadow");
}

// Events that no rule asks about are not made ready for rules, but they change what is known, and they count.
TEST(Playback, KnowsWhatEventsToldThatNoRuleAsksAbout) {
    constexpr const char* kCloses = R"(
- rule: close
  desc: a close
  condition: evt.type = close and fd.name = /etc/shadow
  output: "%evt.num %evt.reltime %fd.name %proc.cmdline"
  priority: INFO
)";
    const std::string capture = small_capture();
    const std::vector<Alert> alone = alerts_of(capture, kCloses);
    ASSERT_EQ(alone.size(), 1u);
    EXPECT_EQ(alone[0].cause, "close");
    EXPECT_TRUE(alone[0].message.ends_with("/etc/shadow bash -i")) << alone[0].message;
    const std::vector<Alert> among = alerts_of(capture, kCloses + std::string(kShell));
    ASSERT_EQ(among.size(), 3u);
    EXPECT_EQ(among[2].message, alone[0].message);
    EXPECT_EQ(among[2].event_number, alone[0].event_number);
}

TEST(Playback, GivesTheSameBytesEachTime) {
    const auto text = [](const std::vector<Alert>& alerts) {
        std::string out;
        for (const Alert& a : alerts) out += format_record(a, {.format = AlertFormat::json}) + '\n';
        return out;
    };
    const std::string capture = small_capture();
    const std::string once = text(alerts_of(capture, kShell));
    EXPECT_EQ(once, text(alerts_of(capture, kShell)));
    EXPECT_NE(once.find("\"hostname\":\"example\""), std::string::npos) << once;
}

TEST(Playback, StopsAfterTheEventAskedFor) {
    playback::PlaybackOptions options;
    options.until = 2;
    const std::vector<Alert> alerts = alerts_of(small_capture(), kShell, options);
    for (const Alert& a : alerts) EXPECT_LE(a.event_number, 2u);
}

TEST(Playback, ARuleBelowThePriorityHidesNoneBehindIt) {
    Matcher::Options compile;
    compile.minimum_priority = Priority::warning;
    const std::string rules = R"(
- rule: of little weight
  desc: an open
  condition: evt.type = openat
  output: less
  priority: INFO
- rule: of weight
  desc: an open
  condition: evt.type = openat
  output: more
  priority: WARNING
)";
    const std::vector<Alert> alerts = alerts_of(small_capture(), rules, {.first_match_only = true}, compile);
    ASSERT_EQ(alerts.size(), 1u);
    EXPECT_EQ(alerts[0].rule, "of weight");
}

TEST(Playback, StopsWhenTheTimeIsOver) {
    const std::string all = R"(
- rule: all
  desc: d
  condition: evt.type in (clone, execve, openat, close, procexit)
  output: o
  priority: INFO
)";
    const std::vector<Alert> alerts = alerts_of(small_capture(), all);
    ASSERT_GE(alerts.size(), 3u);
    const Nanos first = alerts[0].time, last = alerts.back().time;
    ASSERT_LT(first, last);
    for (const Alert& a : alerts_of(small_capture(), all, {.span = last - first})) EXPECT_LT(a.time, last);
    EXPECT_EQ(alerts_of(small_capture(), all, {.span = last - first + 1}).size(), alerts.size());
}

TEST(Playback, IsStoppedWhereNoRuleWantsAnything) {
    const test::RuleSet set = test::load_text(R"(
- rule: none
  desc: d
  condition: evt.type = ptrace
  output: o
  priority: INFO
)");
    const std::string capture = small_capture();
    const auto events = [&](std::stop_token stop) {
        playback::Playback playback({.stop = std::move(stop)}, set.matcher, [](const Alert&) {});
        auto reader = capfile::Reader::from_bytes(bytes(capture));
        EXPECT_TRUE(reader);
        return playback.play(*reader).events;
    };
    std::stop_source stop;
    EXPECT_GT(events(stop.get_token()), 0u);
    stop.request_stop();
    EXPECT_EQ(events(stop.get_token()), 0u);
}

TEST(Playback, DeliversWhatStandsBeforeTheDamage) {
    const std::string whole = small_capture();
    const test::RuleSet set = test::load_text(kShell);
    std::size_t alerts = 0;
    playback::Playback playback({}, set.matcher, [&](const Alert&) { ++alerts; });
    const std::string cut = whole.substr(0, whole.size() - 7);
    auto reader = capfile::Reader::from_bytes(bytes(cut));
    ASSERT_TRUE(reader);
    const playback::WalkEnd end = playback.play(*reader);
    ASSERT_TRUE(end.damage);
    EXPECT_NE(end.damage->message.find("byte"), std::string::npos) << end.damage->message;
    EXPECT_EQ(alerts, 2u);
}

TEST(EventPrinter, FiltersAndPrints) {
    auto printer = playback::EventPrinter::create("evt.type = openat and proc.name = bash", "%proc.name %evt.arg.name");
    ASSERT_TRUE(printer) << printer.error().message;
    const std::string capture = small_capture();
    auto reader = capfile::Reader::from_bytes(bytes(capture));
    ASSERT_TRUE(reader);
    replay::ReplayState state;
    std::vector<std::string> lines;
    const auto end = playback::walk(*reader, state, [&](const Event& event, const EvalWorld& world) {
        if (printer->matches(event, world)) {
            lines.push_back(printer->line(event, world));
            EXPECT_EQ(printer->json(event, world), R"({"proc.name":"bash","evt.arg.name":"/etc/shadow"})");
        }
        return true;
    });
    EXPECT_FALSE(end.damage);
    EXPECT_EQ(lines, std::vector<std::string>{"bash /etc/shadow"});
}

TEST(EventPrinter, TellsTheTimeSinceTheEventBefore) {
    playback::Script script;
    script.process({.pid = 100, .comm = "sh", .exe = "/bin/sh"});
    script.open(100, "/a", 3);
    script.close(100, 3);
    script.pass(2'000'000'000);
    script.open(100, "/b", 3);
    const auto capture = script.finish();
    ASSERT_TRUE(capture);
    auto printer = playback::EventPrinter::create("", "%evt.deltatime.s %evt.reltime.s");
    ASSERT_TRUE(printer) << printer.error().message;
    auto reader = capfile::Reader::from_bytes(bytes(*capture));
    replay::ReplayState state;
    std::vector<std::string> lines;
    static_cast<void>(playback::walk(*reader, state, [&](const Event& event, const EvalWorld& world) {
        lines.push_back(printer->line(event, world));
        return true;
    }));
    EXPECT_EQ(lines, (std::vector<std::string>{"0 0", "0 0", "2 2"}));
}

TEST(EventPrinter, RefusesWhatItCannotUse) {
    for (const char* filter : {"evt.type =", "no.such = 1", "evt.type = nosuchcall", "no_macro", "proc.pid = abc"}) {
        const auto printer = playback::EventPrinter::create(filter, "%evt.type");
        ASSERT_FALSE(printer) << filter;
        EXPECT_FALSE(printer.error().message.contains('\n'));
    }
    EXPECT_FALSE(playback::EventPrinter::create("", ""));
    EXPECT_FALSE(playback::EventPrinter::create("", "%no.such"));
}

} // namespace
} // namespace gyr
