#include "deeds/deeds.h"

#include "deeds/words.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

namespace gyr::deeds {
namespace {

using Texts = std::vector<std::string>;

TEST(Words, AreSplitAsAShellWould) {
    EXPECT_EQ(split_words("call nc -e /bin/sh"), (Texts{"call", "nc", "-e", "/bin/sh"}));
    EXPECT_EQ(split_words("sh -c 'a b' \"c 'd\"  e"), (Texts{"sh", "-c", "a b", "c 'd", "e"}));
    EXPECT_EQ(split_words(R"(x 'a\' b\ c '')"), (Texts{"x", R"(a\)", "b c", ""}));
    EXPECT_EQ(split_words(""), Texts{});
}

TEST(Steps, TellWhichOneFailed) {
    EXPECT_EQ(perform({"true", "?false", "nothing"}), 0);
    EXPECT_EQ(perform({"true", "false", "true"}), 2);
    EXPECT_EQ(perform({"?no-such-program-here"}), 1); // could not be done, which is no status
}

TEST(Deeds, HaveNamesOfTheirOwn) {
    std::set<std::string_view> names;
    for (const auto part : {role_deeds(), file_deeds(), kernel_deeds(), network_deeds()})
        for (const NamedDeed& deed : part) EXPECT_TRUE(names.insert(deed.name).second) << deed.name;
    EXPECT_EQ(find_deed("no such deed"), nullptr);
    EXPECT_NE(find_deed("spawn"), nullptr);
}

} // namespace
} // namespace gyr::deeds
