#include "match/output.h"

#include <algorithm>

namespace gyr::match {

using fields::Format;
using fields::Value;
using fields::ValueKind;

namespace {

Format format_of(const Expression& e) { return e.kind == Expression::Kind::field ? e.field.format : Format::decimal; }

// As text. Several values of an ancestor field are joined by blanks, a list is put in parentheses.
std::string text_of(const Value& v, const Expression& e) {
    std::string out;
    if (e.any_of && v.kind == ValueKind::list) {
        for (const Value& item : v.list()) {
            if (!out.empty()) out += ' ';
            fields::append_text(out, item, e.type, format_of(e));
        }
        return out;
    }
    fields::append_text(out, v, e.type, format_of(e));
    return out;
}

OutputValue owned(const Value& v, const Expression& e, const std::string& key) {
    OutputValue out;
    out.key = key;
    out.why = v.why;
    out.transformed = e.kind != Expression::Kind::field;
    const Format format = format_of(e);
    const bool as_text = format == Format::hex || format == Format::octal;
    switch (v.kind) {
    case ValueKind::missing:
        if (v.is_blank()) as_text ? out.value = text_of(v, e) : out.value = std::uint64_t{0};
        break;
    case ValueKind::boolean: out.value = v.b; break;
    case ValueKind::i64: as_text ? out.value = text_of(v, e) : out.value = v.i; break;
    case ValueKind::u64: as_text ? out.value = text_of(v, e) : out.value = v.u; break;
    case ValueKind::f64: out.value = v.d; break;
    case ValueKind::text: out.value = text_of(v, e); break;
    case ValueKind::ip: out.value = text_of(v, e); break;
    case ValueKind::list: {
        if (e.any_of) {
            out.value = text_of(v, e);
            break;
        }
        std::vector<std::string> items;
        for (const Value& item : v.list()) {
            items.emplace_back();
            fields::append_text(items.back(), item, e.type, format);
        }
        out.value = std::move(items);
        break;
    }
    }
    return out;
}

} // namespace

std::expected<Output, std::vector<TypeError>> Output::compile(std::string_view text, Expressions& expressions) {
    auto parsed = lang::parse_template(text, &fields::catalog());
    std::vector<TypeError> errors;
    if (!parsed) {
        for (lang::ParseError& e : parsed.error())
            errors.push_back({std::move(e.message), std::move(e.hint), e.span, false});
        return std::unexpected(std::move(errors));
    }
    Output out;
    const auto add_key = [&](ExprId id, const std::string& name) {
        if (std::ranges::find(out.keys_, name, &Key::name) == out.keys_.end()) out.keys_.push_back({id, name});
    };
    for (auto& part : parsed->parts) {
        if (auto* literal = std::get_if<std::string>(&part)) {
            out.steps_.push_back({std::move(*literal), false, 0, 0});
            continue;
        }
        const lang::TemplateField& field = std::get<lang::TemplateField>(part);
        auto id = expressions.add(field.expression, false);
        if (!id) {
            errors.push_back(id.error());
            continue;
        }
        // Without an argument the language prints the process itself where a condition asks its ancestors.
        if (const Expression& e = expressions[*id];
            e.kind == Expression::Kind::field && !e.field.arg.present && !e.field.field->prints.empty()) {
            lang::Operand other;
            const fields::Field& f = *e.field.field;
            other.value = lang::Field{std::string(f.prints), f.prints_arg};
            other.span = field.expression.span;
            id = expressions.add(other, false);
        }
        out.steps_.push_back({{}, true, *id, field.width});
        add_key(*id, field.key);
        std::vector<const fields::BoundField*> used;
        expressions.collect_fields(*id, used);
        for (const fields::BoundField* f : used) {
            if (f->field->info.filter_only)
                errors.push_back(
                    {"field " + f->text + " can only be used in conditions", {}, field.expression.span, false});
        }
        // What is below a transformer has values of its own.
        std::vector<const lang::Operand*> below{&field.expression};
        for (std::size_t i = 0; i < below.size(); ++i) {
            if (const auto* list = std::get_if<lang::ListLiteral>(&below[i]->value)) {
                for (const lang::Operand& item : list->items) below.push_back(&item);
            } else if (const auto* t = std::get_if<lang::Transformer>(&below[i]->value)) {
                for (const lang::Operand& arg : t->args) below.push_back(&arg);
            }
            if (i == 0 || std::holds_alternative<lang::ListLiteral>(below[i]->value)) continue;
            if (std::holds_alternative<lang::Literal>(below[i]->value)) continue;
            if (const auto inner = expressions.add(*below[i], false)) add_key(*inner, to_string(*below[i]));
        }
    }
    if (!errors.empty()) return std::unexpected(std::move(errors));
    return out;
}

bool Output::shows(std::string_view field, const Expressions& expressions) const {
    return std::ranges::any_of(keys_, [&](const Key& key) { return expressions.needs(key.expression, field); });
}

Rendered Output::render(ValueSource& values, const Expressions& expressions) const {
    Rendered out;
    for (const Step& step : steps_) {
        if (!step.is_field) {
            out.text += step.literal;
            continue;
        }
        const Value& v = values.value(step.expression);
        out.pending = out.pending || v.is_pending();
        std::string text = text_of(v, expressions[step.expression]);
        if (step.width > 0) text.resize(step.width, ' ');
        out.text += text;
    }
    out.values.reserve(keys_.size());
    for (const Key& key : keys_) {
        out.values.push_back(owned(values.value(key.expression), expressions[key.expression], key.name));
        out.pending = out.pending || (out.values.back().why == Missing::pending);
    }
    return out;
}

} // namespace gyr::match
