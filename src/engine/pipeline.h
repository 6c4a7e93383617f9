#pragma once
// From records to alerts: state → events → rules → alert records. Everything here happens on one thread, without I/O
// and without a clock of its own, so that a script of records always gives the same alerts. The engine
// (engine/engine.h) feeds it from the kernel; tests and replay feed it by hand.
//
// An alert, or the decision whether there is one, may depend on metadata that is still on its way. It is then held
// until the metadata comes, or until Options::metadata_wait is over: then it goes out and says what is missing. What
// comes later still is told by an amendment: the same alert, with a revision, that says more.

#include "alerts/alert.h"
#include "audit/exec_join.h"
#include "engine/rule_cost.h"
#include "engine/true_paths.h"
#include "event/path_calls.h"
#include "event/raw_event.h"
#include "match/matcher.h"
#include "state/event.h"
#include "state/process_table.h"

#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace gyr {

class Pipeline {
  public:
    struct Options {
        ProcessTable::Options processes = {};
        Nanos metadata_wait = 1'000'000'000;        // how long an alert waits for metadata
        Nanos amend_for = 600'000'000'000;          // how long after that metadata that comes is still told
        std::size_t amended_max = 4'096;            // alerts kept for that; beyond, the oldest stay as they are
        std::optional<ExecJoin::Options> join = {}; // tie sessions to requests of the audit log
        std::size_t held_max = 16'384;              // alerts held at once; beyond, the oldest goes out as it is
        bool first_match_only = false;              // Falco's rule_matching: first
        std::string hostname = {};
    };
    struct Built {
        Alert alert;
        bool pending = false; // something in it may still come
    };
    // What the pipeline asks of its surroundings. All are called on the pipeline's thread.
    struct Surroundings {
        ProcessTable::Classifier classify;
        const UserView* users = nullptr;
        std::function<Built(const Matcher&, std::uint32_t rule, const Event&, const EvalWorld&)> build;
        std::function<void(AlertRecord)> emit;
        // A program starts in a container: the time to read its user names, while it is there.
        std::function<void(const ProcessImage&)> prefetch_names;
        std::function<void(Tid)> refresh;  // read this process again (its fork's parent was never seen)
        std::function<Nanos()> steady_now; // monotonic, for waiting
        // The image a record made, after it was put into the table; of an exit, the last one.
        std::function<void(RecordKind, const ProcessImagePtr&)> image = {};
        // Paths that rules name a file by, other than its name (engine/identity_table.h).
        // below: RawEvent::below or other_below.
        std::function<std::span<const std::string_view>(const Event&, const FdInfo& file,
                                                        std::span<const FileNumbers> below)>
            other_names = {};
        // Where the paths led of a call that opened nothing.
        std::function<TruePaths::Found(const Event&, const PathCall&)> true_paths = {};
        // A rule matched an event that was only sent to check the plan (RawEvent::unwanted).
        std::function<void(std::string_view rule, const Event&)> plan_error = {};
        // Every event, before rules look at it: for printing and recording. Empty: nobody wants to see them.
        std::function<void(const Event&, const EvalWorld&)> observe = {};
        // A rule matches this event and its alert goes out, now or when its metadata have come.
        std::function<void(const Rule&, const Event&)> matched = {};
    };
    struct Stats {
        std::uint64_t events = 0; // records that became events
        std::uint64_t alerts = 0;
        std::uint64_t held = 0;      // now
        std::uint64_t waited = 0;    // alerts that waited for metadata
        std::uint64_t timed_out = 0; // … and went out without some of it
        std::uint64_t amended = 0;   // amendments sent
    };

    Pipeline(Options options, Surroundings surroundings, std::shared_ptr<const Matcher> matcher);

