#pragma once
// Rules compiled for evaluation. Built beside the running one and swapped between two events; immutable afterwards,
// so any number of threads may evaluate with it, each with its own Scratch.

#include "fields/context.h"
#include "lang/ast.h"
#include "lang/diagnostic.h"
#include "match/event_key.h"
#include "rules/rule.h"
#include "state/event.h"
#include "state/process_view.h"
#include "state/users.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace gyr {

namespace match {
struct Rendered;
struct ProgramRule;
class Graph;
class Expressions;
} // namespace match

// Indexes into Matcher::rules(). undecided: the condition depends on a value that is Missing::pending; evaluate the
// rule again when it may have come (evaluate_rule), at the end with pending taken as missing.
struct Verdicts {
    std::vector<std::uint32_t> matched;
    std::vector<std::uint32_t> undecided;
    void clear() { matched.clear(), undecided.clear(); }
};

// One bit per process rule of a Matcher.
using RuleBits = std::vector<std::uint64_t>;

enum class Decision : std::uint8_t { no, yes, undecided };

class Matcher {
  public:
    struct Options {
        bool process_bits = true; // evaluate process-scope predicates once per image (off: for differential tests)
        bool strict = false;      // a rule that cannot be used is an error; otherwise it is disabled with a reason
        bool live_only = false;   // only events of the live source come: a rule that waits for others is refused
        bool filter = false; // filters rather than rules: their event types need not be known, so evt.type is any text
        Priority minimum_priority = Priority::debug; // rules below it are compiled, and no more enabled
        // Where a problem in a condition was written: makes the diagnostic of a span (rules/source.h, SourceTable).
        // Without it the place is that of the rule.
        std::function<Diagnostic(Severity, std::string_view code, std::string message, lang::Span, std::string hint)>
            diagnose;
    };
    // Evaluation memory of one thread: results of predicates and extracted values of the event at hand.
    class Scratch;
    struct ScratchDeleter {
        void operator()(Scratch*) const;
    };
    using ScratchPtr = std::unique_ptr<Scratch, ScratchDeleter>;

    // Type-checks and compiles. Problems are appended to diagnostics; a rule with an error gets disabled_why.
    static std::shared_ptr<const Matcher> compile(std::vector<Rule> rules, const Options& options,
                                                  std::vector<Diagnostic>& diagnostics);
    ~Matcher();

    [[nodiscard]] std::span<const Rule> rules() const;
    [[nodiscard]] ScratchPtr make_scratch() const;

    // Event rules that can match this event's type: all that match, in load order.
    void evaluate(const Event& event, const EvalWorld& world, Scratch& scratch, Verdicts& out) const;
    // Process rules (process-scope conditions without event types) that hold for the event's process now and are not
    // in fired; those that matched are added to fired. Undecided ones are not.
    void evaluate_process(const Event& event, const EvalWorld& world, Scratch& scratch, RuleBits& fired,
                          Verdicts& out) const;
    // One rule by index; pending_is_missing decides a rule whose metadata did not come in time.
    [[nodiscard]] Decision evaluate_rule(std::uint32_t rule, const Event& event, const EvalWorld& world,
                                         Scratch& scratch, bool pending_is_missing) const;
    // Whether rule is a process rule; and, if so, its bit (for callers that decide an undecided one later).
    [[nodiscard]] bool is_process_rule(std::uint32_t rule) const;
    void set_fired(std::uint32_t rule, RuleBits& fired) const;
    void clear_fired(std::uint32_t rule, RuleBits& fired) const;
    [[nodiscard]] bool is_fired(std::uint32_t rule, const RuleBits& fired) const;
    // Event codes some enabled rule wants; what the plan lowers into hooks.
    [[nodiscard]] bool wants(EventCode code) const;
    [[nodiscard]] bool wants(const Event& event) const; // looks at the code and, of a generic one, the call
    [[nodiscard]] bool has_process_rules() const;
    // For the plan: each event type that rules are asked about, with those rules and what is left of them there.
    void for_each_event(const std::function<void(EventKey, std::span<const match::ProgramRule>)>& visit) const;
    // For the plan: whether a rule's condition asks for the field, and whether what is said of its events shows it.
    [[nodiscard]] bool asks_for(std::uint32_t rule, std::string_view field) const;
    [[nodiscard]] bool shows(std::uint32_t rule, std::string_view field) const;
    [[nodiscard]] const match::Graph& graph() const;
    [[nodiscard]] const match::Expressions& expressions() const;
    // The rule's output template filled in for an event (match/output.h). rule must be usable (disabled_why empty).
    [[nodiscard]] match::Rendered render(std::uint32_t rule, const Event& event, const EvalWorld& world,
                                         Scratch& scratch) const;

    struct Impl; // inside matcher.cpp

  private:
    Matcher();
    std::unique_ptr<const Impl> impl_;
};

} // namespace gyr
