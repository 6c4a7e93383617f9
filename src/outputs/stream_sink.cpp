#include "outputs/stream_sink.h"

#include "alerts/loss_tally.h"
#include "base/clock.h"
#include "outputs/line_writer.h"

#include <fmt/format.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <deque>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>

#include <fcntl.h>
#include <sys/eventfd.h>
#include <unistd.h>

namespace gyr::outputs {
namespace {

// Gap records may exceed the budget by this much: they are what tells that it was exceeded.
constexpr std::size_t kGapReserveBytes = std::size_t{1} << 20;

// Signals are for the main thread; also keeps SIGPIPE from ending the program.
class AllSignalsBlocked {
  public:
    AllSignalsBlocked() {
        sigset_t all;
        sigfillset(&all);
        ::pthread_sigmask(SIG_SETMASK, &all, &before_);
    }
    ~AllSignalsBlocked() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
    AllSignalsBlocked(const AllSignalsBlocked&) = delete;
    AllSignalsBlocked& operator=(const AllSignalsBlocked&) = delete;

  private:
    sigset_t before_{};
};

class StreamSink final : public AlertSink {
  public:
    StreamSink(StreamSinkOptions options, int wake_fd)
        : options_(std::move(options)), stage_("output " + options_.name), writer_(options_.fd) {
        patience_.wake_fd = wake_fd;
        const AllSignalsBlocked blocked;
        thread_ = std::thread([this] {
            run();
            writer_.release();
        });
    }
    ~StreamSink() override {
        close(0);
        ::close(patience_.wake_fd);
    }
    StreamSink(const StreamSink&) = delete;
    StreamSink& operator=(const StreamSink&) = delete;

    void push(AlertRecordPtr record) override {
        const std::size_t bytes = approximate_bytes(*record);
        const bool gap = std::holds_alternative<GapRecord>(*record);
        bool was_empty = false;
        {
            const std::lock_guard lock(mutex_);
            ++stats_.accepted;
            if (ended_) {
                ++stats_.lost;
                return;
            }
            if (queued_bytes_ + bytes > options_.buffer_bytes + (gap ? kGapReserveBytes : 0)) {
                overflow_.add(*record);
                ++stats_.lost;
                return;
            }
            was_empty = queue_.empty();
            if (!overflow_.empty()) {
                declare_overflow();
            }
            queued_bytes_ += bytes;
            queue_.push_back({std::move(record), bytes, true});
        }
        if (was_empty) {
            wake();
        }
    }

    void close(Nanos timeout) override {
        {
            const std::lock_guard lock(mutex_);
            closing_ = true;
        }
        patience_.until.store(steady_now() + timeout, std::memory_order_release);
        wake();
        if (thread_.joinable()) {
            thread_.join();
        }
    }

    [[nodiscard]] SinkStats stats() const override {
        const std::lock_guard lock(mutex_);
        return stats_;
    }
    [[nodiscard]] const std::string& name() const override { return options_.name; }

  private:
    struct Item {
        AlertRecordPtr record;
        std::size_t bytes = 0;
        bool pushed = false; // by a caller, not made here
    };

    void wake() const {
        const std::uint64_t one = 1;
        [[maybe_unused]] const ssize_t n = ::write(patience_.wake_fd, &one, sizeof one);
    }

    // REQUIRES: mutex_ held, overflow_ not empty.
    void declare_overflow() {
        auto gap = std::make_shared<const AlertRecord>(
            overflow_.take(stage_, "the receiver took less than was reported", options_.hostname));
        const std::size_t bytes = approximate_bytes(*gap);
        queued_bytes_ += bytes;
        queue_.push_back({std::move(gap), bytes, false});
    }

    // The next record to write; false when there is none now.
    bool take(Item& item) {
        const std::lock_guard lock(mutex_);
        if (queue_.empty() && !overflow_.empty()) {
            declare_overflow();
        }
        if (queue_.empty()) {
            return false;
        }
        item = std::move(queue_.front());
        queue_.pop_front();
        return true;
    }

