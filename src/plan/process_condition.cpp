#include "plan/process_condition.h"

#include "match/evaluator.h"
#include "match/expression.h"
#include "match/graph.h"
#include "match/predicate.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

namespace gyr::plan {
namespace {

using match::NodeId;
using match::NodeKind;
using match::Truth;

constexpr std::string_view kAnything; // skeleton of what says nothing about the process

// Fields that stay the same as long as what the kernel compares does: the process, its exec, its name, the real user
// id. What was read of the executable and its file is read once, at the exec.
constexpr std::array<std::string_view, 17> kFields{"proc.name",
                                                   "proc.exe",
                                                   "proc.exepath",
                                                   "proc.cmdline",
                                                   "proc.args",
                                                   "proc.env",
                                                   "proc.pid",
                                                   "proc.cmdnargs",
                                                   "proc.cmdlenargs",
                                                   "proc.script",
                                                   "proc.is_exe_writable",
                                                   "proc.is_exe_upper_layer",
                                                   "proc.is_exe_lower_layer",
                                                   "proc.is_exe_from_memfd",
                                                   "proc.exe_ino",
                                                   "user.uid",
                                                   "user.id"};

// Also functions of such fields, as basename(proc.exepath).
bool is_decidable(const Matcher& matcher, NodeId id) {
    const match::Predicate& p = matcher.graph().predicate(id);
    if (p.right || !p.external.empty()) return false;
    std::vector<const fields::BoundField*> used;
    matcher.expressions().collect_fields(p.left, used);
    return !used.empty() && std::ranges::all_of(used, [](const fields::BoundField* f) {
        return f->field != nullptr && std::ranges::find(kFields, f->field->info.name) != kFields.end();
    });
}

// Whether something decidable is in the formula.
bool says_something(const Matcher& matcher, NodeId id) {
    const match::Graph& graph = matcher.graph();
    if (graph.node(id).kind == NodeKind::constant) return true;
    if (graph.node(id).kind == NodeKind::predicate) return is_decidable(matcher, id);
    return std::ranges::any_of(graph.children(id), [&](NodeId child) { return says_something(matcher, child); });
}

bool asks_for_pid(const Matcher& matcher, NodeId id) {
    const match::Graph& graph = matcher.graph();
    if (graph.node(id).kind == NodeKind::constant) return false;
    if (graph.node(id).kind != NodeKind::predicate)
        return std::ranges::any_of(graph.children(id), [&](NodeId child) { return asks_for_pid(matcher, child); });
    std::vector<const fields::BoundField*> used;
    matcher.expressions().collect_fields(graph.predicate(id).left, used);
    return std::ranges::any_of(
        used, [](const fields::BoundField* f) { return f->field != nullptr && f->field->info.name == "proc.pid"; });
}

// Kleene's logic; what says nothing is undecided.
Truth decide(const match::Graph& graph, const std::vector<bool>& decidable, match::Evaluator& evaluator, NodeId id) {
    if (!decidable[id]) return Truth::undecided;
    switch (graph.node(id).kind) {
    case NodeKind::constant: return id == match::kTrue ? Truth::yes : Truth::no;
    case NodeKind::predicate: return evaluator.truth(id);
    case NodeKind::negation: {
        const Truth inner = decide(graph, decidable, evaluator, graph.children(id)[0]);
        return inner == Truth::undecided ? inner : inner == Truth::yes ? Truth::no : Truth::yes;
    }
    case NodeKind::conjunction:
    case NodeKind::disjunction: {
        const bool all = graph.node(id).kind == NodeKind::conjunction;
        Truth out = all ? Truth::yes : Truth::no;
        for (const NodeId child : graph.children(id)) {
            const Truth t = decide(graph, decidable, evaluator, child);
            if (t == (all ? Truth::no : Truth::yes)) return t;
            if (t == Truth::undecided) out = t;
        }
        return out;
    }
    }
    return Truth::undecided;
}

} // namespace

std::string ProcessConditions::skeleton(std::uint32_t id, bool negated) const {
    const match::Graph& graph = matcher_.graph();
    const NodeKind kind = graph.node(id).kind;
    switch (kind) {
    case NodeKind::constant: return (id == match::kTrue) != negated ? std::string(kAnything) : "never";
    case NodeKind::predicate:
        return is_decidable(matcher_, id) ? fmt::format("{}{}", negated ? "!" : "", id) : std::string(kAnything);
    case NodeKind::negation: return skeleton(graph.children(id)[0], !negated);
    case NodeKind::conjunction:
    case NodeKind::disjunction: {
        const bool all = (kind == NodeKind::conjunction) != negated;
        std::string out;
        for (const NodeId child : graph.children(id)) {
            const std::string part = skeleton(child, negated);
            if (part == kAnything) {
                if (all) continue;
                return std::string(kAnything);
            }
            out += (out.empty() ? "" : all ? "&" : "|") + part;
        }
        return out.empty() ? out : "(" + out + ")";
    }
    }
    return std::string(kAnything);
}

Sets ProcessConditions::of(std::uint32_t node) {
    const std::string key = skeleton(node, false);
    if (key == kAnything) return {};
    const auto [known, fresh] = known_.try_emplace(key);
    if (!fresh || nodes_.size() >= kMostSets) return known->second;
    known->second.set(nodes_.size());
    nodes_.push_back(node);
    return known->second;
}

ProcessMasks::ProcessMasks(std::shared_ptr<const Matcher> matcher, std::vector<std::vector<std::uint32_t>> nodes)
    : matcher_(std::move(matcher)), nodes_(std::move(nodes)) {
    if (nodes_.empty()) return;
    evaluator_ = std::make_unique<match::Evaluator>(matcher_->expressions(), matcher_->graph(), 0);
    decidable_.resize(matcher_->graph().size());
    for (NodeId id = 0; id < decidable_.size(); ++id) decidable_[id] = says_something(*matcher_, id);
    for (const auto& any : nodes_)
        by_pid_ = by_pid_ || std::ranges::any_of(any, [&](NodeId id) { return asks_for_pid(*matcher_, id); });
}
ProcessMasks::~ProcessMasks() = default;

std::uint64_t ProcessMasks::of(const ProcessImagePtr& image, const EvalWorld& world) {
    if (image == nullptr || image->incomplete || nodes_.empty()) return ~std::uint64_t{0};
    // A child is as its parent until it execs.
    Known& known = known_[(reinterpret_cast<std::uintptr_t>(image->exec.get()) / 64) % known_.size()];
    if (!by_pid_ && known.exec == image->exec && known.comm == image->comm && known.uid == image->credentials.uid)
        return known.bits;
    Event event;
    event.code = kProcChange;
    event.process = image;
    evaluator_->begin(event, world, false, false);
    std::uint64_t out = 0;
    const auto may_hold = [&](NodeId id) {
        return decide(matcher_->graph(), decidable_, *evaluator_, id) != Truth::no;
    };
    for (std::size_t i = 0; i < nodes_.size(); ++i)
        if (std::ranges::any_of(nodes_[i], may_hold)) out |= std::uint64_t{1} << i;
    known = {.exec = image->exec, .comm = image->comm, .uid = image->credentials.uid, .bits = out};
    return out;
}

} // namespace gyr::plan
