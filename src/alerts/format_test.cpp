#include "alerts/format.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <cstdlib>
#include <ctime>

namespace gyr {
namespace {

using nlohmann::json;

class FormatTest : public ::testing::Test {
  protected:
    void SetUp() override {
        ::setenv("TZ", "UTC", 1);
        ::tzset();
    }
};

// 2026-01-31T10:30:00.123456789Z
constexpr Nanos kTime = 1'769'855'400'123'456'789;

Alert terminal_alert() {
    Alert a;
    a.uuid = "0190a000-0000-7000-8000-000000000001";
    a.time = kTime;
    a.rule = "Terminal Access";
    a.priority = Priority::warning;
    a.message = "An interactive shell was spawned in container box. (user: root 0)";
    a.source = "syscall";
    a.cause = "execve";
    a.hostname = "node1";
    a.tags = {"container", "shell"};
    AlertBlock container{"container", {{"id", {std::string("3f2b")}}, {"name", {std::string("box")}}}, {}};
    AlertBlock user{"user", {{"name", {std::string("root")}}, {"id", {std::uint64_t{0}}}}, {}};
    user.members.push_back({"idgroups", {AlertValue::List{{std::uint64_t{0}}, {std::uint64_t{10}}}}});
    AlertBlock proc{"proc", {{"pid", {std::int64_t{1234}}}, {"name", {std::string("sh")}}}, {}};
    AlertBlock parent{"", {{"pid", {std::int64_t{1}}}}, {}};
    proc.lists.push_back({"ancestors", {parent}});
    a.blocks = {container, user, proc};
    a.output_fields = {{"container.name", {std::string("box")}}, {"user.uid", {std::uint64_t{0}}}, {"proc.tty", {}}};
    a.missing = {{"proc.tty", Missing::lost}};
    return a;
}

std::string as(const AlertRecord& record, AlertFormat format, TimeFormat time = TimeFormat::local) {
    return format_record(record, {format, time});
}

// Written by hand after the description of Falco's serializer: keys in alphabetical order, nothing between them, the
// time of the prefix as an integer among the fields.
TEST_F(FormatTest, FalcoJsonIsWhatFalcoWrites) {
    Alert alert = terminal_alert();
    alert.message = "quote \" backslash \\ tab \t line \n bell \a caf\u00e9 bad \xff";
    alert.output_fields.push_back({"a.first", {std::int64_t{-1}}});
    alert.output_fields.push_back({"b.flag", {true}});
    const std::string message = R"~(quote \" backslash \\ tab \t line \n bell \u0007 )~"
                                "caf\u00e9 bad \ufffd";
    EXPECT_EQ(as(alert, AlertFormat::falco),
              R"~({"hostname":"node1","output":"10:30:00.123456789: Warning )~" + message +
                  R"~(","output_fields":{"a.first":-1,"b.flag":true,"container.name":"box",)~"
                  R"~("evt.time":1769855400123456789,"proc.tty":null,"user.uid":0},"priority":"Warning",)~"
                  R"~("rule":"Terminal Access","source":"syscall","tags":["container","shell"],)~"
                  R"~("time":"2026-01-31T10:30:00.123456789Z"})~");
    FormatOptions options{AlertFormat::falco, TimeFormat::iso8601, {.output = false, .message = true}};
    EXPECT_EQ(format_record(alert, options),
              R"~({"hostname":"node1","message":")~" + message +
                  R"~(","output_fields":{"a.first":-1,"b.flag":true,"container.name":"box",)~"
                  R"~("evt.time.iso8601":1769855400123456789,"proc.tty":null,"user.uid":0},"priority":"Warning",)~"
                  R"~("rule":"Terminal Access","source":"syscall","tags":["container","shell"],)~"
                  R"~("time":"2026-01-31T10:30:00.123456789Z"})~");
    options.falco = {.output = false, .message = false, .fields = false, .tags = false};
    EXPECT_EQ(format_record(alert, options),
              R"~({"hostname":"node1","priority":"Warning","rule":"Terminal Access","source":"syscall",)~"
              R"~("time":"2026-01-31T10:30:00.123456789Z"})~");
}

