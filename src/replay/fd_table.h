#pragma once
// Descriptors of processes, as events tell them. A fork shares the entries of its parent; whoever changes one that is
// shared gets a copy first. Entries live in one pool whose bytes, those of the tables included, are bounded: a
// descriptor for which there is no room is not kept, and counted.

#include "event/fd_info.h"

#include <bit>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <unordered_map>
#include <vector>

namespace gyr::replay {

struct FdEntry {
    FdInfo info;
    std::uint32_t refs = 0;
    std::uint32_t bytes = 0; // counted against the pool's budget
};

class FdPool {
  public:
    explicit FdPool(std::size_t budget_bytes) : budget_(budget_bytes) {}

    // An entry with one reference and the default FdInfo, its strings' memory kept from an earlier use. Null when the
    // budget is spent.
    [[nodiscard]] FdEntry* take();
    [[nodiscard]] FdEntry* take_copy(const FdInfo& info);
    void retain(FdEntry& entry) { ++entry.refs; }
    void release(FdEntry& entry);
    void recount(FdEntry& entry); // after its strings changed
    // Of a table: what it takes beside the entries, before and now.
    void recount(std::size_t before, std::size_t now) { used_ += now - before; }
    // Whether a table may take so much more; if not, its descriptors are counted as not kept.
    [[nodiscard]] bool has_room(std::size_t table_bytes, std::size_t descriptors);

    [[nodiscard]] std::size_t bytes() const { return used_; }
    [[nodiscard]] std::uint64_t refused() const { return refused_; }

  private:
    std::size_t budget_, used_ = 0;
    std::uint64_t refused_ = 0;
    std::deque<FdEntry> all_;
    std::vector<FdEntry*> free_;
};

// The table does not own the pool; give back what it holds with clear() before it goes.
class FdTable {
  public:
    FdTable() = default;
    FdTable(FdTable&&) noexcept = default;
    FdTable& operator=(FdTable&&) noexcept = default;

    [[nodiscard]] FdEntry* find(std::int64_t fd) const {
        if (static_cast<std::uint64_t>(fd) < low_.size()) return low_[static_cast<std::size_t>(fd)];
        return high_ ? find_high(fd) : nullptr;
    }
    // Takes over a reference. What was there is given back.
    void set(std::int64_t fd, FdEntry& entry, FdPool& pool);
    bool erase(std::int64_t fd, FdPool& pool);
    // first and last inclusive.
    void erase_range(std::int64_t first, std::int64_t last, FdPool& pool);
    void clear(FdPool& pool);
    void share_from(const FdTable& other, FdPool& pool); // replaces what is there
    // The entry, made this table's own. Null when it is not there or there is no room for a copy.
    [[nodiscard]] FdEntry* writable(std::int64_t fd, FdPool& pool);

    [[nodiscard]] std::size_t size() const { return count_; }

    template <class F>
    void for_each(F&& visit) const { // visit(number, entry), ascending below kLow
        for (std::size_t word = 0; word < used_.size(); ++word)
            for (std::uint64_t bits = used_[word]; bits != 0; bits &= bits - 1) {
                const std::size_t i = word * 64 + static_cast<std::size_t>(std::countr_zero(bits));
                visit(static_cast<std::int64_t>(i), *low_[i]);
            }
        if (high_)
            for (const auto& [fd, entry] : *high_) visit(fd, *entry);
    }

  private:
    static constexpr std::int64_t kLow = 1024; // below: by index; above: by hash
    static constexpr std::size_t kKept = 256;  // places of low_
    [[nodiscard]] FdEntry* find_high(std::int64_t fd) const;
    [[nodiscard]] std::size_t table_bytes() const;
    void recount(FdPool& pool); // after places came or went

    std::vector<FdEntry*> low_;
    std::vector<std::uint64_t>
        used_; // a bit for each place of low_: a shell has few descriptors, and one of them is 255
    std::unique_ptr<std::unordered_map<std::int64_t, FdEntry*>> high_;
    std::size_t count_ = 0;
    std::size_t counted_ = 0; // bytes, against the pool's budget
};

} // namespace gyr::replay
