#include "http/server.h"

#include "base/clock.h"
#include "base/thread_signals.h"
#include "base/thread_start.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <utility>

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

namespace gyr::http {
namespace {

constexpr int kTickMs = 250;
constexpr std::uint64_t kWake = 0, kEvents = 1, kFirstListener = 2, kFirstConnection = 1000;
constexpr std::size_t kJobs = 32;                    // waiting for the second thread
constexpr int kPulls = 16;                           // pieces of a stream taken at once
constexpr int kRequests = 16;                        // of one connection answered at once
constexpr std::size_t kDrain = std::size_t{1} << 20; // read and thrown away after a refusal
constexpr Nanos kDrainTime = 1'000'000'000;
constexpr Nanos kQuietStream = 15LL * 1'000'000'000; // then a comment shows that it lives

std::string_view reason(int status) {
    switch (status) {
    case 200: return "OK";
    case 202: return "Accepted";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 408: return "Request Timeout";
    case 411: return "Length Required";
    case 413: return "Content Too Large";
    case 431: return "Request Header Fields Too Large";
    case 500: return "Internal Server Error";
    case 503: return "Service Unavailable";
    case 505: return "HTTP Version Not Supported";
    default: return "Error";
    }
}

std::string head_of(const Response& response, bool keep_alive) {
    std::string head = fmt::format("HTTP/1.1 {} {}\r\nContent-Type: {}\r\nX-Content-Type-Options: nosniff\r\n",
                                   response.status, reason(response.status), response.content_type);
    if (response.stream)
        head += "Cache-Control: no-store\r\nConnection: close\r\n";
    else
        head += fmt::format("Content-Length: {}\r\nConnection: {}\r\n", response.body.size(),
                            keep_alive ? "keep-alive" : "close");
    for (const auto& [name, value] : response.headers) head += fmt::format("{}: {}\r\n", name, value);
    return head + "\r\n";
}

Response plain_error(int status) {
    return {.status = status, .body = fmt::format("{{\"error\": \"{}\"}}\n", reason(status))};
}

Origin origin_of(const sockaddr_storage& from) {
    if (from.ss_family == AF_UNIX) return Origin::unix_socket;
    bool loopback = false;
    if (from.ss_family == AF_INET) {
        loopback = (ntohl(reinterpret_cast<const sockaddr_in&>(from).sin_addr.s_addr) >> 24) == 127;
    } else {
        const in6_addr& v6 = reinterpret_cast<const sockaddr_in6&>(from).sin6_addr;
        loopback = IN6_IS_ADDR_LOOPBACK(&v6) || (IN6_IS_ADDR_V4MAPPED(&v6) && v6.s6_addr[12] == 127);
    }
    return loopback ? Origin::loopback : Origin::remote;
}

void ring(int fd) {
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto n = ::write(fd, &one, sizeof one);
}

void clear(int fd) {
    std::uint64_t value = 0;
    [[maybe_unused]] const auto n = ::read(fd, &value, sizeof value);
}

} // namespace

Result<std::unique_ptr<Server>> Server::start(ServerOptions options) {
    std::unique_ptr<Server> server(new Server(std::move(options)));
    for (const std::string& address : server->options_.listen) {
        auto listener = listen_on(address);
        if (!listener) return std::unexpected(listener.error());
        if (listener->address.tls && !server->tls_) {
            if (server->options_.tls.cert.empty())
                return fail(ErrorKind::invalid, fmt::format("{} needs a certificate", address));
            server->tls_files_ = fingerprint(server->options_.tls);
            auto context = make_tls_context(server->options_.tls);
            if (!context) return std::unexpected(context.error());
            server->tls_ = std::move(*context);
        }
        server->listeners_.push_back(std::move(*listener));
    }
    server->epoll_ = UniqueFd(::epoll_create1(EPOLL_CLOEXEC));
    server->wake_ = UniqueFd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    server->spare_ = UniqueFd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    server->next_id_ = kFirstConnection;
    server->watch(server->wake_.get(), kWake, EPOLLIN);
    if (server->options_.event_fd >= 0) server->watch(server->options_.event_fd, kEvents, EPOLLIN);
    for (std::size_t i = 0; i < server->listeners_.size(); ++i)
        server->watch(server->listeners_[i].fd.get(), kFirstListener + i, EPOLLIN);
    auto thread = start_thread([self = server.get()] {
        block_signals();
        self->run();
    });
    if (!thread) return std::unexpected(thread.error());
    server->thread_ = std::move(*thread);
    auto worker = start_thread([self = server.get()] {
        block_signals();
        self->work();
    });
    if (!worker) return std::unexpected(worker.error());
    server->worker_ = std::move(*worker);
    return server;
}

Server::~Server() {
    {
        const std::lock_guard lock(mutex_);
        stopping_.store(true);
    }
    job_came_.notify_all();
    if (wake_) ring(wake_.get());
    if (thread_.joinable()) thread_.join();
    if (worker_.joinable()) worker_.join();
    for (const Listener& listener : listeners_) {
        if (!listener.address.path.empty()) ::unlink(listener.address.path.c_str());
    }
}

std::vector<std::uint16_t> Server::ports() const {
    std::vector<std::uint16_t> ports;
    for (const Listener& listener : listeners_) ports.push_back(listener.port);
    return ports;
}

Server::Stats Server::stats() const {
    return {requests_.load(), refused_.load(), accepted_.load(), evicted_.load(), open_.load(), streams_.load()};
}

void Server::watch(int fd, std::uint64_t id, std::uint32_t events) {
    epoll_event event{};
    event.events = events;
    event.data.u64 = id;
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event);
}

