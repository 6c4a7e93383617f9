// The compiled evaluator against the plain one, on conditions and events made up at random. More of the same: the fuzz
// target match.
#include "lang/parser.h"
#include "match/generated.h"
#include "match/reference.h"
#include "match/test_support.h"

#include <gtest/gtest.h>

namespace gyr {
namespace {

TEST(Reference, AgreesWithTheCompiledEvaluator) {
    std::size_t pairs = 0;
    for (std::uint64_t seed = 1; pairs < 100'000; ++seed) {
        ASSERT_LT(seed, 1000U) << "the generator makes too little";
        std::string problem;
        pairs += match::compare_generated(seed, 20, 100, problem);
        ASSERT_EQ(problem, "");
    }
    std::cout << pairs << " pairs\n";
}

// What the comparison rests on: the reference itself, and that the generator reaches every answer.
TEST(Transform, TheLengthOfBytesEndsAtAZero) {
    match::Expression e;
    e.kind = match::Expression::Kind::transform;
    e.transformer = lang::TransformerKind::len;
    Arena arena;
    const auto length = [&](std::string_view bytes) {
        const fields::Value in = fields::Value::of_text(bytes);
        return match::transform(e, std::span(&in, 1), arena).u;
    };
    EXPECT_EQ(length(""), 0U);
    EXPECT_EQ(length("ab"), 2U);
    EXPECT_EQ(length(std::string_view("a\0b", 3)), 1U);
    EXPECT_EQ(length(std::string_view("\0", 1)), 0U);
}

TEST(Reference, KnowsWhatConditionsMean) {
    test::World world;
    const auto process = world.process(7, "/bin/sh", {"sh", "-c", "x"});
    process->container = test::make_container(false);
    const Event event = test::exec_event(process);
    const auto says = [&](const std::string& condition) {
        return match::reference::evaluate(**lang::parse(condition), event, world.view(), false);
    };
    using enum match::Truth;
    EXPECT_EQ(says("proc.name = sh and proc.pid = 7"), yes);
    EXPECT_EQ(says("proc.name = sh and not proc.pid = 7"), no);
    EXPECT_EQ(says("container.name = x"), undecided);
    EXPECT_EQ(says("container.name = x or proc.name in (bash, sh)"), yes);
    EXPECT_EQ(says("not container.name exists"), undecided);
    EXPECT_EQ(says("proc.pname != x"), no);
    EXPECT_EQ(says("toupper(proc.name) startswith S"), yes);
    EXPECT_EQ(says("getopt(proc.arglist, \"c:\")[c] = x"), yes);
    EXPECT_EQ(says("proc.exepath pmatch (/bin, /usr)"), yes);
    EXPECT_EQ(says("proc.exepath glob \"/b?n/*\""), yes);
    EXPECT_EQ(says("proc.name = val(proc.exepath)"), no);
    EXPECT_EQ(says("proc.name in ()"), no);
}

} // namespace
} // namespace gyr
