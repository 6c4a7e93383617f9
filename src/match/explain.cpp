#include "match/explain.h"

#include "match/binder.h"

#include <algorithm>

namespace gyr::match {

struct Explainer::Part {
    Explained::Kind kind = Explained::Kind::check;
    const lang::Expr* expr = nullptr;
    NodeId node = kFalse;       // of a check
    ExprId left = 0, right = 0; // likewise
    bool right_is_field = false;
    std::vector<Part> children;
};

struct Explainer::Compiled {
    Expressions expressions;
    Graph graph;
    Part root;
    std::unique_ptr<Evaluator> evaluator;
};

namespace {

// Whether a right side is computed from the event rather than written down.
bool is_computed(const lang::Operand& operand) {
    return std::holds_alternative<lang::Field>(operand.value) ||
           std::holds_alternative<lang::Transformer>(operand.value);
}

} // namespace

Explainer::Explainer() : compiled_(std::make_shared<Compiled>()) {}

Result<Explainer> Explainer::create(const Rule& rule) {
    if (!rule.disabled_why.empty()) return fail(ErrorKind::invalid, "the rule cannot be used: " + rule.disabled_why);
    if (!rule.condition) return fail(ErrorKind::invalid, "the rule has no condition");
    Explainer out;
    out.rule_ = &rule;
    Compiled& c = *out.compiled_;
    Binder binder(c.expressions, c.graph);
    std::vector<Problem> problems;
    const auto prepare = [&](const auto& self, const lang::Expr& expr) -> Part {
        Part part;
        part.expr = &expr;
        const auto take = [&](Explained::Kind kind, const std::vector<lang::ExprPtr>& children) {
            part.kind = kind;
            for (const lang::ExprPtr& child : children) part.children.push_back(self(self, *child));
        };
        if (const auto* conjunction = std::get_if<lang::And>(&expr.node)) {
            take(Explained::Kind::all_of, conjunction->children);
        } else if (const auto* disjunction = std::get_if<lang::Or>(&expr.node)) {
            take(Explained::Kind::any_of, disjunction->children);
        } else if (const auto* negation = std::get_if<lang::Not>(&expr.node)) {
            take(Explained::Kind::negation, {negation->child});
        } else if (const auto* check = std::get_if<lang::Check>(&expr.node)) {
            part.node = binder.bind(expr, problems);
            if (const auto left = c.expressions.add(check->left, false)) part.left = *left;
            if (check->right && is_computed(*check->right)) {
                if (const auto right = c.expressions.add(*check->right, true)) {
                    part.right = *right;
                    part.right_is_field = true;
                }
            }
        }
        return part;
    };
    c.root = prepare(prepare, *rule.condition);
    for (const Problem& p : problems)
        if (!p.warning) return fail(ErrorKind::invalid, p.message);
    c.evaluator = std::make_unique<Evaluator>(c.expressions, c.graph, 0);
    return out;
}

std::string Explainer::value_text(ExprId id, std::string& missing) const {
    const fields::Value value = compiled_->evaluator->value(id);
    if (value.is_missing()) {
        missing = to_string(value.why);
        return {};
    }
    const Expression& e = compiled_->expressions[id];
    const fields::Format format = e.kind == Expression::Kind::field ? e.field.field->format : fields::Format::decimal;
    std::string text;
    fields::append_text(text, value, e.type, format);
    return text;
}

Explained Explainer::look_at(const Part& part) const {
    Explained out;
    out.kind = part.kind;
    out.span = part.expr->span;
    for (const Part& child : part.children) out.children.push_back(look_at(child));
    const auto holds = [](const Explained& e) { return e.holds; };
    switch (part.kind) {
    case Explained::Kind::all_of: out.holds = std::ranges::all_of(out.children, holds); break;
    case Explained::Kind::any_of: out.holds = std::ranges::any_of(out.children, holds); break;
    case Explained::Kind::negation: out.holds = !out.children.front().holds; break;
    case Explained::Kind::check: {
        out.text = lang::to_string(*part.expr);
        out.holds = compiled_->evaluator->truth(part.node) == Truth::yes;
        out.seen = value_text(part.left, out.missing);
        std::string why;
        if (part.right_is_field) out.compared = value_text(part.right, why);
        if (!why.empty()) out.compared = "<NA>";
        break;
    }
    }
    return out;
}

Explained Explainer::explain(const Event& event, const EvalWorld& world) {
    compiled_->evaluator->begin(event, world, false, true);
    Explained whole = look_at(compiled_->root);
    mark_deciding(whole);
    return whole;
}

void mark_deciding(Explained& whole) {
    whole.decides = true;
    if (whole.children.empty()) return;
    if (whole.kind == Explained::Kind::negation) return mark_deciding(whole.children.front());
    // One child is enough to make "all of" fail or "any of" hold; otherwise it takes all.
    const bool one_is_enough = (whole.kind == Explained::Kind::any_of) == whole.holds;
    for (Explained& child : whole.children) {
        if (one_is_enough && child.holds != whole.holds) continue;
        mark_deciding(child);
        if (one_is_enough) return;
    }
}

double nearness(const Explained& whole) {
    if (whole.holds) return 1;
    if (whole.kind != Explained::Kind::all_of || whole.children.empty()) return 0;
    const auto held = std::ranges::count_if(whole.children, [](const Explained& e) { return e.holds; });
    return static_cast<double>(held) / static_cast<double>(whole.children.size());
}

} // namespace gyr::match
