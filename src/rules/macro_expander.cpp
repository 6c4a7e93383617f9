#include "rules/macro_expander.h"

#include "lang/parser.h"
#include "rules/syntax_place.h"

#include <algorithm>
#include <utility>

namespace gyr::rules {

using namespace lang;

namespace {

constexpr std::size_t kMaxMacroChain = 200; // macros in macros in macros

std::string in_quotes(std::string_view word) { return "'" + std::string(word) + "'"; }

} // namespace

ConditionBuilder::ConditionBuilder(Definitions& definitions, SourceTable& sources, Problems& problems)
    : definitions_(definitions), sources_(sources), problems_(problems), lists_(definitions) {
    has_external_lists_ =
        std::ranges::any_of(definitions.lists.all(), [](const auto& list) { return !list->external.empty(); });
    for (const auto& def : definitions.macros.all()) {
        by_name_.emplace(def->name->value, macros_.size());
        Macro macro;
        macro.def = def.get();
        const SourceFile& file = *def->name->file;
        macro.context = {{"rules content", "", file.place(0)},
                         {"macro", def->name->value, file.place(def->name->offset)}};
        macros_.push_back(std::move(macro));
    }
}

void ConditionBuilder::build_macros() {
    for (Macro& macro : macros_) finish(macro);
}

ExprPtr ConditionBuilder::macro(std::string_view name) const {
    const auto it = by_name_.find(name);
    return it == by_name_.end() ? nullptr : macros_[it->second].expanded;
}

ExprPtr ConditionBuilder::build(ComposedText text, std::string type, std::string name, const Context& context,
                                std::string& why) {
    const ExprPtr parsed = parse(std::move(text), std::move(type), std::move(name), context, why);
    if (parsed == nullptr) return nullptr;
    Job job{nullptr, &context, {}};
    Measure measure;
    ExprPtr expanded = expand(parsed, job, measure);
    if (!job.why.empty()) {
        why = job.why;
        return nullptr;
    }
    return expanded;
}

ExprPtr ConditionBuilder::parse(ComposedText text, std::string type, std::string name, const Context& context,
                                std::string& why) {
    const Place begin = text.place(0);
    std::optional<ComposedText> expanded = lists_.expand(std::move(text));
    if (!expanded) {
        Diagnostic d;
        d.code = code::kCompileConditionError;
        why = d.message = "the condition becomes too large when its lists are replaced";
        d.place = begin;
        d.context = context;
        d.context.push_back({"condition expression", "", d.place});
        problems_.add(std::move(d));
        return nullptr;
    }
    SourceTable::Entry entry{std::move(type), std::move(name), std::move(*expanded), context.back().place};
    const std::uint32_t origin = sources_.add(std::move(entry));
    const ComposedText& stored = sources_.find(origin)->text;
    auto expr = lang::parse(stored.text(), {origin, kRuleDepth});
    if (expr) {
        if (const std::string_view broken = lists_.broken_in(stored.text()); !broken.empty()) {
            // Its own problem is reported where it is; without its items the condition would mean something else.
            why = "list " + in_quotes(broken) + " has errors";
            return nullptr;
        }
        return has_external_lists_ ? with_external_lists(*expr) : *expr;
    }
    const SyntaxPlace spot = place_of(expr.error(), stored);
    Diagnostic d;
    d.code = code::kCompileConditionError;
    d.message = spot.message;
    d.hint = spot.hint;
    d.place = spot.place;
    d.snippet = make_snippet(spot.file->text(), spot.place.offset, spot.length);
    why = d.message;
    d.context = context;
    d.context.push_back({"condition expression", "", d.place});
    problems_.add(std::move(d));
    return nullptr;
}

void ConditionBuilder::finish(Macro& macro) {
    if (macro.state != Macro::State::waiting) return;
    macro.state = Macro::State::open;
    open_.push_back(&macro);
    ComposedText text;
    for (const ScalarPtr& part : macro.def->condition) {
        if (text.size() != 0) text.append_for(part, " ");
        text.append(part);
    }
    std::string why;
    macro.parsed = parse(std::move(text), "macro", macro.def->name->value, macro.context, why);
    if (macro.parsed != nullptr) {
        Job job{macro.def, &macro.context, {}};
        macro.expanded = expand(macro.parsed, job, macro.measure);
        if (!job.why.empty()) macro.expanded = nullptr;
    }
    open_.pop_back();
    macro.state = macro.expanded != nullptr ? Macro::State::done : Macro::State::broken;
}

ExprPtr ConditionBuilder::refuse(Job& job, std::string message, Span span, std::string hint) {
    Diagnostic d = sources_.diagnose(Severity::error, code::kValidate, message, span, std::move(hint));
    d.context = *job.context;
    d.context.push_back({"condition expression", "", d.place});
    problems_.add(std::move(d));
    if (job.why.empty()) job.why = std::move(message);
    return nullptr;
}

ExprPtr ConditionBuilder::expand_reference(const Expr& expr, const std::string& name, Job& job, Measure& measure) {
    const auto it = by_name_.find(name);
    if (definitions_.broken_macros.contains(name)) {
        if (job.why.empty()) job.why = "macro " + in_quotes(name) + " has errors";
        return nullptr;
    }
    if (it == by_name_.end())
        return refuse(job, "undefined macro " + in_quotes(name), expr.span,
                      suggestion(name, definitions_.macros.names()));
    Macro& macro = macros_[it->second];
    if (job.viewer != nullptr && macro.def->index >= job.viewer->visibility) {
        const Place place = macro.def->name->file->place(macro.def->name->offset);
        return refuse(job,
                      "undefined macro " + in_quotes(name) + ": it is defined only later (" + place.file + ":" +
                          std::to_string(place.line) + ")",
                      expr.span, "a macro can only use macros that stand before it");
    }
    macro.def->used = true;
    if (macro.state == Macro::State::open) {
        std::string path;
        bool inside = false;
        for (const Macro* open : open_) {
            inside = inside || open == &macro;
            if (inside) path += open->def->name->value + " -> ";
        }
        return refuse(job, "macro loop: " + path + name, expr.span);
    }
    if (open_.size() >= kMaxMacroChain) return refuse(job, "macros are nested too deeply", expr.span);
    finish(macro);
    if (macro.state == Macro::State::broken) {
        // Its own problem is reported where it is; what uses it only cannot be used either.
        if (job.why.empty()) job.why = "macro " + in_quotes(name) + " has errors";
        return nullptr;
    }
    measure = macro.measure;
    return macro.expanded;
}

template <class Node>
ExprPtr ConditionBuilder::expand_children(const ExprPtr& expr, const Node& node, Job& job, Measure& measure) {
    Node copy;
    bool changed = false;
    bool ok = true;
    for (const ExprPtr& child : node.children) {
        Measure part;
        ExprPtr expanded = expand(child, job, part);
        ok = ok && expanded != nullptr;
        changed = changed || expanded != child;
        measure.depth = std::max(measure.depth, part.depth + 1);
        measure.nodes += part.nodes;
        copy.children.push_back(std::move(expanded));
    }
    if (!ok) return nullptr;
    return changed ? std::make_shared<const Expr>(Expr{std::move(copy), expr->span}) : expr;
}

ExprPtr ConditionBuilder::expand(const ExprPtr& expr, Job& job, Measure& measure) {
    ExprPtr out;
    if (const auto* reference = std::get_if<MacroRef>(&expr->node)) {
        out = expand_reference(*expr, reference->name, job, measure);
    } else if (const auto* conjunction = std::get_if<And>(&expr->node)) {
        out = expand_children(expr, *conjunction, job, measure);
    } else if (const auto* disjunction = std::get_if<Or>(&expr->node)) {
        out = expand_children(expr, *disjunction, job, measure);
    } else if (const auto* negation = std::get_if<Not>(&expr->node)) {
        ExprPtr child = expand(negation->child, job, measure);
        ++measure.depth;
        ++measure.nodes;
        if (child == nullptr) return nullptr;
        out = child == negation->child ? expr : std::make_shared<const Expr>(Expr{Not{std::move(child)}, expr->span});
    } else {
        return expr;
    }
    if (out != nullptr && (measure.depth > kMaxExpandedDepth || measure.nodes > kMaxExpandedNodes))
        return refuse(job, "the condition becomes too large when its macros are expanded", expr->span);
    return out;
}

// Names of lists with external entries become references to them.
ExprPtr ConditionBuilder::with_external_lists(const ExprPtr& expr) const {
    if (const auto* check = std::get_if<Check>(&expr->node)) {
        const auto* list = check->right ? std::get_if<ListLiteral>(&check->right->value) : nullptr;
        if (list == nullptr) return expr;
        ListLiteral copy;
        for (const Operand& item : list->items) {
            const auto* literal = std::get_if<Literal>(&item.value);
            const ListDef* def = literal != nullptr && !literal->quoted ? lists_.external(literal->text) : nullptr;
            if (def == nullptr) {
                copy.items.push_back(item);
                continue;
            }
            copy.external.insert(copy.external.end(), def->external.begin(), def->external.end());
            for (const ScalarPtr& text : def->items) {
                Operand extra;
                extra.span = item.span;
                extra.value = Literal{text->value, true, false};
                copy.items.push_back(std::move(extra));
            }
        }
        if (copy.external.empty()) return expr;
        Check changed = *check;
        changed.right = Operand{std::move(copy), check->right->span};
        return std::make_shared<const Expr>(Expr{std::move(changed), expr->span});
    }
    const auto children = [&]<class Node>(const Node& node) {
        Node copy;
        for (const ExprPtr& child : node.children) copy.children.push_back(with_external_lists(child));
        return std::make_shared<const Expr>(Expr{std::move(copy), expr->span});
    };
    if (const auto* conjunction = std::get_if<And>(&expr->node)) return children(*conjunction);
    if (const auto* disjunction = std::get_if<Or>(&expr->node)) return children(*disjunction);
    if (const auto* negation = std::get_if<Not>(&expr->node))
        return std::make_shared<const Expr>(Expr{Not{with_external_lists(negation->child)}, expr->span});
    return expr;
}

} // namespace gyr::rules