TEST_F(FormatTest, NativeJsonHasTheKeysAndOrderOfTheContract) {
    const std::string line = as(terminal_alert(), AlertFormat::json);
    EXPECT_EQ(line, R"~({"uuid":"0190a000-0000-7000-8000-000000000001","time":"2026-01-31T10:30:00.123456789Z",)~"
                    R"~("rule":"Terminal Access","priority":"WARNING",)~"
                    R"~("output":"An interactive shell was spawned in container box. (user: root 0)",)~"
                    R"~("source":"syscall","scause":"execve","hostname":"node1","tags":["container","shell"],)~"
                    R"~("container":{"id":"3f2b","name":"box"},"user":{"name":"root","id":0,"idgroups":[0,10]},)~"
                    R"~("proc":{"pid":1234,"name":"sh","ancestors":[{"pid":1}]},)~"
                    R"~("output_fields":{"container.name":"box","user.uid":0,"proc.tty":null},)~"
                    R"~("missing":{"proc.tty":"lost"}})~");
}

TEST_F(FormatTest, NativeJsonOmitsMissingWhenNothingIsAndMarksRevisions) {
    Alert a = terminal_alert();
    a.missing.clear();
    a.revision = 1;
    const json j = json::parse(as(a, AlertFormat::json));
    EXPECT_FALSE(j.contains("missing"));
    EXPECT_EQ(j["revision"], 1);
    EXPECT_FALSE(j.contains("k8s"));
}

TEST_F(FormatTest, FalcoJsonHasExactlyItsKeysInAlphabeticalOrder) {
    EXPECT_EQ(
        as(terminal_alert(), AlertFormat::falco),
        R"~({"hostname":"node1",)~"
        R"~("output":"10:30:00.123456789: Warning An interactive shell was spawned in container box. (user: root 0)",)~"
        R"~("output_fields":{"container.name":"box","evt.time":1769855400123456789,"proc.tty":null,"user.uid":0},)~"
        R"~("priority":"Warning","rule":"Terminal Access","source":"syscall","tags":["container","shell"],)~"
        R"~("time":"2026-01-31T10:30:00.123456789Z"})~");
}

TEST_F(FormatTest, FalcoJsonWithIsoTimeNamesThatField) {
    const json j = json::parse(as(terminal_alert(), AlertFormat::falco, TimeFormat::iso8601));
    EXPECT_EQ(j["output_fields"]["evt.time.iso8601"], kTime);
    EXPECT_FALSE(j["output_fields"].contains("evt.time"));
    EXPECT_EQ(j["output"].get<std::string>().substr(0, 44), "2026-01-31T10:30:00.123456789+0000: Warning ");
}

TEST_F(FormatTest, TextIsTimePriorityMessage) {
    EXPECT_EQ(as(terminal_alert(), AlertFormat::text),
              "10:30:00.123456789: Warning An interactive shell was spawned in container box. (user: root 0)");
}

TEST_F(FormatTest, TextTimeIsLocal) {
    ::setenv("TZ", "UTC-2", 1); // two hours east
    ::tzset();
    EXPECT_EQ(as(terminal_alert(), AlertFormat::text).substr(0, 18), "12:30:00.123456789");
    // The record's own time stays UTC.
    EXPECT_EQ(format_utc(kTime), "2026-01-31T10:30:00.123456789Z");
}

