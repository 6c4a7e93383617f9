#include "match/expression.h"

#include <algorithm>

namespace gyr::match {

using fields::Scope;
using lang::FieldType;
using lang::TransformerKind;
using lang::TypeClass;

namespace {

bool is_text(FieldType type) { return lang::class_of(type) == TypeClass::string; }

std::string describe(const Expression& e) {
    return (e.is_list ? "a list of " : "") + std::string(lang::to_string(e.type));
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
                return std::unexpected(
                    TypeError{"a list in a transformer holds strings, not " + describe(part), {}, item.span, false});
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
    if (t.args.size() < info->min_args || t.args.size() > info->max_args)
        return error("transformer '" + t.name + "' takes " + std::to_string(info->min_args) +
                     (info->max_args == info->min_args ? "" : " or more") + " argument(s), " +
                     std::to_string(t.args.size()) + " given");
    if (t.key && !info->takes_key) return error("transformer '" + t.name + "' does not support field arguments");
    if (info->kind == TransformerKind::val) {
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
    const Expression& first = all_[e.args[0]];
    const auto refuse = [&](const Expression& part) {
        return error("transformer '" + t.name + "' does not take " + describe(part));
    };
    switch (info->kind) {
    case TransformerKind::tolower:
    case TransformerKind::toupper:
        if (!is_text(first.type)) return refuse(first);
        e.type = first.type, e.is_list = first.is_list;
        break;
    case TransformerKind::b64:
        if (first.is_list || (first.type != FieldType::charbuf && first.type != FieldType::bytebuf))
            return refuse(first);
        e.type = first.type;
        break;
    case TransformerKind::basename:
        if (first.is_list || (first.type != FieldType::charbuf && first.type != FieldType::fspath))
            return refuse(first);
        e.type = first.type;
        break;
    case TransformerKind::len:
        if (!first.is_list && !is_text(first.type) && first.type != FieldType::bytebuf) return refuse(first);
        e.type = FieldType::uint64;
        break;
    case TransformerKind::join:
        if (first.is_list || !is_text(first.type)) return refuse(first);
        if (const Expression& list = all_[e.args[1]]; !list.is_list || !is_text(list.type)) return refuse(list);
        e.type = FieldType::charbuf;
        break;
    case TransformerKind::concat:
        for (const ExprId id : e.args)
            if (const Expression& part = all_[id]; part.is_list || !is_text(part.type)) return refuse(part);
        e.type = FieldType::charbuf;
        break;
    case TransformerKind::getopt:
        if (!first.is_list || !is_text(first.type))
            return error("transformer 'getopt' takes a list of strings first, not " + describe(first),
                         first.text == "proc.args" ? "use proc.arglist" : "");
        if (const Expression& options = all_[e.args[1]]; options.kind != Expression::Kind::constant)
            return refuse(options);
        if (t.key && t.key->size() != 1) return error("the key of getopt is one option letter");
        e.type = FieldType::charbuf, e.is_list = !t.key.has_value();
        break;
    case TransformerKind::val: break;
    }
    e.text = t.name + "(";
    for (const ExprId id : e.args) e.text += all_[id].text + ",";
    e.text += ")";
    if (t.key) e.has_key = true, e.key = *t.key, e.text += "[" + e.key + "]";
    return intern(std::move(e));
}

void Expressions::collect_fields(ExprId id, std::vector<const fields::BoundField*>& out) const {
    const Expression& e = all_[id];
    if (e.kind == Expression::Kind::field) out.push_back(&e.field);
    for (const ExprId arg : e.args) collect_fields(arg, out);
}

} // namespace gyr::match
