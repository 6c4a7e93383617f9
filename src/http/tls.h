#pragma once
// The server's side of TLS over a descriptor that never blocks. The only files that name OpenSSL here are this one and
// its .cpp.

#include "base/result.h"

#include <cstddef>
#include <memory>
#include <string>

struct ssl_ctx_st;
struct ssl_st;

namespace gyr::http {

struct TlsFiles {
    std::string cert, key; // PEM; key empty: it is in cert
    std::string ca;        // not empty: clients must show a certificate of one of these
};

enum class Io : unsigned char { moved, again, closed };

// One connection, encrypted or not.
class Wire {
  public:
    explicit Wire(int fd) : fd_(fd) {}
    Wire(int fd, ssl_ctx_st* context);
    // Up to size bytes; count of them when moved.
    Io read(char* into, std::size_t size, std::size_t& count);
    Io write(const char* from, std::size_t size, std::size_t& count);
    void end_writing(); // the other side sees the end of what was written
    [[nodiscard]] bool wants_to_write() const { return wants_to_write_; } // TLS has something of its own to say
    [[nodiscard]] bool client_certificate() const;

  private:
    struct End {
        void operator()(ssl_st* tls) const;
    };
    Io outcome(int result);
    int fd_;
    std::unique_ptr<ssl_st, End> tls_;
    bool clear_ = true; // else nothing moves without tls_: there may be no memory for it
    bool wants_to_write_ = false;
};

struct TlsContextEnd {
    void operator()(ssl_ctx_st* context) const;
};
using TlsContext = std::unique_ptr<ssl_ctx_st, TlsContextEnd>;
// Errors name the file.
[[nodiscard]] Result<TlsContext> make_tls_context(const TlsFiles& files);
// Another value when one of the files is another one or was written to.
[[nodiscard]] std::string fingerprint(const TlsFiles& files);

} // namespace gyr::http