    void on_record(const ProcessRecord& record);
    // An event with parameters, of a process that records told of.
    void on_event(const RawEvent& raw);
    // Whether observe is told of events (at first it is).
    void set_observing(bool on) { observing_ = on; }
    // The rules that are about execs that failed; no others are reported of one.
    void set_failed_exec_rules(std::vector<std::uint32_t> rules) { failed_exec_rules_ = std::move(rules); }
    // Processes that were there before are all known: rules are evaluated only from here on, in the order in which
    // things happened, so that no process is judged before its parents are known.
    void on_snapshot_complete();
    // One of the Kubernetes audit log.
    void on_audit(AuditEventPtr audit);
    void on_metadata(); // of some container or user: what waits is looked at again
    void on_time();     // deadlines, expiry; call when next_deadline() is reached
    // Steady time of the earliest deadline; 0: none.
    [[nodiscard]] Nanos next_deadline() const;
    // New rules between two events. What has fired stays fired for rules of the same name and condition; processes
    // that are there are asked about the others (cause: snapshot). Held alerts keep the rules they were made with.
    void swap_rules(std::shared_ptr<const Matcher> matcher);
    void flush(); // everything held goes out as it is

    [[nodiscard]] ProcessTable& processes() { return table_; }
    [[nodiscard]] const ProcessTable& processes() const { return table_; }
    [[nodiscard]] Stats stats() const;
    [[nodiscard]] const Matcher& matcher() const { return *matcher_; }
    [[nodiscard]] const std::shared_ptr<const Matcher>& rules() const { return matcher_; }
    [[nodiscard]] const RuleCosts& rule_costs() const { return costs_; }
    [[nodiscard]] EvalWorld world() const;

  private:
    struct Held {
        Event event;
        std::shared_ptr<const Matcher> matcher;
        std::uint32_t rule = 0;
        bool matched = false; // false: whether it matches is itself undecided
        Nanos deadline = 0;
    };
    struct Sent { // without something that may still come
        Held held;
        std::string uuid; // empty: it was not sent, as what it depends on had not come
        std::uint32_t revision = 0, state = 0;
        Nanos until = 0;
    };
    struct Early { // during the snapshot
        Event event;
        bool ask_process_rules = false;
        bool ask_event_rules = false;
    };

    void tell_match(const Event& event, const Rule& rule); // to all who want to know of it
    [[nodiscard]] Event event_of(const ProcessRecord& record, const ProcessTable::Applied& applied);
    void count(Event& event); // its number and its place in time
    // but: rules that are not to be reported.
    void judge(const Event& event, Process* process, bool event_rules, bool process_rules,
               std::span<const std::uint32_t> but = {});
    void keep_failed_exec_rules();
    void judge_true_paths(const Event& event, const EventInfo& info, const PathCall& call);
    void judge_other_names(const Event& event, const FdInfo* Event::*which, std::span<const FileNumbers> below);
    void deliver(const Event& event, const std::shared_ptr<const Matcher>& matcher, std::uint32_t rule);
    void hold(const Event& event, const std::shared_ptr<const Matcher>& matcher, std::uint32_t rule, bool matched,
              Nanos deadline);
    // True when the held alert is finished (sent or found not to match).
    bool finish(Held& held, bool last_chance);
    // Sends an alert, and keeps what is needed to amend it.
    void send(const Held& held, Built built);
    void keep_for_later(const Held& held, std::string uuid);
    void look_again();
    void attach(const ExecJoin::Attach& attach, const AuditEvent& audit);
    void set_session(Process& process, std::shared_ptr<KubeSession> session, Nanos time, bool ask);
    // Rules about processes look at it again: something that they may ask, or they themselves, have changed.
    void ask_again(Process& process, EventCode code, RecordKind kind, Nanos time);
    bool amend(Sent& sent); // true: nothing more will come
    void send(Alert alert);

    Options options_;
    Surroundings around_;
    std::shared_ptr<const Matcher> matcher_;
    Matcher::ScratchPtr scratch_;
    ProcessTable table_;
    Verdicts verdicts_;
    RuleBits no_bits_;
    RuleCosts costs_;
    std::vector<std::uint32_t> failed_exec_rules_;
    std::vector<Early> early_;
    bool armed_ = false, observing_ = true;
    std::list<Held> held_; // oldest deadline first
    std::list<Sent> sent_; // oldest first
    std::optional<ExecJoin> join_;
    std::uint64_t event_number_ = 0;
    Nanos last_time_ = 0;
    Nanos first_event_time_ = 0, previous_event_time_ = 0;
    Nanos last_expiry_ = 0;
    Stats stats_;
};

} // namespace gyr
