#pragma once
// Many texts looked for at once (Aho-Corasick): at most one step a byte, whatever their number, and none where no
// pattern begins, which of long patterns few places tell. Letters of A to Z count as their small ones, so a hit says
// that a pattern may occur, not that it does as written.
//
// add() all, build() once, then scan() from any thread. Memory is states times the different bytes in the patterns.

#include <array>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace gyr::match {

class PatternSet {
  public:
    void add(std::string_view pattern, std::uint32_t id); // not empty
    void build();
    [[nodiscard]] bool empty() const { return patterns_.empty() && next_.empty(); }

    // Calls hit(id) for every pattern in text, once for each place where it ends.
    template <class Hit>
    void scan(std::string_view text, Hit hit) const {
        if (next_.empty()) return;
        for (std::size_t at = find_begin(text, 0); at < text.size(); at = find_begin(text, at)) {
            std::uint32_t state = 0;
            do {
                state = next_[state + fold(text[at++])];
                if ((state & kHits) == 0) continue;
                state &= ~kHits;
                const std::uint32_t number = state / classes_;
                for (std::uint32_t i = first_hit_[number]; i < first_hit_[number + 1]; ++i) hit(hits_[i]);
            } while (state != 0 && at < text.size());
        }
    }

  private:
    static constexpr std::uint32_t kHits = 1u << 31; // in next_: patterns end with this state
    static constexpr std::size_t kPieceBits = 12;    // of the hash of a piece

    static std::size_t hash(std::uint32_t piece) { return piece * 0x9e3779b1u >> (32 - kPieceBits); }
    [[nodiscard]] std::uint32_t fold(char c) const { return class_of_[static_cast<unsigned char>(c)]; }
    // width_ bytes, letters of both cases alike (and some others, which costs no more than a closer look).
    [[nodiscard]] std::uint32_t piece(std::string_view text, std::size_t at) const {
        std::uint32_t bytes = 0;
        if (text.size() - at >= sizeof bytes)
            std::memcpy(&bytes, text.data() + at, sizeof bytes);
        else
            for (std::size_t i = 0; i < width_; ++i)
                bytes |= std::uint32_t{static_cast<unsigned char>(text[at + i])} << (8 * i);
        return (bytes | 0x20202020u) & mask_;
    }
    // A place from `at` on with no pattern's begin before it; the text's end when there is none. Of every stride_
    // places in a row one is looked at: wherever a pattern begins, one of its pieces is there.
    [[nodiscard]] std::size_t find_begin(std::string_view text, std::size_t at) const {
        const std::size_t before = stride_ - 1;
        if (text.size() - at < before + width_) return text.size();
        const std::size_t last = text.size() - width_;
        for (std::size_t look = at + before; look <= last; look += stride_) {
            const std::size_t bit = hash(piece(text, look));
            if ((pieces_[bit / 64] >> (bit % 64) & 1) != 0) return look - before;
        }
        return text.size();
    }

    std::vector<std::pair<std::string, std::uint32_t>> patterns_; // until build
    std::array<std::uint8_t, 256> class_of_{};                    // 0: in no pattern
    std::uint32_t classes_ = 1;
    std::size_t width_ = 4; // bytes that a place is judged by: no more than the shortest pattern has
    std::size_t stride_ = 1;
    std::uint32_t mask_ = 0xffffffff;
    std::array<std::uint64_t, (std::size_t{1} << kPieceBits) / 64> pieces_{}; // at the first stride_ places of patterns
    std::vector<std::uint32_t> next_;      // by state and class; a state is its number times the classes, with kHits
    std::vector<std::uint32_t> first_hit_; // by state's number, and one past the last
    std::vector<std::uint32_t> hits_;
};

} // namespace gyr::match
