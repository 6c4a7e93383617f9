// The journal's file: opened, taken over from an earlier agent, left for memory or for another. Called by the journal's
// thread, or before there is one.

#include "journal/journal.h"

#include "alerts/format.h"
#include "alerts/parse.h"
#include "base/clock.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace gyr::journal {

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
    const std::string aside = fmt::format("{}.damaged-{}", options_.path, wall_now() / 1'000'000'000);
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

} // namespace gyr::journal
