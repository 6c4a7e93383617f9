#include "journal/journal.h"

#include "alerts/lookup.h"
#include "alerts/parse.h"
#include "base/clock.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace gyr::journal {
namespace {

// Cursors that move while nothing is committed are saved on their own, after a while, so that the outputs share it. It
// grows with what that costs (a disk that must sync), to a twentieth of the thread's time.
constexpr Nanos kCursorPause = 5'000'000;
constexpr Nanos kLongestPause = 200'000'000;

} // namespace

Subscription::Subscription(Journal& journal, std::string name, int wake_fd)
    : journal_(journal), name_(std::move(name)), wake_fd_(wake_fd) {}

Subscription::~Subscription() { journal_.forget(*this); }

std::unique_ptr<Subscription> Journal::subscribe(std::string name, int wake_fd, Start start) {
    std::unique_ptr<Subscription> subscription(new Subscription(*this, std::move(name), wake_fd));
    subscription->start_ = start;
    const std::lock_guard lock(mutex_);
    const auto cursor = cursors_.find(subscription->name());
    const bool resume =
        cursor != cursors_.end() && (start == Start::resume || crashed_ || seen_.contains(subscription->name()));
    // Records that came while nobody listened yet (the agent's own first words) are for everybody.
    const std::uint64_t begin = recent_.empty() || complete_ ? end_ : recent_.front().sequence - 1;
    subscription->next_ = resume ? std::min(cursor->second, end_) : begin;
    subscription->delivered_.store(subscription->next_, std::memory_order_release);
    seen_.insert(subscription->name());
    subscriptions_.push_back(subscription.get());
    new_cursor_ = true;
    arrived_.notify_one();
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto n = ::write(wake_fd, &one, sizeof one);
    return subscription;
}

std::unique_ptr<Subscription> Journal::listen(int wake_fd) {
    std::unique_ptr<Subscription> subscription(new Subscription(*this, "stream", wake_fd));
    subscription->keep_ = false;
    const std::lock_guard lock(mutex_);
    subscription->next_ = end_;
    subscription->delivered_.store(end_, std::memory_order_release);
    subscriptions_.push_back(subscription.get());
    return subscription;
}

void Journal::forget(Subscription& subscription) {
    const std::lock_guard lock(mutex_);
    if (subscription.keep_) {
        cursors_[subscription.name()] = subscription.position();
        moved_ = true;
        arrived_.notify_one();
    }
    std::erase(subscriptions_, &subscription);
}

std::vector<Entry> Subscription::read(std::size_t max_records, std::size_t max_bytes) {
    std::vector<Entry> out;
    if (late_at_.load(std::memory_order_acquire) != kNothingLate) out = read_late(max_records, max_bytes);
    if (!out.empty()) return out;
    {
        const std::lock_guard lock(journal_.mutex_);
        if (!lost_.empty() || vanished_ > 0) {
            GapRecord gap =
                lost_.take("output " + name_, "it had not arrived when its time was over", journal_.options_.hostname);
            gap.count += vanished_;
            vanished_ = 0;
            out.push_back({lost_upto_, std::make_shared<const AlertRecord>(std::move(gap))});
        }
        if (next_ >= journal_.end_) return out;
        const auto& recent = journal_.recent_;
        if (!recent.empty() && next_ + 1 >= recent.front().sequence) {
            std::size_t bytes = 0;
            auto at = std::ranges::lower_bound(recent, next_ + 1, {}, &Journal::Recent::sequence);
            for (; at < recent.end() && out.size() < max_records && bytes < max_bytes; ++at) {
                next_ = at->sequence;
                if (at->rolled != Rolled::no) continue;
                bytes += at->bytes;
                out.push_back({at->sequence, at->record});
            }
            return out;
        }
    }
    if (!out.empty()) return out;
    return read_disk(max_records, max_bytes);
}

// What the file holds behind `after`, up to `upto`; without the mutex.
Subscription::Stored Subscription::read_stored(std::uint64_t after, std::uint64_t upto, std::size_t max_records,
                                               std::size_t max_bytes) {
    Stored out;
    out.last = after;
    if (!reader_) {
        auto reader = StoreReader::open(journal_.options_.path);
        if (!reader) return out;
        reader_ = std::make_unique<StoreReader>(std::move(*reader));
    }
    const auto stored = reader_->read(after, max_records, max_bytes, true);
    if (!stored) {
        reader_.reset();
        return out;
    }
    out.readable = true;
    for (const StoredRecord& record : *stored) {
        if (record.sequence > upto) break;
        out.last = record.sequence;
        if (auto parsed = parse_record(record.text))
            out.entries.push_back({out.last, std::make_shared<const AlertRecord>(std::move(*parsed))});
        else
            ++out.unreadable;
    }
    return out;
}

