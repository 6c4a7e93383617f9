#pragma once
// Many texts looked for at once (Aho-Corasick): one step a byte, whatever their number. Letters of A to Z count as
// their small ones, so a hit says that a pattern may occur, not that it does as written.
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
        std::uint32_t state = 0;
        for (const char c : text) {
            state = next_[state * classes_ + class_of_[static_cast<unsigned char>(c)]];
            if (first_hit_[state] == first_hit_[state + 1]) continue;
            for (std::uint32_t i = first_hit_[state]; i < first_hit_[state + 1]; ++i) hit(hits_[i]);
        }
    }

  private:
    std::vector<std::pair<std::string, std::uint32_t>> patterns_; // until build
    std::array<std::uint8_t, 256> class_of_{};                    // 0: in no pattern
    std::uint32_t classes_ = 1;
    std::vector<std::uint32_t> next_;      // by state and class
    std::vector<std::uint32_t> first_hit_; // by state, and one past the last
    std::vector<std::uint32_t> hits_;
};

} // namespace gyr::match
