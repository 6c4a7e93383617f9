#pragma once
// Walks over packed little-endian bytes. Running past the end is remembered, not an access: ok() is false from then
// on and everything read is zero or empty.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace gyr::capfile {

// A number at an unaligned place.
template <class T>
[[nodiscard]] T load(const char* at) {
    T value;
    std::memcpy(&value, at, sizeof value);
    return value;
}

class Cursor {
  public:
    Cursor(const char* at, std::size_t size) : begin_(at), at_(at), end_(at + size) {}

    template <class T>
    [[nodiscard]] T get() {
        if (left() < sizeof(T)) return past_end<T>();
        const T value = load<T>(at_);
        at_ += sizeof(T);
        return value;
    }
    [[nodiscard]] std::string_view bytes(std::size_t size) {
        if (left() < size) return past_end<std::string_view>();
        const std::string_view view(at_, size);
        at_ += size;
        return view;
    }
    [[nodiscard]] std::string_view text() { return bytes(get<std::uint16_t>()); } // u16 length, then as many bytes

    [[nodiscard]] std::size_t left() const { return static_cast<std::size_t>(end_ - at_); }
    [[nodiscard]] std::size_t used() const { return static_cast<std::size_t>(at_ - begin_); }
    [[nodiscard]] bool ok() const { return ok_; }

  private:
    template <class T>
    T past_end() {
        ok_ = false;
        at_ = end_;
        return T{};
    }

    const char* begin_;
    const char* at_;
    const char* end_;
    bool ok_ = true;
};

} // namespace gyr::capfile
