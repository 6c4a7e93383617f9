#pragma once
// The rules that can match one type of event (or the process rules), arranged so that most are dismissed without being
// looked at: what many of them require is asked once for all, and among those that are left the ones whose keys
// (match/rule_keys.h) fit the event's values are found by looking the values up.

#include "match/graph.h"
#include "match/pattern_set.h"

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

    // Calls visit(ProgramRule) for every rule that is not dismissed, in no particular order, some more than once. Eval
    // gives value(ExprId) and truth(NodeId).
    template <class Eval, class Visit>
    void run(Eval& eval, Visit visit) const {
        run(root_, eval, visit);
    }

  private:
    // Rules found by the value of one field.
    struct Index {
        ExprId field = 0;
        std::unordered_map<std::string, std::vector<std::uint32_t>, TextHash, std::equal_to<>> by_text;
        Lengths text_lengths; // of by_text
        std::unordered_map<std::uint64_t, std::vector<std::uint32_t>> by_number;
        PatternSet parts;
        std::vector<std::uint32_t> all;
    };
    struct Branch {
        NodeId guard = kTrue; // required by every rule in it
        std::vector<Branch> branches;
        std::vector<ProgramRule> rules; // looked at one by one
        std::vector<ProgramRule> keyed; // looked at when an index finds them
        std::vector<Index> indexes;
    };
    struct Parts;

    static void fill(Branch& branch, std::vector<Parts> rules, const Graph& graph);
    static void add_keyed(Branch& branch, const std::vector<Parts>& rules, const Graph& graph);

    template <class Eval, class Visit>
    static void run(const Branch& branch, Eval& eval, Visit& visit) {
        if (branch.guard != kTrue && eval.truth(branch.guard) == Truth::no) return;
        for (const Branch& inner : branch.branches) run(inner, eval, visit);
        for (const Index& index : branch.indexes) {
            const auto found = [&](std::uint32_t i) { visit(branch.keyed[i]); };
            const fields::Value& v = eval.value(index.field);
            if (v.is_missing()) {
                if (v.is_pending() && !eval.pending_is_missing())
                    for (const std::uint32_t i : index.all) found(i);
            } else if (v.kind == fields::ValueKind::text) {
                if (index.text_lengths.may_hold(v.text()))
                    if (const auto it = index.by_text.find(v.text()); it != index.by_text.end())
                        for (const std::uint32_t i : it->second) found(i);
                index.parts.scan(v.text(), found);
            } else if (const auto it = index.by_number.find(number_bits(v)); it != index.by_number.end()) {
                for (const std::uint32_t i : it->second) found(i);
            }
        }
        for (const ProgramRule& r : branch.rules) visit(r);
    }

    Branch root_;
    std::size_t count_ = 0;
};

} // namespace gyr::match
