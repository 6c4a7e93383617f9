#pragma once
// Why a rule did or did not match an event: its condition as a tree, each check with the value that was seen. Unlike
// evaluation it looks at every check, also those that could not change the outcome any more. Slow and obvious; for a
// person who asks, not for the path of events.

#include "base/result.h"
#include "lang/ast.h"
#include "match/evaluator.h"
#include "rules/rule.h"
#include "state/event.h"

#include <memory>
#include <string>
#include <vector>

namespace gyr::match {

struct Explained {
    enum class Kind : std::uint8_t { all_of, any_of, negation, check };
    Kind kind = Kind::check;
    bool holds = false;
    bool decides = false; // the outcome of the whole hangs on it
    std::string text;     // of a check, canonical: "proc.name in (sh, bash)"
    std::string seen;     // of a check: what its left side was
    std::string missing;  // why it was not there; then the check does not hold
    std::string compared; // what it was compared with, when that is a field too
    lang::Span span;      // where it was written, see Rule::sources
    std::vector<Explained> children;
};

class Explainer {
  public:
    // rule: loaded and usable. The error is why it cannot be evaluated. The rule must outlive the explainer.
    [[nodiscard]] static Result<Explainer> create(const Rule& rule);

    [[nodiscard]] Explained explain(const Event& event, const EvalWorld& world);
    [[nodiscard]] const Rule& rule() const { return *rule_; }

  private:
    struct Part; // a node of the condition, prepared
    struct Compiled;
    Explainer();
    [[nodiscard]] Explained look_at(const Part& part) const;
    [[nodiscard]] std::string value_text(ExprId id, std::string& missing) const;

    const Rule* rule_ = nullptr;
    std::shared_ptr<Compiled> compiled_;
};

// The parts of the tree on which its outcome hangs: the first child that fails of an "all of" that fails, all children
// of one that holds, and the reverse for "any of".
void mark_deciding(Explained& whole);

// The deciding checks, each as one short line: "proc.name in (sh, bash): sh".
[[nodiscard]] std::vector<std::string> deciding_checks(const Explained& whole);

// How near a condition came to holding: the share of its top-level parts that hold, 0 to 1.
[[nodiscard]] double nearness(const Explained& whole);

// The tree, one part a line; deciding parts are marked with an arrow, places are those of the rule's files.
[[nodiscard]] std::string explained_text(const Explained& whole, const Rule& rule);
[[nodiscard]] std::string explained_json(const Explained& whole, const Rule& rule, const Event& event); // one line

} // namespace gyr::match
