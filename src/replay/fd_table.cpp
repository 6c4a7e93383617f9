#include "replay/fd_table.h"

#include <algorithm>
#include <utility>

namespace gyr::replay {

namespace {

constexpr std::size_t kKeepCapacity = 512; // bytes of a string that a free entry may keep
constexpr std::size_t kHighPlace = 56;     // bytes of a place by hash: node, and its part of the buckets

std::uint32_t cost(const FdInfo& info) {
    const std::size_t n = sizeof(FdEntry) + info.name.size() + info.name_raw.size() + info.real_path.size();
    return static_cast<std::uint32_t>(std::min<std::size_t>(n, UINT32_MAX));
}

void bound(std::string& s) {
    if (s.capacity() > kKeepCapacity) std::string().swap(s);
}

// The default value; assigning leaves the strings their memory.
void reset(FdInfo& info) {
    static const FdInfo kEmpty;
    bound(info.name), bound(info.name_raw), bound(info.real_path);
    info = kEmpty;
}

} // namespace

FdEntry* FdPool::take() {
    if (used_ + sizeof(FdEntry) > budget_) {
        ++refused_;
        return nullptr;
    }
    FdEntry* entry = nullptr;
    if (free_.empty()) {
        entry = &all_.emplace_back();
    } else {
        entry = free_.back();
        free_.pop_back();
    }
    entry->refs = 1;
    entry->bytes = sizeof(FdEntry);
    used_ += entry->bytes;
    return entry;
}

FdEntry* FdPool::take_copy(const FdInfo& info) {
    FdEntry* entry = take();
    if (!entry) return nullptr;
    entry->info = info;
    recount(*entry);
    return entry;
}

void FdPool::release(FdEntry& entry) {
    if (--entry.refs > 0) return;
    used_ -= entry.bytes;
    reset(entry.info);
    free_.push_back(&entry);
}

void FdPool::recount(FdEntry& entry) {
    used_ -= entry.bytes;
    entry.bytes = cost(entry.info);
    used_ += entry.bytes;
}

bool FdPool::has_room(std::size_t table_bytes, std::size_t descriptors) {
    if (used_ + table_bytes <= budget_) return true;
    refused_ += descriptors;
    return false;
}

std::size_t FdTable::table_bytes() const {
    return low_.size() * sizeof low_[0] + used_.size() * sizeof used_[0] + (high_ ? high_->size() * kHighPlace : 0);
}

void FdTable::recount(FdPool& pool) {
    const std::size_t now = table_bytes();
    pool.recount(std::exchange(counted_, now), now);
}

FdEntry* FdTable::find_high(std::int64_t fd) const {
    const auto found = high_->find(fd);
    return found == high_->end() ? nullptr : found->second;
}

void FdTable::set(std::int64_t fd, FdEntry& entry, FdPool& pool) {
    FdEntry** slot = nullptr;
    if (fd >= 0 && fd < kLow) {
        const auto i = static_cast<std::size_t>(fd);
        if (i >= low_.size()) {
            low_.resize(std::min<std::size_t>(kLow, std::max<std::size_t>(i + 1, low_.size() * 2)));
            used_.resize((low_.size() + 63) / 64);
            recount(pool);
        }
        slot = &low_[i];
        used_[i / 64] |= std::uint64_t{1} << (i % 64);
    } else {
        if (!high_) high_ = std::make_unique<std::unordered_map<std::int64_t, FdEntry*>>();
        slot = &(*high_)[fd];
    }
    if (*slot)
        pool.release(**slot);
    else
        ++count_;
    *slot = &entry;
    if (high_) recount(pool);
}

bool FdTable::erase(std::int64_t fd, FdPool& pool) {
    FdEntry* entry = find(fd);
    if (!entry) return false;
    if (fd >= 0 && fd < kLow) {
        const auto i = static_cast<std::size_t>(fd);
        low_[i] = nullptr;
        used_[i / 64] &= ~(std::uint64_t{1} << (i % 64));
    } else {
        high_->erase(fd);
        recount(pool);
    }
    --count_;
    pool.release(*entry);
    return true;
}

void FdTable::erase_range(std::int64_t first, std::int64_t last, FdPool& pool) {
    const auto end = std::min<std::int64_t>(last, static_cast<std::int64_t>(low_.size()) - 1);
    for (std::int64_t fd = std::max<std::int64_t>(first, 0); fd <= end; ++fd) erase(fd, pool);
    if (!high_) return;
    std::erase_if(*high_, [&](const auto& kv) {
        if (kv.first < first || kv.first > last) return false;
        pool.release(*kv.second);
        --count_;
        return true;
    });
    recount(pool);
}

void FdTable::clear(FdPool& pool) {
    for_each([&](std::int64_t, FdEntry& entry) { pool.release(entry); });
    if (low_.capacity() > kKept) std::vector<FdEntry*>().swap(low_); // an ended thread keeps little for the next
    low_.clear();
    used_.clear();
    high_.reset();
    count_ = 0;
    recount(pool);
}

void FdTable::share_from(const FdTable& other, FdPool& pool) {
    if (&other == this) return;
    clear(pool);
    if (!pool.has_room(other.table_bytes(), other.count_)) return;
    low_ = other.low_;
    used_ = other.used_;
    if (other.high_) high_ = std::make_unique<std::unordered_map<std::int64_t, FdEntry*>>(*other.high_);
    count_ = other.count_;
    recount(pool);
    for_each([&](std::int64_t, FdEntry& entry) { pool.retain(entry); });
}

FdEntry* FdTable::writable(std::int64_t fd, FdPool& pool) {
    FdEntry* entry = find(fd);
    if (!entry || entry->refs == 1) return entry;
    FdEntry* copy = pool.take_copy(entry->info);
    if (copy) set(fd, *copy, pool);
    return copy;
}

} // namespace gyr::replay
