#include "plan/clauses.h"

#include <gtest/gtest.h>

namespace gyr::plan {
namespace {

Clauses sum(std::initializer_list<EventClause> clauses) {
    Clauses out;
    for (const EventClause& c : clauses) add(out, c);
    return out;
}

TEST(Clauses, SuccessAndFailureTogetherAreAnyResult) {
    EXPECT_EQ(sum({{.success = true, .internet = true}, {.failure = true, .internet = true}}),
              (Clauses{{.internet = true}}));
    EXPECT_EQ(sum({{.success = true}, {.failure = true}}), Clauses{EventClause{}}) << "every event";
    EXPECT_EQ(sum({{.success = true, .internet = true}, {.failure = true}}).size(), 2u) << "they differ in more";
    EXPECT_EQ(sum({{.success = true, .path_sets = 1}, {.failure = true, .path_sets = 2}}).size(), 2u);
    // What they become swallows what was there before.
    EXPECT_EQ(sum({{.success = true, .container = true, .udp = true},
                   {.success = true, .udp = true},
                   {.failure = true, .udp = true}}),
              (Clauses{{.udp = true}}));
}

TEST(Clauses, TheProtocolIsAskedWhereAllAskForIt) {
    EXPECT_TRUE(implies({.internet = true, .udp = true}, {.internet = true}));
    EXPECT_FALSE(implies({.internet = true}, {.internet = true, .udp = true}));
    EXPECT_EQ(widen({.internet = true, .udp = true}, {.internet = true, .tcp = true}), (EventClause{.internet = true}));
    EXPECT_EQ(both({{.internet = true}}, {{.udp = true}}), (Clauses{{.internet = true, .udp = true}}));
}

} // namespace
} // namespace gyr::plan
