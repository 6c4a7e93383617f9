#include "recording/alert_captures.h"

#include "capfile/reader.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <unistd.h>
#include <vector>

namespace gyr::recording {
namespace {

namespace fs = std::filesystem;

constexpr EventCode kClose = 5;
constexpr Nanos kSecond = 1'000'000'000;

class AlertCapturesTest : public testing::Test {
  protected:
    AlertCapturesTest() : folder_(fs::temp_directory_path() / ("gyr-alert-captures-" + std::to_string(::getpid()))) {
        fs::remove_all(folder_);
        fs::create_directory(folder_);
        options_.path_prefix = (folder_ / "alert").string();
    }
    ~AlertCapturesTest() override { fs::remove_all(folder_); }

    [[nodiscard]] AlertCaptures make() {
        return AlertCaptures(options_, [](capfile::Writer& writer) {
            capfile::MachineInfo machine;
            machine.hostname = "here";
            return writer.write_machine(machine);
        });
    }
    static RawEvent at(Nanos second) {
        RawEvent e;
        e.code = kClose;
        e.time = second * kSecond;
        return e;
    }
    // The seconds of the events in a file.
    static std::vector<Nanos> seconds_in(const std::string& file) {
        auto reader = capfile::Reader::open(file, {.upgrade = false});
        EXPECT_TRUE(reader) << file;
        std::vector<Nanos> seconds;
        bool described = false;
        for (auto item = reader->next(); item != capfile::Item::end; item = reader->next()) {
            EXPECT_NE(item, capfile::Item::damage);
            described = described || item == capfile::Item::machine;
            if (item == capfile::Item::event) seconds.push_back(reader->event().time / kSecond);
        }
        EXPECT_TRUE(described);
        return seconds;
    }

    fs::path folder_;
    AlertCaptureOptions options_;
};

TEST_F(AlertCapturesTest, HoldsWhatCameBeforeAndAfterTheAlert) {
    options_.recorder.span = 3 * kSecond;
    AlertCaptures captures = make();
    std::string file;
    for (Nanos second = 0; second < 30; ++second) {
        ASSERT_TRUE(captures.take(at(second)));
        if (second == 10) file = captures.begin(at(second), 7).value();
        EXPECT_EQ(captures.writing(), second >= 10 && second <= 15) << second;
    }
    EXPECT_EQ(file, options_.path_prefix + "_00000000010000000000_00000000000000000007.scap");
    EXPECT_EQ(seconds_in(file), (std::vector<Nanos>{7, 8, 9, 10, 11, 12, 13, 14, 15}));
    EXPECT_EQ(captures.stats().files, 1u);
}

TEST_F(AlertCapturesTest, BeginsWithTheAlertWhenTheRecorderIsOff) {
    AlertCaptures captures = make();
    ASSERT_TRUE(captures.take(at(1)));
    ASSERT_TRUE(captures.take(at(2)));
    const std::string file = captures.begin(at(2), 2, 1 * kSecond).value();
    ASSERT_TRUE(captures.take(at(3)));
    ASSERT_TRUE(captures.tick(3 * kSecond));
    EXPECT_TRUE(captures.writing());
    ASSERT_TRUE(captures.tick(3 * kSecond + 1)) << "nothing happens any more, and the file ends all the same";
    EXPECT_FALSE(captures.writing());
    EXPECT_EQ(seconds_in(file), (std::vector<Nanos>{2, 3}));
}

TEST_F(AlertCapturesTest, AnotherAlertMakesItLonger) {
    AlertCaptures captures = make();
    ASSERT_TRUE(captures.take(at(1)));
    const std::string file = captures.begin(at(1), 1, 2 * kSecond).value();
    ASSERT_TRUE(captures.take(at(2)));
    EXPECT_EQ(captures.begin(at(2), 2, 10 * kSecond).value(), file);
    ASSERT_TRUE(captures.take(at(3)));
    EXPECT_EQ(captures.begin(at(3), 3, 1 * kSecond).value(), file) << "a shorter one does not make it end earlier";
    for (const Nanos second : {11, 12, 13}) ASSERT_TRUE(captures.take(at(second)));
    EXPECT_EQ(seconds_in(file), (std::vector<Nanos>{1, 2, 3, 11, 12}));
    EXPECT_EQ(captures.stats().files, 1u);
}

TEST_F(AlertCapturesTest, KeepsToItsSizeAndItsNumberOfFiles) {
    options_.max_bytes = 1000;
    options_.keep_files = 2;
    AlertCaptures captures = make();
    for (Nanos second = 0; second < 400; ++second) {
        ASSERT_TRUE(captures.take(at(second)));
        if (second % 100 == 0) {
            ASSERT_TRUE(captures.begin(at(second), static_cast<std::uint64_t>(second), 50 * kSecond));
        }
    }
    ASSERT_TRUE(captures.end());
    EXPECT_EQ(captures.stats().files, 4u);
    EXPECT_EQ(captures.stats().ended_by_size, 4u);
    EXPECT_EQ(std::distance(fs::directory_iterator(folder_), fs::directory_iterator()), 2);
    for (const auto& file : fs::directory_iterator(folder_)) {
        const std::size_t events = seconds_in(file.path().string()).size();
        EXPECT_GT(events, 5u);
        EXPECT_LT(events, 1000u / 40 + 1);
    }
}

TEST_F(AlertCapturesTest, AFailureIsToldAndTheNextAlertTriesAgain) {
    options_.path_prefix = (folder_ / "missing" / "alert").string();
    AlertCaptures captures = make();
    ASSERT_TRUE(captures.take(at(1)));
    EXPECT_FALSE(captures.begin(at(1), 1));
    EXPECT_FALSE(captures.writing());
    EXPECT_EQ(captures.stats().failures, 1u);
    fs::create_directory(folder_ / "missing");
    EXPECT_TRUE(captures.begin(at(2), 2));
}

} // namespace
} // namespace gyr::recording
