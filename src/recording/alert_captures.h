#pragma once
// A capture around an alert: what came before it, as far as the flight recorder goes, and what came after, for a time.
//
// Every event is given to take() before rules see it; a rule with `capture: true` that matches leads to begin(). Alerts
// while a file is being written make it last longer, no second one is begun. One thread only. What cannot be written is
// an error for the log: it neither stops detection nor what comes later.
//
// What is known of the alert's container may come a moment later. Until then events are kept in memory, so that the
// description of the host, which comes first in the file, has it.

#include "base/result.h"
#include "capfile/writer.h"
#include "event/raw_event.h"
#include "recording/flight_recorder.h"

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>

namespace gyr::recording {

struct AlertCaptureOptions {
    std::string path_prefix;                // files are PREFIX_TIME_EVENT.scap, both numbers of 20 digits
    Nanos default_duration = 5'000'000'000; // after the alert, for rules that name none
    Nanos metadata_wait = 1'000'000'000;    // at most, before the file is begun without some
    std::uint64_t max_bytes = 0;    // of one file before compression, 0: no limit. Raise it above the recorder's memory
    std::uint32_t keep_files = 0;   // the newest, those of earlier runs included; 0: all
    FlightRecorderOptions recorder; // off by default: files begin with the alert's event
    capfile::WriterOptions writer;
};

class AlertCaptures {
  public:
    // Writes the description of the host into a file that has just been begun.
    using Describe = std::function<Result<>(capfile::Writer&)>;
    // Whether all is known that the description of the host should have.
    using Ready = std::function<bool()>;
    struct Stats {
        std::uint64_t files = 0, events = 0; // begun, written
        std::uint64_t ended_by_size = 0;
        std::uint64_t failures = 0; // files that could not be written, or not to their end
    };

    AlertCaptures(AlertCaptureOptions options, Describe describe);
    ~AlertCaptures(); // ends the file that is open

    Result<> take(const RawEvent& event);
    // An alert about this event, which take() had last. Gives the file's path. duration 0: the default.
    Result<std::string> begin(const RawEvent& event, std::uint64_t number, Nanos duration = 0, Ready ready = {});
    // Ends a file whose time is over although no event comes any more. now: as the events' time.
    Result<> tick(Nanos now);
    Result<> end(); // whatever its time

    [[nodiscard]] bool writing() const { return writer_.has_value() || waiting_.has_value(); }
    [[nodiscard]] const Stats& stats() const { return stats_; }
    [[nodiscard]] const FlightRecorder& recorder() const { return recorder_; }

  private:
    struct Waiting { // a file that is to be begun
        Ready ready;
        Nanos until = 0;
    };

    void find_earlier();
    Result<> begin_file();
    [[nodiscard]] bool is_due(Nanos now) const;
    Result<> write(const RawEvent& event);
    Result<> give_up(Result<> failure);

    AlertCaptureOptions options_;
    Describe describe_;
    FlightRecorder recorder_;
    std::optional<FlightRecorder> since_; // the alert, while a file is waited for and the recorder is off
    std::optional<Waiting> waiting_;
    std::optional<capfile::Writer> writer_;
    std::string path_;
    std::deque<std::string> files_;
    Nanos until_ = 0;
    Stats stats_;
};

} // namespace gyr::recording
