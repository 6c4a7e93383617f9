#include "match/expression.h"

#include <algorithm>

namespace gyr::match {

using fields::Scope;
using lang::FieldType;
using lang::TransformerKind;
using lang::TypeClass;

namespace {

bool is_text(FieldType type) { return lang::class_of(type) == TypeClass::string; }

lang::ValueType type_of(const Expression& e) {
    return {e.type, e.is_list, e.kind == Expression::Kind::constant, e.text};
}

} // namespace

ExprId Expressions::intern(Expression e) {
    const auto [it, added] = by_text_.emplace(e.text, static_cast<ExprId>(all_.size()));
    if (added) all_.push_back(std::move(e));
    return it->second;
}

ExprId Expressions::add_constant(const std::string& text) {
    Expression e;
    e.kind = Expression::Kind::constant;
    e.constant = text;
    e.type = FieldType::charbuf;
    e.text = "'" + text; // cannot be a field's name
    return intern(std::move(e));
}

std::expected<ExprId, TypeError> Expressions::add(const lang::Operand& operand, bool as_right) {
    if (const auto* field = std::get_if<lang::Field>(&operand.value)) return add_field(*field, operand.span);
    if (const auto* t = std::get_if<lang::Transformer>(&operand.value))
        return add_transformer(*t, operand.span, as_right);
    return std::unexpected(TypeError{"a field or a transformer is needed here", {}, operand.span, false});
}

std::expected<ExprId, TypeError> Expressions::add_field(const lang::Field& field, const lang::Span& span) {
    auto bound = fields::bind_field(field.name, field.arg);
    if (!bound)
        return std::unexpected(TypeError{bound.error().message, bound.error().hint, span, bound.error().unknown_field});
    Expression e;
    e.kind = Expression::Kind::field;
    e.type = bound->type;
    e.is_list = bound->is_list;
    e.any_of = bound->any_of;
    e.scope = bound->scope;
    e.text = bound->text;
    e.field = std::move(*bound);
    return intern(std::move(e));
}

// Arguments of transformers: constants, list literals, fields, transformers.
std::expected<ExprId, TypeError> Expressions::add_argument(const lang::Operand& operand) {
    if (const auto* literal = std::get_if<lang::Literal>(&operand.value)) return add_constant(literal->text);
    if (const auto* list = std::get_if<lang::ListLiteral>(&operand.value)) {
        Expression e;
        e.kind = Expression::Kind::list;
        e.type = FieldType::charbuf;
        e.is_list = true;
        e.text = "(";
        for (const lang::Operand& item : list->items) {
            auto id = add_argument(item);
            if (!id) return id;
            const Expression& part = all_[*id];
            if (!is_text(part.type) || part.is_list || part.any_of)
                return std::unexpected(TypeError{
                    "a list in a transformer holds strings, not " + describe(type_of(part)), {}, item.span, false});
            e.scope = std::max(e.scope, part.scope);
            e.text += part.text + ",";
            e.args.push_back(*id);
        }
        e.text += ")";
        return intern(std::move(e));
    }
    return add(operand, false);
}

std::expected<ExprId, TypeError> Expressions::add_transformer(const lang::Transformer& t, const lang::Span& span,
                                                              bool as_right) {
    const auto error = [&](std::string message, std::string hint = {}) {
        return std::unexpected(TypeError{std::move(message), std::move(hint), span, false});
    };
    const lang::TransformerInfo* info = lang::find_transformer(t.name);
    if (!info) return error("unknown transformer '" + t.name + "'");
    if (info->kind == TransformerKind::val) {
        if (t.key) return error("val() does not support field arguments");
        if (!as_right) return error("val() only stands on the right side of a comparison");
        if (!std::holds_alternative<lang::Field>(t.args[0].value)) return error("val() takes a field");
        return add(t.args[0], false);
    }
    Expression e;
    e.kind = Expression::Kind::transform;
    e.transformer = info->kind;
    for (const lang::Operand& arg : t.args) {
        auto id = add_argument(arg);
        if (!id) return id;
        const Expression& part = all_[*id];
        if (part.kind == Expression::Kind::field && part.field.field->info.no_transformer)
            return std::unexpected(
                TypeError{"field " + part.text + " does not support transformers", {}, arg.span, false});
        e.scope = std::max(e.scope, part.scope);
        e.args.push_back(*id);
    }
    std::vector<lang::ValueType> types;
    for (const ExprId id : e.args) types.push_back(type_of(all_[id]));
    auto given = lang::type_of_call(*info, types, t.key);
    if (!given) return error(std::move(given.error().message), std::move(given.error().hint));
    e.type = given->type, e.is_list = given->is_list;
    e.text = t.name + "(";
    for (const ExprId id : e.args) e.text += all_[id].text + ",";
    e.text += ")";
    if (t.key) e.has_key = true, e.key = *t.key, e.text += "[" + e.key + "]";
    return intern(std::move(e));
}

bool Expressions::needs(ExprId id, std::string_view field) const {
    const Expression& e = all_[id];
    return (e.kind == Expression::Kind::field && e.field.field != nullptr && e.field.field->info.name == field) ||
           std::ranges::any_of(e.args, [&](ExprId arg) { return needs(arg, field); });
}

void Expressions::collect_fields(ExprId id, std::vector<const fields::BoundField*>& out) const {
    const Expression& e = all_[id];
    if (e.kind == Expression::Kind::field) out.push_back(&e.field);
    for (const ExprId arg : e.args) collect_fields(arg, out);
}

} // namespace gyr::match
