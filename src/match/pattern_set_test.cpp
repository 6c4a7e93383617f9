#include "match/pattern_set.h"

#include <gtest/gtest.h>

#include <random>
#include <set>
#include <string>

namespace gyr::match {
namespace {

std::set<std::uint32_t> found(const PatternSet& set, std::string_view text) {
    std::set<std::uint32_t> out;
    set.scan(text, [&](std::uint32_t id) { out.insert(id); });
    return out;
}

using Ids = std::set<std::uint32_t>;

TEST(PatternSet, FindsPatternsWithinAndBesideEachOther) {
    PatternSet set;
    const char* patterns[] = {"he", "she", "his", "hers", "/etc", "\xff\xfe", "s"};
    for (std::uint32_t i = 0; i < std::size(patterns); ++i) set.add(patterns[i], i);
    set.build();
    EXPECT_EQ(found(set, "ushers"), (Ids{0, 1, 3, 6}));
    EXPECT_EQ(found(set, "USHERS"), (Ids{0, 1, 3, 6})) << "case aside";
    EXPECT_EQ(found(set, "/ETC/passwd"), (Ids{4, 6}));
    EXPECT_EQ(found(set, "a\xff\xfe"), Ids{5});
    EXPECT_EQ(found(set, std::string_view("h\0e", 3)), Ids{});
    EXPECT_EQ(found(set, ""), Ids{});
}

TEST(PatternSet, NoPatterns) {
    PatternSet set;
    set.build();
    EXPECT_TRUE(set.empty());
    EXPECT_EQ(found(set, "anything"), Ids{});
}

TEST(PatternSet, AgreesWithLookingForEachPattern) {
    std::mt19937 random(7);
    const auto word = [&](std::size_t most, std::size_t least = 1) {
        std::string s(least + random() % (most + 1 - least), 'a');
        for (char& c : s) c = static_cast<char>("abB/"[random() % 4]);
        return s;
    };
    const auto lower = [](std::string s) {
        for (char& c : s) c = c == 'B' ? 'b' : c;
        return s;
    };
    for (int round = 0; round < 300; ++round) {
        PatternSet set;
        std::vector<std::string> patterns(1 + random() % 40);
        // How short the shortest are decides how places are judged.
        const std::size_t least = 1 + random() % (round % 2 == 0 ? 4 : 16);
        for (std::uint32_t i = 0; i < patterns.size(); ++i) set.add(patterns[i] = word(least + 4, least), i);
        set.build();
        for (int n = 0; n < 10; ++n) {
            const std::string text = word(30) + (n % 2 == 0 ? "" : patterns[random() % patterns.size()] + word(30));
            Ids expected;
            for (std::uint32_t i = 0; i < patterns.size(); ++i)
                if (lower(text).find(lower(patterns[i])) != std::string::npos) expected.insert(i);
            EXPECT_EQ(found(set, text), expected) << text;
        }
    }
}

} // namespace
} // namespace gyr::match
