// What servers that take alerts answer, from anybody who sits where such a server should be. Input: the kind of server
// (one byte), and all that it says before it ends the connection. Whatever that is, the channel lives, is done with no
// more records than it was given, and calls nothing delivered for which there was no answer.

#include "alerts/test_support.h"
#include "outputs/channels.h"
#include "outputs/http_shapes.h"

#include <array>
#include <cstdlib>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

using namespace gyr;
using namespace gyr::outputs;

namespace {

void check(bool holds) {
    if (!holds) std::abort();
}

// Says what it was told to whoever comes, listens no longer than it has to, and goes.
class Server {
  public:
    Server() : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        check(::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) == 0 && ::listen(listener_, 16) == 0);
        check(::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) == 0);
        port_ = ntohs(address.sin_port);
        std::thread([this] { run(); }).detach();
    }
    void say(std::string_view words) {
        const std::lock_guard lock(mutex_);
        words_ = words;
    }
    [[nodiscard]] int port() const { return port_; }

  private:
    void run() {
        for (;;) {
            const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
            if (fd < 0) continue;
            std::string words;
            {
                const std::lock_guard lock(mutex_);
                words = words_;
            }
            (void)::send(fd, words.data(), words.size(), MSG_NOSIGNAL);
            ::shutdown(fd, SHUT_WR);
            std::array<char, 65536> ignored;
            while (::recv(fd, ignored.data(), ignored.size(), 0) > 0) {
            }
            ::close(fd);
        }
    }

    int listener_, port_ = 0;
    std::mutex mutex_;
    std::string words_;
};

std::vector<Item> make_items() {
    std::vector<Item> items;
    for (std::uint64_t n = 1; n <= 3; ++n) {
        auto record = std::make_shared<const AlertRecord>(test_alert(n));
        items.push_back({record, format_record(*record, {AlertFormat::json, TimeFormat::iso8601})});
    }
    return items;
}

// A server that says nothing has taken nothing; else only the rules that hold for all.
void judge(const SendResult& result, std::size_t count, bool silent) {
    check(result.done <= count);
    if (silent) check(result.outcome != Sent::all && result.done == 0);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    static Server server;
    static const std::vector<Item> items = make_items();
    static const int wake = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    const std::string_view words(reinterpret_cast<const char*>(data) + 1, size - 1);
    if (data[0] % 3 == 2) {
        const HttpAnswer answer{.status = 200, .body = std::string(words), .retry_after = 0};
        judge(find_http_shape("elasticsearch")->judge(answer, items.size()), items.size(), words.empty());
        return 0;
    }
    const bool nats = data[0] % 3 == 0;
    OutputOptions options;
    options.type = nats ? "nats" : "redis";
    options.topic = "t";
    options.timeout = 200'000'000;
    options.url = options.type + "://127.0.0.1:" + std::to_string(server.port());
    server.say(words);
    auto channel = nats ? make_nats_channel(options) : make_redis_channel(options);
    check(channel.has_value());
    Patience patience;
    patience.wake_fd = wake;
    judge((*channel)->send(items, patience), items.size(), words.empty());
    return 0;
}
