#pragma once
// A connection to a server, plain or TLS, that is never waited for longer than a deadline, nor beyond an output's
// patience. One thread. After any error the connection is closed.

#include "base/fd.h"
#include "base/name_lookup.h"
#include "base/result.h"
#include "outputs/address.h"
#include "outputs/line_writer.h"
#include "outputs/options.h"

#include <memory>
#include <string>
#include <string_view>

struct ssl_st;

namespace gyr::outputs {

class NetStream {
  public:
    NetStream();
    ~NetStream();
    NetStream(const NetStream&) = delete;
    NetStream& operator=(const NetStream&) = delete;

    // TCP to address.host, or the Unix socket address.path.
    Result<> connect(const Address& address, Nanos deadline, const Patience& patience);
    // From here on everything is encrypted; the certificate must be that of host (or of tls.server_name).
    Result<> start_tls(const TlsOptions& tls, const std::string& host, Nanos deadline, const Patience& patience);
    Result<> write(std::string_view bytes, Nanos deadline, const Patience& patience);
    // Writes and removes what it could. When only the time is over, the connection stays; the next call goes on.
    Result<> write_from(std::string& bytes, Nanos deadline, const Patience& patience);
    // Without its line end (\n or \r\n).
    Result<std::string> read_line(std::size_t max, Nanos deadline, const Patience& patience);
    Result<std::string> read_exactly(std::size_t count, Nanos deadline, const Patience& patience);
    // Bytes that can be read without waiting, or that the other side has closed.
    [[nodiscard]] bool something_to_read() const;
    // The other side has ended the connection, as far as can be told without reading.
    [[nodiscard]] bool hung_up() const;
    // For protocols without answers: reads what has come and forgets it. False: the connection has ended.
    bool discard();
    // The last connection ended by the other side's own wish, after its kernel had confirmed everything: a program that
    // closes a connection with something unread in it resets it.
    [[nodiscard]] bool ended_in_order() const { return ended_in_order_; }
    // Tells the other side that this is the end, and waits until it has heard: a connection that is closed with
    // something unread in it is reset, and what the other side has not read yet is lost.
    void end(Nanos deadline, const Patience& patience);
    [[nodiscard]] bool is_open() const { return static_cast<bool>(fd_); }
    [[nodiscard]] int fd() const { return fd_.get(); }
    void close();

  private:
    struct TlsEnd {
        void operator()(ssl_st* tls) const;
    };
    Result<> write_on(std::string_view& bytes, Nanos deadline, const Patience& patience);
    // Not closed when it was the time.
    Result<> wait_on(short events, Nanos deadline, const Patience& patience);
    Result<> wait(short events, Nanos deadline, const Patience& patience);
    Result<> fill(Nanos deadline, const Patience& patience);
    std::unexpected<Error> broken(std::string message);

    UniqueFd fd_;
    NameLookup names_;
    std::unique_ptr<ssl_st, TlsEnd> tls_;
    std::string buffer_; // read and not yet given away
    bool ended_in_order_ = false;
};

} // namespace gyr::outputs
