#pragma once
// Every record goes through here: it is made durable first, then the outputs may see it. A thread of its own commits
// whatever has come in the meantime in one transaction, so that one alert is durable at once and a burst costs little.
// Each output has a subscription: a cursor of its own that survives the agent, so that no output waits for another.
//
// The journal never stops the agent. When its file cannot be used (disk full, read only, damaged, taken by another
// agent) a notice says so, records go to the outputs from memory, and what does not fit there is declared, per output,
// by a gap record. A full disk is tried again; a damaged file is set aside for a new one, as a new one begins when
// somebody takes the file away. A file that no agent has written is left alone.

#include "alerts/loss_tally.h"
#include "alerts/sink.h"
#include "journal/rollup.h"
#include "journal/store.h"

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

namespace gyr::journal {

struct Options {
    std::string path;                                 // empty: in memory only
    bool demanded = true;                             // false: a default; that it cannot be used is no notice
    std::uint64_t max_bytes = std::uint64_t{1} << 30; // of the file
    Nanos max_age = 30LL * 86400 * 1'000'000'000;     // 0: no limit
    bool sync = false;
    std::size_t queue_bytes = std::size_t{256} << 20; // of records that are not on disk yet
    std::size_t recent_bytes = std::size_t{16} << 20; // kept in memory for the outputs; all they get without a file
    std::string hostname;
    std::vector<std::string> outputs;                   // cursors of others are forgotten
    std::function<void(const std::string&)> on_problem; // a sentence for the agent's log
    Nanos retry_every = 2LL * 1'000'000'000;            // between attempts at a file that cannot be written
    std::uint64_t limit_bytes_for_test = 0;
};

struct Entry {
    std::uint64_t sequence = 0;
    AlertRecordPtr record;
};

struct Status {
    bool durable = false;
    std::string problem; // why not
    std::string path;
    std::uint64_t head = 0;
    std::string head_digest; // hex
    std::uint64_t committed = 0, transactions = 0;
    std::uint64_t lost = 0; // not taken: the queue was full
    std::uint64_t rolled_up = 0;
    std::uint64_t bytes = 0;
    Nanos commit_time = 0;   // spent in committing, ns
    std::size_t waiting = 0; // records not committed yet
};

class Journal;

// Where a subscription begins that has no cursor yet, and whether one it has is used.
enum class Start : std::uint8_t {
    resume,      // where its cursor is; without one, at the end
    after_crash, // as resume, but only when the agent was killed: a clean end leaves nothing for later
};

// Where an output is. One thread reads; the others may ask position().
class Subscription {
  public:
    ~Subscription();
    // What comes next, in order, without waiting; empty when there is nothing. What was lost on the way to this output
    // is a gap record among them.
    [[nodiscard]] std::vector<Entry> read(std::size_t max_records, std::size_t max_bytes);
    // Everything up to here has arrived.
    void delivered(std::uint64_t sequence);
    // With something late still to come, that; what came after the start may then arrive twice.
    [[nodiscard]] std::uint64_t position() const {
        const std::uint64_t late = late_at_.load(std::memory_order_acquire);
        return late != kNothingLate ? late : delivered_.load(std::memory_order_acquire);
    }
    [[nodiscard]] const std::string& name() const { return name_; }

  private:
    friend class Journal;
    static constexpr std::uint64_t kNothingLate = UINT64_MAX;

    Subscription(Journal& journal, std::string name, int wake_fd);
    struct Stored {
        std::vector<Entry> entries;
        std::uint64_t last = 0, unreadable = 0; // looked at up to here; records among them that are none
        bool readable = false;                  // the file is
    };
    [[nodiscard]] Stored read_stored(std::uint64_t after, std::uint64_t upto, std::size_t max_records,
                                     std::size_t max_bytes);
    [[nodiscard]] std::vector<Entry> read_disk(std::size_t max_records, std::size_t max_bytes);
    [[nodiscard]] std::vector<Entry> read_late(std::size_t max_records, std::size_t max_bytes);
    void late_is_gone();

    Journal& journal_;
    const std::string name_;
    const int wake_fd_;
    std::uint64_t next_ = 0;      // guarded by Journal::mutex_: read up to here
    std::uint64_t lost_upto_ = 0; // likewise
    LossTally lost_;              // likewise: to be told at the next read
    std::uint64_t vanished_ = 0;  // likewise: records of which not even the rule is known
    std::atomic<std::uint64_t> delivered_{0};
    // What an earlier agent left for this output in a file that was found after the start: behind late_at_, which has
    // arrived, up to late_end_, of which late_next_ has been read and late_left_ records have not. Guarded likewise.
    std::atomic<std::uint64_t> late_at_{kNothingLate};
    std::uint64_t late_next_ = 0, late_end_ = 0, late_left_ = 0;
    Start start_ = Start::resume;
    bool keep_ = true;                    // the cursor is kept on disk
    std::unique_ptr<StoreReader> reader_; // of the reading thread, as is …
    std::uint64_t file_ = 0;              // … which of the journal's files it reads
};

class Journal final : public AlertSink {
  public:
    explicit Journal(Options options);
    ~Journal() override;

