#include "outputs/net_stream.h"

#include "base/clock.h"
#include "outputs/channel.h"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace gyr::outputs {
namespace {

std::string tls_words() {
    const unsigned long code = ERR_get_error();
    ERR_clear_error();
    const char* reason = code == 0 ? nullptr : ERR_reason_error_string(code);
    return reason == nullptr ? "the connection was closed" : reason;
}

struct ContextEnd {
    void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};
using Context = std::unique_ptr<SSL_CTX, ContextEnd>;

// Read anew for each connection, so that renewed certificates are used.
Result<Context> make_context(const TlsOptions& options) {
    Context context(SSL_CTX_new(TLS_client_method()));
    SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
    SSL_CTX_set_mode(context.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    // Of a key that has a password nobody is asked for it.
    SSL_CTX_set_default_passwd_cb(context.get(), [](char*, int, int, void*) { return 0; });
    const auto wrong = [](std::string_view what, const std::string& file) {
        return fail(ErrorKind::invalid, fmt::format("cannot use the {} {}: {}", what, file, tls_words()));
    };
    if (options.ca.empty())
        SSL_CTX_set_default_verify_paths(context.get());
    else if (std::error_code error; std::filesystem::is_directory(options.ca, error)
                                        ? SSL_CTX_load_verify_dir(context.get(), options.ca.c_str()) != 1
                                        : SSL_CTX_load_verify_file(context.get(), options.ca.c_str()) != 1)
        return wrong("CA file", options.ca);
    if (!options.cert.empty() && SSL_CTX_use_certificate_chain_file(context.get(), options.cert.c_str()) != 1)
        return wrong("certificate", options.cert);
    const std::string& key = options.key.empty() ? options.cert : options.key;
    if (!key.empty() && SSL_CTX_use_PrivateKey_file(context.get(), key.c_str(), SSL_FILETYPE_PEM) != 1)
        return wrong("key", key);
    SSL_CTX_set_verify(context.get(), options.insecure ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, nullptr);
    return context;
}

} // namespace

NetStream::NetStream() = default;
NetStream::~NetStream() { close(); }
void NetStream::TlsEnd::operator()(ssl_st* tls) const { SSL_free(tls); }

void NetStream::close() {
    tls_.reset();
    fd_.reset();
    buffer_.clear();
}

std::unexpected<Error> NetStream::broken(std::string message) {
    close();
    return fail(ErrorKind::io, std::move(message));
}

Result<> NetStream::wait_on(short events, Nanos deadline, const Patience& patience) {
    if (wait_for(fd_.get(), events, patience, deadline)) return {};
    return fail(ErrorKind::timeout, "the server does not answer");
}

Result<> NetStream::wait(short events, Nanos deadline, const Patience& patience) {
    Result<> ready = wait_on(events, deadline, patience);
    if (!ready) close();
    return ready;
}

Result<> NetStream::connect(const Address& address, Nanos deadline, const Patience& patience) {
    close();
    ended_in_order_ = false;
    const auto attempt = [&](int family, const sockaddr* where, socklen_t length) -> Result<> {
        fd_ = UniqueFd(::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
        if (!fd_) return broken(std::strerror(errno));
        if (::connect(fd_.get(), where, length) == 0) return {};
        if (errno != EINPROGRESS && errno != EAGAIN) return broken(std::strerror(errno));
        if (auto ok = wait(POLLOUT, deadline, patience); !ok) return ok;
        int error = 0;
        socklen_t size = sizeof error;
        ::getsockopt(fd_.get(), SOL_SOCKET, SO_ERROR, &error, &size);
        return error == 0 ? Result<>() : broken(std::strerror(error));
    };
    if (address.scheme == "unix") {
        sockaddr_un local{};
        local.sun_family = AF_UNIX;
        if (address.path.size() >= sizeof local.sun_path)
            return fail(ErrorKind::invalid, "the socket's path is too long");
        std::memcpy(local.sun_path, address.path.data(), address.path.size());
        return attempt(AF_UNIX, reinterpret_cast<const sockaddr*>(&local), sizeof local);
    }
    const auto patient = [&](int fd) { return wait_for(fd, POLLIN, patience, deadline); };
    const auto found = names_.find(address.host, fmt::to_string(address.port), SOCK_STREAM, AI_ADDRCONFIG, patient);
    if (!found) return std::unexpected(found.error());
    Result<> last = fail(ErrorKind::not_found, "it has no address");
    for (const addrinfo* at = found->get(); at != nullptr; at = at->ai_next) {
        last = attempt(at->ai_family, at->ai_addr, at->ai_addrlen);
        if (last) break;
    }
    if (!last)
        return fail(last.error().kind,
                    fmt::format("cannot connect to {}:{}: {}", address.host, address.port, last.error().message));
    const auto set = [this](int level, int option, int value) {
        ::setsockopt(fd_.get(), level, option, &value, sizeof value);
    };
    set(IPPROTO_TCP, TCP_NODELAY, 1);
    // A host that is gone without a word is noticed, also by who only waits, after a minute.
    set(SOL_SOCKET, SO_KEEPALIVE, 1);
    set(IPPROTO_TCP, TCP_KEEPIDLE, 30);
    set(IPPROTO_TCP, TCP_KEEPINTVL, 10);
    set(IPPROTO_TCP, TCP_KEEPCNT, 3);
    return {};
}

Result<> NetStream::start_tls(const TlsOptions& options, const std::string& host, Nanos deadline,
                              const Patience& patience) {
    auto context = make_context(options);
    if (!context) {
        close();
        return std::unexpected(context.error());
    }
    tls_.reset(SSL_new(context->get()));
    if (!tls_) {
        close();
        return fail(ErrorKind::io, "TLS cannot be set up");
    }
    const std::string& name = options.server_name.empty() ? host : options.server_name;
    in6_addr address{};
    const bool literal =
        ::inet_pton(AF_INET, name.c_str(), &address) == 1 || ::inet_pton(AF_INET6, name.c_str(), &address) == 1;
    if (literal)
        X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(tls_.get()), name.c_str());
    else {
        // What the macro SSL_set_tlsext_host_name does, without its cast.
        SSL_ctrl(tls_.get(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, const_cast<char*>(name.c_str()));
        SSL_set1_host(tls_.get(), name.c_str());
    }
    SSL_set_fd(tls_.get(), fd_.get());
    for (;;) {
        ERR_clear_error();
        const int code = SSL_connect(tls_.get());
        if (code == 1) return {};
        const int why = SSL_get_error(tls_.get(), code);
        if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE) {
            const long verdict = SSL_get_verify_result(tls_.get());
            return broken(
                fmt::format("TLS: {}", verdict != X509_V_OK ? X509_verify_cert_error_string(verdict) : tls_words()));
        }
        if (auto ok = wait(why == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT, deadline, patience); !ok) return ok;
    }
}

Result<> NetStream::write(std::string_view bytes, Nanos deadline, const Patience& patience) {
    Result<> written = write_on(bytes, deadline, patience);
    if (!written) close();
    return written;
}

Result<> NetStream::write_from(std::string& bytes, Nanos deadline, const Patience& patience) {
    std::string_view left = bytes;
    const Result<> written = write_on(left, deadline, patience);
    bytes.erase(0, bytes.size() - left.size());
    return written;
}

Result<> NetStream::write_on(std::string_view& bytes, Nanos deadline, const Patience& patience) {
    if (!fd_) return fail(ErrorKind::io, "there is no connection");
    while (!bytes.empty()) {
        short events = POLLOUT;
        ssize_t n = 0;
        if (tls_) {
            ERR_clear_error();
            n = SSL_write(tls_.get(), bytes.data(), static_cast<int>(std::min<std::size_t>(bytes.size(), 1U << 20)));
            if (n <= 0) {
                const int why = SSL_get_error(tls_.get(), static_cast<int>(n));
                if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE) return broken("TLS: " + tls_words());
                events = why == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT;
                n = 0;
            }
        } else {
            n = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
            if (n < 0 && errno != EAGAIN && errno != EINTR)
                return broken(fmt::format("cannot send: {}", std::strerror(errno)));
            n = std::max<ssize_t>(n, 0);
        }
        bytes.remove_prefix(static_cast<std::size_t>(n));
        if (n == 0) {
            if (auto ok = wait_on(events, deadline, patience); !ok) return ok;
        }
    }
    return {};
}

