// The server from outside, as clients of every kind meet it.
#include "http/server.h"

#include <gtest/gtest.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <filesystem>
#include <future>

namespace gyr::http {
namespace {

constexpr int kPatienceMs = 120'000;
constexpr Nanos kMillisecond = 1'000'000;

class Client {
  public:
    explicit Client(std::uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in to{};
        to.sin_family = AF_INET;
        to.sin_port = htons(port);
        to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        connected_ = ::connect(fd_.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0;
    }
    explicit Client(const std::string& path) : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_un to{};
        to.sun_family = AF_UNIX;
        std::strncpy(to.sun_path, path.c_str(), sizeof to.sun_path - 1);
        connected_ = ::connect(fd_.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0;
    }
    [[nodiscard]] bool connected() const { return connected_; }
    bool send(std::string_view text) {
        while (!text.empty()) {
            const ssize_t n = ::send(fd_.get(), text.data(), text.size(), MSG_NOSIGNAL);
            if (n <= 0) return false;
            text.remove_prefix(static_cast<std::size_t>(n));
        }
        return true;
    }
    // Reads until `end` is in what came, or the server closes.
    std::string read_until(std::string_view end) {
        while (text_.find(end) == std::string::npos) {
            pollfd wait{fd_.get(), POLLIN, 0};
            if (::poll(&wait, 1, kPatienceMs) <= 0) return "nothing came: " + text_;
            char buffer[4096];
            const ssize_t n = ::recv(fd_.get(), buffer, sizeof buffer, 0);
            if (n <= 0) break;
            text_.append(buffer, static_cast<std::size_t>(n));
        }
        const std::size_t at = text_.find(end);
        const std::string answer = text_.substr(0, at == std::string::npos ? at : at + end.size());
        text_.erase(0, answer.size());
        return answer;
    }
    std::string read_to_end() { return read_until("\xff never"); }
    void reset_on_close() {
        const linger at_once{1, 0};
        ::setsockopt(fd_.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    }

  private:
    UniqueFd fd_;
    bool connected_ = false;
    std::string text_;
};

int status_of(const std::string& answer) {
    return answer.starts_with("HTTP/1.1 ") ? std::stoi(answer.substr(9, 3)) : 0;
}

struct Fixture {
    ServerOptions options;
    std::unique_ptr<Server> server;

    Fixture() {
        options.listen = {"http://127.0.0.1:0"};
        options.handle = [](const Request& request) {
            if (request.path == "/big") return Response{.body = std::string(8U << 20, 'x')};
            if (request.path == "/echo") return Response{.body = request.body};
            return Response{.status = request.path == "/" ? 200 : 404, .body = "hello"};
        };
    }
    void start() {
        auto made = Server::start(options);
        ASSERT_TRUE(made) << made.error().message;
        server = std::move(*made);
    }
    [[nodiscard]] std::uint16_t port() const { return server->ports().front(); }
};

const std::string kGet = "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";

TEST(HttpServer, AnswersAndKeepsConnections) {
    Fixture f;
    f.start();
    Client client(f.port());
    client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\nGET /nowhere HTTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT_EQ(status_of(client.read_until("hello")), 200);
    EXPECT_EQ(status_of(client.read_until("hello")), 404);
    client.send("HEAD / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    const std::string head = client.read_to_end();
    EXPECT_EQ(status_of(head), 200);
    EXPECT_TRUE(head.ends_with("\r\n\r\n"));
}

// One that sends requests without waiting for answers has its turn, not all turns.
TEST(HttpServer, AnswersOthersBetweenThoseThatComeAllAtOnce) {
    constexpr int kMany = 300;
    Fixture f;
    std::promise<void> gate, begun;
    std::vector<std::string> order; // of the server's thread until the last answer is here
    f.options.handle = [&, open = gate.get_future().share()](const Request& request) {
        if (request.path == "/first") {
            begun.set_value();
            open.wait();
        }
        order.push_back(request.path);
        return Response{.body = request.path};
    };
    f.start();
    Client greedy(f.port());
    greedy.send("GET /first HTTP/1.1\r\nHost: h\r\n\r\n");
    begun.get_future().wait();
    std::string requests;
    for (int i = 0; i < kMany; ++i) requests += "GET /more HTTP/1.1\r\nHost: h\r\n\r\n";
    greedy.send(requests + "GET /last HTTP/1.1\r\nHost: h\r\n\r\n");
    Client other(f.port());
    other.send("GET /other HTTP/1.1\r\nHost: h\r\n\r\n");
    gate.set_value();
    EXPECT_EQ(status_of(other.read_until("/other")), 200);
    EXPECT_EQ(status_of(greedy.read_until("/last")), 200);
    f.server.reset();
    EXPECT_EQ(order.size(), kMany + 3U);
    EXPECT_LT(std::ranges::find(order, "/other") - order.begin(), kMany / 2);
}

TEST(HttpServer, ListensOnAUnixSocketOfItsOwner) {
    Fixture f;
    const std::string path = std::filesystem::temp_directory_path() / ("gyr-http-" + std::to_string(::getpid()));
    f.options.listen = {"unix://" + path};
    f.start();
    EXPECT_EQ(std::filesystem::status(path).permissions(),
              std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
    Client client(path);
    client.send(kGet);
    EXPECT_EQ(status_of(client.read_to_end()), 200);
    const auto second = Server::start(f.options);
    ASSERT_FALSE(second);
    EXPECT_NE(second.error().message.find("somebody else"), std::string::npos) << second.error().message;
    f.server.reset();
    EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(HttpServer, RefusesAnOversizedBodyWithAnAnswer) {
    Fixture f;
    f.start();
    Client client(f.port());
    client.send("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n" + std::string(1'000'000, 'x'));
    EXPECT_EQ(status_of(client.read_to_end()), 413);
    Client head(f.port());
    head.send("GET / HTTP/1.1\r\n" + std::string(100'000, 'x'));
    EXPECT_EQ(status_of(head.read_to_end()), 431);
}

TEST(HttpServer, EndsARequestThatTakesTooLong) {
    Fixture f;
    f.options.request_time = 300 * kMillisecond;
    f.start();
    Client client(f.port());
    client.send("GET / HT");
    EXPECT_EQ(status_of(client.read_to_end()), 408);
}

TEST(HttpServer, LetsNobodyWaitForWhoDoesNotRead) {
    Fixture f;
    f.options.request_time = 2'000 * kMillisecond; // enough for those who do read, on a busy machine
    f.start();
    Client stuck(f.port());
    stuck.send("GET /big HTTP/1.1\r\nHost: h\r\n\r\n");
    Client other(f.port());
    other.send(kGet);
    EXPECT_EQ(status_of(other.read_to_end()), 200);
    for (int i = 0; i < kPatienceMs / 10 && f.server->stats().connections > 0; ++i) ::poll(nullptr, 0, 10);
    EXPECT_EQ(f.server->stats().connections, 0U);
}

TEST(HttpServer, SlowHandlersHoldNothingUp) {
    Fixture f;
    std::promise<void> gate;
    std::shared_future<void> opened = gate.get_future().share();
    f.options.is_slow = [](const Request& request) { return request.path == "/slow"; };
    f.options.handle = [opened](const Request& request) {
        if (request.path == "/slow") opened.wait();
        return Response{.body = request.path + " done"};
    };
    f.start();
    Client slow(f.port());
    slow.send("GET /slow HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    Client quick(f.port());
    quick.send(kGet);
    EXPECT_EQ(status_of(quick.read_to_end()), 200);
    gate.set_value();
    EXPECT_NE(slow.read_to_end().find("/slow done"), std::string::npos);
}

TEST(HttpServer, ForgetsWhoHangsUpBeforeASlowAnswer) {
    Fixture f;
    std::promise<void> gate, begun;
    std::shared_future<void> opened = gate.get_future().share();
    f.options.is_slow = [](const Request&) { return true; };
    f.options.handle = [&begun, opened](const Request&) {
        begun.set_value();
        opened.wait();
        return Response{};
    };
    f.start();
    {
        Client client(f.port());
        client.send(kGet);
        begun.get_future().wait();
        client.reset_on_close();
    }
    for (int i = 0; i < kPatienceMs / 10 && f.server->stats().connections > 0; ++i) ::poll(nullptr, 0, 10);
    EXPECT_EQ(f.server->stats().connections, 0U);
    gate.set_value();
}

TEST(HttpServer, StreamsWhatComesUntilTheReaderLeaves) {
    Fixture f;
    const UniqueFd event(::eventfd(0, EFD_NONBLOCK));
    std::atomic<int> available{2};
    f.options.event_fd = event.get();
    f.options.max_streams = 1;
    f.options.handle = [&](const Request&) {
        Response response;
        response.stream = [&available, sent = 0]() mutable {
            return sent < available.load() ? "data: " + std::to_string(++sent) + "\n\n" : std::string();
        };
        return response;
    };
    f.start();
    {
        Client client(f.port());
        client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
        EXPECT_NE(client.read_until("data: 2\n\n").find("data: 1\n\n"), std::string::npos);
        Client second(f.port());
        second.send(kGet);
        EXPECT_EQ(status_of(second.read_to_end()), 503);
        available = 1000;
        const std::uint64_t one = 1;
        ASSERT_EQ(::write(event.get(), &one, sizeof one), 8);
        EXPECT_NE(client.read_until("data: 1000\n\n").find("data: 500\n\n"), std::string::npos);
    }
    for (int i = 0; i < kPatienceMs / 10 && f.server->stats().streams > 0; ++i) ::poll(nullptr, 0, 10);
    EXPECT_EQ(f.server->stats().streams, 0U);
}

// Ten thousand who say a little and wait: whoever asks properly is answered, and nothing of them stays.
TEST(HttpServer, StaysAliveUnderTenThousandSlowConnections) {
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    const rlimit before = limit;
    limit.rlim_cur = limit.rlim_max = std::max<rlim_t>(limit.rlim_max, 12'000);
    if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) GTEST_SKIP() << "needs 12,000 descriptors";
    Fixture f;
    f.start();
    {
        std::vector<std::unique_ptr<Client>> slow;
        for (int i = 0; i < 10'000; ++i) {
            slow.push_back(std::make_unique<Client>(f.port()));
            ASSERT_TRUE(slow.back()->connected()) << i;
            slow.back()->send(i % 2 == 0 ? "GET / HTTP/1.1\r\nX-" : "");
            if (i % 1000 != 999) continue;
            Client proper(f.port());
            proper.send(kGet);
            EXPECT_EQ(status_of(proper.read_to_end()), 200) << "beside " << i;
            EXPECT_LE(f.server->stats().connections, f.options.max_connections);
        }
    }
    for (int i = 0; i < kPatienceMs / 10 && f.server->stats().connections > 0; ++i) ::poll(nullptr, 0, 10);
    EXPECT_EQ(f.server->stats().connections, 0U);
    ::setrlimit(RLIMIT_NOFILE, &before);
}

TEST(Listener, WithoutAHostItIsAllAddressesOfBothFamilies) {
    const auto listener = listen_on("http://:0");
    ASSERT_TRUE(listener) << listener.error().message;
    EXPECT_TRUE(Client(listener->port).connected());
    const UniqueFd six(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in6 here{};
    here.sin6_family = AF_INET6;
    here.sin6_addr = in6addr_loopback;
    if (::bind(six.get(), reinterpret_cast<const sockaddr*>(&here), sizeof here) != 0) return; // a host without IPv6
    here.sin6_port = htons(listener->port);
    EXPECT_EQ(::connect(six.get(), reinterpret_cast<const sockaddr*>(&here), sizeof here), 0);
}

TEST(Listener, SaysWhatIsWrongAndLeavesTheSocketsOfOthers) {
    const std::string path = std::filesystem::temp_directory_path() / ("gyr-listener." + std::to_string(::getpid()));
    const auto theirs = listen_on("unix://" + path);
    ASSERT_TRUE(theirs) << theirs.error().message;
    rlimit before{};
    ::getrlimit(RLIMIT_NOFILE, &before);
    const rlimit none{0, before.rlim_max};
    ::setrlimit(RLIMIT_NOFILE, &none);
    const auto tcp = listen_on("http://127.0.0.1:0");
    const auto local = listen_on("unix://" + path);
    ::setrlimit(RLIMIT_NOFILE, &before);
    ASSERT_FALSE(tcp);
    EXPECT_EQ(tcp.error().message, "cannot listen on http://127.0.0.1:0: Too many open files");
    ASSERT_FALSE(local);
    EXPECT_TRUE(local.error().message.ends_with(": Too many open files")) << local.error().message;
    EXPECT_TRUE(std::filesystem::exists(path));
    std::filesystem::remove(path);
}

TEST(Listener, TellsWhoCanReachAnAddress) {
    const auto local = [](const std::string& text) { return is_local(*parse_listen_address(text)); };
    EXPECT_TRUE(local("unix:///run/x"));
    EXPECT_TRUE(local("http://127.0.0.1:80"));
    EXPECT_TRUE(local("http://127.8.9.1:80"));
    EXPECT_TRUE(local("https://[::1]:80"));
    EXPECT_TRUE(local("http://localhost:80/"));
    EXPECT_FALSE(local("http://0.0.0.0:80"));
    EXPECT_FALSE(local("http://:80"));
    EXPECT_FALSE(local("http://[::]:80"));
    EXPECT_FALSE(local("http://127.0.0.1.example.org:80"));
    EXPECT_FALSE(parse_listen_address("ftp://x:1"));
    EXPECT_FALSE(parse_listen_address("http://x"));
    EXPECT_FALSE(parse_listen_address("http://127.0.0.1:65536"));
    EXPECT_FALSE(parse_listen_address("http://127.0.0.1:99999999999999999999"));
    EXPECT_TRUE(parse_listen_address("http://127.0.0.1:65535"));
    EXPECT_FALSE(parse_listen_address("http://[::1]"));
    EXPECT_FALSE(parse_listen_address("unix://relative"));
}

} // namespace
} // namespace gyr::http
