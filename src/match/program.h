#pragma once
// The rules that can match one type of event (or the process rules), arranged so that most are dismissed without being
// looked at: a rule that requires proc.name to be one of a few words is found by looking proc.name up; the others are
// grouped by the conjunct they share.

#include "match/graph.h"

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

namespace gyr::match {

struct ProgramRule {
    std::uint32_t rule = 0; // index in load order
    NodeId root = kFalse;
};

class Program {
  public:
    // Roots are split (Graph::split). Rules with root kFalse are to be left out.
    void build(const std::vector<ProgramRule>& rules, const Graph& graph);
    [[nodiscard]] bool empty() const { return count_ == 0; }

    // Calls visit(ProgramRule) for every rule that is not dismissed, in no particular order. Eval gives
    // value(ExprId) and truth(NodeId).
    template <class Eval, class Visit>
    void run(Eval& eval, Visit visit) const {
        for (const Lookup& lookup : lookups_) {
            const fields::Value v = eval.value(lookup.left);
            if (v.is_missing()) {
                if (v.is_pending() && !eval.pending_is_missing())
                    for (const ProgramRule& r : lookup.all) visit(r);
                continue;
            }
            if (v.kind == fields::ValueKind::text) {
                if (const auto it = lookup.by_text.find(v.text()); it != lookup.by_text.end())
                    for (const ProgramRule& r : it->second) visit(r);
            } else if (const auto it = lookup.by_number.find(number_bits(v)); it != lookup.by_number.end()) {
                for (const ProgramRule& r : it->second) visit(r);
            }
        }
        for (const Group& group : groups_) {
            if (group.guard != kTrue && eval.truth(group.guard) == Truth::no) continue;
            for (const ProgramRule& r : group.rules) visit(r);
        }
    }

  private:
    struct Lookup {
        ExprId left = 0;
        std::unordered_map<std::string, std::vector<ProgramRule>, TextHash, std::equal_to<>> by_text;
        std::unordered_map<std::uint64_t, std::vector<ProgramRule>> by_number;
        std::vector<ProgramRule> all;
    };
    struct Group {
        NodeId guard = kTrue; // a conjunct of every rule of the group
        std::vector<ProgramRule> rules;
    };
    std::vector<Lookup> lookups_;
    std::vector<Group> groups_;
    std::size_t count_ = 0;
};

} // namespace gyr::match
