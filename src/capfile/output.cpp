#include "capfile/output.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <unistd.h>
#include <utility>

namespace gyr::capfile {

Output::~Output() {
    static_cast<void>(close());
    if (compressed_) deflateEnd(&gzip_);
}

Result<> Output::compress(int level) {
    constexpr int kGzip = 15 + 16; // window bits, and 16 for a gzip header
    constexpr int kMemory = 9;
    if (deflateInit2(&gzip_, std::clamp(level, 1, 9), Z_DEFLATED, kGzip, kMemory, Z_DEFAULT_STRATEGY) != Z_OK)
        return fail(ErrorKind::io, "zlib cannot be set up to compress");
    compressed_ = true;
    return {};
}

std::unexpected<Error> Output::failed(std::unexpected<Error> error) {
    failure_ = error.error();
    return error;
}

Result<> Output::write(std::string_view bytes) {
    if (failure_) return std::unexpected(*failure_);
    return compressed_ ? deflate_all(bytes, Z_NO_FLUSH) : put(bytes);
}

Result<> Output::flush() {
    if (failure_) return std::unexpected(*failure_);
    return compressed_ ? deflate_all({}, Z_FULL_FLUSH) : Result<>{};
}

Result<> Output::close() {
    if (closed_) return failure_ ? Result<>(std::unexpected(*failure_)) : Result<>{};
    closed_ = true;
    if (failure_) return std::unexpected(*failure_);
    if (compressed_) {
        if (auto done = deflate_all({}, Z_FINISH); !done) return done;
    }
    owned_.reset();
    return {};
}

Result<> Output::deflate_all(std::string_view bytes, int flush) {
    std::array<char, 64 * 1024> out;
    // zlib does not change its input; its interface is older than const.
    gzip_.next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(bytes.data()));
    gzip_.avail_in = static_cast<uInt>(bytes.size());
    for (;;) {
        gzip_.next_out = reinterpret_cast<Bytef*>(out.data());
        gzip_.avail_out = static_cast<uInt>(out.size());
        const int code = ::deflate(&gzip_, flush);
        if (code == Z_STREAM_ERROR) return failed(fail(ErrorKind::io, "zlib cannot compress"));
        const std::size_t size = out.size() - gzip_.avail_out;
        if (size > 0) {
            if (auto done = put({out.data(), size}); !done) return done;
        }
        if (gzip_.avail_out > 0) return {}; // nothing is held back
    }
}

Result<> Output::put(std::string_view bytes) {
    written_ += bytes.size();
    if (string_ != nullptr) {
        string_->append(bytes);
        return {};
    }
    while (!bytes.empty()) {
        const ssize_t done = ::write(fd_, bytes.data(), bytes.size());
        if (done < 0 && errno == EINTR) continue;
        if (done < 0) return failed(fail_errno("write", errno));
        bytes.remove_prefix(static_cast<std::size_t>(done));
    }
    return {};
}

} // namespace gyr::capfile