Result<> NetStream::fill(Nanos deadline, const Patience& patience) {
    if (!fd_) return fail(ErrorKind::io, "there is no connection");
    std::array<char, 16384> some{};
    for (;;) {
        short events = POLLIN;
        ssize_t n = 0;
        if (tls_) {
            ERR_clear_error();
            n = SSL_read(tls_.get(), some.data(), static_cast<int>(some.size()));
            if (n <= 0) {
                const int why = SSL_get_error(tls_.get(), static_cast<int>(n));
                if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE) return broken("TLS: " + tls_words());
                events = why == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT;
                n = -1;
            }
        } else {
            n = ::recv(fd_.get(), some.data(), some.size(), MSG_DONTWAIT);
            if (n == 0) return broken("the server has closed the connection");
            if (n < 0 && errno != EAGAIN && errno != EINTR)
                return broken(fmt::format("cannot receive: {}", std::strerror(errno)));
        }
        if (n > 0) {
            buffer_.append(some.data(), static_cast<std::size_t>(n));
            return {};
        }
        if (auto ok = wait(events, deadline, patience); !ok) return ok;
    }
}

Result<std::string> NetStream::read_line(std::size_t max, Nanos deadline, const Patience& patience) {
    std::size_t from = 0;
    for (;;) {
        if (const std::size_t end = buffer_.find('\n', from); end != std::string::npos) {
            std::string line = buffer_.substr(0, end);
            buffer_.erase(0, end + 1);
            if (!line.empty() && line.back() == '\r') line.pop_back();
            return line;
        }
        if (buffer_.size() > max) return broken("the server's answer is too long");
        from = buffer_.size();
        if (auto ok = fill(deadline, patience); !ok) return std::unexpected(ok.error());
    }
}

