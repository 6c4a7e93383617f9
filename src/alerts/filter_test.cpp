#include "alerts/filter.h"

#include "alerts/test_support.h"

#include <gtest/gtest.h>

namespace gyr {
namespace {

bool matches(std::string_view condition, const AlertRecord& record = test_alert(1)) {
    const Result<RecordFilter> filter = RecordFilter::compile(condition);
    EXPECT_TRUE(filter) << condition << ": " << filter.error().message;
    return filter && filter->matches(record);
}

TEST(Filter, PrioritiesCompareByImportance) {
    const AlertRecord warning = test_alert(1, Priority::warning);
    EXPECT_TRUE(matches("priority >= warning", warning));
    EXPECT_TRUE(matches("priority >= Notice", warning));
    EXPECT_FALSE(matches("priority > warning", warning));
    EXPECT_FALSE(matches("priority >= error", warning));
    EXPECT_TRUE(matches("priority < critical", warning));
    EXPECT_TRUE(matches("priority = WARNING", warning));
    EXPECT_TRUE(matches("priority != debug", warning));
    EXPECT_TRUE(matches("priority in (error, warning)", warning));
    EXPECT_TRUE(matches("priority >= info", test_alert(1, Priority::informational)));
}

TEST(Filter, FieldsOfTheRecordItsBlocksAndTheRulesNamesForThem) {
    for (const char* yes : {"rule = \"Terminal Access\"",
                            "rule startswith Terminal",
                            "source = syscall",
                            "cause = execve",
                            "evt.type = execve",
                            "tags intersects (shell, nothing)",
                            "tags = shell",
                            "not tags = network",
                            "container.name = box",
                            "k8s.namespace = payments",
                            "k8s.ns.name = payments",
                            "k8s.ns.name in (payments, billing)",
                            "k8s.pod.name glob web-*",
                            "user.name = root",
                            "user.uid = 0",
                            "user.id < 1000",
                            "proc.pid > 1000 and proc.pid <= 1234",
                            "proc.cmdline contains \"-c id\"",
                            "proc.cmdline icontains \"-C ID\"",
                            "proc.name regex \"(ba)?sh\"",
                            "container.name exists",
                            "kind = alert",
                            "hostname = node1",
                            "output endswith box",
                            "(rule = x or rule != y) and kind = alert"})
        EXPECT_TRUE(matches(yes)) << yes;
    for (const char* no : {"rule = Terminal", "source = k8s_audit", "tags intersects (network)", "tags in (shell)",
                           "kind = gap", "container.name = Box", "proc.exe exists", "proc.exe = x", "proc.exe != x",
                           "proc.name regex \"s\"", "user.name in (bin, daemon)", "proc.pid >= 1235"})
        EXPECT_FALSE(matches(no)) << no;
}

TEST(Filter, GapsAndNoticesHaveAPriorityToo) {
    GapRecord gap;
    gap.stage = "kernel ring";
    gap.count = 3;
    EXPECT_TRUE(matches("priority >= warning", gap));
    EXPECT_TRUE(matches("kind = gap and gap.stage = \"kernel ring\" and gap.count > 2", gap));
    EXPECT_FALSE(matches("container.name = box", gap));
    EXPECT_FALSE(matches("priority >= warning", Notice{}));
    EXPECT_TRUE(matches("", Notice{}));
}

TEST(Filter, MistakesAreNamed) {
    const auto mistake = [](std::string_view text) {
        const auto filter = RecordFilter::compile(text);
        return filter ? std::string() : filter.error().message;
    };
    EXPECT_NE(mistake("priorty >= warning").find("did you mean priority?"), std::string::npos);
    EXPECT_NE(mistake("priority >= high").find("'high' is not a priority"), std::string::npos);
    EXPECT_NE(mistake("contaner.id = x").find("did you mean container?"), std::string::npos);
    for (const char* bad : {"priority >=", "rule = ", "(rule = x", "proc.pid > many", "spawned_process",
                            "rule regex \"(\"", "tolower(rule) = x", "rule = x y"})
        EXPECT_NE(mistake(bad), "") << bad;
}

} // namespace
} // namespace gyr
