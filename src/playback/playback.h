#pragma once
// Captures through the rules: what `gyr replay` does. Nothing of the machine it runs on is asked (no clock, no /proc,
// no container runtime, no random numbers), so the same captures and rules give the same alerts to the byte everywhere.
//
// Process rules fire once per program image, at the first event of a process that makes them true; all others are
// asked about every event of their types. Metadata comes from the capture alone: what it does not tell is missing.
//
// One thread. The alert given to emit is the caller's to keep.

#include "alerts/alert.h"
#include "audit/audit_event.h"
#include "capfile/reader.h"
#include "match/matcher.h"
#include "playback/capture_walk.h"
#include "playback/fired_rules.h"
#include "replay/state.h"

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <stop_token>
#include <string_view>

namespace gyr::playback {

struct PlaybackOptions {
    bool first_match_only = false;                                   // Falco's rule_matching: first
    std::uint64_t until = std::numeric_limits<std::uint64_t>::max(); // events after this number are not looked at
    Nanos span = 0;            // of time, from a capture's first event; later ones are not looked at. 0: all of it
    std::stop_token stop = {}; // ends a capture between two events
    replay::ReplayState::Options state = {};
};

class Playback {
  public:
    using Emit = std::function<void(Alert alert)>;
    // Told before the alert is: for those who want to explain it while the event is there.
    using OnMatch = std::function<void(std::uint32_t rule, const Event&, const EvalWorld&)>;
    struct Stats {
        std::uint64_t events = 0, alerts = 0; // of all captures
        Nanos last_time = 0;                  // of the last event
        replay::ReplayState::Stats state;     // of the last capture
    };

    Playback(PlaybackOptions options, std::shared_ptr<const Matcher> matcher, Emit emit, OnMatch on_match = {});

    // One capture from its start, with a state of its own.
    WalkEnd play(capfile::Reader& reader);
    // One event of the Kubernetes audit log; they are counted on over all files. False: enough has been seen.
    bool play(AuditEventPtr audit);
    [[nodiscard]] const Stats& stats() const { return stats_; }

  private:
    void judge(const Event& event, const EvalWorld& world);
    void report(std::uint32_t rule, const Event& event, const EvalWorld& world);

    PlaybackOptions options_;
    std::shared_ptr<const Matcher> matcher_;
    Matcher::ScratchPtr scratch_;
    Emit emit_;
    OnMatch on_match_;
    Verdicts verdicts_;
    RuleBits no_bits_;
    FiredRules fired_;
    bool process_rules_ = false; // they are asked about every event of a process
    EventCodes wanted_;          // those that some other rule is asked about
    std::uint64_t audit_events_ = 0;
    Nanos first_audit_time_ = 0;
    Stats stats_;
};

} // namespace gyr::playback
