#include "lang/parser.h"

#include <gtest/gtest.h>

namespace gyr::lang {
namespace {

std::string canonical(std::string_view text) {
    const auto expr = parse(text);
    return expr ? to_string(**expr) : "error: " + expr.error().message;
}

TEST(Parser, PrecedenceIsNotThenAndThenOr) {
    EXPECT_EQ(canonical("a or b and not c"), "(a or (b and not c))");
    EXPECT_EQ(canonical("(a or b)and c"), "((a or b) and c)");
    EXPECT_EQ(canonical("a or(b) and c"), "(a or (b and c))");
}

TEST(Parser, NotToggles) {
    EXPECT_EQ(canonical("not not a"), "a");
    EXPECT_EQ(canonical("not not(not a)"), "not a");
    EXPECT_EQ(canonical("nothing and not_a"), "(nothing and not_a)");
}

} // namespace
} // namespace gyr::lang