TEST_F(FormatTest, HostileBytesStayOneValidLineInEveryFormat) {
    Alert a = terminal_alert();
    std::string hostile = "a\nb\r\x1b[2J\"\\\t";
    hostile += '\0';
    hostile += "\xff\xc0\xaf\x7f\xc2\x9b\xe2\x80\xa8\xe2\x80\xae";
    a.message = hostile;
    a.rule = hostile;
    a.hostname = hostile;
    a.tags = {hostile};
    a.blocks[0].members.push_back({hostile, {hostile}});
    a.output_fields.push_back({hostile, {hostile}});
    for (const AlertFormat format : {AlertFormat::text, AlertFormat::json, AlertFormat::falco}) {
        const std::string line = as(a, format);
        for (std::size_t i = 0; i < line.size(); ++i) {
            const auto c = static_cast<unsigned char>(line[i]);
            EXPECT_GE(c, 0x20) << "control byte at " << i;
            EXPECT_NE(c, 0x7f);
            EXPECT_FALSE(c == 0xc2 && static_cast<unsigned char>(line[i + 1]) < 0xa0) << "C1 control at " << i;
        }
        EXPECT_EQ(line.find("\xe2\x80\xa8"), std::string::npos);
        EXPECT_EQ(line.find("\xe2\x80\xae"), std::string::npos);
        EXPECT_NE(line.find("\xef\xbf\xbd"), std::string::npos) << "U+FFFD for what is not UTF-8";
        if (format != AlertFormat::text) {
            const json j = json::parse(line);
            const std::string output = j["output"];
            EXPECT_NE(output.find("a\nb\r\x1b[2J\"\\\t"), std::string::npos) << "good bytes survive";
            EXPECT_NE(output.find("\x7f\xc2\x9b\xe2\x80\xa8\xe2\x80\xae"), std::string::npos);
        }
    }
}

TEST_F(FormatTest, GapIsOneLineInEveryFormat) {
    GapRecord gap;
    gap.from = kTime;
    gap.to = kTime + 1'000'000'000;
    gap.count = 3;
    gap.stage = "output stdout";
    gap.event_class = "alert";
    gap.reason = "the reader is slow";
    gap.rules = {{"Terminal Access", 2}, {"Other", 1}};
    gap.hostname = "node1";
    gap.processes = {{.pid = 70, .name = "ca\x1bt", .count = 2}, {.pid = 71, .name = {}, .count = 1}};
    EXPECT_EQ(as(gap, AlertFormat::json),
              R"~({"gap":{"from":"2026-01-31T10:30:00.123456789Z","to":"2026-01-31T10:30:01.123456789Z","count":3,)~"
              R"~("stage":"output stdout","class":"alert","reason":"the reader is slow",)~"
              R"~("rules":{"Terminal Access":2,"Other":1},)~"
              R"~("processes":[{"pid":70,"name":"ca\u001bt","count":2},{"pid":71,"count":1}],"hostname":"node1"}})~");
    const json j = json::parse(as(gap, AlertFormat::falco));
    std::vector<std::string> keys;
    for (const auto& [key, value] : j.items()) {
        keys.push_back(key);
    }
    EXPECT_EQ(keys,
              (std::vector<std::string>{"hostname", "output", "output_fields", "priority", "rule", "source", "time"}));
    EXPECT_EQ(j["source"], "internal");
    EXPECT_EQ(j["output_fields"]["gap.count"], 3);
    const std::string text = as(gap, AlertFormat::text);
    EXPECT_EQ(text.find("10:30:01.123456789: Warning Lost at output stdout: 3 x alert"), 0U) << text;
}

TEST_F(FormatTest, TimesBeforeTheEpochRoundDown) {
    EXPECT_EQ(format_utc(-1), "1969-12-31T23:59:59.999999999Z");
    EXPECT_EQ(format_utc(0), "1970-01-01T00:00:00.000000000Z");
}

TEST(Uuid, IsVersion7OfTheTimeAndUnique) {
    const std::string a = make_uuid(kTime);
    const std::string b = make_uuid(kTime);
    ASSERT_EQ(a.size(), 36U);
    EXPECT_EQ(a[14], '7');
    EXPECT_NE(std::string("89ab").find(a[19]), std::string::npos);
    EXPECT_EQ(std::stoull(a.substr(0, 8) + a.substr(9, 4), nullptr, 16),
              static_cast<unsigned long long>(kTime / 1'000'000));
    EXPECT_NE(a, b);
}

} // namespace
} // namespace gyr