void Server::run() {
    std::array<epoll_event, 64> ready{};
    Nanos expired = steady_now();
    while (!stopping_.load()) {
        const int wait = more_ || !behind_.empty() ? 0
                         : connections_.empty()    ? -1
                                                   : kTickMs; // nothing expires where nobody is
        const int n = ::epoll_wait(epoll_.get(), ready.data(), static_cast<int>(ready.size()), wait);
        if (n < 0 && errno != EINTR) return;
        bool streams = more_;
        for (int i = 0; i < n; ++i) {
            const epoll_event& event = ready[static_cast<std::size_t>(i)];
            const std::uint64_t id = event.data.u64;
            if (id >= kFirstConnection) {
                if ((event.events & (EPOLLHUP | EPOLLERR)) != 0) drop_if_busy(id);
                advance(id);
            } else if (id >= kFirstListener) {
                accept_all(id - kFirstListener);
            } else if (id == kEvents) {
                clear(options_.event_fd);
                streams = true;
            } else {
                clear(wake_.get());
                take_finished();
            }
        }
        if (streams) push_streams();
        for (const std::uint64_t id : std::exchange(behind_, {})) advance(id);
        if (const Nanos now = steady_now(); now - expired >= kTickMs * 1'000'000LL) {
            expired = now;
            expire(now);
        }
    }
}

// The second thread: requests that may take long (reading the journal, loading rules).
void Server::work() {
    for (;;) {
        Job job;
        {
            std::unique_lock lock(mutex_);
            job_came_.wait(lock, [this] { return stopping_.load() || !jobs_.empty(); });
            if (stopping_.load()) return;
            job = std::move(jobs_.front());
            jobs_.pop_front();
        }
        Response response = options_.handle(job.request);
        {
            const std::lock_guard lock(mutex_);
            finished_.push_back({job.id, std::move(response), job.request.keep_alive});
        }
        ring(wake_.get());
    }
}

void Server::take_finished() {
    std::vector<Finished> finished;
    {
        const std::lock_guard lock(mutex_);
        finished.swap(finished_);
    }
    for (Finished& done : finished) {
        const auto found = connections_.find(done.id);
        if (found == connections_.end()) continue;
        found->second->busy = false;
        answer(*found->second, std::move(done.response), done.keep_alive);
        advance(done.id);
    }
}

// Certificates are short-lived, and whatever renews them does not know of the agent.
void Server::renew_certificates() {
    const Nanos now = steady_now();
    if (now - tls_looked_at_ < options_.look_at_certificates) return;
    tls_looked_at_ = now;
    std::string files = fingerprint(options_.tls);
    if (files == tls_files_) return;
    tls_files_ = std::move(files);
    auto context = make_tls_context(options_.tls);
    if (context)
        tls_ = std::move(*context);
    else if (options_.on_problem)
        options_.on_problem(fmt::format("certificates have changed; {}; those before stay", context.error().message));
}

