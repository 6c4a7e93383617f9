#include "alerts/parse.h"

#include "alerts/format.h"
#include "alerts/test_support.h"

#include <gtest/gtest.h>

namespace gyr {
namespace {

std::string native(const AlertRecord& record) { return format_record(record, {AlertFormat::json, TimeFormat::local}); }

void expect_round_trip(const AlertRecord& record) {
    const std::string line = native(record);
    const Result<AlertRecord> back = parse_record(line);
    ASSERT_TRUE(back) << back.error().message << ": " << line;
    EXPECT_EQ(native(*back), line);
    // What has no place in the native record is not needed by the others either.
    for (const AlertFormat format : {AlertFormat::text, AlertFormat::falco, AlertFormat::ecs, AlertFormat::ocsf})
        EXPECT_EQ(format_record(*back, {format, TimeFormat::iso8601}),
                  format_record(record, {format, TimeFormat::iso8601}));
}

TEST(Parse, AnAlertComesBackWhole) {
    expect_round_trip(test_alert(1));
    Alert revised = test_alert(2);
    revised.revision = 3;
    revised.blocks.clear();
    revised.missing.clear();
    revised.output_fields.push_back({"a.double", {1.5}});
    revised.output_fields.push_back({"a.minimum", {INT64_MIN}});
    revised.output_fields.push_back({"a.maximum", {UINT64_MAX}});
    revised.output_fields.push_back({"a.list", {AlertValue::List{}}});
    expect_round_trip(revised);
}

TEST(Parse, HostileTextIsTheSameTextAfterwards) {
    Alert a = test_alert(1);
    a.rule = a.message = a.hostname = kHostile;
    a.tags = {kHostile};
    a.blocks[3].members.push_back({"cwd", {kHostile}});
    a.output_fields.push_back({"proc.cmdline", {kHostile + std::string(1U << 20, 'x')}});
    expect_round_trip(a);
}

TEST(Parse, GapsAndNoticesComeBack) {
    GapRecord gap{kTestTime,
                  kTestTime + 5,
                  17,
                  "kernel ring",
                  "exec",
                  "3f2b",
                  "/system.slice",
                  "it was full",
                  {{"A", 2}, {"B", 0}},
                  "node1",
                  {{70, "cat", 2}, {71, "", 1}}};
    expect_round_trip(gap);
    expect_round_trip(GapRecord{});
    expect_round_trip(Notice{kTestTime, "reload", "new rules", "node1"});
}

TEST(Parse, WhatIsNoRecordIsRefused) {
    for (const char* bad : {"", "{", "[]", "null", "\"x\"", "{}", R"({"time":"2026-01-31T10:30:00Z"})",
                            R"({"time":"yesterday","priority":"ERROR"})"})
        EXPECT_FALSE(parse_record(bad)) << bad;
}

TEST(Parse, SinceIsATimeOrSoLongAgo) {
    EXPECT_EQ(parse_since("1970-01-01T00:00:01Z", kTestTime), 1'000'000'000);
    EXPECT_EQ(parse_since("1m", kTestTime), kTestTime - 60'000'000'000);
    EXPECT_FALSE(parse_since("yesterday", kTestTime));
}

} // namespace
} // namespace gyr
