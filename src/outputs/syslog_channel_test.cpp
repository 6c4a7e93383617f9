// What is sent again over TCP, by how the server ended the connection.

#include "alerts/test_support.h"
#include "base/fd.h"
#include "outputs/channels.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
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

} // namespace
} // namespace gyr::outputs
