#pragma once
// A hash table from positive numbers to pointers: open addressing, linear probing, no tombstones. One cache line for a
// look-up in most cases, no allocation but when it grows.

#include <cstddef>
#include <cstdint>
#include <vector>

namespace gyr::replay {

template <class T>
class FlatMap {
  public:
    [[nodiscard]] T* find(std::int64_t key) const {
        if (slots_.empty()) return nullptr;
        for (std::size_t i = home(key);; i = (i + 1) & mask_) {
            const Slot& s = slots_[i];
            if (!s.value) return nullptr;
            if (s.key == key) return s.value;
        }
    }

    // The key must not be there yet.
    void insert(std::int64_t key, T* value) {
        if ((count_ + 1) * 10 > slots_.size() * 7) grow();
        place(key, value);
        ++count_;
    }

    void erase(std::int64_t key) {
        if (slots_.empty()) return;
        std::size_t hole = home(key);
        while (slots_[hole].value && slots_[hole].key != key) hole = (hole + 1) & mask_;
        if (!slots_[hole].value) return;
        --count_;
        for (std::size_t i = (hole + 1) & mask_; slots_[i].value; i = (i + 1) & mask_) {
            // What follows may move into the hole unless it would come to lie before its home.
            if (((i - home(slots_[i].key)) & mask_) < ((i - hole) & mask_)) continue;
            slots_[hole] = slots_[i];
            hole = i;
        }
        slots_[hole] = {};
    }

    void clear() {
        slots_.clear();
        count_ = mask_ = 0;
        shift_ = 64;
    }

    [[nodiscard]] std::size_t size() const { return count_; }

    template <class F>
    void for_each(F&& visit) const {
        for (const Slot& s : slots_)
            if (s.value) visit(*s.value);
    }

  private:
    struct Slot {
        std::int64_t key = 0;
        T* value = nullptr; // null: free
    };
    [[nodiscard]] std::size_t home(std::int64_t key) const {
        return static_cast<std::size_t>((static_cast<std::uint64_t>(key) * 0x9e3779b97f4a7c15ULL) >> shift_);
    }
    void place(std::int64_t key, T* value) {
        std::size_t i = home(key);
        while (slots_[i].value) i = (i + 1) & mask_;
        slots_[i] = {key, value};
    }
    void grow() {
        std::vector<Slot> old = std::move(slots_);
        const std::size_t size = old.empty() ? 64 : old.size() * 2;
        slots_ = std::vector<Slot>(size);
        mask_ = size - 1;
        shift_ = 64;
        for (std::size_t n = size; n > 1; n /= 2) --shift_;
        for (const Slot& s : old)
            if (s.value) place(s.key, s.value);
    }

    std::vector<Slot> slots_;
    std::size_t count_ = 0, mask_ = 0;
    unsigned shift_ = 64;
};

} // namespace gyr::replay
