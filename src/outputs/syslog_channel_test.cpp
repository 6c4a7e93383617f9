// What is sent again over TCP, by how the server ended the connection; how fast datagrams go out.

#include "alerts/test_support.h"
#include "base/clock.h"
#include "base/fd.h"
#include "outputs/channels.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

namespace gyr::outputs {
namespace {

constexpr Nanos kHour = 3600LL * 1'000'000'000;

class SyslogOverTcp : public testing::Test {
  protected:
    SyslogOverTcp() {
        sockaddr_in at{};
        at.sin_family = AF_INET;
        at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof at;
        if (::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&at), size) != 0 ||
            ::listen(listener_.get(), 4) != 0 ||
            ::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&at), &size) != 0)
            std::abort();
        url_ = fmt::format("tcp://127.0.0.1:{}", ntohs(at.sin_port));
        patience_.wake_fd = wake_.get();
    }

    void connect(Nanos settled) {
        OutputOptions options;
        options.type = "syslog";
        options.url = url_;
        options.settled = settled;
        options.format = {AlertFormat::json, TimeFormat::local};
        channel_ = std::move(*make_syslog_channel(options));
        const auto record = std::make_shared<const AlertRecord>(test_alert(1));
        const Item item{record, format_record(*record, options.format)};
        ASSERT_EQ(channel_->send(std::span(&item, 1), patience_).outcome, Sent::all);
        accept();
    }
    void accept() { server_ = UniqueFd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC)); }
    // All of the message, which ends in the alert's closing brace.
    std::string receive() {
        std::string text;
        char some[4096];
        while (!text.ends_with('}')) {
            const ssize_t n = ::recv(server_.get(), some, sizeof some, 0);
            if (n <= 0) break;
            text.append(some, static_cast<std::size_t>(n));
        }
        return text;
    }
    // What the channel says about a connection that has ended, or is still there.
    Idle look() {
        // The wake-up stays away until the end has come.
        const std::uint64_t one = 1;
        EXPECT_EQ(::write(wake_.get(), &one, sizeof one), static_cast<ssize_t>(sizeof one));
        return channel_->wait_idle(patience_);
    }
    // The server has no more to say; back when the channel has noticed and closed its end as well.
    void say_goodbye() {
        ASSERT_EQ(::shutdown(server_.get(), SHUT_WR), 0);
        pollfd closed{server_.get(), POLLIN, 0};
        do look();
        while (::poll(&closed, 1, 1) == 0);
    }
    void expect_broken() {
        while (look() != Idle::broken) ::poll(nullptr, 0, 1);
    }

    UniqueFd listener_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    UniqueFd wake_{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    UniqueFd server_;
    std::string url_;
    Patience patience_;
    std::unique_ptr<Channel> channel_;
};

TEST_F(SyslogOverTcp, AnIdleConnectionClosedInGoodOrderIsNotRepeated) {
    connect(0);
    EXPECT_NE(receive(), "");
    say_goodbye();
    EXPECT_EQ(look(), Idle::woken);
}

TEST_F(SyslogOverTcp, AConnectionClosedSoonAfterAMessageIsRepeated) {
    connect(kHour);
    const std::string first = receive();
    say_goodbye();
    EXPECT_EQ(look(), Idle::broken);
    const SendResult again = channel_->send({}, patience_);
    EXPECT_EQ(again.outcome, Sent::all) << again.problem;
    EXPECT_EQ(again.done, 1U);
    accept();
    EXPECT_EQ(receive(), first);
}

TEST_F(SyslogOverTcp, WhatTheServerLeftUnreadIsRepeated) {
    connect(0);
    pollfd arrived{server_.get(), POLLIN, 0};
    ASSERT_EQ(::poll(&arrived, 1, -1), 1);
    server_.reset(); // with something unread in it
    expect_broken();
}

TEST_F(SyslogOverTcp, AServerThatIsResetIsRepeated) {
    connect(0);
    EXPECT_NE(receive(), "");
    const linger at_once{1, 0};
    ASSERT_EQ(::setsockopt(server_.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), 0);
    server_.reset();
    expect_broken();
}

