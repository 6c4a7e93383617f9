#include "match/program.h"

#include "match/rule_keys.h"

#include <algorithm>
#include <map>

namespace gyr::match {
namespace {

constexpr std::size_t kFewestKeyed = 4;        // a look-up for fewer rules does not pay
constexpr std::size_t kFewestGuarded = 3;      // nor a question of its own
constexpr std::size_t kMostPartBytes = 65'536; // of all parts in one index: bounds its memory

void conjuncts(const Graph& graph, NodeId id, std::vector<NodeId>& out) {
    if (graph.node(id).kind != NodeKind::conjunction) {
        out.push_back(id);
        return;
    }
    for (const NodeId child : graph.children(id)) conjuncts(graph, child, out);
}

} // namespace

// A rule and what it requires that no guard above has asked.
struct Program::Parts {
    ProgramRule rule;
    std::vector<NodeId> conjuncts;
};

void Program::build(const std::vector<ProgramRule>& rules, const Graph& graph) {
    count_ = rules.size();
    std::vector<Parts> parts;
    for (const ProgramRule& r : rules) {
        parts.push_back({r, {}});
        conjuncts(graph, r.root, parts.back().conjuncts);
    }
    fill(root_, std::move(parts), graph);
}

// Takes out, again and again, the rules that share the conjunct most of them have.
void Program::fill(Branch& branch, std::vector<Parts> rules, const Graph& graph) {
    while (rules.size() >= kFewestGuarded) {
        std::map<NodeId, std::size_t> uses;
        for (const Parts& p : rules)
            for (const NodeId c : p.conjuncts) ++uses[c];
        NodeId guard = kTrue;
        std::size_t most = 0;
        for (const auto& [id, n] : uses)
            if (n > most || (n == most && graph.node(id).cost < graph.node(guard).cost)) guard = id, most = n;
        if (most < kFewestGuarded) break;
        std::vector<Parts> inside, outside;
        for (Parts& p : rules) {
            const bool has = std::erase(p.conjuncts, guard) > 0;
            (has ? inside : outside).push_back(std::move(p));
        }
        Branch& inner = branch.branches.emplace_back();
        inner.guard = guard;
        fill(inner, std::move(inside), graph);
        rules = std::move(outside);
    }
    add_keyed(branch, rules, graph);
}

void Program::add_keyed(Branch& branch, const std::vector<Parts>& rules, const Graph& graph) {
    std::vector<std::pair<const Parts*, std::vector<RuleKey>>> keyed;
    std::size_t part_bytes = 0;
    for (const Parts& p : rules) {
        // As one conjunction: the best keys of what is left.
        std::optional<std::vector<RuleKey>> best;
        for (const NodeId c : p.conjuncts) {
            auto keys = keys_of(graph, c);
            if (keys && (!best || better(*keys, *best))) best = std::move(keys);
        }
        if (best)
            for (const RuleKey& k : *best) part_bytes += k.kind == RuleKey::Kind::part ? k.text.size() : 0;
        if (!best || part_bytes > kMostPartBytes)
            branch.rules.push_back(p.rule);
        else
            keyed.emplace_back(&p, std::move(*best));
    }
    if (keyed.size() < kFewestKeyed) {
        for (const auto& [p, keys] : keyed) branch.rules.push_back(p->rule);
        return;
    }
    std::map<ExprId, std::size_t> index_of;
    for (const auto& [p, keys] : keyed) {
        const auto id = static_cast<std::uint32_t>(branch.keyed.size());
        branch.keyed.push_back(p->rule);
        for (const RuleKey& key : keys) {
            const auto [it, added] = index_of.emplace(key.field, branch.indexes.size());
            if (added) branch.indexes.emplace_back().field = key.field;
            Index& index = branch.indexes[it->second];
            if (index.all.empty() || index.all.back() != id) index.all.push_back(id);
            switch (key.kind) {
            case RuleKey::Kind::text:
                index.by_text[key.text].push_back(id);
                index.text_lengths.add(key.text);
                break;
            case RuleKey::Kind::number: index.by_number[key.number].push_back(id); break;
            case RuleKey::Kind::part: index.parts.add(key.text, id); break;
            }
        }
    }
    for (Index& index : branch.indexes) index.parts.build();
}

} // namespace gyr::match
