#pragma once
// gzip, decompressed as a stream. Uses ISA-L, which is several times faster than zlib.

#include <isa-l/igzip_lib.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace gyr::capfile {

class Inflater {
  public:
    Inflater();

    // Compressed input is put here, as much as fits, whenever input_wanted().
    [[nodiscard]] char* input() { return input_.data(); }
    static constexpr std::size_t kInputRoom = std::size_t{64} * 1024;
    void given(std::size_t size); // bytes put; 0: there are no more
    [[nodiscard]] bool input_wanted() const { return state_.avail_in == 0 && !no_more_; }

    // Writes decompressed bytes; their number. When that is 0 and no input is wanted, finished() or failed.
    [[nodiscard]] std::size_t inflate(char* to, std::size_t room);
    [[nodiscard]] bool finished() const { return done_; }
    [[nodiscard]] std::string_view failure() const { return failure_; } // empty: none

  private:
    [[nodiscard]] bool next_member();

    inflate_state state_;
    std::array<char, kInputRoom> input_;
    bool no_more_ = false;
    bool done_ = false;
    std::string_view failure_;
};

} // namespace gyr::capfile
