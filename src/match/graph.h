#pragma once
// The predicate graph: and, or, not over predicates, hash-consed and simplified. A macro used by forty rules is one
// node.

#include "match/predicate.h"

#include <cstdint>
#include <functional>
#include <span>
#include <unordered_map>
#include <vector>

namespace gyr::match {

using NodeId = std::uint32_t;
inline constexpr NodeId kFalse = 0, kTrue = 1;
inline constexpr std::uint32_t kNoSlot = 0xffffffffU;

enum class NodeKind : std::uint8_t { constant, predicate, negation, conjunction, disjunction };

struct Node {
    NodeKind kind = NodeKind::constant;
    fields::Scope scope = fields::Scope::constant; // the least lasting of what is below
    std::uint32_t first = 0, count = 0;            // children; for a predicate, first is its index
    unsigned cost = 0;
    std::uint32_t slot = kNoSlot; // of the per-image result, see Matcher
};

class Graph {
  public:
    Graph();
    [[nodiscard]] NodeId add(Predicate predicate); // an equal one is found again
    [[nodiscard]] NodeId negate(NodeId node);
    [[nodiscard]] NodeId all(std::vector<NodeId> children); // and
    [[nodiscard]] NodeId any(std::vector<NodeId> children); // or
    // The same formula with some predicates decided; decide returns kTrue, kFalse or the node itself.
    [[nodiscard]] NodeId replace(NodeId node, const std::function<NodeId(NodeId, const Predicate&)>& decide,
                                 std::unordered_map<NodeId, NodeId>& memo);
    // Gathers lasting and changing children of conjunctions and disjunctions into nodes of their own, so that the
    // lasting part has one result; orders children by cost.
    [[nodiscard]] NodeId split(NodeId node, std::unordered_map<NodeId, NodeId>& memo);

    [[nodiscard]] const Node& node(NodeId id) const { return nodes_[id]; }
    [[nodiscard]] Node& node(NodeId id) { return nodes_[id]; }
    [[nodiscard]] std::size_t size() const { return nodes_.size(); }
    [[nodiscard]] std::span<const NodeId> children(NodeId id) const {
        return {children_.data() + nodes_[id].first, nodes_[id].count};
    }
    [[nodiscard]] const Predicate& predicate(NodeId id) const { return predicates_[nodes_[id].first]; }
    [[nodiscard]] std::size_t predicate_count() const { return predicates_.size(); }

  private:
    NodeId make(NodeKind kind, std::vector<NodeId> children, bool keep_order = false);
    NodeId combine(NodeKind kind, std::vector<NodeId> children);
    void flatten(NodeKind kind, NodeId id, std::vector<NodeId>& out) const;

    std::vector<Node> nodes_;
    std::vector<NodeId> children_;
    std::vector<Predicate> predicates_;
    std::unordered_map<std::string, NodeId> predicates_by_text_;
    std::unordered_map<std::string, NodeId> nodes_by_key_;
};

// Whether results of this scope may be kept with the process image.
[[nodiscard]] constexpr bool is_lasting(fields::Scope s) { return s <= fields::Scope::container; }

} // namespace gyr::match
