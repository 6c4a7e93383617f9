// Each hook taken away, without a kernel that lacks it: what is then said to be lost.

#include "sources/live_bpf/program_facts.h"

#include "event/schema.h"
#include "sources/live_bpf/call_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <sstream>
#include <string>

namespace gyr {
namespace {

constexpr std::string_view kUnused[] = {"process_exit_by_count", "uring_submit_before", "uring_complete_before"};

std::vector<std::string> words(std::string_view text) {
    std::vector<std::string> out;
    std::istringstream in{std::string(text)};
    for (std::string word; in >> word;) out.push_back(word);
    return out;
}

TEST(ProgramFacts, NothingIsLostWhereEverythingIsThere) {
    const auto hooks = expected_hooks(kUnused, [](const ProgramFact&) { return true; });
    ASSERT_TRUE(hooks);
    EXPECT_EQ(hooks->size(), program_facts().size() - std::size(kUnused));
    for (const Hook& h : *hooks) EXPECT_EQ(h.detail, "") << h.name;
}

TEST(ProgramFacts, EachHookThatIsMissingNamesWhatIsLost) {
    for (const ProgramFact& missing : program_facts()) {
        if (std::ranges::find(kUnused, missing.program) != std::end(kUnused)) continue;
        const auto hooks = expected_hooks(kUnused, [&](const ProgramFact& f) { return f.program != missing.program; });
        if (missing.required) {
            ASSERT_FALSE(hooks) << missing.program;
            EXPECT_NE(hooks.error().message.find(missing.hook), std::string::npos) << hooks.error().message;
            EXPECT_NE(hooks.error().message.find(missing.coverage), std::string::npos) << hooks.error().message;
            continue;
        }
        ASSERT_TRUE(hooks) << missing.program;
        for (const Hook& h : *hooks) {
            const bool is_it = h.name == missing.hook;
            EXPECT_EQ(h.detail, is_it ? "not in this kernel; not seen: " + std::string(missing.coverage) : "")
                << h.name;
        }
    }
}

TEST(ProgramFacts, WhatIsLostNamesEventsAndWhatBecomesOfRules) {
    const std::set<std::string> own{"snapshot", "procchange"};
    for (const ProgramFact& f : program_facts()) {
        EXPECT_NE(f.coverage.find("rule"), std::string::npos) << f.program;
        EXPECT_FALSE(f.events.empty()) << f.program;
        for (const std::string& event : words(f.events)) {
            const bool known = event == "*" || own.contains(event) ||
                               std::ranges::any_of(event_schema(), [&](const EventInfo& e) { return e.name == event; });
            EXPECT_TRUE(known) << f.program << ": " << event;
        }
    }
}

// The events that need the beginning of a call are those that the table fetches something for then.
TEST(ProgramFacts, TheBeginningOfCallsNamesTheEventsThatNeedIt) {
    std::set<std::string> need;
    for (const CollectedEvent& e : collected_events())
        for (const gyr_fetch& f : e.all_fetches())
            if ((f.flags & GYR_FETCH_ENTER) != 0) need.emplace(find_event(e.code)->name);
    const auto named = words(find_program_fact("call_enter")->events);
    EXPECT_EQ(std::set<std::string>(named.begin(), named.end()), need);
    for (const std::string& event : need)
        EXPECT_NE(find_program_fact("call_enter")->coverage.find(event), std::string_view::npos) << event;
}

} // namespace
} // namespace gyr
