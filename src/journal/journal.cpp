#include "journal/journal.h"

#include "alerts/format.h"
#include "alerts/lookup.h"
#include "alerts/parse.h"
#include "base/clock.h"
#include "base/thread_signals.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <utility>

#include <fcntl.h>
#include <malloc.h>
#include <sys/file.h>
#include <sys/stat.h>
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

// --- the file ---

bool Journal::lock_file() {
    if (lock_fd_ >= 0) return true;
    const std::string path = options_.path + ".lock";
    constexpr int kFlags = O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW;
    int fd = ::open(path.c_str(), kFlags | O_EXCL, 0600);
    locked_before_ = fd < 0 && errno == EEXIST;
    if (locked_before_) fd = ::open(path.c_str(), kFlags, 0600);
    if (fd < 0) {
        give_up_store(fmt::format("cannot open {}: {}", path, std::strerror(errno)), Trouble::other);
        return false;
    }
    if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
        ::close(fd);
        give_up_store(fmt::format("another agent uses {}", options_.path), Trouble::other);
        return false;
    }
    lock_fd_ = fd;
    return true;
}

void Journal::open_store() {
    std::error_code error;
    const std::filesystem::path folder = std::filesystem::path(options_.path).parent_path();
    if (!folder.empty() && !std::filesystem::exists(folder, error)) {
        std::filesystem::create_directories(folder, error);
        std::filesystem::permissions(folder, std::filesystem::perms::owner_all, error);
    }
    if (!lock_file()) return;
    // Alerts carry command lines, and so may carry secrets.
    if (const int fd = ::open(options_.path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600); fd >= 0) ::close(fd);
    Store::Options store_options{.path = options_.path,
                                 .max_bytes = options_.max_bytes,
                                 .max_age = options_.max_age,
                                 .sync = options_.sync,
                                 .limit_bytes_for_test = options_.limit_bytes_for_test};
    Trouble trouble = Trouble::none;
    auto store = Store::open(store_options, trouble);
    if (!store && trouble == Trouble::corrupt && !locked_before_) {
        refuse_strange_file();
        return;
    }
    if (!store && trouble == Trouble::corrupt) {
        set_aside();
        store = Store::open(store_options, trouble);
    }
    if (!store) {
        give_up_store(store.error().message, trouble);
        return;
    }
    if (const Result<> begun = begin_from(*store); !begun) {
        give_up_store(begun.error().message, store->trouble());
        return;
    }
    store_ = std::make_unique<Store>(std::move(*store));
    locked_before_ = true;
    struct stat info {};
    ::stat(options_.path.c_str(), &info);
    device_ = info.st_dev;
    inode_ = info.st_ino;
    if (started_) { // it may be another file than the one that has them
        saved_cursors_.clear();
        moved_ = true;
    }
    const std::lock_guard lock(mutex_);
    // After trouble it is only believed when something has been written (recovered()).
    status_.durable = status_.problem.empty();
}

// Takes over what the file knows: the head and, once, what an earlier agent left.
Result<> Journal::begin_from(Store& store) {
    const Result<bool> in_use = store.begin_use();
    if (!in_use) return std::unexpected(in_use.error());
    const std::uint64_t head = store.head().sequence;
    const std::lock_guard lock(mutex_);
    if (started_ && !begun_) {
        const Result<bool> ours = has_ours(store);
        if (!ours) return std::unexpected(ours.error());
        begun_ = *ours;
        if (!begun_) number_above(head);
    }
    status_.head = head;
    status_.head_digest = to_hex(store.head().digest);
    if (end_ < head || !started_) {
        next_sequence_ = started_ ? std::max(head + 1, next_sequence_) : head + 1;
        end_ = next_sequence_ - 1;
    }
    if (begun_) return {};
    const Result<> taken = take_over(store, *in_use);
    begun_ = taken.has_value();
    return taken;
}

// Whether somebody put our own file back, or an older copy of it.
Result<bool> Journal::has_ours(Store& store) {
    if (recent_.empty() || store.head().sequence < recent_.front().sequence) return false;
    return store.has(recent_.front().sequence,
                     format_record(*recent_.front().record, {AlertFormat::json, TimeFormat::local}));
}

// A file that was found late may have given the numbers that records in memory have: those get higher ones.
void Journal::number_above(std::uint64_t head) {
    const std::uint64_t first = recent_.empty() ? end_ + 1 : recent_.front().sequence;
    if (head < first) return;
    const std::uint64_t by = head + 1 - first;
    for (Recent& recent : recent_) recent.sequence += by;
    for (Incoming& item : unwritten_) item.sequence += by;
    for (Subscription* subscription : subscriptions_) {
        subscription->next_ += by;
        subscription->lost_upto_ += by;
        subscription->delivered_.fetch_add(by, std::memory_order_acq_rel);
    }
    rollup_.shift(by);
    next_sequence_ += by;
    end_ += by;
}

