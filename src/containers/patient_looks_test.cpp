// Looks that hang: who is held up, and what is told of it.
#include "containers/patient_looks.h"

#include "base/test_threads.h"

#include <gtest/gtest.h>

#include <future>
#include <poll.h>

namespace gyr {
namespace {

using std::chrono::milliseconds;

class PatientLooksTest : public testing::Test {
  protected:
    void TearDown() override { release(); }
    void release() {
        if (!std::exchange(released_, true)) gate_.set_value();
    }
    // A look that hangs until release().
    PatientLooks::Look hanging() {
        return [open = open_](ContainerInfo&) {
            open.wait();
            return CallStatus::found;
        };
    }
    static PatientLooks::Look finding(const std::string& name) {
        return [name](ContainerInfo& info) {
            info.name = name;
            return CallStatus::found;
        };
    }
    // The next answers, as the resolver's thread takes them.
    std::vector<PatientLooks::Answer> take(PatientLooks& looks) {
        for (;;) {
            pollfd fd{looks.fd(), POLLIN, 0};
            ::poll(&fd, 1, static_cast<int>(looks.until_next().count()));
            if (auto answers = looks.take(); !answers.empty()) return answers;
        }
    }

    std::promise<void> gate_;
    std::shared_future<void> open_{gate_.get_future().share()};
    bool released_ = false;
};

TEST_F(PatientLooksTest, WhatIsFoundIsTold) {
    PatientLooks looks(milliseconds{60'000}, 4);
    looks.ask("a", "c1", 7, finding("web"));
    const auto answers = take(looks);
    ASSERT_EQ(answers.size(), 1u);
    EXPECT_EQ(answers[0].key, "c1");
    EXPECT_EQ(answers[0].round, 7u);
    EXPECT_EQ(answers[0].status, CallStatus::found);
    EXPECT_EQ(answers[0].info.name, "web");
}

TEST_F(PatientLooksTest, WithoutAThreadToHaveALookHasTimedOut) {
    PatientLooks looks(milliseconds{60'000}, 4);
    {
        const NoThreadsLeft none;
        looks.ask("a", "c1", 7, finding("web"));
    }
    const auto refused = take(looks);
    ASSERT_EQ(refused.size(), 1u);
    EXPECT_EQ(refused[0].key, "c1");
    EXPECT_EQ(refused[0].round, 7u);
    EXPECT_EQ(refused[0].status, CallStatus::timeout);
    looks.ask("a", "c1", 8, finding("web"));
    EXPECT_EQ(take(looks).front().status, CallStatus::found);
}

TEST_F(PatientLooksTest, APlaceThatHangsHoldsUpNoOther) {
    PatientLooks looks(milliseconds{60'000}, 4);
    looks.ask("hung", "c1", 1, hanging());
    looks.ask("other", "c2", 1, finding("web"));
    const auto answers = take(looks);
    ASSERT_EQ(answers.size(), 1u);
    EXPECT_EQ(answers[0].key, "c2");
}

TEST_F(PatientLooksTest, WhatWasAskedOfAPlaceThatHangsHasTimedOut) {
    PatientLooks looks(milliseconds{20}, 4);
    looks.ask("hung", "c1", 1, hanging());
    looks.ask("hung", "c2", 1, finding("never looked for"));
    std::vector<std::string> ids;
    while (ids.size() < 2) {
        for (const PatientLooks::Answer& answer : take(looks)) {
            EXPECT_EQ(answer.status, CallStatus::timeout);
            ids.push_back(answer.key);
        }
    }
    EXPECT_EQ(ids, (std::vector<std::string>{"c1", "c2"}));
    // No further thread hangs there, and nobody waits for it.
    looks.ask("hung", "c3", 1, finding("never looked for"));
    const auto answers = looks.take();
    ASSERT_EQ(answers.size(), 1u);
    EXPECT_EQ(answers[0].key, "c3");
    EXPECT_EQ(answers[0].status, CallStatus::timeout);
}

TEST_F(PatientLooksTest, APlaceThatAnswersAgainIsAskedAgain) {
    PatientLooks looks(milliseconds{20}, 4);
    looks.ask("hung", "c1", 1, hanging());
    EXPECT_EQ(take(looks).at(0).status, CallStatus::timeout);
    release();
    for (std::uint64_t round = 2;; ++round) {
        looks.ask("hung", "c1", round, finding("web"));
        const auto answers = take(looks);
        ASSERT_EQ(answers.size(), 1u); // the late answer of the first look is none of them
        ASSERT_EQ(answers[0].round, round);
        if (answers[0].status == CallStatus::found) break;
    }
}

TEST_F(PatientLooksTest, PlacesBeyondTheBoundHaveTimedOutAtOnce) {
    PatientLooks looks(milliseconds{60'000}, 1);
    looks.ask("hung", "c1", 1, hanging());
    looks.ask("other", "c2", 1, finding("web"));
    const auto answers = looks.take();
    ASSERT_EQ(answers.size(), 1u);
    EXPECT_EQ(answers[0].key, "c2");
    EXPECT_EQ(answers[0].status, CallStatus::timeout);
}

TEST_F(PatientLooksTest, TheEndDoesNotWaitForALookThatHangs) {
    { // returns
        PatientLooks looks(milliseconds{60'000}, 4);
        looks.ask("hung", "c1", 1, hanging());
    }
    release();
}

} // namespace
} // namespace gyr
