#pragma once
// What the parts of EventDecoder share: records and objects (event_decode.cpp), parameters of every kind
// (event_params.cpp), and those about sockets (event_sockets.cpp).

#include "abi/syscall_wire.h"
#include "sources/live_bpf/event_decode.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <span>
#include <string_view>
#include <type_traits>
#include <vector>

namespace gyr {

inline std::string_view as_text(std::span<const std::byte> b) {
    return {reinterpret_cast<const char*>(b.data()), b.size()};
}

// 32-bit calls of the first days: user and group ids of two bytes, rlimits, times and offsets of four.
inline int compat_number(const gyr_event_header& h) {
    const bool compat = h.slot >= GYR_COMPAT_BASE && h.slot < GYR_SOCKETCALL_BASE;
    return compat ? h.slot - static_cast<int>(GYR_COMPAT_BASE) : -1;
}
inline bool has_short_ids(const gyr_event_header& h) {
    // lchown, setuid, setgid, setreuid, setregid, fchown, setresuid, getresuid, setresgid, getresgid, chown
    static constexpr int kCalls[] = {16, 23, 46, 70, 71, 95, 164, 165, 170, 171, 182};
    return std::ranges::find(kCalls, compat_number(h)) != std::end(kCalls);
}
// Appends values to the area that parameters point into.
class EventDecoder::Writer {
  public:
    Writer(std::vector<char>& area, std::span<std::string_view> params) : area_(area), params_(params) {}

    void number(std::uint64_t value, std::size_t width) {
        char* at = room(width);
        if (at == nullptr) return none();
        std::memcpy(at, &value, width); // little-endian
        view({at, width});
    }
    void none() { view({}); }
    void view(std::string_view v) {
        if (count_ < params_.size()) params_[count_++] = v;
    }
    // A value of several parts.
    void begin() { start_ = used_; }
    template <class T>
    void part(const T& value) {
        static_assert(std::is_trivially_copyable_v<T>);
        if (char* at = room(sizeof value)) std::memcpy(at, &value, sizeof value);
    }
    void part(std::string_view bytes) {
        if (char* at = room(bytes.size()); at != nullptr && !bytes.empty()) std::memcpy(at, bytes.data(), bytes.size());
    }
    void end() { view({area_.data() + start_, used_ - start_}); }
    [[nodiscard]] std::size_t count() const { return count_; }

  private:
    char* room(std::size_t bytes) {
        if (used_ + bytes > area_.size()) return nullptr;
        char* at = area_.data() + used_;
        used_ += bytes;
        return at;
    }
    std::vector<char>& area_;
    std::span<std::string_view> params_;
    std::size_t used_ = 0, start_ = 0, count_ = 0;
};

} // namespace gyr
