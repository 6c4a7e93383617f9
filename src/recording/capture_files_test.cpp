#include "recording/capture_files.h"

#include "capfile/reader.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <unistd.h>

namespace gyr::recording {
namespace {

namespace fs = std::filesystem;

constexpr EventCode kClose = 5;
constexpr Nanos kSecond = 1'000'000'000;

class CaptureFilesTest : public testing::Test {
  protected:
    CaptureFilesTest() : folder_(fs::temp_directory_path() / ("gyr-recording-" + std::to_string(::getpid()))) {
        fs::remove_all(folder_);
        fs::create_directory(folder_);
    }
    ~CaptureFilesTest() override { fs::remove_all(folder_); }

    [[nodiscard]] std::string path(const std::string& name) const { return (folder_ / name).string(); }

    Result<CaptureFiles> open(CaptureLimits limits, bool compress = false) {
        return CaptureFiles::create(path("a.scap"), limits, {.compress = compress}, [this](capfile::Writer& writer) {
            ++described_;
            capfile::MachineInfo machine;
            machine.cpus = 2;
            machine.hostname = "here";
            return writer.write_machine(machine);
        });
    }
    static RawEvent event(Nanos time) {
        RawEvent e;
        e.code = kClose;
        e.time = time;
        e.params = kParams;
        return e;
    }
    // Events in a file, and whether it describes the host.
    static std::pair<int, bool> contents(const std::string& file) {
        auto reader = capfile::Reader::open(file);
        EXPECT_TRUE(reader) << file;
        int events = 0;
        bool described = false;
        for (auto item = reader->next(); item != capfile::Item::end; item = reader->next()) {
            EXPECT_NE(item, capfile::Item::damage);
            if (item == capfile::Item::event) ++events;
            if (item == capfile::Item::machine) described = true;
        }
        return {events, described};
    }

