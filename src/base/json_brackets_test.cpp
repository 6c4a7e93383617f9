#include "base/json_brackets.h"

#include <gtest/gtest.h>

#include <string>

namespace gyr {
namespace {

TEST(JsonBrackets, CountsTheDeepest) {
    EXPECT_EQ(json_depth(""), 0);
    EXPECT_EQ(json_depth(R"("a")"), 0);
    EXPECT_EQ(json_depth(R"([{"a": [1, 2]}, {"b": {}}])"), 3);
    EXPECT_EQ(json_depth(std::string(100'000, '[')), 100'000);
}

TEST(JsonBrackets, ThoseInTextsAreNone) { EXPECT_EQ(json_depth(R"({"[[[\"[[[": "]]]{{{\\"})"), 1); }

TEST(JsonBrackets, FollowsOverPieces) {
    JsonBrackets brackets;
    brackets.follow(R"({"a": "[)");
    EXPECT_TRUE(brackets.quoted);
    EXPECT_FALSE(brackets.closed());
    brackets.follow(R"(]", "b": []})");
    EXPECT_TRUE(brackets.closed());
    EXPECT_EQ(brackets.deepest, 2);
    brackets.follow("]");
    EXPECT_EQ(brackets.depth, -1);
}

} // namespace
} // namespace gyr
