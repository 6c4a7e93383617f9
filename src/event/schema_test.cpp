#include "event/schema.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace gyr {
namespace {

TEST(EventSchema, KnowsEveryCodeOfTheCaptureFormat) {
    EXPECT_EQ(event_schema().size(), 454u);
    ASSERT_NE(find_event(kExecve), nullptr);
    EXPECT_EQ(find_event(kExecve)->name, "execve");
    EXPECT_EQ(find_event(kExecve)->direction, EventDirection::exit);
    EXPECT_EQ(find_event(kExecve)->params.size(), 31u);
    EXPECT_EQ(find_event(kExecve)->params[27].name, "trusted_exepath");
    EXPECT_EQ(find_event(kProcExit)->params[2].type, ParamType::sigtype);
    EXPECT_EQ(find_event(17), nullptr) << "a code that no event uses";
    EXPECT_EQ(find_event(454), nullptr);
    EXPECT_EQ(find_event(kSnapshot)->name, "snapshot");
}

TEST(EventSchema, GivesEveryVersionOfAName) {
    const auto execve = event_codes("execve");
    EXPECT_EQ(execve.size(), 16u);
    EXPECT_NE(std::ranges::find(execve, kExecve), execve.end());
    EXPECT_EQ(event_codes("procchange"), std::vector<EventCode>{kProcChange});
    EXPECT_EQ(event_codes("sched_yield"), (std::vector<EventCode>{0, 1})) << "a generic system call";
    EXPECT_TRUE(event_codes("no_such_event").empty());
    EXPECT_TRUE(event_codes("NA").empty());
}

TEST(EventSchema, FlagTablesAreWhole) {
    EXPECT_EQ(flag_table("clone_flags").size(), 27u);
    EXPECT_EQ(flag_table("execve_flags")[2].name, "EXE_FROM_MEMFD");
    EXPECT_TRUE(flag_table("nothing").empty());
    for (const EventInfo& e : event_schema()) {
        for (const ParamInfo& p : e.params) {
            if (p.info.empty() || p.info.starts_with("dirfd=") || p.type == ParamType::dyn) continue;
            EXPECT_FALSE(flag_table(p.info).empty()) << e.name << "." << p.name << " names " << p.info;
        }
    }
}

TEST(EventSchema, EveryLiveEventIsInTheTable) {
    for (EventCode code : live_event_codes()) EXPECT_NE(find_event(code), nullptr) << code;
    EXPECT_FALSE(is_live_event(event_codes("openat").front()));
}

// A call that whoever wrote a capture knew no number of its own for: syscalls.tsv has fadvise64 as 221 of x86-64 and
// 319 of all machines, openat2 as 437.
TEST(EventSchema, NamesACallWithoutANumberByItsNativeOne) {
    const auto call = [](std::uint16_t number, std::uint16_t native) {
        const std::array<std::string_view, 2> params{
            std::string_view(reinterpret_cast<const char*>(&number), sizeof number),
            std::string_view(reinterpret_cast<const char*>(&native), sizeof native)};
        return generic_call(params);
    };
    EXPECT_EQ(call(0, 221), 319);
    EXPECT_EQ(syscall_name(call(0, 437)), "openat2");
    EXPECT_EQ(syscall_name(call(1, 221)), "restart_syscall") << "its own number counts";
    EXPECT_EQ(call(0, 0xffff), 0) << "no system call";
    EXPECT_EQ(syscall_name(generic_call({})), "");
}

TEST(EventSchema, KnowsParameterNames) {
    EXPECT_TRUE(is_param_name("filename"));
    EXPECT_FALSE(is_param_name("no_such_param"));
}

// A rule that loads here loads in engines that do not know these parameters.
TEST(EventSchema, GenericCallsHaveParametersThatOtherEventsHaveToo) {
    for (const EventInfo& e : generic_schema()) {
        const auto call = std::ranges::find(syscall_table(), e.name, &SyscallInfo::name);
        ASSERT_NE(call, syscall_table().end()) << e.name;
        EXPECT_TRUE(call->generic) << e.name;
        EXPECT_EQ(find_generic(call->number), &e);
        ASSERT_GT(e.params.size(), 3u) << e.name;
        EXPECT_EQ(e.params[2].name, "res") << e.name;
        for (const ParamInfo& p : e.params) EXPECT_TRUE(is_param_name(p.name)) << e.name << ' ' << p.name;
    }
    EXPECT_EQ(find_generic(16), nullptr) << "getpid";
}

} // namespace
} // namespace gyr
