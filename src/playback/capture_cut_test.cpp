#include "playback/capture_cut.h"

#include "base/test_data.h"
#include "playback/capture_walk.h"
#include "playback/script.h"
#include "replay/state.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

namespace gyr::playback {
namespace {

constexpr const char* kFormat =
    "%evt.rawtime %evt.type %evt.rawres %thread.tid %proc.name %proc.pname %proc.cmdline %proc.aname %proc.cwd "
    "%proc.exepath "
    "%proc.tty %fd.name %fd.num %user.name %container.id %proc.fdopencount %evt.arg[0] %evt.arg[1]";

std::span<const std::byte> bytes(const std::string& text) { return std::as_bytes(std::span(text)); }

std::vector<std::string> lines(capfile::Reader& reader, const std::string& filter) {
    auto printer = EventPrinter::create(filter, kFormat);
    EXPECT_TRUE(printer);
    replay::ReplayState state;
    std::vector<std::string> out;
    const auto visit = [&](const Event& event, const EvalWorld& world) {
        if (printer->matches(event, world)) out.push_back(printer->line(event, world));
        return true;
    };
    static_cast<void>(walk(reader, state, visit));
    return out;
}
std::vector<std::string> lines(const std::string& capture, const std::string& filter) {
    auto reader = capfile::Reader::from_bytes(bytes(capture));
    EXPECT_TRUE(reader) << reader.error().message;
    return lines(*reader, filter);
}

CutEnd cut(capfile::Reader& once, capfile::Reader& again, const std::string& filter, std::string& out,
           CutOptions options = {}) {
    auto printer = EventPrinter::create(filter, "-");
    EXPECT_TRUE(printer);
    auto writer = capfile::Writer::to_string(out, {.compress = false, .enter_events = true});
    EXPECT_TRUE(writer);
    const auto end = cut_capture(once, again, *printer, options, *writer);
    EXPECT_TRUE(end);
    EXPECT_TRUE(writer->close());
    return end.value_or(CutEnd{});
}
CutEnd cut(const std::string& capture, const std::string& filter, std::string& out, CutOptions options = {}) {
    auto once = capfile::Reader::from_bytes(bytes(capture));
    auto again = capfile::Reader::from_bytes(bytes(capture));
    EXPECT_TRUE(once && again);
    return cut(*once, *again, filter, out, options);
}

// init starts a daemon and a shell; the shell runs a program that reads a file.
std::string story() {
    Script script;
    script.process({.pid = 1, .comm = "init", .exe = "/sbin/init"});
    script.process({.pid = 50, .parent = 1, .comm = "daemon", .exe = "/usr/sbin/secretd"});
    script.clone(1, 100);
    script.exec(100, {.comm = "bash", .exe = "/bin/bash", .tty = 34816});
    script.open(50, "/etc/secret", 3);
    script.clone(100, 101);
    script.exec(101, {.comm = "cat", .exe = "/bin/cat", .arguments = {"/etc/passwd"}, .tty = 34816});
    script.open(101, "/etc/passwd", 3);
    script.close(101, 3);
    script.exit(101, 0);
    script.exit(100, 0);
    auto file = script.finish();
    EXPECT_TRUE(file);
    return file.value_or("");
}

TEST(CaptureCut, KeepsTheEventsAndWhatTheirFieldsNeed) {
    const std::string whole = story();
    std::string part;
    const CutEnd end = cut(whole, "evt.type = close", part);
    EXPECT_EQ(end.matched, 1u);
    EXPECT_FALSE(end.damage);
    const auto before = lines(whole, "evt.type = close"), after = lines(part, "");
    ASSERT_EQ(after.size(), 1u); // readers see nothing else
    EXPECT_EQ(after, before);
    EXPECT_NE(after[0].find("/etc/passwd"), std::string::npos)
        << after[0]; // an event that is not shown gave it its name
    EXPECT_NE(after[0].find(" bash init "), std::string::npos) << after[0];
    EXPECT_EQ(part.find("secret"), std::string::npos) << "of others nothing is told";
}

TEST(CaptureCut, KeepsSoManyAncestors) {
    std::string part;
    cut(story(), "proc.name = cat", part, {.ancestors = 1});
    const auto after = lines(part, "evt.type = openat");
    ASSERT_EQ(after.size(), 1u);
    EXPECT_NE(after[0].find(" bash "), std::string::npos) << after[0];
    EXPECT_EQ(after[0].find("init"), std::string::npos) << after[0];
}

TEST(CaptureCut, KeepsWhomAnEventNames) {
    constexpr std::uint16_t kKill = 129;
    Script script;
    script.process({.pid = 1, .comm = "init", .exe = "/sbin/init"});
    script.process({.pid = 50, .parent = 1, .comm = "daemon", .exe = "/usr/sbin/d"});
    script.process({.pid = 60, .parent = 1, .comm = "other", .exe = "/usr/sbin/o"});
    script.event(kKill, 1, {{"pid", script_number<std::int64_t>(50)}, {"sig", script_number<std::uint8_t>(15)}});
    const auto whole = script.finish();
    ASSERT_TRUE(whole);
    std::string part;
    cut(*whole, "evt.type = kill", part);
    const auto after = lines(part, "");
    EXPECT_EQ(after, lines(*whole, "evt.type = kill"));
    ASSERT_EQ(after.size(), 1u);
    EXPECT_NE(after[0].find("daemon"), std::string::npos) << after[0];
    EXPECT_EQ(part.find("other"), std::string::npos) << "of others nothing is told";
}

// Whoever made a process may have ended, and the process been adopted, before it does what is looked for.
TEST(CaptureCut, KeepsWhoMadeAProcessThatOthersAdopted) {
    Script script;
    script.process({.pid = 1, .comm = "init", .exe = "/sbin/init"});
    script.process({.pid = 50, .parent = 1, .comm = "shim", .exe = "/usr/bin/shim"});
    script.clone(50, 100);
    script.exec(100, {.comm = "runtime", .exe = "/usr/bin/runtime"});
    script.clone(100, 101);
    script.exit(100, 0, 50);
    script.exec(101, {.comm = "sh", .exe = "/bin/sh", .tty = 34816});
    const auto whole = script.finish();
    ASSERT_TRUE(whole);
    std::string part;
    cut(*whole, "proc.name = sh", part, {.ancestors = 1});
    const auto before = lines(*whole, "evt.type = execve and proc.name = sh"), after = lines(part, "");
    ASSERT_EQ(after.size(), 1u);
    EXPECT_NE(after[0].find(" shim "), std::string::npos) << after[0];
    EXPECT_EQ(before.size(), 1u);
}

TEST(CaptureCut, EndsWhereItIsTold) {
    std::string part;
    const CutEnd end = cut(story(), "", part, {.until = 2});
    EXPECT_EQ(end.matched, lines(part, "").size());
    EXPECT_LT(lines(part, "").size(), lines(story(), "").size());
}

TEST(CaptureCut, TellsOfDamageAndKeepsWhatIsBeforeIt) {
    std::string damaged = story(), part;
    damaged.resize(damaged.size() - 10);
    const CutEnd end = cut(damaged, "", part);
    EXPECT_TRUE(end.damage);
    EXPECT_EQ(lines(part, "").size(), end.matched);
    EXPECT_GT(end.matched, 5u);
}

// Fields of real captures' events are the same in the part.
TEST(CaptureCut, ChangesNoField) {
    const std::string data = test_data_dir();
    const std::filesystem::path folder = std::filesystem::path(data) / "captures";
    if (data.empty() || !std::filesystem::is_directory(folder)) GTEST_SKIP() << "no captures: set GYR_TEST_DATA";
    constexpr std::uintmax_t kLargest = 4'000'000; // of a file, for a test of seconds
    std::size_t compared = 0;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
        const std::string path = entry.path().string();
        if (!path.ends_with(".scap") || entry.file_size() > kLargest) continue;
        SCOPED_TRACE(path);
        for (const char* filter : {"evt.type in (execve, connect, unlinkat)", "evt.type in (read, write, sendto)"}) {
            auto once = capfile::Reader::open(path), again = capfile::Reader::open(path),
                 third = capfile::Reader::open(path);
            ASSERT_TRUE(once && again && third);
            std::string part;
            cut(*once, *again, filter, part);
            const auto before = lines(*third, filter), after = lines(part, "");
            ASSERT_EQ(after.size(), before.size());
            const auto [a, b] = std::ranges::mismatch(before, after);
            if (a != before.end()) {
                EXPECT_EQ(*b, *a) << "with the filter " << filter;
            }
            compared += before.size();
        }
    }
    EXPECT_GT(compared, 0u);
}

} // namespace
} // namespace gyr::playback
