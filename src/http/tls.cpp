#include "http/tls.h"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <cerrno>

#include <sys/socket.h>
#include <sys/stat.h>

namespace gyr::http {
namespace {

std::string words() {
    const unsigned long code = ERR_get_error();
    ERR_clear_error();
    const char* reason = code == 0 ? nullptr : ERR_reason_error_string(code);
    return reason == nullptr ? "it cannot be read" : reason;
}

Io plain(ssize_t n, std::size_t& count) {
    if (n > 0) {
        count = static_cast<std::size_t>(n);
        return Io::moved;
    }
    return n < 0 && (errno == EAGAIN || errno == EINTR) ? Io::again : Io::closed;
}

} // namespace

void TlsContextEnd::operator()(ssl_ctx_st* context) const { SSL_CTX_free(context); }
void Wire::End::operator()(ssl_st* tls) const { SSL_free(tls); }

Result<TlsContext> make_tls_context(const TlsFiles& files) {
    TlsContext context(SSL_CTX_new(TLS_server_method()));
    SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
    SSL_CTX_set_mode(context.get(),
                     SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION);
    // Of a key that has a password nobody is asked for it.
    SSL_CTX_set_default_passwd_cb(context.get(), [](char*, int, int, void*) { return 0; });
    const auto wrong = [](std::string_view what, const std::string& file) {
        return fail(ErrorKind::invalid, fmt::format("cannot use the {} {}: {}", what, file, words()));
    };
    const std::string& key = files.key.empty() ? files.cert : files.key;
    if (SSL_CTX_use_certificate_chain_file(context.get(), files.cert.c_str()) != 1)
        return wrong("certificate", files.cert);
    if (SSL_CTX_use_PrivateKey_file(context.get(), key.c_str(), SSL_FILETYPE_PEM) != 1) return wrong("key", key);
    if (SSL_CTX_check_private_key(context.get()) != 1) return wrong("key", key);
    if (files.ca.empty()) return context;
    STACK_OF(X509_NAME)* names = SSL_load_client_CA_file(files.ca.c_str());
    if (names == nullptr || SSL_CTX_load_verify_locations(context.get(), files.ca.c_str(), nullptr) != 1)
        return wrong("CA file", files.ca);
    SSL_CTX_set_client_CA_list(context.get(), names);
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    return context;
}

std::string fingerprint(const TlsFiles& files) {
    std::string out;
    for (const std::string& path : {files.cert, files.key, files.ca}) {
        struct stat info {};
        if (path.empty() || ::stat(path.c_str(), &info) != 0) {
            out += "-;";
            continue;
        }
        out += fmt::format("{}:{}:{}:{}:{};", info.st_dev, info.st_ino, info.st_size, info.st_mtim.tv_sec,
                           info.st_mtim.tv_nsec);
    }
    return out;
}

Wire::Wire(int fd, ssl_ctx_st* context)
    : fd_(fd), tls_(context != nullptr ? SSL_new(context) : nullptr), clear_(context == nullptr) {
    if (tls_ && SSL_set_fd(tls_.get(), fd) != 1) tls_.reset();
    if (!tls_) return;
    SSL_set_accept_state(tls_.get());
}

Io Wire::outcome(int result) {
    const int why = SSL_get_error(tls_.get(), result);
    wants_to_write_ = why == SSL_ERROR_WANT_WRITE;
    return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? Io::again : Io::closed;
}

Io Wire::read(char* into, std::size_t size, std::size_t& count) {
    if (clear_) return plain(::recv(fd_, into, size, 0), count);
    if (!tls_) return Io::closed;
    ERR_clear_error();
    const int result = SSL_read_ex(tls_.get(), into, size, &count);
    return result == 1 ? Io::moved : outcome(result);
}

Io Wire::write(const char* from, std::size_t size, std::size_t& count) {
    if (clear_) return plain(::send(fd_, from, size, MSG_NOSIGNAL), count);
    if (!tls_) return Io::closed;
    ERR_clear_error();
    const int result = SSL_write_ex(tls_.get(), from, size, &count);
    return result == 1 ? Io::moved : outcome(result);
}

void Wire::end_writing() {
    if (tls_) {
        ERR_clear_error();
        SSL_shutdown(tls_.get());
    }
    ::shutdown(fd_, SHUT_WR);
}

bool Wire::client_certificate() const {
    return tls_ && SSL_get0_peer_certificate(tls_.get()) != nullptr && SSL_get_verify_result(tls_.get()) == X509_V_OK;
}

} // namespace gyr::http
