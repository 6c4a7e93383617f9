#include "match/graph.h"

#include <algorithm>

namespace gyr::match {

using fields::Scope;

Graph::Graph() {
    nodes_.resize(2); // kFalse and kTrue
}

NodeId Graph::add(Predicate predicate) {
    if (const auto it = predicates_by_text_.find(predicate.text); it != predicates_by_text_.end()) return it->second;
    const auto id = static_cast<NodeId>(nodes_.size());
    Node n;
    n.kind = NodeKind::predicate;
    n.scope = predicate.scope;
    n.cost = predicate.cost;
    n.first = static_cast<std::uint32_t>(predicates_.size());
    predicates_by_text_.emplace(predicate.text, id);
    predicates_.push_back(std::move(predicate));
    nodes_.push_back(n);
    return id;
}

NodeId Graph::make(NodeKind kind, std::vector<NodeId> children, bool keep_order) {
    if (!keep_order) std::ranges::sort(children);
    std::string key(1, static_cast<char>('0' + static_cast<int>(kind)));
    key.append(reinterpret_cast<const char*>(children.data()), children.size() * sizeof(NodeId));
    const auto [it, added] = nodes_by_key_.emplace(std::move(key), static_cast<NodeId>(nodes_.size()));
    if (!added) return it->second;
    Node n;
    n.kind = kind;
    n.first = static_cast<std::uint32_t>(children_.size());
    n.count = static_cast<std::uint32_t>(children.size());
    for (const NodeId c : children) {
        n.scope = std::max(n.scope, nodes_[c].scope);
        n.cost = std::min(n.cost + nodes_[c].cost, 1'000'000u);
    }
    children_.insert(children_.end(), children.begin(), children.end());
    nodes_.push_back(n);
    return it->second;
}

NodeId Graph::negate(NodeId id) {
    if (id == kFalse) return kTrue;
    if (id == kTrue) return kFalse;
    if (nodes_[id].kind == NodeKind::negation) return children(id)[0];
    return make(NodeKind::negation, {id});
}

void Graph::flatten(NodeKind kind, NodeId id, std::vector<NodeId>& out) const {
    if (nodes_[id].kind != kind) {
        out.push_back(id);
        return;
    }
    for (const NodeId c : children(id)) flatten(kind, c, out);
}

NodeId Graph::combine(NodeKind kind, std::vector<NodeId> given) {
    const NodeId absorbing = kind == NodeKind::conjunction ? kFalse : kTrue;
    const NodeId neutral = kind == NodeKind::conjunction ? kTrue : kFalse;
    std::vector<NodeId> flat;
    for (const NodeId c : given) flatten(kind, c, flat);
    std::ranges::sort(flat);
    flat.erase(std::ranges::unique(flat).begin(), flat.end());
    if (std::ranges::binary_search(flat, absorbing)) return absorbing;
    std::erase(flat, neutral);
    for (const NodeId c : flat) // x and not x
        if (nodes_[c].kind == NodeKind::negation && std::ranges::binary_search(flat, children(c)[0])) return absorbing;
    if (flat.empty()) return neutral;
    if (flat.size() == 1) return flat[0];
    return make(kind, std::move(flat));
}

NodeId Graph::all(std::vector<NodeId> c) { return combine(NodeKind::conjunction, std::move(c)); }
NodeId Graph::any(std::vector<NodeId> c) { return combine(NodeKind::disjunction, std::move(c)); }

NodeId Graph::replace(NodeId id, const std::function<NodeId(NodeId, const Predicate&)>& decide,
                      std::unordered_map<NodeId, NodeId>& memo) {
    if (id == kFalse || id == kTrue) return id;
    if (const auto it = memo.find(id); it != memo.end()) return it->second;
    const NodeKind kind = nodes_[id].kind;
    NodeId result = id;
    if (kind == NodeKind::predicate) {
        result = decide(id, predicate(id));
    } else {
        std::vector<NodeId> parts(children(id).begin(), children(id).end());
        for (NodeId& part : parts) part = replace(part, decide, memo);
        result = kind == NodeKind::negation ? negate(parts[0]) : combine(kind, std::move(parts));
    }
    memo.emplace(id, result);
    return result;
}

NodeId Graph::split(NodeId id, std::unordered_map<NodeId, NodeId>& memo) {
    const NodeKind kind = nodes_[id].kind;
    if (kind == NodeKind::constant || kind == NodeKind::predicate) return id;
    if (const auto it = memo.find(id); it != memo.end()) return it->second;
    std::vector<NodeId> parts(children(id).begin(), children(id).end());
    for (NodeId& part : parts) part = split(part, memo);
    NodeId result = id;
    if (kind == NodeKind::negation) {
        result = make(kind, std::move(parts), true);
    } else {
        const auto cheap_first = [&](NodeId a, NodeId b) {
            return std::pair(nodes_[a].cost, a) < std::pair(nodes_[b].cost, b);
        };
        std::vector<NodeId> lasting, changing;
        for (const NodeId part : parts) (is_lasting(nodes_[part].scope) ? lasting : changing).push_back(part);
        std::ranges::sort(lasting, cheap_first);
        std::ranges::sort(changing, cheap_first);
        if (lasting.size() > 1 && !changing.empty()) lasting = {make(kind, std::move(lasting), true)};
        lasting.insert(lasting.end(), changing.begin(), changing.end());
        result = make(kind, std::move(lasting), true);
    }
    memo.emplace(id, result);
    return result;
}

} // namespace gyr::match
