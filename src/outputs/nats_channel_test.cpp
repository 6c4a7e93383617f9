// The client against a server that says what the test wants, as a real one cannot be made to.

#include "alerts/test_support.h"
#include "base/fd.h"
#include "outputs/channels.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <functional>
#include <thread>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace gyr::outputs {
namespace {

// One connection after the other: greets, answers PING, and acknowledges what is published by what `answer` says of its
// number, beginning with 1.
class FakeNats {
  public:
    FakeNats(std::size_t max_payload, std::function<std::string(int)> answer)
        : max_payload_(max_payload), answer_(std::move(answer)),
          listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in at{};
        at.sin_family = AF_INET;
        at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof at;
        if (::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&at), size) != 0 ||
            ::listen(listener_.get(), 4) != 0 ||
            ::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&at), &size) != 0)
            std::abort();
        port_ = ntohs(at.sin_port);
        thread_ = std::thread([this] { serve(); });
    }
    ~FakeNats() {
        ::shutdown(listener_.get(), SHUT_RDWR);
        thread_.join();
    }
    FakeNats(const FakeNats&) = delete;
    FakeNats& operator=(const FakeNats&) = delete;
    [[nodiscard]] std::string url() const { return fmt::format("nats://127.0.0.1:{}", port_); }
    [[nodiscard]] int published() const { return published_; }

  private:
    void serve() {
        for (;;) {
            const UniqueFd peer(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
            if (!peer) return;
            text_.clear();
            say(peer, fmt::format("INFO {{\"headers\": true, \"max_payload\": {}}}\r\n", max_payload_));
            for (std::string line = read_line(peer); !line.empty(); line = read_line(peer)) {
                if (line == "PING") say(peer, "PONG\r\n");
                if (line.starts_with("HPUB ")) take(peer, line);
            }
        }
    }
    // HPUB subject reply headers total
    void take(const UniqueFd& peer, const std::string& line) {
        const std::size_t total = line.rfind(' '), headers = line.rfind(' ', total - 1);
        const std::size_t reply = line.rfind(' ', headers - 1);
        const auto size = static_cast<std::size_t>(std::strtoul(line.c_str() + total, nullptr, 10));
        while (text_.size() < size + 2 && receive(peer)) {
        }
        text_.erase(0, size + 2);
        const std::string said = answer_(++published_);
        say(peer, fmt::format("MSG {} 1 {}\r\n{}\r\n", line.substr(reply + 1, headers - reply - 1), said.size(), said));
    }
    static void say(const UniqueFd& peer, const std::string& text) {
        [[maybe_unused]] const auto n = ::send(peer.get(), text.data(), text.size(), MSG_NOSIGNAL);
    }
    bool receive(const UniqueFd& peer) {
        char some[4096];
        const ssize_t n = ::recv(peer.get(), some, sizeof some, 0);
        if (n > 0) text_.append(some, static_cast<std::size_t>(n));
        return n > 0;
    }
    // Empty: the end.
    std::string read_line(const UniqueFd& peer) {
        std::size_t end = 0;
        while ((end = text_.find("\r\n")) == std::string::npos) {
            if (!receive(peer)) return {};
        }
        std::string line = text_.substr(0, end);
        text_.erase(0, end + 2);
        return line;
    }

    const std::size_t max_payload_;
    const std::function<std::string(int)> answer_;
    UniqueFd listener_;
    std::uint16_t port_ = 0;
    std::atomic<int> published_{0};
    std::string text_;
    std::thread thread_;
};

const std::string kGood = R"({"stream": "s", "seq": 1})";

std::unique_ptr<Channel> channel_to(const FakeNats& server) {
    OutputOptions options;
    options.type = "nats";
    options.url = server.url();
    options.topic = "alerts";
    options.format = {AlertFormat::json, TimeFormat::local};
    return std::move(*make_nats_channel(options));
}

std::vector<Item> items(std::uint64_t count) {
    std::vector<Item> out;
    for (std::uint64_t n = 1; n <= count; ++n) {
        const auto record = std::make_shared<const AlertRecord>(test_alert(n));
        out.push_back({record, format_record(*record, {AlertFormat::json, TimeFormat::local})});
    }
    return out;
}

TEST(NatsChannel, WhatTheStreamCannotHoldIsRefusedNotTriedForEver) {
    FakeNats server(1U << 20, [](int n) {
        return n == 3 ? R"({"error": {"code": 400, "err_code": 10054, "description": "too large"}, "stream": "s"})"
                      : kGood;
    });
    const auto channel = channel_to(server);
    const Patience patience;
    const auto batch = items(5);
    const SendResult result = channel->send(batch, patience);
    EXPECT_EQ(result.outcome, Sent::refused) << result.problem;
    EXPECT_EQ(result.done, 2U);
}

TEST(NatsChannel, AnotherErrorOfTheStreamMayPass) {
    FakeNats server(1U << 20, [](int n) { return n == 2 ? R"({"error": {"code": 503, "err_code": 10077}})" : kGood; });
    const auto channel = channel_to(server);
    const Patience patience;
    const auto batch = items(3);
    const SendResult result = channel->send(batch, patience);
    EXPECT_EQ(result.outcome, Sent::retry);
    EXPECT_EQ(result.done, 1U);
}

TEST(NatsChannel, WhatTheServerCannotTakeHoweverShortIsRefused) {
    FakeNats server(200, [](int) { return kGood; });
    const auto channel = channel_to(server);
    const Patience patience;
    const auto batch = items(2);
    const SendResult result = channel->send(batch, patience);
    EXPECT_EQ(result.outcome, Sent::refused);
    EXPECT_EQ(result.done, 0U);
    EXPECT_EQ(server.published(), 0);
}

} // namespace
} // namespace gyr::outputs
