#pragma once
// The last enter event of each thread, copied, until its exit event asks for it.
//
// Bounded: kMaxThreads threads and kMaxLong bytes of parameters that do not fit a slot. Beyond either, the place of
// another thread is taken, first of one whose enter event was used already; evictions() counts the ones that were not.

#include "event/event_type.h"
#include "event/raw_event.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

namespace gyr::capfile {

class EnterStore {
  public:
    static constexpr std::size_t kMaxThreads = 65536;
    static constexpr std::size_t kMaxLong = std::size_t{4} * 1024 * 1024;
    static constexpr std::size_t kKeptParams = 8; // more than any enter event that is kept has

    class Slot {
      public:
        [[nodiscard]] EventCode code() const { return code_; } // kEventNone: nothing kept
        [[nodiscard]] std::size_t size() const { return count_; }
        [[nodiscard]] std::string_view param(std::size_t i) const {
            return {bytes() + (i == 0 ? 0 : ends_[i - 1]), ends_[i] - (i == 0 ? 0 : ends_[i - 1])};
        }

      private:
        friend class EnterStore;
        static constexpr std::size_t kInline = 72;
        [[nodiscard]] const char* bytes() const { return long_bytes_ ? long_bytes_.get() : short_bytes_.data(); }

        std::int64_t tid_ = 0;
        EventCode code_ = kEventNone;
        std::uint8_t count_ = 0;
        std::array<std::uint32_t, kKeptParams> ends_{};
        std::uint32_t long_capacity_ = 0;
        std::unique_ptr<char[]> long_bytes_;
        std::array<char, kInline> short_bytes_;
    };

    EnterStore();

    void keep(std::int64_t tid, EventCode code, std::span<const std::string_view> params);
    // What is kept for the thread; null when nothing is. Good until keep().
    [[nodiscard]] const Slot* find(std::int64_t tid) const;
    // The thread's enter event has been used.
    void release(std::int64_t tid);
    void clear();

    [[nodiscard]] std::uint64_t evictions() const { return evictions_; }

  private:
    static constexpr std::uint32_t kFree = 0xffffffff;

    [[nodiscard]] std::size_t place_of(std::int64_t tid) const; // in index_: where it is, or a free place
    [[nodiscard]] Slot& slot_for(std::int64_t tid);
    [[nodiscard]] std::uint32_t victim();
    void forget(std::size_t place);
    void grow_index();
    bool make_room(Slot& slot, std::size_t size);
    void drop_long(Slot& slot);

    std::vector<Slot> slots_;
    std::vector<std::uint32_t> index_; // open addressing, slot numbers; a power of two, at most half full
    std::size_t last_ = 0;             // slot that keep() used last: often the thread's own
    std::size_t hand_ = 0, long_hand_ = 0;
    std::size_t long_total_ = 0;
    std::uint64_t evictions_ = 0;
};

} // namespace gyr::capfile
