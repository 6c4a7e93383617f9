#include "outputs/stream_sink.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <array>
#include <condition_variable>
#include <cstdio>
#include <mutex>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace gyr::outputs {
namespace {

using nlohmann::json;
constexpr Nanos kSecond = 1'000'000'000;

AlertRecordPtr alert(std::uint64_t number, std::string rule = "R", std::size_t padding = 0) {
    Alert a;
    a.uuid = "u" + std::to_string(number);
    a.time = static_cast<Nanos>(number) * kSecond;
    a.rule = std::move(rule);
    a.message = "m" + std::string(padding, 'x');
    return std::make_shared<const AlertRecord>(std::move(a));
}

// Set once by one thread, waited for by another.
class Flag {
  public:
    void set() {
        const std::lock_guard lock(mutex_);
        set_ = true;
        changed_.notify_all();
    }
    void wait() {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return set_; });
    }

  private:
    std::mutex mutex_;
    std::condition_variable changed_;
    bool set_ = false;
};

struct Pipe {
    std::array<int, 2> fds{-1, -1};
    explicit Pipe(bool socket = false) {
        EXPECT_EQ(socket ? ::socketpair(AF_UNIX, SOCK_STREAM, 0, fds.data()) : ::pipe(fds.data()), 0);
    }
    ~Pipe() {
        close_reader();
        close_writer();
    }
    Pipe(const Pipe&) = delete;
    Pipe& operator=(const Pipe&) = delete;
    void close_reader() { close(fds[0]); }
    void close_writer() { close(fds[1]); }
    // Lines until the writing end is closed.
    std::vector<json> read_all() {
        std::string text;
        std::array<char, 65536> buffer{};
        ssize_t n = 0;
        while ((n = ::read(fds[0], buffer.data(), buffer.size())) > 0) {
            text.append(buffer.data(), static_cast<std::size_t>(n));
        }
        std::vector<json> lines;
        std::size_t begin = 0;
        for (std::size_t end = 0; (end = text.find('\n', begin)) != std::string::npos; begin = end + 1) {
            lines.push_back(json::parse(text.substr(begin, end - begin)));
        }
        EXPECT_EQ(begin, text.size()) << "the last line is not complete";
        return lines;
    }

  private:
    static void close(int& fd) {
        if (fd >= 0) {
            ::close(fd);
        }
        fd = -1;
    }
};

StreamSinkOptions options_for(int fd) {
    StreamSinkOptions options;
    options.fd = fd;
    options.format.format = AlertFormat::json;
    return options;
}

std::unique_ptr<AlertSink> make(StreamSinkOptions options) {
    auto sink = make_stream_sink(std::move(options));
    EXPECT_TRUE(sink.has_value());
    return *std::move(sink);
}

class StreamSinkKinds : public ::testing::TestWithParam<bool> {};

