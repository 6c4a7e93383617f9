#pragma once
// A small HTTP server: one thread for all connections, bounded in everything (connections, sizes, the time a request
// may take), so that nobody can hold it up or fill it. When all places are taken, the connection that has kept its
// place longest without a whole request gives it up, so a request that is sent at once is answered whatever others do.

#include "base/fd.h"
#include "base/ids.h"
#include "base/result.h"
#include "http/listener.h"
#include "http/parser.h"
#include "http/tls.h"

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace gyr::http {

struct Response {
    int status = 200;
    std::string content_type = "application/json";
    std::string body;
    std::vector<std::pair<std::string, std::string>> headers = {};
    // Not empty: the body never ends; what this returns, when asked, comes next ("": nothing now). It is asked only
    // while the reader takes what it gets.
    std::function<std::string()> stream = {};
};

struct ServerOptions {
    std::vector<std::string> listen; // Request::endpoint is the index here
    TlsFiles tls;                    // of https:// addresses; read again when they change
    Limits limits;
    std::size_t max_connections = 512;
    std::size_t max_streams = 64;
    Nanos request_time = 10LL * 1'000'000'000; // from its first byte to its last, and for an answer to move
    Nanos idle_time = 60LL * 1'000'000'000;
    std::function<Response(const Request&)> handle;   // on the server's thread
    std::function<bool(const Request&)> is_slow = {}; // these are handled on a second thread, one after the other
    int event_fd = -1;                                // readable when there is something for the streams; -1: none
    std::function<void(const std::string&)> on_problem = {}; // a sentence: certificates that changed cannot be used
    Nanos look_at_certificates = 1'000'000'000;              // at most so often
};

class Server {
  public:
    // Fails when an address cannot be listened on, a certificate cannot be used or no thread can be had.
    static Result<std::unique_ptr<Server>> start(ServerOptions options);
    ~Server();
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    // As bound, for http://127.0.0.1:0; 0 for Unix sockets. In the order of ServerOptions::listen.
    [[nodiscard]] std::vector<std::uint16_t> ports() const;
    struct Stats {
        std::uint64_t requests = 0, refused = 0, accepted = 0, evicted = 0;
        std::uint64_t connections = 0, streams = 0; // now
    };
    [[nodiscard]] Stats stats() const; // any thread

  private:
    struct Connection {
        Connection(UniqueFd socket, ssl_ctx_st* context) : fd(std::move(socket)), wire(fd.get(), context) {}
        UniqueFd fd;
        Wire wire;
        std::string in, out;
        std::function<std::string()> stream;
        Nanos since = 0; // when it last moved on: request begun, answer written
        std::size_t endpoint = 0, drained = 0;
        Origin origin = Origin::remote;
        std::uint32_t interest = 0;
        bool head_only = false, busy = false, closing = false, draining = false;
    };
    struct Finished {
        std::uint64_t id = 0;
        Response response;
        bool keep_alive = false;
    };
    struct Job {
        std::uint64_t id = 0;
        Request request;
    };
    using Connections = std::map<std::uint64_t, std::unique_ptr<Connection>>;

    explicit Server(ServerOptions options) : options_(std::move(options)) {}
    void run();
    void work();
    void watch(int fd, std::uint64_t id, std::uint32_t events);
    void accept_all(std::size_t endpoint);
    void renew_certificates();
    bool make_room();
    void advance(std::uint64_t id);
    bool step(Connection& connection, std::uint64_t id);
    Io receive(Connection& connection);
    Io flush(Connection& connection);
    void take(Connection& connection, std::uint64_t id, Request request);
    void answer(Connection& connection, Response response, bool keep_alive);
    void refuse(Connection& connection, int status);
    void drop(std::uint64_t id);
    void drop_if_busy(std::uint64_t id);
    void take_finished();
    void push_streams();
    void expire(Nanos now);

    ServerOptions options_;
    std::vector<Listener> listeners_;
    TlsContext tls_;
    std::string tls_files_; // as they were when they were read
    Nanos tls_looked_at_ = 0;
    Connections connections_;
    std::uint64_t next_id_ = 0;
    UniqueFd epoll_, wake_, spare_;  // spare_: given up to say no when there are no descriptors left
    bool more_ = false;              // a stream has more than was taken at once
    std::set<std::uint64_t> behind_; // connections with more requests than were taken at once
    std::atomic<std::uint64_t> requests_{0}, refused_{0}, accepted_{0}, evicted_{0}, open_{0}, streams_{0};

    std::mutex mutex_; // guards what follows
    std::condition_variable job_came_;
    std::deque<Job> jobs_;
    std::vector<Finished> finished_;
    std::atomic<bool> stopping_{false};
    std::thread thread_, worker_;
};

} // namespace gyr::http