void Server::accept_all(std::size_t endpoint) {
    const Listener& listener = listeners_[endpoint];
    if (listener.address.tls) renew_certificates();
    for (int taken = 0; taken < 256; ++taken) { // then the others have their turn
        sockaddr_storage from{};
        socklen_t size = sizeof from;
        UniqueFd fd(
            ::accept4(listener.fd.get(), reinterpret_cast<sockaddr*>(&from), &size, SOCK_CLOEXEC | SOCK_NONBLOCK));
        if (!fd) {
            if (errno == ECONNABORTED || errno == EINTR) continue;
            if (errno != EMFILE && errno != ENFILE) return;
            if (make_room()) continue;
            spare_.reset();
            fd = UniqueFd(::accept4(listener.fd.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
            fd.reset();
            spare_ = UniqueFd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
            return;
        }
        ++accepted_;
        if (connections_.size() >= options_.max_connections && !make_room()) {
            ++refused_;
            if (!listener.address.tls) {
                const Response no = plain_error(503);
                const std::string text = head_of(no, false) + no.body;
                [[maybe_unused]] const auto n = ::send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
            }
            continue;
        }
        auto connection = std::make_unique<Connection>(std::move(fd), listener.address.tls ? tls_.get() : nullptr);
        connection->since = steady_now();
        connection->endpoint = endpoint;
        connection->origin = listener.address.path.empty() ? origin_of(from) : Origin::unix_socket;
        connection->interest = EPOLLIN;
        const std::uint64_t id = next_id_++;
        watch(connection->fd.get(), id, EPOLLIN);
        connections_.emplace(id, std::move(connection));
        open_.store(connections_.size());
    }
}

// Who has waited longest without a whole request, or without taking its answer, goes.
bool Server::make_room() {
    auto oldest = connections_.end();
    for (auto at = connections_.begin(); at != connections_.end(); ++at) {
        const Connection& c = *at->second;
        if (c.stream || c.busy) continue;
        if (oldest == connections_.end() || c.since < oldest->second->since) oldest = at;
    }
    if (oldest == connections_.end()) return false;
    ++evicted_;
    drop(oldest->first);
    return true;
}

void Server::drop(std::uint64_t id) {
    const auto found = connections_.find(id);
    if (found == connections_.end()) return;
    if (found->second->stream) --streams_;
    connections_.erase(found);
    open_.store(connections_.size());
}

// Whoever waits for the second thread's answer and has hung up. epoll tells of that whether it is asked to or not,
// again and again until the answer is there.
void Server::drop_if_busy(std::uint64_t id) {
    const auto found = connections_.find(id);
    if (found != connections_.end() && found->second->busy) drop(id);
}

void Server::advance(std::uint64_t id) {
    const auto found = connections_.find(id);
    if (found == connections_.end()) return; // gone in the meantime
    Connection& c = *found->second;
    if (!step(c, id)) {
        drop(id);
        return;
    }
    std::uint32_t interest = 0;
    if (!c.out.empty() || c.wire.wants_to_write()) interest |= EPOLLOUT;
    if (c.stream)
        interest |= EPOLLRDHUP;
    else if (!c.busy && c.out.empty())
        interest |= EPOLLIN;
    if (interest == c.interest) return;
    c.interest = interest;
    epoll_event event{};
    event.events = interest;
    event.data.u64 = id;
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, c.fd.get(), &event);
}

// As far as it goes without waiting; false: it is over.
bool Server::step(Connection& c, std::uint64_t id) {
    for (int pulls = 0, requests = 0;;) {
        if (!c.out.empty()) {
            const Io io = flush(c);
            if (io == Io::closed) return false;
            if (io == Io::again) return true;
            continue;
        }
        if (c.stream) {
            char byte = 0;
            if (::recv(c.fd.get(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0) return false; // the reader has gone
            if (pulls++ >= kPulls) {
                more_ = true;
                return true;
            }
            c.out = c.stream();
            if (c.out.empty()) return true;
            continue;
        }
        if (c.busy) return true;
        if (c.closing && !c.draining) {
            c.wire.end_writing();
            c.draining = true;
            c.since = steady_now();
            c.in.clear();
        }
        if (!c.draining) {
            // Who sends one request behind the other lets the others have their turn.
            if (requests++ >= kRequests) {
                behind_.insert(id);
                return true;
            }
            Parsed parsed = parse_request(c.in, options_.limits);
            if (parsed.status != 0) {
                refuse(c, parsed.status);
                continue;
            }
            if (parsed.request) {
                c.in.erase(0, parsed.used);
                take(c, id, std::move(*parsed.request));
                continue;
            }
        }
        const Io io = receive(c);
        if (io == Io::closed) return false;
        if (io == Io::again) return true;
    }
}

Io Server::receive(Connection& c) {
    std::array<char, 16384> buffer{};
    std::size_t count = 0;
    const Io io = c.wire.read(buffer.data(), buffer.size(), count);
    if (io != Io::moved) return io;
    if (c.draining) {
        c.drained += count;
        return c.drained > kDrain ? Io::closed : Io::moved;
    }
    if (c.in.empty()) c.since = steady_now();
    c.in.append(buffer.data(), count);
    return Io::moved;
}

Io Server::flush(Connection& c) {
    std::size_t done = 0;
    Io io = Io::moved;
    while (done < c.out.size()) {
        std::size_t count = 0;
        io = c.wire.write(c.out.data() + done, c.out.size() - done, count);
        if (io != Io::moved) break;
        done += count;
    }
    if (done > 0) c.since = steady_now();
    c.out.erase(0, done);
    if (c.out.empty()) c.out.shrink_to_fit();
    return io;
}

void Server::take(Connection& c, std::uint64_t id, Request request) {
    ++requests_;
    c.since = steady_now();
    request.origin = c.origin;
    request.endpoint = c.endpoint;
    request.client_certificate = c.wire.client_certificate();
    c.head_only = request.method == "HEAD";
    const bool keep_alive = request.keep_alive;
    if (options_.is_slow && options_.is_slow(request)) {
        bool taken = false;
        {
            const std::lock_guard lock(mutex_);
            taken = jobs_.size() < kJobs;
            if (taken) jobs_.push_back({id, std::move(request)});
        }
        if (taken) {
            c.busy = true;
            job_came_.notify_one();
        } else {
            answer(c, plain_error(503), keep_alive);
        }
        return;
    }
    answer(c, options_.handle(request), keep_alive);
}

void Server::answer(Connection& c, Response response, bool keep_alive) {
    if (response.stream && streams_.load() >= options_.max_streams) response = plain_error(503);
    if (c.head_only) response.stream = nullptr;
    c.closing = !keep_alive;
    c.out += head_of(response, keep_alive);
    if (!c.head_only) c.out += response.body;
    if (!response.stream) return;
    c.stream = std::move(response.stream);
    c.closing = false;
    ++streams_;
}

void Server::refuse(Connection& c, int status) {
    ++refused_;
    c.head_only = false;
    answer(c, plain_error(status), false);
}

void Server::push_streams() {
    more_ = false;
    std::vector<std::uint64_t> ids;
    for (const auto& [id, connection] : connections_) {
        if (connection->stream && connection->out.empty()) ids.push_back(id);
    }
    for (const std::uint64_t id : ids) advance(id);
}

void Server::expire(Nanos now) {
    std::vector<std::uint64_t> late, over, quiet;
    for (const auto& [id, connection] : connections_) {
        const Connection& c = *connection;
        const Nanos waited = now - c.since;
        if (c.busy) continue;
        if (c.draining) {
            if (waited > kDrainTime) over.push_back(id);
        } else if (!c.out.empty()) {
            if (waited > options_.request_time) over.push_back(id); // nobody takes the answer
        } else if (c.stream) {
            if (waited > kQuietStream) quiet.push_back(id);
        } else if (!c.in.empty()) {
            if (waited > options_.request_time) late.push_back(id);
        } else if (waited > options_.idle_time) {
            over.push_back(id);
        }
    }
    for (const std::uint64_t id : over) drop(id);
    for (const std::uint64_t id : late) {
        refuse(*connections_.at(id), 408);
        advance(id);
    }
    for (const std::uint64_t id : quiet) {
        connections_.at(id)->out = ":\n\n";
        advance(id);
    }
}

} // namespace gyr::http
