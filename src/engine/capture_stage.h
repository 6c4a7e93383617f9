#pragma once
// Captures around alerts: what rules with `capture: true` ask for. Between the engine, which knows events and rules,
// and recording/alert_captures.h, which writes. Everything happens on the engine's thread; a failure to write is a line
// in the log and a count.

#include "fields/context.h"
#include "recording/alert_captures.h"
#include "recording/host_description.h"
#include "recording/live_events.h"
#include "rules/rule.h"
#include "state/event.h"
#include "state/process_table.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace gyr {

struct CaptureStageOptions {
    recording::AlertCaptureOptions files;
    bool all_rules = false; // every alert, whether its rule asks for it or not
    recording::HostPlaces places;
    std::function<void(const std::string&)> on_begin = {};   // a file: its path
    std::function<void(const std::string&)> on_problem = {}; // one sentence
};

// Whether an alert of these rules may begin a file, or the last seconds are kept for one.
[[nodiscard]] bool may_capture(std::span<const Rule> rules, const CaptureStageOptions& options);

class CaptureStage {
  public:
    // Both must outlive the stage.
    CaptureStage(CaptureStageOptions options, const ProcessTable& processes, const UserView* users);

    // Every event, before rules look at it.
    void see(const Event& event, const EvalWorld& world);
    // A rule is found to match this event.
    void matched(const Rule& rule, const Event& event, const EvalWorld& world);
    void tick(Nanos now); // wall clock; a few times a second
    void end();

    // All events are wanted now, and not only those that rules ask for.
    [[nodiscard]] bool wants_everything() const { return captures_.recorder().on() || captures_.writing(); }
    [[nodiscard]] const recording::FlightRecorder& recorder() const { return captures_.recorder(); }
    [[nodiscard]] const recording::AlertCaptures::Stats& stats() const { return captures_.stats(); }

  private:
    void note(const Result<>& result);
    Result<> describe(capfile::Writer& writer);
    void look_around(const Event& event);

    CaptureStageOptions options_;
    const ProcessTable& processes_;
    const UserView* users_;
    recording::LiveEvents live_;
    recording::AlertCaptures captures_;
    Nanos alert_time_ = 0;                 // of the file's first alert
    std::vector<ProcessKey> around_;       // its process and those above
    std::shared_ptr<Container> container_; // its container
};

} // namespace gyr