    inline static const std::vector<std::string_view> kParams = {std::string_view("\0\0\0\0\0\0\0\0", 8),
                                                                 std::string_view("\3\0\0\0\0\0\0\0", 8)};
    fs::path folder_;
    int described_ = 0;
};

TEST_F(CaptureFilesTest, IsOneFileWithoutLimits) {
    auto files = open({});
    ASSERT_TRUE(files);
    for (Nanos t = 0; t < 1000; ++t) ASSERT_TRUE(files->write(event(t)));
    ASSERT_TRUE(files->close());
    EXPECT_EQ(files->current(), path("a.scap"));
    EXPECT_EQ(contents(path("a.scap")), std::pair(1000, true));
}

TEST_F(CaptureFilesTest, GoesOnInAnotherFileAfterSoManyEvents) {
    auto files = open({.max_events = 400});
    ASSERT_TRUE(files);
    for (Nanos t = 0; t < 1000; ++t) ASSERT_TRUE(files->write(event(t)));
    ASSERT_TRUE(files->close());
    EXPECT_EQ(files->files(),
              (std::deque<std::string>{path("a-000001.scap"), path("a-000002.scap"), path("a-000003.scap")}));
    EXPECT_EQ(contents(path("a-000001.scap")), std::pair(400, true));
    EXPECT_EQ(contents(path("a-000003.scap")), std::pair(200, true));
    EXPECT_EQ(described_, 3);
    EXPECT_EQ(files->events(), 1000u);
}

TEST_F(CaptureFilesTest, AfterSoLongByTheTimeOfTheEvents) {
    auto files = open({.max_duration = 10 * kSecond});
    ASSERT_TRUE(files);
    for (const Nanos t : {100, 101, 109, 110, 119, 135}) ASSERT_TRUE(files->write(event(t * kSecond)));
    ASSERT_TRUE(files->close());
    ASSERT_EQ(files->files().size(), 3u);
    EXPECT_EQ(contents(files->files()[0]).first, 3);
    EXPECT_EQ(contents(files->files()[1]).first, 2);
}

TEST_F(CaptureFilesTest, APlainFileIsNeverLongerThanAllowed) {
    constexpr std::uint64_t kMost = 20000;
    auto files = open({.max_bytes = kMost});
    ASSERT_TRUE(files);
    for (Nanos t = 0; t < 5000; ++t) ASSERT_TRUE(files->write(event(t)));
    ASSERT_TRUE(files->close());
    ASSERT_GT(files->files().size(), 5u);
    int events = 0;
    for (const std::string& file : files->files()) {
        EXPECT_LE(fs::file_size(file), kMost);
        if (file != files->current()) {
            EXPECT_GT(fs::file_size(file), kMost - 100) << "and not much shorter";
        }
        events += contents(file).first;
    }
    EXPECT_EQ(events, 5000);
}

TEST_F(CaptureFilesTest, EventsHaveAsMuchRoomAsWhatDescribesTheHost) {
    constexpr std::uint64_t kDescription = 40'000;
    auto files =
        CaptureFiles::create(path("a.scap"), {.max_bytes = 10'000}, {.compress = false}, [&](capfile::Writer& writer) {
            capfile::ThreadRecord thread;
            thread.tid = thread.pid = 1;
            const std::string args(1000, 'a');
            thread.args = args;
            Result<> done;
            while (done && writer.bytes_in() < kDescription) done = writer.write_threads({&thread, 1});
            return done;
        });
    ASSERT_TRUE(files);
    for (Nanos t = 0; t < 5000; ++t) ASSERT_TRUE(files->write(event(t)));
    ASSERT_TRUE(files->close());
    ASSERT_GT(files->files().size(), 2u);
    for (const std::string& file : files->files()) {
        EXPECT_LE(fs::file_size(file), 2 * (kDescription + 1200));
        if (file != files->current()) {
            EXPECT_GT(fs::file_size(file), 2 * kDescription - 200);
        }
    }
}

TEST_F(CaptureFilesTest, CompressedFilesAreDividedToo) {
    auto files = open({.max_bytes = 50000}, true);
    ASSERT_TRUE(files);
    std::uint64_t random = 1;
    for (Nanos t = 0; t < 60000; ++t) {
        random = random * 6364136223846793005u + 1442695040888963407u; // does not compress well
        ASSERT_TRUE(files->write(event(static_cast<Nanos>(random >> 1))));
    }
    ASSERT_TRUE(files->close());
    ASSERT_GT(files->files().size(), 3u);
    int events = 0;
    for (const std::string& file : files->files()) {
        EXPECT_LE(fs::file_size(file), 50000u + 400'000u);
        events += contents(file).first;
    }
    EXPECT_EQ(events, 60000);
}

TEST_F(CaptureFilesTest, KeepsOnlyTheNewestFiles) {
    auto files = open({.max_events = 10, .keep_files = 2});
    ASSERT_TRUE(files);
    for (Nanos t = 0; t < 55; ++t) ASSERT_TRUE(files->write(event(t)));
    ASSERT_TRUE(files->close());
    EXPECT_EQ(files->begun(), 6u);
    EXPECT_EQ(files->files(), (std::deque<std::string>{path("a-000005.scap"), path("a-000006.scap")}));
    EXPECT_EQ(std::distance(fs::directory_iterator(folder_), fs::directory_iterator()), 2);
}

TEST_F(CaptureFilesTest, SaysWhyItCannotWrite) {
    EXPECT_FALSE(CaptureFiles::create(path("no/such/folder/a.scap"), {}, {}, nullptr));
    EXPECT_EQ(CaptureFiles::create("-", {.max_events = 1}, {}, nullptr).error().kind, ErrorKind::invalid);
    auto files = open({.max_events = 1});
    RawEvent ours = event(1);
    ours.code = kSnapshot;
    EXPECT_EQ(files->write(ours).error().kind, ErrorKind::invalid);
    EXPECT_TRUE(files->write(event(1)));
}

} // namespace
} // namespace gyr::recording