    void finish(const Item& item, WriteOutcome outcome) {
        const std::lock_guard lock(mutex_);
        queued_bytes_ -= item.bytes;
        if (outcome == WriteOutcome::written) {
            stats_.delivered += item.pushed ? 1U : 0U;
            return;
        }
        stats_.lost += item.pushed ? 1U : 0U;
        if (outcome == WriteOutcome::error) {
            failed_.add(*item.record);
        }
    }

    // Counts whatever is left and takes no more.
    void end() {
        const std::lock_guard lock(mutex_);
        ended_ = true;
        for (const Item& item : queue_) {
            stats_.lost += item.pushed ? 1U : 0U;
        }
        queue_.clear();
        queued_bytes_ = 0;
    }

    [[nodiscard]] bool closing() const {
        const std::lock_guard lock(mutex_);
        return closing_;
    }

    WriteOutcome write(const AlertRecord& record) {
        std::string line = format_record(record, options_.format);
        line += '\n';
        return writer_.write_line(std::move(line), patience_);
    }

    // Before the first line after a failure: what failed.
    WriteOutcome declare_failure() {
        if (failed_.empty()) {
            return WriteOutcome::written;
        }
        LossTally tally = failed_;
        const AlertRecord gap = tally.take(stage_, "writing failed", options_.hostname);
        const WriteOutcome outcome = write(gap);
        if (outcome == WriteOutcome::written) {
            failed_ = {};
        }
        return outcome;
    }

    void report_failure() {
        if (!problem_told_ && options_.on_problem) {
            options_.on_problem(fmt::format("{}: cannot write: {}; alerts are being lost", options_.name,
                                            std::strerror(writer_.last_error())));
        }
        problem_told_ = true;
    }

    void run() {
        while (true) {
            Item item;
            if (!take(item)) {
                if (closing()) {
                    break;
                }
                if (writer_.wait_idle(patience_)) {
                    end();
                    tell_closed();
                    return;
                }
                continue;
            }
            WriteOutcome outcome = declare_failure();
            if (outcome == WriteOutcome::written) {
                outcome = write(*item.record);
            }
            finish(item, outcome);
            if (outcome == WriteOutcome::written) {
                problem_told_ = false;
            } else if (outcome == WriteOutcome::error) {
                report_failure();
            } else {
                end();
                if (outcome == WriteOutcome::reader_gone) {
                    tell_closed();
                }
                return;
            }
        }
        [[maybe_unused]] const WriteOutcome told = declare_failure(); // the last chance
        end();
    }

    void tell_closed() const {
        if (options_.on_closed) {
            options_.on_closed();
        }
    }

    const StreamSinkOptions options_;
    const std::string stage_;
    LineWriter writer_; // of the thread
    Patience patience_;
    LossTally failed_;          // of the thread: lost to write errors
    bool problem_told_ = false; // of the thread

    mutable std::mutex mutex_; // guards what follows
    std::deque<Item> queue_;
    std::size_t queued_bytes_ = 0; // of queue_ and of the record being written
    LossTally overflow_;
    SinkStats stats_;
    bool closing_ = false;
    bool ended_ = false;

    std::thread thread_; // last: everything else is ready when it starts
};

} // namespace

Result<std::unique_ptr<AlertSink>> make_stream_sink(StreamSinkOptions options) {
    const int flags = ::fcntl(options.fd, F_GETFL);
    if (flags < 0 || (flags & O_ACCMODE) == O_RDONLY) {
        return fail(ErrorKind::invalid, fmt::format("{} is not open for writing", options.name));
    }
    const int wake_fd = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (wake_fd < 0) {
        return fail_errno("eventfd", errno);
    }
    try {
        return std::make_unique<StreamSink>(std::move(options), wake_fd);
    } catch (const std::exception& e) { // no thread to be had
        ::close(wake_fd);
        return fail(ErrorKind::io, fmt::format("cannot start the writer: {}", e.what()));
    }
}

} // namespace gyr::outputs