Result<std::string> NetStream::read_exactly(std::size_t count, Nanos deadline, const Patience& patience) {
    while (buffer_.size() < count) {
        if (auto ok = fill(deadline, patience); !ok) return std::unexpected(ok.error());
    }
    std::string out = buffer_.substr(0, count);
    buffer_.erase(0, count);
    return out;
}

bool NetStream::discard() {
    std::array<char, 4096> some{};
    for (;;) {
        if (!fd_) return false;
        bool goodbye = false;
        if (tls_) {
            ERR_clear_error();
            const int n = SSL_read(tls_.get(), some.data(), static_cast<int>(some.size()));
            if (n > 0) continue;
            const int why = SSL_get_error(tls_.get(), n);
            if ((why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE) && !hung_up()) return true;
            goodbye = why == SSL_ERROR_ZERO_RETURN; // without it, somebody else may have ended the connection
        } else {
            const ssize_t n = ::recv(fd_.get(), some.data(), some.size(), MSG_DONTWAIT);
            if (n > 0 || (n < 0 && errno == EINTR)) continue;
            if (n < 0 && errno == EAGAIN) return true;
            goodbye = n == 0;
        }
        int unconfirmed = 0;
        ended_in_order_ = goodbye && ::ioctl(fd_.get(), SIOCOUTQ, &unconfirmed) == 0 && unconfirmed == 0;
        close();
        return false;
    }
}

void NetStream::end(Nanos deadline, const Patience& patience) {
    if (discard()) {
        if (tls_) {
            ERR_clear_error();
            SSL_shutdown(tls_.get());
        }
        ::shutdown(fd_.get(), SHUT_WR);
        while (discard() && wait(POLLIN, deadline, patience)) {
        }
    }
    close();
}

bool NetStream::something_to_read() const {
    if (!buffer_.empty() || (tls_ && SSL_pending(tls_.get()) > 0)) return true;
    pollfd state{fd_.get(), POLLIN, 0};
    return ::poll(&state, 1, 0) > 0;
}

bool NetStream::hung_up() const {
    if (!fd_) return true;
    pollfd state{fd_.get(), POLLRDHUP, 0};
    return ::poll(&state, 1, 0) > 0 && (state.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

} // namespace gyr::outputs