    void push(AlertRecordPtr record) override;
    // Commits what is there, cursors included, and ends. Subscriptions should have ended before.
    void close();

    // wake_fd (an eventfd, the caller's) is made readable whenever there may be something to read.
    [[nodiscard]] std::unique_ptr<Subscription> subscribe(std::string name, int wake_fd, Start start);
    // For somebody who only looks on: from now on, without a cursor that is kept.
    [[nodiscard]] std::unique_ptr<Subscription> listen(int wake_fd);
    // The outputs of the start are there: those that come later begin with what happens then.
    void outputs_complete();
    // Roll-up rules from now on; windows that are open stay as they are.
    void set_rollup(RollupRules rules);
    // Everything pushed before the call is committed (or lost) after it. For tests and the end.
    void flush();
    [[nodiscard]] Status status() const;
    // Records an output with this position has not seen, and the time of the oldest.
    [[nodiscard]] StoreReader::Lag lag(std::uint64_t position) const;

  private:
    friend class Subscription;
    struct Recent {
        std::uint64_t sequence = 0;
        AlertRecordPtr record;
        std::size_t bytes = 0;
        Rolled rolled = Rolled::no;
        std::string rollup_key;
    };
    struct Incoming {
        AlertRecordPtr record;
        std::size_t bytes = 0;
        std::uint64_t sequence = 0; // 0: not given yet
        Rolled rolled = Rolled::no;
        std::string rollup_key;
    };

    void run();
    void open_store();
    void give_up_store(const std::string& why, Trouble trouble);
    void set_aside();
    void refuse_strange_file();
    void leave_file();
    [[nodiscard]] bool taken_away() const;
    void begin_anew();
    Result<> begin_from(Store& store);
    Result<> take_over(Store& store, bool crashed);
    Result<bool> has_ours(Store& store);
    void number_above(std::uint64_t head);
    void recovered();
    bool lock_file();
    bool take(std::vector<Incoming>& batch);
    [[nodiscard]] Nanos next_duty() const;
    void handle(std::vector<Incoming> batch, bool closing);
    bool commit(const std::vector<Incoming>& batch);
    void keep_unwritten(const std::vector<Incoming>& batch);
    void publish(std::vector<Incoming>& batch, bool durable);
    void roll_up(std::vector<Incoming>& batch, bool closing);
    void declare(Subscription& subscription, const AlertRecord& record, std::uint64_t sequence);
    [[nodiscard]] Cursors moved_cursors();
    void cursors_saved(const Cursors& cursors);
    void save_cursors();
    void housekeeping(Nanos now);
    void retain(Nanos now);
    void trim();
    void notify();
    void notice(std::string kind, std::string message);
    void forget(Subscription& subscription);

    Options options_;

    // Of the journal's thread.
    std::unique_ptr<Store> store_;
    int lock_fd_ = -1;
    bool locked_before_ = false;           // the lock file was there already: an agent has used this path
    std::uint64_t device_ = 0, inode_ = 0; // of the open file
    bool started_ = false;                 // sequence numbers may have been told to somebody
    Rollup rollup_;
    bool begun_ = false; // what an earlier agent left in this file has been taken over
    std::uint64_t next_sequence_ = 1;
    Nanos retry_at_ = 0, kept_at_ = 0;
    Nanos cursors_at_ = 0;   // when cursors were saved last
    Nanos moved_at_ = 0;     // when it was noticed that cursors move; 0: they do not
    Nanos cursor_pause_ = 0; // from then to their saving
    Cursors saved_cursors_;
    std::size_t most_waiting_ = 0;    // bytes of the queue at its longest, since memory was given back last
    std::vector<Incoming> unwritten_; // published from memory while the file could not be written
    std::size_t unwritten_bytes_ = 0;
    LossTally unkept_;                   // of them, those that had no room either
    std::vector<Store::Told> told_;      // with the next commit
    std::uint64_t since_checkpoint_ = 0; // bytes
    bool written_ = false;               // since what is kept was looked at last

    std::atomic<bool> moved_{false}; // cursors have, since they were saved last

    mutable std::mutex mutex_; // guards what follows
    std::condition_variable arrived_, settling_;
    std::deque<Incoming> incoming_;
    std::size_t incoming_bytes_ = 0;
    LossTally overflow_;
    std::deque<Recent> recent_;
    std::size_t recent_bytes_ = 0;
    std::uint64_t end_ = 0;          // newest published
    std::uint64_t durable_upto_ = 0; // of what is recent, so much is on disk
    std::uint64_t file_ = 0;         // counts the files there have been at the path
    std::vector<Subscription*> subscriptions_;
    Cursors cursors_;            // as found on disk, and as they are
    bool new_cursor_ = false;    // a subscription began that the file does not know yet
    bool complete_ = false;      // outputs_complete() was called
    std::set<std::string> seen_; // names of all subscriptions there have been
    bool crashed_ = false;       // the last agent left its cursors open
    std::unique_ptr<RollupRules> new_rollup_;
    Status status_;
    std::uint64_t accepted_ = 0, settled_ = 0; // records; those committed, or published without
    bool closing_ = false;

    std::thread thread_;
};

} // namespace gyr::journal
