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

constexpr std::size_t kMostConditions = 64;
constexpr std::string_view kAnything; // skeleton of what says nothing about the process

// Fields that stay the same as long as what the kernel compares does: the process, its exec, its name, the real user
// id.
constexpr std::array<std::string_view, 10> kFields{"proc.name", "proc.exe", "proc.exepath", "proc.cmdline",
                                                   "proc.args", "proc.env", "proc.pid",     "proc.cmdnargs",
                                                   "user.uid",  "user.id"};

bool is_decidable(const Matcher& matcher, NodeId id) {
    const match::Predicate& p = matcher.graph().predicate(id);
    const match::Expression& left = matcher.expressions()[p.left];
    if (left.kind != match::Expression::Kind::field || p.right || !p.external.empty() || left.field.field == nullptr)
        return false;
    return std::ranges::find(kFields, left.field.field->info.name) != kFields.end();
}

// Kleene's logic, with all but the decidable predicates undecided.
Truth decide(const Matcher& matcher, match::Evaluator& evaluator, NodeId id) {
    const match::Graph& graph = matcher.graph();
    switch (graph.node(id).kind) {
    case NodeKind::constant: return id == match::kTrue ? Truth::yes : Truth::no;
    case NodeKind::predicate: return is_decidable(matcher, id) ? evaluator.truth(id) : Truth::undecided;
    case NodeKind::negation: {
        const Truth inner = decide(matcher, evaluator, graph.children(id)[0]);
        return inner == Truth::undecided ? inner : inner == Truth::yes ? Truth::no : Truth::yes;
    }
    case NodeKind::conjunction:
    case NodeKind::disjunction: {
        const bool all = graph.node(id).kind == NodeKind::conjunction;
        Truth out = all ? Truth::yes : Truth::no;
        for (const NodeId child : graph.children(id)) {
            const Truth t = decide(matcher, evaluator, child);
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

std::uint64_t ProcessConditions::bit_of(std::uint32_t node) {
    const std::string key = skeleton(node, false);
    if (key == kAnything) return 0;
    if (const auto known = bits_.find(key); known != bits_.end()) return known->second;
    if (nodes_.size() >= kMostConditions) return bits_[key] = 0;
    nodes_.push_back(node);
    return bits_[key] = std::uint64_t{1} << (nodes_.size() - 1);
}

ProcessMasks::ProcessMasks(std::shared_ptr<const Matcher> matcher, std::vector<std::uint32_t> nodes)
    : matcher_(std::move(matcher)), nodes_(std::move(nodes)) {
    if (!nodes_.empty()) evaluator_ = std::make_unique<match::Evaluator>(matcher_->expressions(), matcher_->graph(), 0);
}
ProcessMasks::~ProcessMasks() = default;

std::uint64_t ProcessMasks::of(const ProcessImagePtr& image, const EvalWorld& world) {
    if (image == nullptr || image->incomplete || nodes_.empty()) return ~std::uint64_t{0};
    Event event;
    event.code = kProcChange;
    event.process = image;
    evaluator_->begin(event, world, false, false);
    std::uint64_t out = 0;
    for (std::size_t i = 0; i < nodes_.size(); ++i)
        if (decide(*matcher_, *evaluator_, nodes_[i]) != Truth::no) out |= std::uint64_t{1} << i;
    return out;
}

} // namespace gyr::plan