TEST_P(StreamSinkKinds, EveryLineArrivesWholeAndInOrder) {
    Pipe pipe(GetParam());
    auto sink = make(options_for(pipe.fds[1]));
    constexpr std::uint64_t kCount = 2000;
    std::thread producer([&] {
        for (std::uint64_t i = 0; i < kCount; ++i) {
            sink->push(alert(i, "R", i % 100 == 0 ? 20'000 : 10)); // some longer than a pipe takes at once
        }
        sink->close(60 * kSecond);
        pipe.close_writer();
    });
    const std::vector<json> lines = pipe.read_all();
    producer.join();
    ASSERT_EQ(lines.size(), kCount);
    for (std::uint64_t i = 0; i < kCount; ++i) {
        ASSERT_EQ(lines[i]["uuid"], "u" + std::to_string(i));
    }
    EXPECT_EQ(sink->stats().delivered, kCount);
    EXPECT_EQ(sink->stats().lost, 0U);
}

TEST_P(StreamSinkKinds, OverflowIsCountedByRuleAndDeclaredWhereItHappened) {
    Pipe pipe(GetParam());
    StreamSinkOptions options = options_for(pipe.fds[1]);
    options.buffer_bytes = 64 << 10;
    auto sink = make(options);
    constexpr std::uint64_t kCount = 5000; // nobody reads: far more than pipe and queue hold
    for (std::uint64_t i = 0; i < kCount; ++i) {
        sink->push(alert(i, i % 2 == 0 ? "even" : "odd", 1000));
    }
    std::thread closer([&] {
        sink->close(60 * kSecond);
        pipe.close_writer();
    });
    const std::vector<json> lines = pipe.read_all();
    closer.join();
    std::uint64_t alerts = 0;
    std::uint64_t lost = 0;
    std::uint64_t by_rule = 0;
    std::uint64_t next = 0; // what follows in order
    for (const json& line : lines) {
        if (line.contains("gap")) {
            const json& gap = line["gap"];
            EXPECT_EQ(gap["stage"], "output stdout");
            EXPECT_EQ(gap["from"], format_utc(static_cast<Nanos>(next) * kSecond));
            next += gap["count"].get<std::uint64_t>();
            EXPECT_EQ(gap["to"], format_utc(static_cast<Nanos>(next - 1) * kSecond));
            lost += gap["count"].get<std::uint64_t>();
            for (const auto& [rule, count] : gap["rules"].items()) {
                by_rule += count.get<std::uint64_t>();
            }
        } else {
            EXPECT_EQ(line["uuid"], "u" + std::to_string(next));
            ++next;
            ++alerts;
        }
    }
    EXPECT_GT(lost, 0U);
    EXPECT_EQ(lost, by_rule);
    EXPECT_EQ(alerts + lost, kCount);
    EXPECT_EQ(next, kCount);
    EXPECT_EQ(sink->stats().accepted, kCount);
    EXPECT_EQ(sink->stats().delivered, alerts);
    EXPECT_EQ(sink->stats().lost, lost);
}

TEST_P(StreamSinkKinds, AReaderThatGoesAwayIsNoticedWithoutAnyAlert) {
    Pipe pipe(GetParam());
    Flag closed;
    StreamSinkOptions options = options_for(pipe.fds[1]);
    options.on_closed = [&] { closed.set(); };
    auto sink = make(options);
    pipe.close_reader();
    closed.wait();
    sink->push(alert(1));
    sink->close(0);
    EXPECT_EQ(sink->stats().lost, 1U);
    EXPECT_EQ(sink->stats().delivered, 0U);
}

TEST_P(StreamSinkKinds, AReaderThatGoesAwayInTheMiddleEndsTheSinkNotTheProgram) {
    Pipe pipe(GetParam());
    Flag closed;
    StreamSinkOptions options = options_for(pipe.fds[1]);
    options.on_closed = [&] { closed.set(); };
    auto sink = make(options);
    for (std::uint64_t i = 0; i < 1000; ++i) {
        sink->push(alert(i, "R", 1000)); // more than the pipe holds, so the writer is waiting
    }
    pipe.close_reader();
    closed.wait();
    sink->close(60 * kSecond);
    const SinkStats stats = sink->stats();
    EXPECT_EQ(stats.accepted, 1000U);
    EXPECT_EQ(stats.delivered + stats.lost, 1000U);
    EXPECT_GT(stats.lost, 0U);
}

TEST_P(StreamSinkKinds, CloseDoesNotWaitForAStuckReaderForEver) {
    Pipe pipe(GetParam());
    auto sink = make(options_for(pipe.fds[1]));
    for (std::uint64_t i = 0; i < 1000; ++i) {
        sink->push(alert(i, "R", 1000));
    }
    sink->close(kSecond / 100); // nobody ever reads: without a limit this would hang until the test's own time is up
    const SinkStats stats = sink->stats();
    EXPECT_EQ(stats.delivered + stats.lost, 1000U);
    EXPECT_GT(stats.lost, 0U);
}

INSTANTIATE_TEST_SUITE_P(PipeAndSocket, StreamSinkKinds, ::testing::Bool(),
                         [](const auto& kind) { return kind.param ? "socket" : "pipe"; });

TEST(StreamSink, LeavesTheSharedDescriptorBlocking) {
    const Pipe pipe;
    auto sink = make(options_for(pipe.fds[1]));
    EXPECT_EQ(::fcntl(pipe.fds[1], F_GETFL) & O_NONBLOCK, 0);
    sink->close(kSecond);
    EXPECT_EQ(::fcntl(pipe.fds[1], F_GETFL) & O_NONBLOCK, 0);
}

TEST(StreamSink, WritesToAFileAtTheSharedOffset) {
    std::FILE* file = std::tmpfile();
    ASSERT_NE(file, nullptr);
    const int fd = ::fileno(file);
    ASSERT_EQ(::write(fd, "before\n", 7), 7);
    auto sink = make(options_for(fd));
    sink->push(alert(1));
    sink->close(60 * kSecond);
    ASSERT_EQ(::write(fd, "after\n", 6), 6);
    std::array<char, 4096> text{};
    const ssize_t n = ::pread(fd, text.data(), text.size(), 0);
    const std::string_view all(text.data(), static_cast<std::size_t>(n));
    EXPECT_EQ(all.substr(0, 8), "before\n{");
    EXPECT_EQ(all.substr(all.size() - 8), "}\nafter\n");
    EXPECT_EQ(sink->stats().delivered, 1U);
    std::fclose(file);
}

TEST(StreamSink, AFullDiskIsReportedOnceAndCounted) {
    const int fd = ::open("/dev/full", O_WRONLY | O_CLOEXEC);
    ASSERT_GE(fd, 0);
    std::vector<std::string> problems;
    StreamSinkOptions options = options_for(fd);
    options.on_problem = [&](const std::string& problem) { problems.push_back(problem); };
    auto sink = make(options);
    sink->push(alert(1));
    sink->push(alert(2));
    sink->push(alert(3));
    sink->close(60 * kSecond);
    ASSERT_EQ(problems.size(), 1U);
    EXPECT_NE(problems[0].find("No space left on device"), std::string::npos) << problems[0];
    EXPECT_EQ(sink->stats().lost, 3U);
    ::close(fd);
}

TEST(StreamSink, RefusesADescriptorItCannotWriteTo) {
    EXPECT_FALSE(make_stream_sink(options_for(-1)));
    const int fd = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    const auto refused = make_stream_sink(options_for(fd));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().message, "stdout is not open for writing");
    ::close(fd);
}

} // namespace
} // namespace gyr::outputs
