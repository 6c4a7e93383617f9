#include "match/event_folding.h"

#include "event/schema.h"
#include "match/evaluator.h"

#include <algorithm>
#include <map>

namespace gyr::match {

namespace {

NodeId settled(NodeId predicate, Truth truth) {
    return truth == Truth::undecided ? predicate : truth == Truth::yes ? kTrue : kFalse;
}

} // namespace

std::vector<EventKey> all_event_keys() {
    std::vector<EventKey> keys;
    for (const EventInfo& e : event_schema()) {
        if (e.kind == EventKind::unused) continue;
        if (e.code != kGenericExit) {
            keys.push_back({e.code, 0});
            continue;
        }
        // Those with an event of their own, too: a capture may hold both.
        for (std::uint16_t call = 0; call < kCalls; ++call) keys.push_back({e.code, call});
    }
    keys.push_back({kSnapshot, 0});
    keys.push_back({kProcChange, 0});
    return keys;
}

// Whether a predicate over constants holds, for each key. Its fields look at nothing but the type; where that does not
// tell (a read's category is that of its descriptor) they say pending for an event without a number.
const EventFolding::Truths& EventFolding::truths_of(NodeId predicate) {
    const auto [it, added] = truths_.try_emplace(predicate);
    if (!added) return it->second;
    Evaluator eval(expressions_, graph_, 0);
    const EvalWorld world;
    for (const EventKey key : keys_) {
        Event event;
        event.code = key.code;
        const std::string_view call(reinterpret_cast<const char*>(&key.call), sizeof key.call);
        if (key.code == kGenericExit) event.params = std::span(&call, 1);
        eval.begin(event, world, false, false);
        it->second.push_back(eval.truth(predicate));
    }
    return it->second;
}

void EventFolding::collect_constants(NodeId root, std::vector<NodeId>& out) const {
    const Node& node = graph_.node(root);
    if (node.kind == NodeKind::constant) return;
    if (node.kind == NodeKind::predicate) {
        if (node.scope == fields::Scope::constant) out.push_back(root);
        return;
    }
    for (const NodeId child : graph_.children(root)) collect_constants(child, out);
}

std::vector<NodeId> EventFolding::fold(NodeId root, const std::function<bool(EventKey)>& wanted) {
    std::vector<NodeId> constants;
    collect_constants(root, constants);
    std::ranges::sort(constants);
    constants.erase(std::ranges::unique(constants).begin(), constants.end());
    for (const NodeId c : constants) static_cast<void>(truths_of(c)); // the references below stay good

    std::vector<NodeId> out(keys_.size(), kFalse);
    std::map<Truths, NodeId> by_truths;
    Truths truths(constants.size());
    for (std::size_t k = 0; k < keys_.size(); ++k) {
        if (!wanted(keys_[k])) continue;
        for (std::size_t i = 0; i < constants.size(); ++i) truths[i] = truths_.at(constants[i])[k];
        const auto [it, added] = by_truths.try_emplace(truths, kFalse);
        if (added) {
            std::unordered_map<NodeId, NodeId> memo;
            it->second = graph_.replace(
                root,
                [&](NodeId id, const Predicate& p) {
                    if (p.scope != fields::Scope::constant) return id;
                    return settled(id, truths_.at(id)[k]);
                },
                memo);
        }
        out[k] = it->second;
    }
    return out;
}

NodeId EventFolding::fold_fixed(NodeId root, EventKey example) {
    const auto key = static_cast<std::size_t>(std::ranges::find(keys_, example) - keys_.begin());
    std::unordered_map<NodeId, NodeId> memo;
    return graph_.replace(
        root,
        [&](NodeId id, const Predicate& p) {
            if (p.scope != fields::Scope::constant) return id;
            std::vector<const fields::BoundField*> used;
            expressions_.collect_fields(p.left, used);
            if (p.right) expressions_.collect_fields(*p.right, used);
            const bool fixed = std::ranges::all_of(used, [](const fields::BoundField* f) {
                return f->text == "evt.source" || f->text == "evt.pluginname" || f->text == "evt.plugininfo" ||
                       f->text == "evt.count" || f->field->info.name == "static";
            });
            return fixed ? settled(id, truths_of(id)[key]) : id;
        },
        memo);
}

} // namespace gyr::match
