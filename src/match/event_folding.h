#pragma once
// What is left of a formula for each type of event, when everything that the type alone decides is folded in. Types
// that decide alike share the result.

#include "match/event_key.h"
#include "match/expression.h"
#include "match/graph.h"

#include <functional>
#include <unordered_map>
#include <vector>

namespace gyr::match {

// Every type of event that there is, and every system call of the generic one.
[[nodiscard]] std::vector<EventKey> all_event_keys();

class EventFolding {
  public:
    EventFolding(const Expressions& expressions, Graph& graph, const std::vector<EventKey>& keys)
        : expressions_(expressions), graph_(graph), keys_(keys) {}

    // One node for each of keys; kFalse where wanted says no.
    [[nodiscard]] std::vector<NodeId> fold(NodeId root, const std::function<bool(EventKey)>& wanted);
    // With what is the same for every event of a source (evt.source = syscall) folded in; example: one of its types.
    [[nodiscard]] NodeId fold_fixed(NodeId root, EventKey example);

  private:
    using Truths = std::vector<Truth>; // by key; undecided where events of the type differ
    const Truths& truths_of(NodeId predicate);
    void collect_constants(NodeId root, std::vector<NodeId>& out) const;

    const Expressions& expressions_;
    Graph& graph_;
    const std::vector<EventKey>& keys_;
    std::unordered_map<NodeId, Truths> truths_;
};

} // namespace gyr::match
