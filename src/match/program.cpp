#include "match/program.h"

#include <algorithm>
#include <map>

namespace gyr::match {
namespace {

constexpr std::size_t kMostKeys = 64;   // a longer list is better tested than spread over the table
constexpr std::size_t kFewestRules = 4; // a look-up for fewer rules does not pay

void conjuncts(const Graph& graph, NodeId id, std::vector<NodeId>& out) {
    if (graph.node(id).kind != NodeKind::conjunction) {
        out.push_back(id);
        return;
    }
    for (const NodeId child : graph.children(id)) conjuncts(graph, child, out);
}

bool usable_as_key(const Graph& graph, NodeId id) {
    if (graph.node(id).kind != NodeKind::predicate) return false;
    const Predicate& p = graph.predicate(id);
    return p.is_membership() && !p.items.empty() && p.items.size() <= kMostKeys;
}

} // namespace

void Program::build(const std::vector<ProgramRule>& rules, const Graph& graph) {
    count_ = rules.size();
    struct Parts {
        ProgramRule rule;
        std::vector<NodeId> conjuncts;
    };
    std::vector<Parts> all;
    std::map<ExprId, std::size_t> key_uses;
    std::map<NodeId, std::size_t> guard_uses;
    for (const ProgramRule& r : rules) {
        Parts parts{r, {}};
        conjuncts(graph, r.root, parts.conjuncts);
        std::vector<ExprId> lefts;
        for (const NodeId c : parts.conjuncts) {
            ++guard_uses[c];
            if (usable_as_key(graph, c)) lefts.push_back(graph.predicate(c).left);
        }
        std::ranges::sort(lefts);
        lefts.erase(std::ranges::unique(lefts).begin(), lefts.end());
        for (const ExprId left : lefts) ++key_uses[left];
        all.push_back(std::move(parts));
    }

    std::map<ExprId, std::size_t> lookup_at;
    std::map<NodeId, std::size_t> group_at;
    for (const Parts& parts : all) {
        // The key that most rules have, by the fewest values.
        NodeId best = kFalse;
        for (const NodeId c : parts.conjuncts) {
            if (!usable_as_key(graph, c)) continue;
            const Predicate& p = graph.predicate(c);
            if (key_uses[p.left] < kFewestRules) continue;
            if (best == kFalse || std::pair(key_uses[p.left], graph.predicate(best).items.size()) >
                                      std::pair(key_uses[graph.predicate(best).left], p.items.size()))
                best = c;
        }
        if (best != kFalse) {
            const Predicate& p = graph.predicate(best);
            const auto [it, added] = lookup_at.emplace(p.left, lookups_.size());
            if (added) lookups_.emplace_back().left = p.left;
            Lookup& lookup = lookups_[it->second];
            for (const std::string& text : p.text_set) lookup.by_text[text].push_back(parts.rule);
            for (const std::uint64_t number : p.number_set) lookup.by_number[number].push_back(parts.rule);
            lookup.all.push_back(parts.rule);
            continue;
        }
        NodeId guard = kTrue;
        for (const NodeId c : parts.conjuncts)
            if (guard_uses[c] > 1 && (guard == kTrue || std::pair(guard_uses[c], graph.node(guard).cost) >
                                                            std::pair(guard_uses[guard], graph.node(c).cost)))
                guard = c;
        const auto [it, added] = group_at.emplace(guard, groups_.size());
        if (added) groups_.emplace_back().guard = guard;
        groups_[it->second].rules.push_back(parts.rule);
    }
}

} // namespace gyr::match
