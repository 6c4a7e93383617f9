#include "alerts/json_text.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <limits>
#include <random>
#include <string>

namespace gyr::json_text {
namespace {

using Ordered = nlohmann::ordered_json;

std::string written(const AlertValue& value) {
    std::string out;
    append_value(out, value);
    return out;
}

// Of what an attacker may choose: plain text, what JSON escapes, what terminals obey, and broken UTF-8.
std::string any_text(std::mt19937& random) {
    static constexpr auto kPieces = std::to_array<std::string_view>(
        {"sh -c", "\"", "\\", "/", "\n", "\x1b[2J", "\x7f", "é", "\u0085", "\u202e", "\u2028", "日本", "😀", "\xff",
         "\xc3", "\xed\xa0\x80", "\xf8\x88\x80\x80\x80", "<", "\t"});
    std::string text;
    for (auto n = random() % 6; n > 0; --n) text += kPieces.at(random() % kPieces.size());
    if (random() % 8 == 0) text += '\0';
    return text;
}

AlertValue any_value(std::mt19937& random, int depth = 0) {
    switch (random() % (depth < 3 ? 8 : 7)) {
    case 0: return {};
    case 1: return {random() % 2 == 0};
    case 2: return {random() % 2 == 0 ? std::numeric_limits<std::int64_t>::min() : std::int64_t{-1} - random()};
    case 3: return {random() % 2 == 0 ? std::numeric_limits<std::uint64_t>::max() : std::uint64_t{random()}};
    case 4: return {static_cast<double>(random()) / 3 - 1e9};
    case 5:
    case 6: return {any_text(random)};
    default: {
        AlertValue::List list(random() % 4);
        for (AlertValue& item : list) item = any_value(random, depth + 1);
        return {std::move(list)};
    }
    }
}

std::vector<AlertMember> any_members(std::mt19937& random) {
    std::vector<AlertMember> members(random() % 6);
    // Few names, so that some come twice: the later value, in the place of the first.
    for (AlertMember& m : members)
        m = {random() % 3 == 0 ? any_text(random) : std::string(1, 'a' + random() % 4), any_value(random)};
    return members;
}

AlertBlock any_block(std::mt19937& random, int depth = 0) {
    AlertBlock block{.name = "b", .members = any_members(random), .lists = {}};
    if (depth < 2 && random() % 2 == 0) {
        block.lists.push_back({"ancestors", {}});
        for (auto n = random() % 3; n > 0; --n) block.lists.back().objects.push_back(any_block(random, depth + 1));
    }
    return block;
}

TEST(JsonText, IsWhatTheLibraryWrites) {
    std::mt19937 random{20'000};
    for (int i = 0; i < 20'000; ++i) {
        const AlertValue value = any_value(random);
        ASSERT_EQ(written(value), dump_line(to_json_value<Ordered>(value)));
        const std::vector<AlertMember> members = any_members(random);
        std::string out;
        append_members(out, members);
        ASSERT_EQ(out, dump_line(members_object<Ordered>(members)));
        const AlertBlock block = any_block(random);
        out.clear();
        append_block(out, block);
        ASSERT_EQ(out, dump_line(block_object(block)));
    }
}

TEST(JsonText, WritesNumbersWithoutAValueAsNull) {
    for (const double odd : {std::numeric_limits<double>::infinity(), -std::numeric_limits<double>::infinity(),
                             std::numeric_limits<double>::quiet_NaN()})
        EXPECT_EQ(written({odd}), "null");
    EXPECT_EQ(written({0.0}), "0.0");
    EXPECT_EQ(written({AlertValue::List{}}), "[]");
}

TEST(JsonText, LeavesNothingATerminalWouldObey) {
    std::string out;
    append_string(out, "a\n\x1b[31m\x7f\u009b\u202e\xff");
    EXPECT_EQ(out, "\"a\\n\\u001b[31m\\u007f\\u009b\\u202e\xef\xbf\xbd\"");
}

} // namespace
} // namespace gyr::json_text
