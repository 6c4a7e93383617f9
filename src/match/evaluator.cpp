#include "match/evaluator.h"

#include <algorithm>
#include <array>
#include <new>
#include <type_traits>

namespace gyr::match {

using fields::Value;

static_assert(std::is_trivially_destructible_v<Value>);

void ImageResults::resize(std::size_t slots) {
    words_ = (slots * 2 + 63) / 64;
    if (words_ == 0) return;
    tags_.assign(kEntries, {});
    bits_.assign(kEntries * words_, 0);
}

void ImageResults::select(const ProcessImage* image) {
    current_ = nullptr;
    if (words_ == 0 || !image || image->generation == 0) return;
    const std::size_t at = image->generation % kEntries;
    Tag& tag = tags_[at];
    std::uint64_t* entry = bits_.data() + at * words_;
    const Container* container = image->container.get();
    const std::uint32_t container_generation = container ? container->generation : 0;
    const std::uint32_t session_generation = image->session ? image->session->generation : 0;
    if (tag.generation != image->generation || tag.container != container ||
        tag.container_generation != container_generation || tag.session_generation != session_generation) {
        tag = {image->generation, container, container_generation, session_generation};
        std::fill_n(entry, words_, 0);
    }
    current_ = entry;
}

bool ImageResults::get(std::uint32_t slot, bool& result) const {
    if (!current_) return false;
    const std::uint64_t bits = current_[slot / 32] >> (slot % 32 * 2) & 3;
    result = bits == 3;
    return bits != 0;
}

void ImageResults::set(std::uint32_t slot, bool result) {
    if (current_) current_[slot / 32] |= std::uint64_t{result ? 3u : 1u} << (slot % 32 * 2);
}

Evaluator::Evaluator(const Expressions& expressions, const Graph& graph, std::size_t slots)
    : expressions_(expressions), graph_(graph), values_(expressions.size()), value_round_(expressions.size()),
      truths_(graph.size()), truth_round_(graph.size()) {
    images_.resize(slots);
}

void Evaluator::begin(const Event& event, const EvalWorld& world, bool use_image_results, bool pending_is_missing) {
    arena_.reset();
    event_ = &event;
    world_ = &world;
    pending_is_missing_ = pending_is_missing;
    if (++round_ == 0) { // wrapped: forget everything
        std::ranges::fill(value_round_, 0);
        std::ranges::fill(truth_round_, 0);
        round_ = 1;
    }
    // Pending taken as missing gives results that hold for this once only.
    if (use_image_results && !pending_is_missing)
        images_.select(event.process.get());
    else
        images_.deselect();
}

const Value& Evaluator::value(ExprId id) {
    Value& v = values_[id];
    if (value_round_[id] == round_) return v;
    const Expression& e = expressions_[id];
    // Made in its place: a copy would wait for each part to be written.
    if (e.kind == Expression::Kind::field)
        ::new (static_cast<void*>(&v)) Value(e.field.field->extract({*event_, *world_, arena_}, e.field.arg));
    else
        v = compute_value(e);
    value_round_[id] = round_;
    return v;
}

Value Evaluator::compute_value(const Expression& e) {
    if (e.kind == Expression::Kind::constant) return Value::of_text(e.constant);
    const std::span<Value> args = arena_.make_array<Value>(e.args.size());
    for (std::size_t i = 0; i < args.size(); ++i) args[i] = value(e.args[i]);
    if (e.kind == Expression::Kind::transform) return transform(e, args, arena_);
    Value v = Value::of_list(args);
    for (const Value& a : args)
        if (a.is_missing() && !v.is_pending()) v = a;
    return v;
}

Truth Evaluator::test(const Predicate& p) {
    const Value& left = value(p.left);
    if (left.is_missing()) return left.is_pending() && !pending_is_missing_ ? Truth::undecided : Truth::no;
    static const Value kNone;
    const Value& right = p.right ? value(*p.right) : kNone;
    if (p.right && right.is_missing()) return right.is_pending() && !pending_is_missing_ ? Truth::undecided : Truth::no;
    return p.test(left, right, arena_) ? Truth::yes : Truth::no;
}

Truth Evaluator::truth(NodeId id) {
    if (id <= kTrue) return id == kTrue ? Truth::yes : Truth::no;
    if (truth_round_[id] == round_) return truths_[id];
    const std::uint32_t slot = graph_.node(id).slot;
    Truth result = Truth::no;
    bool kept = false;
    if (slot != kNoSlot && images_.get(slot, kept)) {
        result = kept ? Truth::yes : Truth::no;
    } else {
        result = compute(id);
        if (slot != kNoSlot && result != Truth::undecided) images_.set(slot, result == Truth::yes);
    }
    truths_[id] = result;
    truth_round_[id] = round_;
    return result;
}

Truth Evaluator::compute(NodeId id) {
    const Node& node = graph_.node(id);
    switch (node.kind) {
    case NodeKind::predicate: return test(graph_.predicate(id));
    case NodeKind::negation: {
        const Truth inner = truth(graph_.children(id)[0]);
        return inner == Truth::undecided ? inner : inner == Truth::yes ? Truth::no : Truth::yes;
    }
    case NodeKind::conjunction:
    case NodeKind::disjunction: {
        const Truth decisive = node.kind == NodeKind::conjunction ? Truth::no : Truth::yes;
        Truth result = node.kind == NodeKind::conjunction ? Truth::yes : Truth::no;
        for (const NodeId child : graph_.children(id)) {
            const Truth t = truth(child);
            if (t == decisive) return decisive;
            if (t == Truth::undecided) result = Truth::undecided;
        }
        return result;
    }
    case NodeKind::constant: break;
    }
    return Truth::no;
}

} // namespace gyr::match
