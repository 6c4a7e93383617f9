// Lines through pipes and sockets whose reader is slow, stuck or gone, and onto files.

#include "base/clock.h"
#include "base/thread_signals.h"
#include "outputs/line_writer.h"

#include <gtest/gtest.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

namespace gyr::outputs {
namespace {

constexpr Nanos kMillisecond = 1'000'000;

struct Pair {
    std::array<int, 2> fds{-1, -1}; // to read from, to write to
    explicit Pair(bool socket = false) {
        EXPECT_EQ(socket ? ::socketpair(AF_UNIX, SOCK_STREAM, 0, fds.data()) : ::pipe(fds.data()), 0);
    }
    ~Pair() {
        close_reader();
        close_writer();
    }
    Pair(const Pair&) = delete;
    Pair& operator=(const Pair&) = delete;
    void close_reader() { close(fds[0]); }
    void close_writer() { close(fds[1]); }
    // Until the writing end is closed.
    [[nodiscard]] std::string read_all() const {
        std::string text;
        std::array<char, 65536> buffer{};
        ssize_t n = 0;
        while ((n = ::read(fds[0], buffer.data(), buffer.size())) > 0)
            text.append(buffer.data(), static_cast<std::size_t>(n));
        return text;
    }

  private:
    static void close(int& fd) {
        if (fd >= 0) ::close(fd);
        fd = -1;
    }
};

class LineWriterKinds : public ::testing::TestWithParam<bool> {
  protected:
    LineWriterKinds() { patience.wake_fd = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); }
    ~LineWriterKinds() override { ::close(patience.wake_fd); }
    // A reader that has gone must not end the program. The mask is that of the threads that write.
    void SetUp() override { block_signals(); }
    Patience patience;
};

TEST_P(LineWriterKinds, EveryLineArrivesWholeAndInOrder) {
    Pair pair(GetParam());
    std::string sent;
    std::thread writing([&] {
        LineWriter writer(pair.fds[1]);
        for (int i = 0; i < 2000; ++i) { // some longer than a pipe takes at once
            const std::string line = std::to_string(i) + std::string(i % 100 == 0 ? 200'000 : 10, 'x') + "\n";
            sent += line;
            if (writer.write_line(line, patience) != WriteOutcome::written) break;
        }
        writer.release();
        pair.close_writer();
    });
    const std::string received = pair.read_all();
    writing.join();
    EXPECT_TRUE(received == sent) << received.size() << " of " << sent.size();
}

TEST_P(LineWriterKinds, AReaderThatGoesAwayIsNoticedWithoutWriting) {
    Pair pair(GetParam());
    LineWriter writer(pair.fds[1]);
    EXPECT_FALSE(writer.hung_up());
    pair.close_reader();
    EXPECT_TRUE(writer.wait_idle(patience));
    EXPECT_TRUE(writer.hung_up());
    EXPECT_EQ(writer.write_line("a\n", patience), WriteOutcome::reader_gone);
}

TEST_P(LineWriterKinds, AReaderThatGoesAwayInTheMiddleOfALineEndsTheWait) {
    Pair pair(GetParam());
    LineWriter writer(pair.fds[1]);
    std::thread leaving([&] {
        std::array<char, 1000> some{};
        EXPECT_GT(::read(pair.fds[0], some.data(), some.size()), 0); // it has begun
        pair.close_reader();
    });
    EXPECT_EQ(writer.write_line(std::string(10U << 20, 'x') + "\n", patience), WriteOutcome::reader_gone);
    leaving.join();
}

TEST_P(LineWriterKinds, WhatIsGivenUpTearsNoLaterLine) {
    Pair pair(GetParam());
    LineWriter writer(pair.fds[1]);
    const std::string line(100'000, 'x');
    WriteOutcome outcome = WriteOutcome::written;
    while (outcome == WriteOutcome::written)
        outcome = writer.write_line(line + "\n", patience, steady_now() + 10 * kMillisecond);
    EXPECT_EQ(outcome, WriteOutcome::gave_up);
    std::string received;
    std::thread reading([&] { received = pair.read_all(); });
    EXPECT_EQ(writer.write_line("whole\n", patience), WriteOutcome::written);
    writer.release();
    pair.close_writer();
    reading.join();
    EXPECT_TRUE(received.ends_with("x\nwhole\n"));
}

INSTANTIATE_TEST_SUITE_P(PipeAndSocket, LineWriterKinds, ::testing::Bool(),
                         [](const auto& kind) { return kind.param ? "socket" : "pipe"; });

TEST(LineWriter, LeavesTheSharedDescriptorBlocking) {
    const Pair pair;
    LineWriter writer(pair.fds[1]);
    EXPECT_EQ(writer.write_line("a\n", Patience{}), WriteOutcome::written);
    EXPECT_EQ(::fcntl(pair.fds[1], F_GETFL) & O_NONBLOCK, 0);
}

TEST(LineWriter, WritesToAFileAtTheSharedOffset) {
    std::FILE* file = std::tmpfile();
    ASSERT_NE(file, nullptr);
    const int fd = ::fileno(file);
    ASSERT_EQ(::write(fd, "before\n", 7), 7);
    LineWriter writer(fd);
    EXPECT_EQ(writer.write_line("line\n", Patience{}), WriteOutcome::written);
    ASSERT_EQ(::write(fd, "after\n", 6), 6);
    std::array<char, 64> text{};
    const ssize_t n = ::pread(fd, text.data(), text.size(), 0);
    EXPECT_EQ(std::string_view(text.data(), static_cast<std::size_t>(n)), "before\nline\nafter\n");
    std::fclose(file);
}

TEST(LineWriter, AFullDiskIsAnError) {
    const int fd = ::open("/dev/full", O_WRONLY | O_CLOEXEC);
    ASSERT_GE(fd, 0);
    LineWriter writer(fd);
    EXPECT_EQ(writer.write_line("line\n", Patience{}), WriteOutcome::error);
    EXPECT_EQ(writer.last_error(), ENOSPC);
    ::close(fd);
}

} // namespace
} // namespace gyr::outputs
