#pragma once
// Bump allocation for bytes that live as long as one event is looked at. reset() makes everything free at once and
// keeps the memory, so that a thread that has warmed up does not allocate any more. Not thread safe.

#include <cstddef>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>
#include <type_traits>
#include <vector>

namespace gyr {

class Arena {
  public:
    static constexpr std::size_t kChunkBytes = 64 * 1024;
    static constexpr std::size_t kKeptBytes = 4 * 1024 * 1024; // more than this is given back by reset()

    [[nodiscard]] char* allocate(std::size_t bytes, std::size_t align = 1) {
        for (;;) {
            if (current_ < chunks_.size()) {
                Chunk& c = chunks_[current_];
                const std::size_t at = (used_ + align - 1) & ~(align - 1);
                if (at <= c.size && bytes <= c.size - at) {
                    used_ = at + bytes;
                    return c.memory.get() + at;
                }
                ++current_, used_ = 0;
                continue;
            }
            const std::size_t size = bytes > kChunkBytes ? bytes : kChunkBytes;
            chunks_.push_back(Chunk{std::make_unique_for_overwrite<char[]>(size), size});
            total_ += size;
        }
    }

    template <class T>
    [[nodiscard]] std::span<T> make_array(std::size_t count) {
        static_assert(std::is_trivially_destructible_v<T>);
        if (count == 0) return {};
        T* first = reinterpret_cast<T*>(allocate(count * sizeof(T), alignof(T)));
        for (std::size_t i = 0; i < count; ++i) new (first + i) T();
        return {first, count};
    }

    [[nodiscard]] std::string_view copy(std::string_view text) {
        char* p = allocate(text.size());
        if (!text.empty()) std::memcpy(p, text.data(), text.size());
        return {p, text.size()};
    }

    void reset() {
        if (total_ > kKeptBytes) {
            chunks_.clear();
            total_ = 0;
        }
        current_ = used_ = 0;
    }

  private:
    struct Chunk {
        std::unique_ptr<char[]> memory;
        std::size_t size = 0;
    };
    std::vector<Chunk> chunks_;
    std::size_t current_ = 0, used_ = 0, total_ = 0;
};

} // namespace gyr
