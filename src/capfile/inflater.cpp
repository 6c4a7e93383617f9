#include "capfile/inflater.h"

#include <algorithm>

namespace gyr::capfile {
namespace {

std::string_view words_for(int code) {
    switch (code) {
    case ISAL_INVALID_WRAPPER: return "the gzip header is broken";
    case ISAL_UNSUPPORTED_METHOD: return "the gzip compression method is not known";
    case ISAL_INCORRECT_CHECKSUM: return "the gzip checksum does not match its data";
    default: return "the compressed data is broken";
    }
}

} // namespace

Inflater::Inflater() {
    isal_inflate_init(&state_);
    state_.crc_flag = ISAL_GZIP;
}

void Inflater::given(std::size_t size) {
    state_.next_in = reinterpret_cast<std::uint8_t*>(input_.data());
    state_.avail_in = static_cast<std::uint32_t>(size);
    if (size == 0) no_more_ = true;
}

// After the end of a member: another one may follow, or padding with zeros. Whether the stream goes on.
bool Inflater::next_member() {
    while (state_.avail_in > 0 && *state_.next_in == 0) {
        ++state_.next_in;
        --state_.avail_in;
    }
    if (state_.avail_in == 0) {
        done_ = no_more_;
        return false;
    }
    isal_inflate_reset(&state_);
    return true;
}

std::size_t Inflater::inflate(char* to, std::size_t room) {
    constexpr std::size_t kMost = 1u << 30;
    if (!failure_.empty() || done_ || room == 0) return 0;
    if (state_.block_state == ISAL_BLOCK_FINISH && !next_member()) return 0;
    state_.next_out = reinterpret_cast<std::uint8_t*>(to);
    state_.avail_out = static_cast<std::uint32_t>(std::min(room, kMost));
    const std::uint32_t offered = state_.avail_out;
    const int code = isal_inflate(&state_);
    const std::size_t written = offered - state_.avail_out;
    if (code < 0) {
        failure_ = words_for(code);
    } else if (written == 0 && no_more_ && state_.avail_in == 0 && state_.block_state != ISAL_BLOCK_FINISH) {
        failure_ = "the gzip stream is cut off";
    }
    return written;
}

} // namespace gyr::capfile
