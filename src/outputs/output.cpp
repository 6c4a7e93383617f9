#include "outputs/output.h"

#include "alerts/lookup.h"
#include "base/clock.h"
#include "base/thread_signals.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <utility>

#include <sys/eventfd.h>
#include <unistd.h>

namespace gyr::outputs {
namespace {

constexpr Nanos kMillisecond = 1'000'000;
constexpr Nanos kFirstBackoff = 100 * kMillisecond;
constexpr Nanos kSettled = 1000 * kMillisecond; // a receiver that stays for so long has come back
constexpr int kRefusals = 5;                    // attempts before a record that is refused is given up
constexpr std::array<std::size_t, 2> kShorter = {64U << 10, 8U << 10}; // bytes of its text, before that
constexpr std::size_t kBatchBytes = 4U << 20;                          // of records read at once

} // namespace

Output::Output(OutputOptions options, RecordFilter filter, std::unique_ptr<Channel> channel, journal::Journal& journal,
               journal::Start start, OutputEvents events)
    : options_(std::move(options)), filter_(std::move(filter)), events_(std::move(events)),
      channel_(std::move(channel)), batch_(options_.batch != 0 ? options_.batch : standard_batch(options_.type)),
      width_(batch_) {
    patience_.wake_fd = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    subscription_ = journal.subscribe(options_.name, patience_.wake_fd, start);
    thread_ = std::thread([this] {
        block_signals();
        run();
    });
}

Output::~Output() {
    close(0);
    subscription_.reset(); // before its descriptor
    ::close(patience_.wake_fd);
}

void Output::begin_close(Nanos timeout) {
    patience_.until.store(std::min(steady_now() + timeout, patience_.until.load()), std::memory_order_release);
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto n = ::write(patience_.wake_fd, &one, sizeof one);
}

void Output::close(Nanos timeout) {
    begin_close(timeout);
    if (thread_.joinable()) thread_.join();
}

void Output::reopen() {
    reopen_.store(true, std::memory_order_release);
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto n = ::write(patience_.wake_fd, &one, sizeof one);
}

OutputStats Output::stats() const {
    const std::lock_guard lock(mutex_);
    return stats_;
}

void Output::run() {
    for (;;) {
        reopen_if_asked();
        declare_refused();
        std::vector<journal::Entry> entries = subscription_->read(batch_, kBatchBytes);
        Step step = Step::done;
        if (!entries.empty()) {
            step = deliver(std::move(entries));
        } else if (closing()) {
            step = Step::out_of_time; // all has been delivered
        } else {
            switch (channel_->wait_idle(patience_)) {
            case Idle::woken: break;
            case Idle::broken: step = repeat(); break;
            case Idle::closed: step = Step::closed; break;
            }
        }
        if (step == Step::out_of_time) break;
        if (step == Step::closed) {
            {
                const std::lock_guard lock(mutex_);
                stats_.problem = "its reader has gone";
            }
            if (events_.on_closed) events_.on_closed();
            return;
        }
    }
    channel_->finish(patience_);
}

Output::Step Output::deliver(std::vector<journal::Entry> entries) {
    std::vector<Item> items;
    std::vector<std::uint64_t> sequences;
    const std::uint64_t last = entries.back().sequence;
    for (journal::Entry& entry : entries) {
        if (!filter_.matches(*entry.record)) continue;
        std::string text = format_record(*entry.record, options_.format);
        items.push_back({std::move(entry.record), std::move(text)});
        sequences.push_back(entry.sequence);
    }
    if (items.size() < entries.size()) {
        const std::lock_guard lock(mutex_);
        stats_.filtered += entries.size() - items.size();
    }
    const Step step = items.empty() ? Step::done : send_all(items, sequences);
    if (step == Step::done) subscription_->delivered(last);
    return step;
}

void Output::reopen_if_asked() {
    if (reopen_.exchange(false, std::memory_order_acq_rel)) channel_->reopen();
}

// What had been handed over when the receiver broke, though nothing new is there to be sent. One that goes away again
// at once and has kept nothing (a program that ends, a port behind which nobody is) is left alone for longer each time.
Output::Step Output::repeat() {
    if (steady_now() >= repeats_.settled_at) repeats_ = {};
    backoff_ = repeats_.backoff;
    if (repeats_.in_vain > 0) {
        trouble("the receiver goes away as soon as it has been sent something");
        if (!back_off(0)) return Step::out_of_time;
    }
    for (;;) {
        reopen_if_asked();
        const SendResult result = channel_->send({}, patience_);
        if (result.outcome == Sent::all) {
            if (repeats_.in_vain == 0) trouble_over();
            const bool progress = result.done < repeats_.records;
            repeats_ = {.records = result.done,
                        .in_vain = progress ? 0 : repeats_.in_vain + 1,
                        .backoff = progress ? 0 : backoff_,
                        .settled_at = steady_now() + kSettled + 2 * backoff_};
            return Step::done;
        }
        trouble(result.problem);
        if (!back_off(result.wait)) return Step::out_of_time;
    }
}

Output::Step Output::send_all(std::vector<Item>& items, const std::vector<std::uint64_t>& sequences) {
    std::size_t done = 0;
    int refusals = 0;
    bool one_by_one = false; // after a batch was refused
    backoff_ = 0;
    while (done < items.size()) {
        reopen_if_asked();
        const std::size_t count = std::min(one_by_one ? 1 : width_, items.size() - done);
        SendResult result = channel_->send(std::span(items).subspan(done, count), patience_);
        if (result.outcome == Sent::all) result.done = count;
        for (std::size_t i = 0; i < result.done; ++i) arrived(items[done + i]);
        if (result.done > 0) {
            done += result.done;
            subscription_->delivered(sequences[done - 1]);
            backoff_ = 0;
            refusals = 0;
        }
        switch (result.outcome) {
        case Sent::all:
            width_ = std::min(batch_, width_ * 2);
            trouble_over();
            continue;
        case Sent::closed: return Step::closed;
        case Sent::refused:
            trouble(result.problem);
            if (count > 1 && result.done == 0) {
                one_by_one = true; // which of them is it?
                continue;
            }
            if (++refusals >= kRefusals) {
                refusals = 0;
                if (shorten(items[done])) continue;
                give_up(items[done], result.problem);
                subscription_->delivered(sequences[done++]);
                continue;
            }
            break;
        case Sent::retry:
            if (!result.problem.empty()) trouble(result.problem);
            // A receiver so slow that a whole batch takes longer than the timeout gets less at once.
            if (result.done == 0) width_ = std::max<std::size_t>(1, width_ / 2);
            break;
        }
        if (!back_off(result.wait)) return Step::out_of_time;
    }
    return Step::done;
}

// A record that is refused may only be too long: nobody hides an alert by long arguments. False: it cannot be it.
bool Output::shorten(Item& item) {
    for (const std::size_t most : kShorter) {
        if (item.text.size() <= most) continue;
        Item shorter = shortened(item, options_.format, most);
        if (shorter.text.size() >= item.text.size()) continue;
        if (events_.on_problem)
            events_.on_problem(fmt::format("output {}: {} is refused; trying it with its long values cut",
                                           options_.name, delivery_id(*item.record)));
        item = std::move(shorter);
        return true;
    }
    return false;
}

// False: the end has come first.
bool Output::back_off(Nanos asked) {
    backoff_ = std::min(options_.backoff_max, backoff_ == 0 ? kFirstBackoff : backoff_ * 2);
    const Nanos until = steady_now() + std::min(std::max(backoff_, asked), std::max(options_.backoff_max, backoff_));
    for (;;) {
        const Nanos end = patience_.until.load(std::memory_order_acquire);
        if (steady_now() >= end) return false;
        if (steady_now() >= until) return true;
        // Wakes at new records too; they do not make it any sooner.
        wait_for_wake(patience_, std::min(until, end));
        if (reopen_.load(std::memory_order_acquire)) return true;
    }
}

void Output::arrived(const Item& item) {
    const Nanos now = wall_now();
    const Nanos latency = std::max<Nanos>(0, now - time_of(*item.record));
    if (events_.on_delivered) events_.on_delivered(*item.record, latency);
    const std::lock_guard lock(mutex_);
    ++stats_.delivered;
    stats_.last_delivery = now;
    stats_.last_latency = latency;
}

void Output::trouble(const std::string& problem) {
    bool news = false;
    {
        const std::lock_guard lock(mutex_);
        ++stats_.failures;
        news = stats_.problem.empty();
        stats_.problem = problem;
    }
    if (news && events_.on_problem)
        events_.on_problem(fmt::format("output {}: {}; trying again", options_.name, problem));
}

void Output::trouble_over() {
    {
        const std::lock_guard lock(mutex_);
        if (stats_.problem.empty()) return;
        stats_.problem.clear();
    }
    if (events_.on_problem) events_.on_problem(fmt::format("output {}: works again", options_.name));
}

void Output::give_up(const Item& item, const std::string& problem) {
    refused_.add(*item.record);
    {
        const std::lock_guard lock(mutex_);
        ++stats_.refused;
    }
    if (events_.on_problem)
        events_.on_problem(
            fmt::format("output {}: gave up on {}: {}", options_.name, delivery_id(*item.record), problem));
}

// Tells the receiver itself what it refused. When it refuses that as well, the log has it.
void Output::declare_refused() {
    if (refused_.empty()) return;
    LossTally tally = refused_;
    const auto gap = std::make_shared<const AlertRecord>(
        tally.take("output " + options_.name, "the receiver refused it", options_.hostname));
    const Item item{gap, format_record(*gap, options_.format)};
    if (channel_->send(std::span(&item, 1), patience_).outcome != Sent::retry) refused_ = {};
}

} // namespace gyr::outputs
