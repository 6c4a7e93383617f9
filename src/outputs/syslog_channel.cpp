// Syslog: the local daemon's socket as syslog(3) writes to it, or RFC 5424 to a server over UDP (RFC 5426), TCP with
// octet counting (RFC 6587) or TLS (RFC 5425).
//
// The protocol has no answers: what the network or a server that dies had in its hands is not known. Over TCP and TLS
// the last messages are therefore sent again after a connection broke; a message may arrive twice, none stays away.
// Only a server that has read everything and closes a connection on which nothing has gone for a while is believed to
// have kept it: some close every idle connection. A server that takes nothing for a while is waited for on the
// connection there is: what is in it and a second one would arrive in whatever order. Over UDP the same is done when
// the other side says that nobody listens; what it drops in silence is gone. So that it need not drop, what has waited
// goes to it bit by bit.

#include "outputs/channels.h"
#include "outputs/net_stream.h"

#include "alerts/lookup.h"
#include "base/clock.h"
#include "base/name_lookup.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <deque>
#include <memory>

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace gyr::outputs {
namespace {

constexpr std::array<std::string_view, 24> kFacilities = {"kern",   "user",   "mail",   "daemon", "auth",     "syslog",
                                                          "lpr",    "news",   "uucp",   "cron",   "authpriv", "ftp",
                                                          "ntp",    "audit",  "alert",  "clock",  "local0",   "local1",
                                                          "local2", "local3", "local4", "local5", "local6",   "local7"};
// Of a message over TCP. Servers cut what is longer; and where its length says more than 200,000, rsyslog takes that
// for no length, and waits for the end of a line that never comes.
constexpr std::size_t kMaxStream = 128U << 10;
constexpr std::size_t kMaxUdp = 8192; // what every receiver takes (RFC 5426 asks for 2048)
constexpr std::size_t kMaxLocal = 64U << 10;
constexpr std::size_t kAgainBytes = 1U << 20; // sent again after a break
constexpr std::size_t kAgainDatagrams = 64U << 10;

// When datagrams may go out. A receiver drops without a word what finds no room in its socket's buffer, which the
// kernel makes 208 KiB and in which each takes twice its size: less than a hundred alerts, or a tenth of a second of
// what is sent here. The first few of a row go at once.
class Pace {
  public:
    // Steady time; 0: now.
    [[nodiscard]] Nanos due(Nanos now) const { return row_ends_ - now < kRow ? 0 : row_ends_; }
    void sent(std::size_t bytes, Nanos now) {
        row_ends_ = std::max(row_ends_, now) + static_cast<Nanos>(bytes + kOfEach) * kOfByte;
    }

  private:
    static constexpr Nanos kRow = 8'000'000;
    static constexpr Nanos kOfByte = 500; // two megabytes a second
    static constexpr std::size_t kOfEach = 512;
    Nanos row_ends_ = 0; // when what has been sent would have been at an even pace
};

class SyslogChannel final : public Channel {
  public:
    SyslogChannel(OutputOptions options, Address address, int facility)
        : options_(std::move(options)), address_(std::move(address)), facility_(facility) {}

    SendResult send(std::span<const Item> items, const Patience& patience) override {
        SendResult result;
        if (items.empty()) {
            const Result<> again = stream() ? go_on(patience) : ensure_datagram(patience);
            if (!again) return {Sent::retry, 0, again.error().message, 0};
            result.done = again_.size();
        }
        for (const Item& item : items) {
            // Datagrams have no answers that end the waiting; between them it may end too.
            if (!stream() && steady_now() >= patience.until.load(std::memory_order_acquire)) {
                result.outcome = Sent::retry;
                return result;
            }
            const Result<> sent = stream() ? send_stream(item, patience) : send_datagram(item, patience);
            if (!sent) {
                result.outcome = Sent::retry;
                result.problem = sent.error().message;
                return result;
            }
            ++result.done;
        }
        return result;
    }
    // A connection may break after the last record went into it; that record is not to wait for the next one.
    Idle wait_idle(const Patience& patience) override {
        if (stream()) still_there();
        const int fd = stream() ? net_.fd() : socket_.get();
        if (fd < 0) return again_.empty() ? Channel::wait_idle(patience) : Idle::broken;
        const short events = stream() ? POLLIN | POLLRDHUP : 0;
        std::array<pollfd, 2> fds{{{patience.wake_fd, POLLIN, 0}, {fd, events, 0}}};
        while (::poll(fds.data(), fds.size(), -1) < 0 && errno == EINTR) {
        }
        if (fds[0].revents != 0) wait_for_wake(patience, 0);
        if (!stream() && fds[1].revents != 0) socket_.reset();
        return Idle::woken;
    }
    void reopen() override {
        net_.close();
        socket_.reset();
    }
    void finish(const Patience& patience) override {
        if (!stream() || again_.empty() || !go_on(patience)) return;
        net_.end(deadline_of(patience, options_.timeout), patience);
    }

  private:
    [[nodiscard]] bool stream() const { return address_.scheme == "tcp" || address_.scheme == "tls"; }

    [[nodiscard]] int code(const Item& item) const {
        return facility_ * 8 + static_cast<int>(priority_of(*item.record));
    }

    // RFC 5424: <PRI>1 TIME HOST APP PROCID MSGID STRUCTURED-DATA MSG
    [[nodiscard]] std::string modern(const Item& item, std::size_t max) const {
        std::string time = format_utc(time_of(*item.record));
        time = time.substr(0, 26) + "Z"; // six decimals are allowed
        std::string host = options_.hostname.empty() ? "-" : options_.hostname.substr(0, 255);
        for (char& c : host) c = c > 0x20 && c < 0x7f ? c : '_';
        const std::string head =
            fmt::format("<{}>1 {} {} gyr {} {} - ", code(item), time, host, ::getpid(), kind_of(*item.record));
        return head + fit(item, options_.format, max - head.size());
    }
    // As syslog(3): <PRI>Mmm dd hh:mm:ss TAG[PID]: MSG
    [[nodiscard]] std::string local(const Item& item, std::size_t max) const {
        const auto seconds = static_cast<std::time_t>(time_of(*item.record) / 1'000'000'000);
        std::tm parts{};
        ::localtime_r(&seconds, &parts);
        std::array<char, 32> time{};
        std::strftime(time.data(), time.size(), "%b %e %H:%M:%S", &parts);
        const std::string head = fmt::format("<{}>{} gyr[{}]: ", code(item), time.data(), ::getpid());
        return head + fit(item, options_.format, max - head.size());
    }

    Result<> ensure_stream(const Patience& patience) {
        if (still_there()) return {};
        const Nanos deadline = deadline_of(patience, options_.timeout);
        if (auto ok = net_.connect(address_, deadline, patience); !ok) return ok;
        if (address_.scheme == "tls") {
            if (auto ok = net_.start_tls(options_.tls, address_.host, deadline, patience); !ok) return ok;
        }
        // What our kernel holds must be well within what is sent again.
        const int most = kAgainBytes / 4; // it takes twice that
        ::setsockopt(net_.fd(), SOL_SOCKET, SO_SNDBUF, &most, sizeof most);
        rest_.clear();
        for (const std::string& frame : again_) rest_ += frame;
        return {};
    }

    // Writes what is left of what was begun, as long as the server takes some of it.
    Result<> go_on(const Patience& patience) {
        for (;;) {
            if (auto ok = ensure_stream(patience); !ok) return ok;
            const std::size_t before = rest_.size();
            Result<> ok = net_.write_from(rest_, deadline_of(patience, options_.timeout), patience);
            if (rest_.size() != before) written_at_ = steady_now();
            if (ok || ok.error().kind != ErrorKind::timeout || rest_.size() == before) return ok;
        }
    }

    Result<> send_stream(const Item& item, const Patience& patience) {
        if (auto ok = go_on(patience); !ok) return ok;
        if (begun_ != item.record) { // an earlier attempt may have come as far as its frame
            const std::string message = modern(item, kMaxStream);
            rest_ = fmt::format("{} {}", message.size(), message);
            keep_for_later(rest_, kAgainBytes);
            begun_ = item.record;
            if (auto ok = go_on(patience); !ok) return ok;
        }
        begun_ = nullptr;
        return {};
    }

    // The connection. When it has just ended in good order, and idle, what went into it needs no repetition.
    bool still_there() {
        const bool was_there = net_.is_open();
        if (net_.discard()) return true;
        if (was_there && net_.ended_in_order() && rest_.empty() && steady_now() - written_at_ >= options_.settled) {
            again_.clear();
            again_bytes_ = 0;
        }
        return false;
    }

    // What was sent last and may not have arrived: it is sent again after a break.
    void keep_for_later(std::string frame, std::size_t most) {
        again_bytes_ += frame.size();
        again_.push_back(std::move(frame));
        while (again_bytes_ > most) {
            again_bytes_ -= again_.front().size();
            again_.pop_front();
        }
    }

    Result<> open_datagram(const Patience& patience) {
        if (address_.scheme == "unix") {
            sockaddr_un to{};
            to.sun_family = AF_UNIX;
            std::memcpy(to.sun_path, address_.path.data(), std::min(address_.path.size(), sizeof to.sun_path - 1));
            socket_ = UniqueFd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
            if (::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) {
                const int why = errno;
                socket_.reset();
                return fail_errno("connect to " + address_.path, why);
            }
            return {};
        }
        const Nanos deadline = deadline_of(patience, options_.timeout);
        const auto patient = [&](int fd) { return wait_for(fd, POLLIN, patience, deadline); };
        const auto found = names_.find(address_.host, fmt::to_string(address_.port), SOCK_DGRAM, 0, patient);
        if (!found) return std::unexpected(found.error());
        const addrinfo& to = **found;
        socket_ = UniqueFd(::socket(to.ai_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
        const int failed = ::connect(socket_.get(), to.ai_addr, to.ai_addrlen);
        const int why = errno;
        if (failed != 0) {
            socket_.reset();
            return fail_errno("connect to " + address_.host, why);
        }
        return {};
    }

    // Over UDP alone: a local socket says when it is full.
    void await_turn(const Patience& patience) {
        const Nanos due = pace_.due(steady_now());
        while (steady_now() < due) wait_for_wake(patience, due);
    }

    Result<> ensure_datagram(const Patience& patience) {
        if (socket_) return {};
        if (auto ok = open_datagram(patience); !ok) return ok;
        for (const std::string& message : again_) {
            await_turn(patience);
            pace_.sent(message.size(), steady_now());
            int why = ::send(socket_.get(), message.data(), message.size(), MSG_NOSIGNAL) < 0 ? errno : 0;
            socklen_t size = sizeof why;
            if (why == 0) ::getsockopt(socket_.get(), SOL_SOCKET, SO_ERROR, &why, &size);
            if (why == 0) continue;
            socket_.reset();
            return fail_errno("send to syslog", why);
        }
        return {};
    }

    Result<> send_datagram(const Item& item, const Patience& patience) {
        if (auto ok = ensure_datagram(patience); !ok) return ok;
        const bool here = address_.scheme == "unix";
        std::size_t max = here ? kMaxLocal : kMaxUdp;
        const Nanos deadline = deadline_of(patience, options_.timeout);
        for (;;) {
            std::string message = here ? local(item, max) : modern(item, max);
            if (!here) {
                await_turn(patience);
                pace_.sent(message.size(), steady_now());
            }
            int why = 0;
            if (::send(socket_.get(), message.data(), message.size(), MSG_NOSIGNAL) >= 0) {
                if (here) return {};
                // Where nobody listens the answer (of this host at once, of another one later) is an error.
                socklen_t size = sizeof why;
                ::getsockopt(socket_.get(), SOL_SOCKET, SO_ERROR, &why, &size);
                if (why == 0) {
                    keep_for_later(std::move(message), kAgainDatagrams);
                    return {};
                }
            } else {
                why = errno;
            }
            if (why == EINTR) continue;
            if (why == EMSGSIZE && max > 1024) {
                max /= 2;
                continue;
            }
            if (why == EAGAIN || why == ENOBUFS) {
                if (wait_for(socket_.get(), POLLOUT, patience, deadline)) continue;
                return fail(ErrorKind::timeout, "the syslog daemon takes nothing");
            }
            socket_.reset();
            return fail_errno("send to syslog", why);
        }
    }

    const OutputOptions options_;
    const Address address_;
    const int facility_;
    NetStream net_;
    UniqueFd socket_;
    NameLookup names_;
    Pace pace_;
    std::deque<std::string> again_;
    std::string rest_;     // on this connection: begun, and not written yet
    AlertRecordPtr begun_; // whose frame is the last of again_, and perhaps in rest_
    std::size_t again_bytes_ = 0;
    Nanos written_at_ = 0; // to the stream; steady time
};

} // namespace

MadeChannel make_syslog_channel(const OutputOptions& options) {
    const auto facility = std::ranges::find(kFacilities, options.facility);
    if (facility == kFacilities.end())
        return fail(ErrorKind::invalid, fmt::format("'{}' is no syslog facility", options.facility));
    const std::string url =
        options.url.empty() ? "unix://" + (options.path.empty() ? "/dev/log" : options.path) : options.url;
    const bool tls = url.starts_with("tls:");
    auto address = parse_address(url, tls ? 6514 : 514);
    if (!address) return std::unexpected(address.error());
    constexpr std::array<std::string_view, 4> kSchemes = {"unix", "udp", "tcp", "tls"};
    if (std::ranges::find(kSchemes, address->scheme) == kSchemes.end())
        return fail(ErrorKind::invalid,
                    fmt::format("syslog goes to unix://, udp://, tcp:// or tls://, not {}://", address->scheme));
    return std::make_unique<SyslogChannel>(options, std::move(*address),
                                           static_cast<int>(facility - kFacilities.begin()));
}

} // namespace gyr::outputs
