#include "journal/journal.h"

#include "alerts/format.h"
#include "alerts/lookup.h"
#include "base/clock.h"
#include "base/thread_signals.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include <malloc.h>
#include <unistd.h>

namespace gyr::journal {
namespace {

constexpr Nanos kSecond = 1'000'000'000;
constexpr Nanos kRetainEvery = kSecond;
constexpr Nanos kRetainIdle = 60 * kSecond;     // while nothing is written, only the age of records has to be looked at
constexpr Nanos kCursorsApart = kSecond / 1000; // with commits, at most so often
constexpr std::uint64_t kCheckpointEvery = 4U << 20; // bytes of records
constexpr std::size_t kBatchRecords = 4096;          // in one transaction
constexpr std::size_t kUnwrittenBytes = 64U << 20;   // kept for when the file can be written again
constexpr std::size_t kWorthGivingBack = 8U << 20;

} // namespace

Journal::Journal(Options options) : options_(std::move(options)) {
    status_.path = options_.path;
    if (options_.path.empty()) {
        status_.problem = "it is switched off";
    } else {
        // Numbers that a journal found later will not have given yet.
        next_sequence_ = static_cast<std::uint64_t>(wall_now() / 1000);
        end_ = next_sequence_ - 1;
        open_store();
    }
    started_ = true;
    kept_at_ = steady_now();
    thread_ = std::thread([this] {
        block_signals();
        run();
    });
}

Journal::~Journal() {
    close();
    store_.reset();
    if (lock_fd_ >= 0) ::close(lock_fd_);
}

// --- the thread ---

void Journal::notice(std::string kind, std::string message) {
    if (options_.on_problem) options_.on_problem(message);
    push(std::make_shared<const AlertRecord>(
        Notice{wall_now(), std::move(kind), std::move(message), options_.hostname}));
}

void Journal::run() {
    for (;;) {
        std::vector<Incoming> batch;
        const bool closing = take(batch);
        handle(std::move(batch), closing);
        const Nanos now = steady_now();
        housekeeping(now);
        if (closing) {
            const std::lock_guard lock(mutex_);
            if (incoming_.empty() && overflow_.empty()) break; // a notice of housekeeping still counts
        }
    }
    save_cursors();
    if (store_) {
        (void)store_->end_use();
        store_->checkpoint(true);
    }
}

// Waits for records, or for something else to be due. True: the end was asked for.
bool Journal::take(std::vector<Incoming>& batch) {
    std::unique_lock lock(mutex_);
    if (incoming_.empty() && overflow_.empty() && !closing_) {
        const bool moved = moved_at_ != 0; // next_duty() knows of it
        arrived_.wait_until(lock, std::chrono::steady_clock::time_point(std::chrono::nanoseconds(next_duty())),
                            [&] { return !incoming_.empty() || closing_ || new_cursor_ || (moved_ && !moved); });
    }
    if (new_rollup_) rollup_.set_rules(std::move(*std::exchange(new_rollup_, nullptr)));
    if (!overflow_.empty()) {
        auto gap = std::make_shared<const AlertRecord>(
            overflow_.take("journal", "more was reported than could be written", options_.hostname));
        incoming_.push_back(
            {.record = std::move(gap), .bytes = 0, .sequence = 0, .rolled = Rolled::no, .rollup_key = {}});
        ++accepted_;
    }
    while (!incoming_.empty() && batch.size() < kBatchRecords) {
        batch.push_back(std::move(incoming_.front()));
        incoming_.pop_front();
    }
    status_.waiting = incoming_.size();
    return closing_ && incoming_.empty();
}

// When there is something to do though no record comes.
Nanos Journal::next_duty() const {
    const Nanos now = steady_now();
    Nanos until = now + kRetainIdle;
    if (!store_ && !options_.path.empty()) until = std::min(until, retry_at_);
    if (store_) {
        const Nanos age =
            options_.max_age == 0 ? kRetainIdle : std::clamp(options_.max_age / 16, kRetainEvery, kRetainIdle);
        until = kept_at_ == 0 ? 0 : std::min(until, kept_at_ + (written_ ? kRetainEvery : age)); // 0: more to remove
    }
    if (const Nanos rollup = rollup_.next_deadline(); rollup != 0) until = std::min(until, rollup);
    if (store_ && moved_at_ != 0) until = std::min(until, moved_at_ + cursor_pause_);
    return until;
}

void Journal::handle(std::vector<Incoming> batch, bool closing) {
    const std::size_t taken = batch.size();
    std::size_t bytes = 0;
    bool new_cursor = false;
    {
        const std::lock_guard lock(mutex_);
        new_cursor = std::exchange(new_cursor_, false);
    }
    if (store_ && taken_away()) begin_anew(); // before numbers are given: the next file may have given them
    if (new_cursor) save_cursors();           // before there is anything behind it
    for (Incoming& item : batch) {
        item.sequence = next_sequence_++;
        bytes += item.bytes;
    }
    roll_up(batch, closing);
    if (!batch.empty()) publish(batch, commit(batch));
    bool over = false;
    {
        const std::lock_guard lock(mutex_);
        most_waiting_ = std::max(most_waiting_, incoming_bytes_);
        incoming_bytes_ -= bytes;
        settled_ += taken;
        over = incoming_.empty() && most_waiting_ > kWorthGivingBack;
    }
    settling_.notify_all();
    if (!over) return;
    most_waiting_ = 0;
    ::malloc_trim(0); // after a storm: the allocator would keep its memory for good
}

void Journal::roll_up(std::vector<Incoming>& batch, bool closing) {
    const Nanos now = steady_now();
    for (Incoming& item : batch) {
        const Alert* alert = std::get_if<Alert>(item.record.get());
        if (alert == nullptr || rollup_.admit(*alert, item.sequence, now, item.rollup_key)) continue;
        item.rolled = Rolled::open;
    }
    for (Rollup::Summary& summary : rollup_.take_due(now, closing)) {
        told_.push_back({summary.key, summary.upto});
        auto record = std::make_shared<const AlertRecord>(std::move(summary.alert));
        batch.push_back({.record = std::move(record),
                         .bytes = 0,
                         .sequence = next_sequence_++,
                         .rolled = Rolled::no,
                         .rollup_key = {}});
    }
}

bool Journal::commit(const std::vector<Incoming>& batch) {
    if (!store_) {
        if (!options_.path.empty()) keep_unwritten(batch);
        return false;
    }
    const Nanos begin = steady_now();
    const Cursors cursors = begin - cursors_at_ >= kCursorsApart ? moved_cursors() : Cursors();
    std::vector<NewRecord> records;
    records.reserve(batch.size() + unwritten_.size());
    std::uint64_t bytes = 0;
    const auto add = [&](const Incoming& item) {
        if (item.sequence <= store_->head().sequence) return; // somebody put an older copy of the file back
        records.push_back({item.sequence, item.record.get(),
                           format_record(*item.record, {AlertFormat::json, TimeFormat::local}), item.rolled,
                           item.rollup_key});
        bytes += records.back().text.size();
    };
    for (const Incoming& item : unwritten_) add(item);
    for (const Incoming& item : batch) add(item);
    const Result<> done = store_->append(records, told_, cursors);
    if (!done) {
        const Trouble trouble = store_->trouble();
        const std::string why = done.error().message;
        moved_ = true;
        keep_unwritten(batch);
        if (trouble == Trouble::corrupt) {
            set_aside();
            open_store();
            return false; // with the next batch
        }
        give_up_store(why, trouble);
        return false;
    }
    cursors_saved(cursors);
    told_.clear();
    unwritten_.clear();
    unwritten_bytes_ = 0;
    since_checkpoint_ += bytes;
    written_ = true;
    bool again = false;
    {
        const std::lock_guard lock(mutex_);
        ++status_.transactions;
        status_.committed += records.size();
        status_.commit_time += steady_now() - begin;
        status_.head = store_->head().sequence;
        status_.head_digest = to_hex(store_->head().digest);
        if (!recent_.empty()) durable_upto_ = recent_.back().sequence;
        again = !status_.durable;
    }
    if (again) recovered();
    return true;
}

void Journal::recovered() {
    {
        const std::lock_guard lock(mutex_);
        status_.durable = true;
        status_.problem.clear();
    }
    notice("journal", fmt::format("the journal {} is written again", options_.path));
    if (!unkept_.empty())
        push(std::make_shared<const AlertRecord>(
            unkept_.take("journal file", "the journal could not be written", options_.hostname)));
}

void Journal::keep_unwritten(const std::vector<Incoming>& batch) {
    for (const Incoming& item : batch) {
        if (unwritten_bytes_ + item.bytes > kUnwrittenBytes) {
            unkept_.add(*item.record);
            continue;
        }
        unwritten_bytes_ += item.bytes;
        unwritten_.push_back(item);
    }
}

void Journal::publish(std::vector<Incoming>& batch, bool durable) {
    const std::lock_guard lock(mutex_);
    if (durable) durable_upto_ = batch.back().sequence;
    for (Incoming& item : batch) {
        end_ = item.sequence;
        status_.rolled_up += item.rolled == Rolled::no ? 0U : 1U;
        const std::size_t bytes = item.bytes != 0 ? item.bytes : approximate_bytes(*item.record);
        recent_bytes_ += bytes;
        recent_.push_back({item.sequence, std::move(item.record), bytes, item.rolled, std::move(item.rollup_key)});
    }
    trim();
    notify();
}

// What the outputs have passed, or can read from the file, need not stay; the rest only as long as there is room.
void Journal::trim() {
    while (recent_bytes_ > options_.recent_bytes && recent_.size() > 1) {
        const Recent& oldest = recent_.front();
        if (oldest.sequence > durable_upto_ && oldest.rolled == Rolled::no) {
            for (Subscription* subscription : subscriptions_) {
                if (subscription->next_ < oldest.sequence) declare(*subscription, *oldest.record, oldest.sequence);
            }
        }
        recent_bytes_ -= oldest.bytes;
        recent_.pop_front();
    }
}

void Journal::declare(Subscription& subscription, const AlertRecord& record, std::uint64_t sequence) {
    subscription.lost_.add(record);
    subscription.next_ = subscription.lost_upto_ = sequence;
}

void Journal::notify() {
    const std::uint64_t one = 1;
    for (const Subscription* subscription : subscriptions_) {
        [[maybe_unused]] const auto n = ::write(subscription->wake_fd_, &one, sizeof one);
    }
}

void Journal::housekeeping(Nanos now) {
    if (!store_ && !options_.path.empty() && now >= retry_at_) {
        retry_at_ = now + options_.retry_every;
        open_store();
    }
    if (store_ && !unwritten_.empty()) (void)commit({}); // what waits for it
    if (moved_at_ == 0 && moved_) moved_at_ = now;
    if (!store_) return;
    if (moved_at_ != 0 && now >= moved_at_ + cursor_pause_) save_cursors();
    if (!store_) return;
    if (now - kept_at_ >= kRetainEvery) retain(now);
    if (since_checkpoint_ >= kCheckpointEvery) {
        since_checkpoint_ = 0;
        store_->checkpoint(false);
    }
}

void Journal::retain(Nanos now) {
    kept_at_ = now;
    written_ = false;
    if (taken_away()) {
        begin_anew();
        if (store_ && !unwritten_.empty()) (void)commit({});
    }
    if (!store_) return;
    std::vector<Overrun> overruns;
    const Result<bool> more = store_->retain(wall_now(), overruns);
    if (!more) {
        give_up_store(more.error().message, store_->trouble());
        return;
    }
    if (*more) kept_at_ = 0;
    const std::uint64_t bytes = store_->bytes();
    const std::lock_guard lock(mutex_);
    status_.bytes = bytes;
    for (const Overrun& overrun : overruns) {
        for (Subscription* subscription : subscriptions_) {
            const bool late = subscription->late_at_ != Subscription::kNothingLate;
            if (subscription->name() != overrun.output ||
                (late ? subscription->late_next_ : subscription->next_) >= overrun.upto)
                continue;
            GapRecord gap;
            gap.from = overrun.from;
            gap.to = overrun.to;
            gap.count = overrun.count;
            gap.rules.assign(overrun.rules.begin(), overrun.rules.end());
            if (late) {
                subscription->lost_.add(gap);
                subscription->late_next_ = overrun.upto;
                subscription->late_left_ -= std::min(subscription->late_left_, overrun.count);
            } else {
                declare(*subscription, gap, overrun.upto);
            }
        }
    }
    if (!overruns.empty()) notify();
}

// --- the callers ---

void Journal::push(AlertRecordPtr record) {
    const std::size_t bytes = approximate_bytes(*record);
    bool first = false;
    {
        const std::lock_guard lock(mutex_);
        if ((incoming_bytes_ + bytes > options_.queue_bytes && !std::holds_alternative<GapRecord>(*record)) ||
            (closing_ && !thread_.joinable())) {
            overflow_.add(*record);
            ++status_.lost;
            return;
        }
        ++accepted_;
        first = incoming_.empty();
        incoming_bytes_ += bytes;
        incoming_.push_back(
            {.record = std::move(record), .bytes = bytes, .sequence = 0, .rolled = Rolled::no, .rollup_key = {}});
    }
    if (first) arrived_.notify_one();
}

void Journal::flush() {
    std::unique_lock lock(mutex_);
    const std::uint64_t wanted = accepted_;
    settling_.wait(lock, [&] { return settled_ >= wanted; });
}

void Journal::close() {
    {
        const std::lock_guard lock(mutex_);
        closing_ = true;
    }
    arrived_.notify_one();
    if (thread_.joinable()) thread_.join();
}

Status Journal::status() const {
    const std::lock_guard lock(mutex_);
    return status_;
}

void Journal::outputs_complete() {
    const std::lock_guard lock(mutex_);
    complete_ = true;
}

void Journal::set_rollup(RollupRules rules) {
    const std::lock_guard lock(mutex_);
    new_rollup_ = std::make_unique<RollupRules>(std::move(rules));
}

} // namespace gyr::journal