class SyslogOverUdp : public testing::Test {
  protected:
    SyslogOverUdp() {
        sockaddr_in at{};
        at.sin_family = AF_INET;
        at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof at;
        const int on = 1;
        if (::bind(server_.get(), reinterpret_cast<const sockaddr*>(&at), size) != 0 ||
            ::setsockopt(server_.get(), SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on) != 0 ||
            ::getsockname(server_.get(), reinterpret_cast<sockaddr*>(&at), &size) != 0)
            std::abort();
        OutputOptions options;
        options.type = "syslog";
        options.url = fmt::format("udp://127.0.0.1:{}", ntohs(at.sin_port));
        options.format = format_;
        channel_ = std::move(*make_syslog_channel(options));
        patience_.wake_fd = wake_.get();
        // The kernel begins to note the times of arrival a little after it has been asked to; until then they are those
        // of being read.
        const UniqueFd first(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
        for (Nanos sent = 0, noted = 1; noted > sent;) {
            if (::sendto(first.get(), "", 1, 0, reinterpret_cast<const sockaddr*>(&at), size) != 1) std::abort();
            sent = wall_now();
            ::poll(nullptr, 0, 1);
            noted = arrivals().front();
        }
    }

    [[nodiscard]] std::vector<Item> alerts(std::uint64_t count) const {
        std::vector<Item> out;
        for (std::uint64_t n = 1; n <= count; ++n) {
            const auto record = std::make_shared<const AlertRecord>(test_alert(n));
            out.push_back({record, format_record(*record, format_)});
        }
        return out;
    }
    // When each of the datagrams came, by the kernel's clock: whoever reads them, and when, makes no difference.
    std::vector<Nanos> arrivals() {
        std::vector<Nanos> out;
        for (;;) {
            alignas(cmsghdr) char more[CMSG_SPACE(sizeof(timespec))];
            msghdr message{};
            message.msg_control = more;
            message.msg_controllen = sizeof more;
            if (::recvmsg(server_.get(), &message, MSG_DONTWAIT) < 0) return out;
            timespec at{};
            std::memcpy(&at, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof at);
            out.push_back(Nanos{at.tv_sec} * 1'000'000'000 + at.tv_nsec);
        }
    }

    const FormatOptions format_{AlertFormat::json, TimeFormat::local};
    UniqueFd server_{::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
    UniqueFd wake_{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    Patience patience_;
    std::unique_ptr<Channel> channel_;
};

// One that has room for 24 and takes two in each millisecond.
TEST_F(SyslogOverUdp, ABurstFindsRoomAtAReceiverWithLittleOfIt) {
    constexpr double kRoom = 24, kTakesEach = 500'000;
    std::size_t count = 0;
    double waiting = 0;
    Nanos last = 0;
    for (int round = 0; round < 4; ++round) { // read in between: this socket has not room for all of them either
        ASSERT_EQ(channel_->send(alerts(40), patience_).outcome, Sent::all);
        for (const Nanos at : arrivals()) {
            waiting = std::max(0.0, waiting - static_cast<double>(at - last) / kTakesEach) + 1;
            last = at;
            EXPECT_LE(waiting, kRoom) << "of datagram " << count;
            ++count;
        }
    }
    EXPECT_EQ(count, 160U);
}

// Nothing but waiting makes a thread give up the processor by itself.
TEST_F(SyslogOverUdp, AFewAlertsGoOutAtOnce) {
    const std::vector<Item> few = alerts(4);
    rusage before{}, after{};
    ::getrusage(RUSAGE_THREAD, &before);
    EXPECT_EQ(channel_->send(few, patience_).outcome, Sent::all);
    ::getrusage(RUSAGE_THREAD, &after);
    EXPECT_EQ(after.ru_nvcsw, before.ru_nvcsw);
    EXPECT_EQ(arrivals().size(), 4U);
}

TEST_F(SyslogOverUdp, TheEndOfPatienceEndsABurst) {
    const std::vector<Item> many = alerts(5'000); // seconds of them
    patience_.until = steady_now() + 20'000'000;
    const SendResult result = channel_->send(many, patience_);
    EXPECT_EQ(result.outcome, Sent::retry);
    EXPECT_EQ(result.problem, "");
    EXPECT_GT(result.done, 0U);
    EXPECT_LT(result.done, 1'000U) << "more than a second's";
    EXPECT_EQ(arrivals().size(), result.done);
}

TEST_F(SyslogOverUdp, WhatIsRepeatedGoesOutAtThatPaceToo) {
    ASSERT_EQ(channel_->send(alerts(40), patience_).outcome, Sent::all);
    ASSERT_EQ(arrivals().size(), 40U);
    channel_->reopen();
    const Nanos begin = steady_now();
    ASSERT_EQ(channel_->send({}, patience_).done, 40U);
    EXPECT_GE(steady_now() - begin, 20'000'000);
    EXPECT_EQ(arrivals().size(), 40U);
}

} // namespace
} // namespace gyr::outputs
