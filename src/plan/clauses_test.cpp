#include "plan/clauses.h"

#include <gtest/gtest.h>

namespace gyr::plan {
namespace {

Clauses sum(std::initializer_list<Clause> clauses) {
    Clauses out;
    for (const Clause& c : clauses) add(out, c);
    return out;
}

// What asks for this alone.
Clause asks(const EventClause& c) { return {.asks = c}; }

TEST(Clauses, SuccessAndFailureTogetherAreAnyResult) {
    EXPECT_EQ(sum({asks({.success = true, .internet = true}), asks({.failure = true, .internet = true})}),
              Clauses{asks({.internet = true})});
    EXPECT_EQ(sum({asks({.success = true}), asks({.failure = true})}), Clauses{Clause{}}) << "every event";
    EXPECT_EQ(sum({asks({.success = true, .internet = true}), asks({.failure = true})}).size(), 2u)
        << "they differ in more";
    EXPECT_EQ(sum({{.asks = {.success = true}, .paths = 1}, {.asks = {.failure = true}, .paths = 2}}).size(), 2u);
    // What they become swallows what was there before.
    EXPECT_EQ(sum({asks({.success = true, .container = true, .udp = true}), asks({.success = true, .udp = true}),
                   asks({.failure = true, .udp = true})}),
              Clauses{asks({.udp = true})});
}

TEST(Clauses, TheProtocolIsAskedWhereAllAskForIt) {
    EXPECT_TRUE(implies(asks({.internet = true, .udp = true}), asks({.internet = true})));
    EXPECT_FALSE(implies(asks({.internet = true}), asks({.internet = true, .udp = true})));
    EXPECT_EQ(widen(asks({.internet = true, .udp = true}), asks({.internet = true, .tcp = true})),
              asks({.internet = true}));
    EXPECT_EQ(both({asks({.internet = true})}, {asks({.udp = true})}, {}),
              Clauses{asks({.internet = true, .udp = true})});
    EXPECT_EQ(both({asks({.tcp = true})}, {asks({.not_tcp = true})}, {}), Clauses{}) << "that is never";
    EXPECT_EQ(both({asks({.tcp = true})}, {asks({.udp = true})}, {}), Clauses{});
}

TEST(Clauses, OfTwoSetsAtOnceTheRarerIsAsked) {
    const SetRates rates{.paths = {0.2, 0.001, 0.001}, .ends = {}};
    const auto names = [](unsigned long sets) { return Clauses{{.asks = {}, .paths = sets}}; };
    EXPECT_EQ(both(names(1), names(2), rates), names(2));
    EXPECT_EQ(both(names(6), names(1), rates), names(6)) << "two, but rare ones";
    EXPECT_EQ(both(names(1), {Clause{}}, rates), names(1));
}

TEST(Clauses, TheLimitKeepsRareThingsApartFromCommonOnes) {
    const SetRates rates{.paths = {0.2, 0.001, 0.15, 0.002}, .ends = {}};
    const auto write = [](unsigned long sets, unsigned long processes) {
        return Clause{.asks = {.write = true}, .paths = sets, .ends = {}, .processes = processes};
    };
    Clauses clauses{write(1, 1), write(2, 2), write(4, 4), write(8, 8)};
    limit(clauses, 3, rates);
    EXPECT_EQ(clauses, (Clauses{write(1, 1), write(4, 4), write(2 | 8, 2 | 8)}));
    limit(clauses, 1, rates);
    EXPECT_EQ(clauses, (Clauses{write(15, 15)}));
}

} // namespace
} // namespace gyr::plan
