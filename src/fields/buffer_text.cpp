#include "fields/buffer_text.h"

#include <algorithm>
#include <atomic>

namespace gyr::fields {
namespace {

std::atomic<bool> as_base64{false};

std::size_t room_for(std::size_t bytes, bool base64) { return base64 ? (bytes + 2) / 3 * 4 : bytes; }

void write_base64(std::string_view bytes, char* out) {
    constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        const std::size_t left = std::min<std::size_t>(3, bytes.size() - i);
        unsigned group = 0;
        for (std::size_t k = 0; k < 3; ++k)
            group = group << 8U | (k < left ? static_cast<unsigned char>(bytes[i + k]) : 0U);
        for (std::size_t k = 0; k < 4; ++k) *out++ = k <= left ? kDigits[group >> (18 - 6 * k) & 63U] : '=';
    }
}

void write(std::string_view bytes, bool base64, char* out) {
    if (base64)
        write_base64(bytes, out);
    else
        std::ranges::transform(bytes, out, [](char c) { return c >= 0x20 && c < 0x7f ? c : '.'; });
}

} // namespace

void set_buffers_as_base64(bool base64) { as_base64 = base64; }

void append_buffer(std::string& out, std::string_view bytes) {
    const bool base64 = as_base64; // once: a reload may change it
    const std::size_t at = out.size();
    out.resize(at + room_for(bytes.size(), base64));
    write(bytes, base64, out.data() + at);
}

std::string_view buffer_text(std::string_view bytes, Arena& arena) {
    const bool base64 = as_base64;
    const std::size_t size = room_for(bytes.size(), base64);
    char* out = arena.allocate(size);
    write(bytes, base64, out);
    return {out, size};
}

} // namespace gyr::fields
