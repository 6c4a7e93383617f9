#include "audit/audit_file.h"
#include "audit/file_tail.h"

#include "base/fd.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <poll.h>
#include <stdlib.h>

namespace gyr {
namespace {

std::string event(const std::string& id, const std::string& time = "2026-01-31T10:30:00.5Z") {
    return R"({"kind":"Event","auditID":")" + id + R"(","stageTimestamp":")" + time + R"("})";
}

struct Read {
    std::vector<std::string> ids;
    std::vector<std::uint64_t> bad_lines;
};

Read read(const std::vector<std::string>& lines) {
    Read out;
    AuditLines reader([&](AuditEventPtr e) { out.ids.emplace_back(e->text({"auditID"})); },
                      [&](std::uint64_t line, const std::string&) { out.bad_lines.push_back(line); });
    for (const std::string& line : lines) reader.add(line);
    reader.finish();
    return out;
}

using Ids = std::vector<std::string>;
using Lines = std::vector<std::uint64_t>;

TEST(ParseAudit, TakesEventsListsAndArrays) {
    const auto one = parse_audit(event("a"));
    ASSERT_TRUE(one);
    ASSERT_EQ(one->events.size(), 1U);
    const auto list = parse_audit(R"({"kind":"EventList","items":[)" + event("a") + "," + event("b") + "]}");
    ASSERT_TRUE(list);
    EXPECT_EQ(list->events.size(), 2U);
    EXPECT_EQ(list->events[1]->text({"auditID"}), "b");
    const auto array = parse_audit("[" + event("a") + R"(,{"kind":"EventList","items":[)" + event("b") + "]}]");
    ASSERT_TRUE(array);
    EXPECT_EQ(array->events.size(), 2U);
}

TEST(ParseAudit, RefusesWhatIsNoEvent) {
    for (const char* text : {"", "{", "7", R"({"kind":0})", R"({"kind":"Pod"})", R"({"kind":"EventList","items":7})",
                             R"({"kind":"EventList"})", R"("Event")", "null"})
        EXPECT_FALSE(parse_audit(text)) << text;
    const std::string deep(100'000, '[');
    EXPECT_FALSE(parse_audit(deep));
    EXPECT_FALSE(parse_audit(deep + std::string(100'000, ']')));
}

TEST(ParseAudit, OneBadItemCostsNoOther) {
    const auto list = parse_audit(R"({"kind":"EventList","items":[7,)" + event("a", "yesterday") + "," + event("b") +
                                  R"(,{"kind":"Event"}]})");
    ASSERT_TRUE(list);
    ASSERT_EQ(list->events.size(), 1U);
    EXPECT_EQ(list->events[0]->text({"auditID"}), "b");
    EXPECT_EQ(list->problems.size(), 3U);
}

TEST(ParseAudit, ReadsTimes) {
    const auto time = [](const std::string& text) -> Nanos {
        const auto batch = parse_audit(event("a", text));
        return batch && batch->events.size() == 1 ? batch->events[0]->time : -1;
    };
    constexpr Nanos kAt = 1769855400; // date -u -d 2026-01-31T10:30:00Z +%s
    EXPECT_EQ(time("2026-01-31T10:30:00Z"), kAt * 1'000'000'000);
    EXPECT_EQ(time("2026-01-31T10:30:00.000001Z"), kAt * 1'000'000'000 + 1'000);
    EXPECT_EQ(time("2026-01-31T12:30:00+02:00"), kAt * 1'000'000'000);
    EXPECT_EQ(time("2026-01-31T05:00:00.25-05:30"), kAt * 1'000'000'000 + 250'000'000);
    for (const char* bad : {"2026-13-31T10:30:00Z", "2026-01-31", "2026-01-31T10:30:00", "2026-01-31T10:30:00.Z",
                            "2026-01-31T10:30:00+1:00", "2026-01-31T10:30:00Zx"})
        EXPECT_EQ(time(bad), -1) << bad;
}

TEST(AuditLines, ALineIsADocument) { EXPECT_EQ(read({event("a"), "", event("b") + "\r"}).ids, (Ids{"a", "b"})); }

TEST(AuditLines, ADocumentMayGoOverSeveral) {
    const auto got = read({"{", R"(  "kind": "Event", "auditID": "a", "x": {"y": ["}"]},)",
                           R"(  "stageTimestamp": "2026-01-31T10:30:00Z")", "}", event("b")});
    EXPECT_EQ(got.ids, (Ids{"a", "b"}));
    EXPECT_TRUE(got.bad_lines.empty());
}

TEST(AuditLines, WhatIsBrokenCostsNothingBehindIt) {
    const auto got = read({event("a"), event("b").substr(0, 30), event("c"), "what is this?", event("d"), "{\"x\": 1}",
                           event("e"), R"({"kind": [)"});
    EXPECT_EQ(got.ids, (Ids{"a", "c", "d", "e"}));
    EXPECT_EQ(got.bad_lines, (Lines{2, 4, 6, 8}));
}

TEST(AuditFile, IsToldFromACapture) {
    std::string folder = (std::filesystem::temp_directory_path() / "gyr-audit-XXXXXX").string();
    ASSERT_NE(::mkdtemp(folder.data()), nullptr);
    const auto write = [&](const char* name, const std::string& content) {
        const std::string path = folder + "/" + name;
        std::ofstream(path, std::ios::binary) << content;
        return path;
    };
    EXPECT_TRUE(looks_like_audit(write("audit.log", "\n" + event("a"))));
    EXPECT_FALSE(looks_like_audit(write("capture.scap", std::string("\x0a\x0d\x0d\x0a\x1c\x00", 6))));
    EXPECT_FALSE(looks_like_audit(write("empty", "")));
    EXPECT_FALSE(looks_like_audit(folder));
    EXPECT_FALSE(looks_like_audit(folder + "/absent"));
    Ids ids;
    AuditLines lines([&](AuditEventPtr e) { ids.emplace_back(e->text({"auditID"})); },
                     [](std::uint64_t, const std::string& message) { ADD_FAILURE() << message; });
    EXPECT_TRUE(read_audit_file(write("two", event("a") + "\n" + event("b")), lines));
    EXPECT_EQ(ids, (Ids{"a", "b"})); // the last line without its end, too
    EXPECT_FALSE(read_audit_file(folder + "/absent", lines));
    std::filesystem::remove_all(folder);
}

class FileTailTest : public testing::Test {
  protected:
    FileTailTest() {
        std::string pattern = std::filesystem::temp_directory_path() / "gyr-test-XXXXXX";
        folder = ::mkdtemp(pattern.data());
        path = folder + "/audit.log";
        std::ofstream(path) << "";
        if (!queue.open()) std::abort();
    }
    ~FileTailTest() override {
        std::error_code ignored;
        std::filesystem::remove_all(folder, ignored);
    }
    // Until there are so many, or nothing comes for ten seconds.
    Ids take(std::size_t count) {
        Ids out;
        pollfd wanted{queue.fd(), POLLIN, 0};
        while (out.size() < count && ::poll(&wanted, 1, 10'000) > 0) {
            for (const AuditEventPtr& e : queue.take()) out.emplace_back(e->text({"auditID"}));
        }
        return out;
    }

    std::string folder, path;
    AuditQueue queue{1}; // takes one piece at a time
};

TEST_F(FileTailTest, AFileThatIsMovedAwayIsReadToItsEnd) {
    constexpr std::size_t kCount = 320;
    std::string text;
    Ids all;
    for (std::size_t n = 0; n < kCount; ++n) {
        all.push_back("event " + std::to_string(n));
        text += event(all.back()) + std::string(100'000, ' ') + "\n";
    }
    const FileTail tail({path}, queue, [](const std::string& problem) { ADD_FAILURE() << problem; });
    std::ofstream(path, std::ios::app) << text;
    std::filesystem::rename(path, path + ".1");
    all.push_back("of the new file");
    std::ofstream(path) << event(all.back()) << "\n";
    EXPECT_EQ(take(all.size()), all);
}

} // namespace
} // namespace gyr
