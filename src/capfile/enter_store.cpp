#include "capfile/enter_store.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace gyr::capfile {
namespace {

constexpr std::size_t kFirstIndex = 1024;
constexpr std::size_t kLook = 64; // slots looked at for one that is not needed any more

std::size_t hash_of(std::int64_t tid) {
    const std::uint64_t x = static_cast<std::uint64_t>(tid) * 0x9e3779b97f4a7c15ULL;
    return static_cast<std::size_t>(x >> 32);
}

} // namespace

EnterStore::EnterStore() : index_(kFirstIndex, kFree) {}

void EnterStore::clear() {
    slots_.clear();
    index_.assign(kFirstIndex, kFree);
    last_ = hand_ = long_hand_ = long_total_ = 0;
}

std::size_t EnterStore::place_of(std::int64_t tid) const {
    const std::size_t mask = index_.size() - 1;
    std::size_t place = hash_of(tid) & mask;
    while (index_[place] != kFree && slots_[index_[place]].tid_ != tid) place = (place + 1) & mask;
    return place;
}

const EnterStore::Slot* EnterStore::find(std::int64_t tid) const {
    const std::uint32_t number = index_[place_of(tid)];
    if (number == kFree || slots_[number].code_ == kEventNone) return nullptr;
    return &slots_[number];
}

void EnterStore::release(std::int64_t tid) {
    const std::uint32_t number = index_[place_of(tid)];
    if (number != kFree) slots_[number].code_ = kEventNone;
}

void EnterStore::keep(std::int64_t tid, EventCode code, std::span<const std::string_view> params) {
    const bool same = last_ < slots_.size() && slots_[last_].tid_ == tid;
    Slot& slot = same ? slots_[last_] : slot_for(tid);
    last_ = static_cast<std::size_t>(&slot - slots_.data());
    slot.code_ = kEventNone;
    std::size_t size = 0;
    for (const std::string_view param : params) size += param.size();
    if (params.size() > kKeptParams || !make_room(slot, size)) {
        ++evictions_;
        return;
    }
    char* to = slot.long_bytes_ ? slot.long_bytes_.get() : slot.short_bytes_.data();
    std::size_t end = 0;
    for (std::size_t i = 0; i < params.size(); ++i) {
        if (!params[i].empty()) std::memcpy(to + end, params[i].data(), params[i].size());
        end += params[i].size();
        slot.ends_[i] = static_cast<std::uint32_t>(end);
    }
    slot.count_ = static_cast<std::uint8_t>(params.size());
    slot.code_ = code;
}

EnterStore::Slot& EnterStore::slot_for(std::int64_t tid) {
    std::size_t place = place_of(tid);
    if (index_[place] != kFree) return slots_[index_[place]];
    std::uint32_t number = 0;
    if (slots_.size() < kMaxThreads) {
        if ((slots_.size() + 1) * 2 > index_.size()) {
            grow_index();
            place = place_of(tid);
        }
        number = static_cast<std::uint32_t>(slots_.size());
        slots_.emplace_back();
    } else {
        number = victim();
        if (slots_[number].code_ != kEventNone) ++evictions_;
        forget(place_of(slots_[number].tid_));
        place = place_of(tid); // forgetting may have moved others
    }
    slots_[number].tid_ = tid;
    index_[place] = number;
    return slots_[number];
}

std::uint32_t EnterStore::victim() {
    for (std::size_t i = 0; i < kLook; ++i) {
        hand_ = (hand_ + 1) % slots_.size();
        if (slots_[hand_].code_ == kEventNone) break;
    }
    return static_cast<std::uint32_t>(hand_);
}

// Takes a place out of the index, and moves up what the probing would no longer find.
void EnterStore::forget(std::size_t place) {
    const std::size_t mask = index_.size() - 1;
    std::size_t hole = place;
    for (std::size_t next = (hole + 1) & mask; index_[next] != kFree; next = (next + 1) & mask) {
        const std::size_t home = hash_of(slots_[index_[next]].tid_) & mask;
        if (((next - home) & mask) >= ((next - hole) & mask)) {
            index_[hole] = index_[next];
            hole = next;
        }
    }
    index_[hole] = kFree;
}

void EnterStore::grow_index() {
    index_.assign(index_.size() * 2, kFree);
    for (std::uint32_t number = 0; number < slots_.size(); ++number) index_[place_of(slots_[number].tid_)] = number;
}

void EnterStore::drop_long(Slot& slot) {
    long_total_ -= slot.long_capacity_;
    slot.long_capacity_ = 0;
    slot.long_bytes_.reset();
}

bool EnterStore::make_room(Slot& slot, std::size_t size) {
    if (slot.long_bytes_ ? size <= slot.long_capacity_ : size <= Slot::kInline) return true;
    if (size > kMaxLong) return false;
    drop_long(slot);
    const std::size_t capacity = std::min(std::bit_ceil(size), kMaxLong);
    while (long_total_ + capacity > kMaxLong) {
        long_hand_ = (long_hand_ + 1) % slots_.size();
        Slot& other = slots_[long_hand_];
        if (!other.long_bytes_) continue;
        if (other.code_ != kEventNone) ++evictions_;
        other.code_ = kEventNone;
        drop_long(other);
    }
    slot.long_bytes_ = std::make_unique_for_overwrite<char[]>(capacity);
    slot.long_capacity_ = static_cast<std::uint32_t>(capacity);
    long_total_ += capacity;
    return true;
}

} // namespace gyr::capfile