// Empty: there is no more of it, and what had been read has arrived.
std::vector<Entry> Subscription::read_late(std::size_t max_records, std::size_t max_bytes) {
    for (;;) {
        std::uint64_t after = 0, end = 0;
        {
            const std::lock_guard lock(journal_.mutex_);
            if (late_at_ == kNothingLate) return {};
            after = late_next_;
            end = late_end_;
            if (std::exchange(file_, journal_.file_) != journal_.file_) reader_.reset();
        }
        Stored stored = read_stored(after, end, max_records, max_bytes);
        const std::lock_guard lock(journal_.mutex_);
        // Else retention has passed by, or the file has gone, and that is declared.
        if (late_next_ != after || late_end_ != end || late_at_ == kNothingLate) continue;
        late_next_ = stored.last;
        late_left_ -= std::min<std::uint64_t>(late_left_, stored.entries.size() + stored.unreadable);
        vanished_ += stored.unreadable;
        if (!stored.entries.empty()) return std::move(stored.entries);
        if (stored.last != after) continue; // nothing of it could be read
        if (!stored.readable) vanished_ += std::exchange(late_left_, 0);
        late_at_.store(kNothingLate, std::memory_order_release);
        journal_.moved_ = true;
        journal_.arrived_.notify_one();
        return {};
    }
}

// With the file; mutex_ is held.
void Subscription::late_is_gone() {
    if (late_at_.exchange(kNothingLate, std::memory_order_acq_rel) == kNothingLate) return;
    vanished_ += std::exchange(late_left_, 0);
}

std::vector<Entry> Subscription::read_disk(std::size_t max_records, std::size_t max_bytes) {
    std::uint64_t after = 0;
    std::uint64_t memory_begins = 0;
    {
        const std::lock_guard lock(journal_.mutex_);
        after = next_;
        memory_begins = journal_.recent_.empty() ? journal_.end_ + 1 : journal_.recent_.front().sequence;
        if (std::exchange(file_, journal_.file_) != journal_.file_) reader_.reset();
    }
    Stored stored = read_stored(after, memory_begins - 1, max_records, max_bytes);
    const std::lock_guard lock(journal_.mutex_);
    if (next_ != after) return {}; // retention has passed by in the meantime and declared it
    // Nothing more on disk for us: what is left before memory begins was rolled up, or cannot be read.
    if (stored.last == after && memory_begins > after + 1) {
        stored.last = memory_begins - 1;
        if (!stored.readable) stored.unreadable = stored.last - after;
    }
    next_ = stored.last;
    if (stored.unreadable > 0) {
        vanished_ += stored.unreadable; // what no record can be made of is lost as well
        lost_upto_ = stored.last;
    }
    if (!stored.entries.empty()) return std::move(stored.entries);
    const std::uint64_t one = 1; // look again, in memory
    [[maybe_unused]] const auto n = ::write(wake_fd_, &one, sizeof one);
    return {};
}

void Subscription::delivered(std::uint64_t sequence) {
    if (late_at_.load(std::memory_order_acquire) != kNothingLate) {
        const std::lock_guard lock(journal_.mutex_);
        if (late_at_ != kNothingLate && sequence <= late_end_) {
            // What is on its way since before has a number of then.
            if (sequence <= late_next_ && sequence > late_at_) late_at_.store(sequence, std::memory_order_release);
            journal_.moved_ = true;
            journal_.arrived_.notify_one();
            return;
        }
    }
    if (sequence <= delivered_.load(std::memory_order_acquire)) return;
    delivered_.store(sequence, std::memory_order_release);
    if (!keep_ || journal_.moved_.exchange(true)) return;
    const std::lock_guard lock(journal_.mutex_); // not between the journal's look at it and its sleep
    journal_.arrived_.notify_one();
}

// Of the cursors that are kept, those that are not saved as they are now.
Cursors Journal::moved_cursors() {
    Cursors changed;
    moved_ = false; // what moves from here on is for the next time
    moved_at_ = 0;
    const std::lock_guard lock(mutex_);
    for (const Subscription* subscription : subscriptions_) {
        if (subscription->keep_) cursors_[subscription->name()] = subscription->position();
    }
    for (const auto& [output, sequence] : cursors_) {
        const auto saved = saved_cursors_.find(output);
        if (saved == saved_cursors_.end() || saved->second != sequence) changed[output] = sequence;
    }
    return changed;
}

void Journal::cursors_saved(const Cursors& cursors) {
    if (cursors.empty()) return;
    for (const auto& [output, sequence] : cursors) saved_cursors_[output] = sequence;
    cursors_at_ = steady_now();
}

void Journal::save_cursors() {
    const Nanos begin = steady_now();
    const Cursors changed = moved_cursors();
    if (changed.empty() || !store_) return;
    if (const Result<> done = store_->save_cursors(changed); !done) {
        moved_ = true;
        give_up_store(done.error().message, store_->trouble());
        return;
    }
    cursors_saved(changed);
    cursor_pause_ = std::clamp(20 * (steady_now() - begin), kCursorPause, kLongestPause);
}

StoreReader::Lag Journal::lag(std::uint64_t position) const {
    StoreReader::Lag in_memory{};
    {
        const std::lock_guard lock(mutex_);
        if (position >= end_) return {};
        for (const Recent& recent : recent_) {
            if (recent.sequence <= position || recent.rolled != Rolled::no) continue;
            if (in_memory.count++ == 0) in_memory.oldest = time_of(*recent.record);
        }
        if (!recent_.empty() && position + 1 >= recent_.front().sequence) return in_memory;
    }
    auto reader = StoreReader::open(options_.path);
    if (!reader) return in_memory; // there is no more
    return reader->lag(position).value_or(in_memory);
}

} // namespace gyr::journal
