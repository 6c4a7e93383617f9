#include "match/explain.h"

#include "match/test_support.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace gyr::match {
namespace {

Explained check(bool holds) {
    Explained e;
    e.holds = holds;
    return e;
}
Explained group(Explained::Kind kind, std::vector<Explained> children, bool holds) {
    Explained e;
    e.kind = kind;
    e.holds = holds;
    e.children = std::move(children);
    return e;
}

TEST(Explain, MarksTheFirstThatFailsOrAllThatHold) {
    Explained failed = group(Explained::Kind::all_of, {check(true), check(false), check(false)}, false);
    mark_deciding(failed);
    EXPECT_FALSE(failed.children[0].decides);
    EXPECT_TRUE(failed.children[1].decides);
    EXPECT_FALSE(failed.children[2].decides);

    Explained held = group(Explained::Kind::all_of, {check(true), check(true)}, true);
    mark_deciding(held);
    EXPECT_TRUE(held.children[0].decides && held.children[1].decides);

    Explained any = group(Explained::Kind::any_of, {check(false), check(true), check(true)}, true);
    mark_deciding(any);
    EXPECT_FALSE(any.children[0].decides);
    EXPECT_TRUE(any.children[1].decides);
    EXPECT_FALSE(any.children[2].decides);

    Explained none = group(Explained::Kind::any_of, {check(false), check(false)}, false);
    mark_deciding(none);
    EXPECT_TRUE(none.children[0].decides && none.children[1].decides);
}

TEST(Explain, TellsHowNearAConditionCame) {
    EXPECT_EQ(nearness(check(true)), 1);
    EXPECT_EQ(nearness(check(false)), 0);
    EXPECT_EQ(nearness(group(Explained::Kind::all_of, {check(true), check(false)}, false)), 0.5);
}

TEST(Explain, ShowsEveryValueAlsoBehindTheDecision) {
    Event event;
    event.code = kExecve;
    event.number = 7;
    event.has_result = true;
    event.result = 0;
    const Rule r = test::rule("r", "evt.num > 100 and (evt.rawres = 0 or proc.name = sh) and not evt.type = open");
    auto explainer = Explainer::create(r);
    ASSERT_TRUE(explainer) << explainer.error().message;
    const Explained whole = explainer->explain(event, {});
    EXPECT_FALSE(whole.holds);
    ASSERT_EQ(whole.children.size(), 3u);
    EXPECT_EQ(whole.children[0].seen, "7");
    EXPECT_TRUE(whole.children[0].decides);
    const Explained& either = whole.children[1];
    EXPECT_TRUE(either.holds);
    EXPECT_EQ(either.children[0].seen, "0");
    EXPECT_FALSE(either.children[1].holds);
    EXPECT_NE(either.children[1].missing, ""); // no process
    EXPECT_EQ(whole.children[2].children[0].seen, "execve");
    EXPECT_TRUE(whole.children[2].holds);
    EXPECT_EQ(deciding_checks(whole), std::vector<std::string>{"not evt.num > 100: \"7\""});

    const auto json = nlohmann::json::parse(explained_json(whole, r, event));
    EXPECT_EQ(json["matches"], false);
    EXPECT_EQ(json["condition"]["parts"][0]["seen"], "7");
    EXPECT_NE(explained_text(whole, r).find("-> false"), std::string::npos);
}

TEST(Explain, RefusesARuleThatCannotBeUsed) {
    Rule r = test::rule("r", "evt.num > 1");
    r.disabled_why = "it is too new";
    const auto explainer = Explainer::create(r);
    ASSERT_FALSE(explainer);
    EXPECT_NE(explainer.error().message.find("it is too new"), std::string::npos);
}

} // namespace
} // namespace gyr::match
