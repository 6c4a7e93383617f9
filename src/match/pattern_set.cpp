#include "match/pattern_set.h"

#include <algorithm>

namespace gyr::match {
namespace {

constexpr std::size_t kMostPieces = 512; // with more of them many a place looks like a begin

unsigned char lower(char c) { return static_cast<unsigned char>(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c); }

} // namespace

void PatternSet::add(std::string_view pattern, std::uint32_t id) {
    if (!pattern.empty()) patterns_.emplace_back(pattern, id);
}

void PatternSet::build() {
    if (patterns_.empty()) return;
    for (const auto& [text, id] : patterns_) {
        for (const char c : text) {
            std::uint8_t& cls = class_of_[lower(c)];
            if (cls == 0) cls = static_cast<std::uint8_t>(classes_++); // at most 230 of 256 with the capitals left out
        }
    }
    for (char c = 'A'; c <= 'Z'; ++c) class_of_[static_cast<unsigned char>(c)] = class_of_[lower(c)];

    std::size_t shortest = patterns_.front().first.size();
    for (const auto& [text, id] : patterns_) shortest = std::min(shortest, text.size());
    width_ = std::min(width_, shortest);
    mask_ >>= 8 * (sizeof mask_ - width_);
    stride_ = std::clamp<std::size_t>(kMostPieces / patterns_.size(), 1, shortest - width_ + 1);
    for (const auto& [text, id] : patterns_) {
        for (std::size_t at = 0; at < stride_; ++at) {
            const std::size_t bit = hash(piece(text, at));
            pieces_[bit / 64] |= std::uint64_t{1} << (bit % 64);
        }
    }

    // The trie, state 0 the root; 0 as a transition means none yet.
    std::vector<std::vector<std::uint32_t>> ids(1);
    next_.assign(classes_, 0);
    for (const auto& [text, id] : patterns_) {
        std::uint32_t state = 0;
        for (const char c : text) {
            const std::size_t at = state * classes_ + class_of_[static_cast<unsigned char>(c)];
            if (next_[at] == 0) {
                next_[at] = static_cast<std::uint32_t>(ids.size());
                ids.emplace_back();
                next_.resize(next_.size() + classes_, 0);
            }
            state = next_[at];
        }
        ids[state].push_back(id);
    }
    // Breadth first: where a state has no way on, it goes where the longest proper suffix of what it read goes.
    std::vector<std::uint32_t> suffix(ids.size(), 0), queue;
    for (std::uint32_t c = 0; c < classes_; ++c)
        if (next_[c] != 0) queue.push_back(next_[c]);
    for (std::size_t i = 0; i < queue.size(); ++i) {
        const std::uint32_t state = queue[i];
        const auto& inherited = ids[suffix[state]];
        ids[state].insert(ids[state].end(), inherited.begin(), inherited.end());
        for (std::uint32_t c = 0; c < classes_; ++c) {
            const std::uint32_t fallback = next_[suffix[state] * classes_ + c];
            std::uint32_t& to = next_[state * classes_ + c];
            if (to == 0) {
                to = fallback;
            } else {
                suffix[to] = fallback;
                queue.push_back(to);
            }
        }
    }
    for (const auto& list : ids) {
        first_hit_.push_back(static_cast<std::uint32_t>(hits_.size()));
        hits_.insert(hits_.end(), list.begin(), list.end());
    }
    first_hit_.push_back(static_cast<std::uint32_t>(hits_.size()));
    // A step is a sum and a look: states become places in the table, and say whether patterns end there.
    for (std::uint32_t& to : next_) to = to * classes_ | (ids[to].empty() ? 0 : kHits);
    patterns_ = {};
}

} // namespace gyr::match
