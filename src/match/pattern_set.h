#pragma once
// Many texts looked for at once (Aho-Corasick): at most one step a byte, whatever their number, and none for the bytes
// that no pattern begins with. Letters of A to Z count as their small ones, so a hit says that a pattern may occur, not
// that it does as written.
//
// add() all, build() once, then scan() from any thread. Memory is states times the different bytes in the patterns.

#include <array>
#include <cstdint>
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
    static constexpr std::size_t kBeginBits = 12;    // of the hash of a pattern's first bytes

    static std::size_t hash(std::uint32_t first_bytes) { return first_bytes * 0x9e3779b1u >> (32 - kBeginBits); }
    [[nodiscard]] std::uint32_t fold(char c) const { return class_of_[static_cast<unsigned char>(c)]; }
    // The first place from `at` on where a pattern may begin; the text's end when there is none.
    [[nodiscard]] std::size_t find_begin(std::string_view text, std::size_t at) const {
        if (text.size() - at < width_) return text.size();
        std::uint32_t key = 0;
        for (std::size_t i = 1; i < width_; ++i) key = key << 8 | fold(text[at++]);
        for (; at < text.size(); ++at) {
            key = (key << 8 | fold(text[at])) & mask_;
            const std::size_t bit = hash(key);
            if ((begins_[bit / 64] >> (bit % 64) & 1) != 0) return at + 1 - width_;
        }
        return text.size();
    }

    std::vector<std::pair<std::string, std::uint32_t>> patterns_; // until build
    std::array<std::uint8_t, 256> class_of_{};                    // 0: in no pattern
    std::uint32_t classes_ = 1;
    std::size_t width_ = 3; // bytes that a place is judged by: no more than the shortest pattern has
    std::uint32_t mask_ = 0xffffff;
    std::array<std::uint64_t, (std::size_t{1} << kBeginBits) / 64> begins_{};
    std::vector<std::uint32_t> next_;      // by state and class; a state is its number times the classes, with kHits
    std::vector<std::uint32_t> first_hit_; // by state's number, and one past the last
    std::vector<std::uint32_t> hits_;
};

} // namespace gyr::match