// Cursors, and roll-ups that are still open. Outputs that are at work already are given what they had not taken.
Result<> Journal::take_over(Store& store, bool crashed) {
    if (!started_) crashed_ = crashed;
    const auto open = store.open_rollups();
    if (!open) return std::unexpected(open.error());
    Cursors found;
    for (const std::string& output : options_.outputs) {
        const auto at = store.cursor(output);
        if (!at) return std::unexpected(at.error());
        if (*at) found[output] = **at;
    }
    for (Subscription* subscription : subscriptions_) {
        const auto at = subscription->keep_ ? found.find(subscription->name()) : found.end();
        if (at == found.end() || (subscription->start_ == Start::after_crash && !crashed)) continue;
        const Result<std::uint64_t> left = store.count_told(at->second);
        if (!left) return std::unexpected(left.error());
        if (*left == 0) continue;
        subscription->late_next_ = at->second;
        subscription->late_end_ = store.head().sequence;
        subscription->late_left_ = *left;
        subscription->late_at_.store(at->second, std::memory_order_release);
    }
    notify();
    for (const auto& [output, at] : found) cursors_[output] = at;
    if (!options_.outputs.empty()) (void)store.keep_only_cursors(options_.outputs);
    for (const StoredRecord& stored : *open) {
        const auto record = parse_record(stored.text);
        if (const Alert* alert = record ? std::get_if<Alert>(&*record) : nullptr)
            rollup_.count_again(*alert, stored.rollup_key, stored.sequence);
    }
    return {};
}

void Journal::give_up_store(const std::string& why, Trouble trouble) {
    store_.reset();
    retry_at_ = steady_now() + options_.retry_every;
    bool news = false;
    {
        const std::lock_guard lock(mutex_);
        news = status_.problem != why;
        status_.durable = false;
        status_.problem = why;
    }
    if (!news) return;
    if (options_.demanded || trouble == Trouble::full)
        notice("journal", fmt::format("the journal cannot be written: {}; alerts go on from memory", why));
    else if (options_.on_problem)
        options_.on_problem(fmt::format("no journal is kept: {}", why));
}

// A damaged file is evidence: it is renamed, not removed.
void Journal::set_aside() {
    store_.reset();
    const std::string aside = fmt::format("{}.damaged-{}", options_.path, wall_now() / kSecond);
    ::rename(options_.path.c_str(), aside.c_str());
    for (const char* tail : {"-wal", "-shm"}) ::rename((options_.path + tail).c_str(), (aside + tail).c_str());
    leave_file();
    notice("journal",
           fmt::format("the journal was damaged; what is left of it is now {}, and a new one begins", aside));
}

// Somebody else's, by a mistake in the configuration. Without the lock file it stays that when it is tried again.
void Journal::refuse_strange_file() {
    ::unlink((options_.path + ".lock").c_str());
    ::close(std::exchange(lock_fd_, -1));
    give_up_store(fmt::format("{} is no journal, and is left alone", options_.path), Trouble::other);
}

// What is in memory goes into the file that follows; what is not will never be read, and is declared.
void Journal::leave_file() {
    store_.reset();
    const std::lock_guard lock(mutex_);
    ++file_;
    begun_ = false;
    durable_upto_ = 0;
    const std::uint64_t first = recent_.empty() ? end_ + 1 : recent_.front().sequence;
    for (Subscription* subscription : subscriptions_) {
        subscription->late_is_gone();
        if (subscription->next_ + 1 >= first) continue;
        subscription->vanished_ += first - 1 - subscription->next_;
        subscription->lost_upto_ = subscription->next_ = first - 1;
    }
    const std::uint64_t waiting = unwritten_.empty() ? end_ + 1 : unwritten_.front().sequence;
    std::vector<Incoming> again;
    for (const Recent& recent : recent_) {
        if (recent.sequence >= waiting) break;
        again.push_back({recent.record, recent.bytes, recent.sequence, recent.rolled, recent.rollup_key});
        unwritten_bytes_ += recent.bytes;
    }
    unwritten_.insert(unwritten_.begin(), std::make_move_iterator(again.begin()), std::make_move_iterator(again.end()));
}

// The path leads elsewhere, or nowhere.
bool Journal::taken_away() const {
    struct stat info {};
    if (::stat(options_.path.c_str(), &info) != 0) return errno == ENOENT || errno == ENOTDIR;
    return info.st_dev != device_ || info.st_ino != inode_;
}

void Journal::begin_anew() {
    leave_file();
    ::close(std::exchange(lock_fd_, -1)); // which may have gone as well
    notice("journal", fmt::format("the journal {} was taken away; a new one begins", options_.path));
    open_store();
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
