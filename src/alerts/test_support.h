#pragma once
// For tests only: a whole alert, with hostile content where an attacker would put it.

#include "alerts/alert.h"

#include <fmt/format.h>

namespace gyr {

// 2026-01-31T10:30:00.123456789Z
inline constexpr Nanos kTestTime = 1'769'855'400'123'456'789;

[[nodiscard]] inline std::string test_uuid(std::uint64_t number) {
    return fmt::format("0190a000-0000-7000-8000-{:012x}", number);
}

[[nodiscard]] inline Alert test_alert(std::uint64_t number, Priority priority = Priority::warning) {
    Alert a;
    a.uuid = test_uuid(number);
    a.time = kTestTime + static_cast<Nanos>(number) * 1'000'000;
    a.rule = "Terminal Access";
    a.priority = priority;
    a.message = fmt::format("shell number {} in box", number);
    a.source = "syscall";
    a.cause = "execve";
    a.hostname = "node1";
    a.tags = {"container", "shell"};
    AlertBlock container{"container", {{"id", {std::string("3f2b")}}, {"name", {std::string("box")}}}, {}};
    AlertBlock pod{"k8s", {{"namespace", {std::string("payments")}}, {"pod", {std::string("web-1")}}}, {}};
    AlertBlock user{"user", {{"name", {std::string("root")}}, {"id", {std::uint64_t{0}}}}, {}};
    user.members.push_back({"idgroups", {AlertValue::List{{std::uint64_t{0}}, {std::uint64_t{10}}}}});
    AlertBlock proc{
        "proc",
        {{"pid", {std::int64_t{1234}}}, {"name", {std::string("sh")}}, {"cmdline", {std::string("sh -c id")}}},
        {}};
    AlertBlock parent{"", {{"pid", {std::int64_t{1}}}, {"name", {std::string("init")}}}, {}};
    proc.lists.push_back({"ancestors", {parent, parent}});
    a.blocks = {container, pod, user, proc};
    a.output_fields = {{"container.name", {std::string("box")}}, {"user.uid", {std::uint64_t{0}}}, {"proc.tty", {}}};
    a.missing = {{"proc.tty", Missing::lost}};
    return a;
}

// Newlines, escape sequences, quotes, bytes that are no UTF-8, a zero byte, text direction overrides.
inline const std::string kHostile =
    std::string("a\n\r\t\x1b[2Jb\"'\\\xff\xc3(") + '\0' + "c\xe2\x80\xae$(id)`id`\u2028{}";

} // namespace gyr
