#pragma once
// A running output: a thread that takes records from its subscription of the journal, leaves out what its filter does
// not want, and hands the rest to its channel in order, again and again until it has arrived. What has arrived moves
// the output's cursor; what has not is still there after a restart. No output waits for another.

#include "alerts/filter.h"
#include "base/result.h"
#include "journal/journal.h"
#include "outputs/channel.h"
#include "outputs/options.h"

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

namespace gyr::outputs {

struct OutputStats {
    std::uint64_t delivered = 0; // records that arrived
    std::uint64_t filtered = 0;  // records the filter left out
    std::uint64_t refused = 0;   // lost: the receiver would never take them
    std::uint64_t failures = 0;  // attempts that failed
    std::string problem;         // why it does not work now; empty: it does
    Nanos last_delivery = 0;     // wall clock
    Nanos last_latency = 0;      // from the event to its arrival, of the newest record
};

struct OutputEvents {
    std::function<void(const std::string&)> on_problem;          // a sentence, when trouble begins and when it ends
    std::function<void()> on_closed;                             // the receiver has gone for good
    std::function<void(const AlertRecord&, Nanos)> on_delivered; // with the time since it happened, ns
};

class Output {
  public:
    // channel: as made by make_channel(); start: where a new or known cursor begins.
    Output(OutputOptions options, RecordFilter filter, std::unique_ptr<Channel> channel, journal::Journal& journal,
           journal::Start start, OutputEvents events);
    ~Output();
    Output(const Output&) = delete;
    Output& operator=(const Output&) = delete;

    // Delivers what is there, for at most timeout, and ends. begin_close() starts that, so that several end together.
    void begin_close(Nanos timeout);
    void close(Nanos timeout);
    // Opens files and programs again. Any thread.
    void reopen();
    [[nodiscard]] OutputStats stats() const;
    [[nodiscard]] std::uint64_t position() const { return subscription_->position(); }
    [[nodiscard]] const OutputOptions& options() const { return options_; }

  private:
    enum class Step : std::uint8_t { done, out_of_time, closed };
    // Repetitions shortly after one another of what a broken receiver may have lost.
    struct Repeats {
        std::size_t records = SIZE_MAX; // in the last one
        int in_vain = 0;                // as many as in the one before, or more
        Nanos backoff = 0;              // before the last one
        Nanos settled_at = 0;           // steady time
    };
    void run();
    Step deliver(std::vector<journal::Entry> entries);
    Step repeat();
    void reopen_if_asked();
    Step send_all(std::vector<Item>& items, const std::vector<std::uint64_t>& sequences);
    bool shorten(Item& item);
    bool back_off(Nanos asked);
    void arrived(const Item& item);
    void trouble(const std::string& problem);
    void trouble_over();
    void give_up(const Item& item, const std::string& problem);
    void declare_refused();
    [[nodiscard]] bool closing() const { return patience_.until.load(std::memory_order_acquire) != INT64_MAX; }

    const OutputOptions options_;
    const RecordFilter filter_;
    const OutputEvents events_;
    std::unique_ptr<Channel> channel_;
    Patience patience_;
    std::unique_ptr<journal::Subscription> subscription_;
    std::size_t batch_ = 1; // records in one request
    std::size_t width_ = 1; // of the thread: as many as it seems to take now
    Nanos backoff_ = 0;     // of the thread
    LossTally refused_;     // of the thread: not declared yet
    Repeats repeats_;       // of the thread
    std::atomic<bool> reopen_{false};

    mutable std::mutex mutex_; // guards stats_
    OutputStats stats_;
    std::thread thread_;
};

// Names of all types of outputs, and what each is made of.
[[nodiscard]] std::vector<std::string_view> output_types();
// Records in one request when the configuration does not say.
[[nodiscard]] std::size_t standard_batch(std::string_view type);
// "text" for what people read, "json" for the others, "ecs" for Elasticsearch.
[[nodiscard]] AlertFormat standard_format(std::string_view type);
// What is wrong with the options (a type that needs a url and has none); not whether the receiver is there.
[[nodiscard]] Result<std::unique_ptr<Channel>> make_channel(const OutputOptions& options);

} // namespace gyr::outputs
