#include "match/binder.h"

#include "event/schema.h"
#include "lang/diagnostic.h"
#include "match/event_names.h"

#include <algorithm>

namespace gyr::match {

using fields::Scope;
using lang::Modifier;
using lang::Op;
using lang::TypeClass;

namespace {

bool has_error(const std::vector<Problem>& problems, std::size_t from) {
    return std::ranges::any_of(problems.begin() + static_cast<std::ptrdiff_t>(from), problems.end(),
                               [](const Problem& p) { return !p.warning; });
}

std::string type_name(const Expression& e) {
    return (e.is_list ? "list of " : "") + std::string(lang::to_string(e.type));
}

} // namespace

bool supports(Op op, TypeClass c, bool is_list) {
    if (op == Op::exists) return true;
    if (c == TypeClass::none) return false;
    if (is_list) return op == Op::in || op == Op::intersects;
    switch (op) {
    case Op::eq:
    case Op::ne:
    case Op::in:
    case Op::intersects: return true;
    case Op::lt:
    case Op::le:
    case Op::gt:
    case Op::ge: return c == TypeClass::number || c == TypeClass::string;
    case Op::contains:
    case Op::startswith:
    case Op::endswith: return c == TypeClass::string || c == TypeClass::buffer;
    case Op::bcontains:
    case Op::bstartswith: return c == TypeClass::buffer;
    case Op::icontains:
    case Op::glob:
    case Op::iglob:
    case Op::regex:
    case Op::pmatch: return c == TypeClass::string;
    case Op::exists: break;
    }
    return false;
}

NodeId Binder::bind(const lang::Expr& e, std::vector<Problem>& problems) {
    if (const auto* n = std::get_if<lang::Not>(&e.node)) return graph_.negate(bind(*n->child, problems));
    if (const auto* c = std::get_if<lang::Check>(&e.node)) return check(*c, e.span, problems);
    if (const auto* m = std::get_if<lang::MacroRef>(&e.node)) {
        problems.push_back({false, false, "undefined macro '" + m->name + "'", {}, e.span});
        return kFalse;
    }
    const auto* conjunction = std::get_if<lang::And>(&e.node);
    const auto& children = conjunction ? conjunction->children : std::get<lang::Or>(e.node).children;
    std::vector<NodeId> nodes;
    for (const lang::ExprPtr& child : children) nodes.push_back(bind(*child, problems));
    return conjunction ? graph_.all(std::move(nodes)) : graph_.any(std::move(nodes));
}

NodeId Binder::check(const lang::Check& c, const lang::Span& span, std::vector<Problem>& problems) {
    const auto left_id = expressions_.add(c.left, false);
    if (!left_id) {
        const TypeError& e = left_id.error();
        problems.push_back({false, e.unknown_field, e.message, e.hint, e.span});
        return kFalse;
    }
    const Expression& left = expressions_[*left_id];
    const std::size_t before = problems.size();
    std::vector<const fields::BoundField*> used;
    expressions_.collect_fields(*left_id, used);
    for (const fields::BoundField* f : used) {
        const lang::FieldInfo& info = f->field->info;
        if (info.print_only)
            problems.push_back(
                {false, false, "field " + f->text + " can only be printed, not compared", {}, c.left.span});
    }
    const TypeClass type_class = lang::class_of(left.type);
    if (!supports(c.op, type_class, left.is_list)) {
        problems.push_back({false,
                            false,
                            "operator '" + std::string(lang::to_string(c.op)) + "' cannot be used with " + left.text +
                                ", whose type is " + type_name(left),
                            {},
                            span});
        return kFalse;
    }
    const bool up_to = left.kind == Expression::Kind::field && left.field.field->at_most;
    if (up_to && c.op != Op::eq && c.op != Op::exists) {
        problems.push_back({false, false, "field " + left.text + " is compared with '=' alone", {}, span});
        return kFalse;
    }
    Predicate p;
    p.left = *left_id;
    p.op = up_to && c.op == Op::eq ? Op::le : c.op;
    p.modifier = c.modifier;
    p.type_class = type_class;
    p.left_list = left.is_list;
    p.left_any = left.any_of;
    // Fields of a connection's ends (fd.ip, fd.port, fd.net), not those of ancestors.
    const bool ends = type_class == TypeClass::ip || type_class == TypeClass::net || left.type == lang::FieldType::port;
    p.all_differ = left.any_of && ends && c.op == Op::ne;
    p.scope = left.scope;
    p.text = left.text + " " + std::string(lang::to_string(c.op));
    if (c.modifier != Modifier::none) p.text += " " + std::string(lang::to_string(c.modifier));
    if (c.op != Op::exists) {
        const bool field_right = std::holds_alternative<lang::Field>(c.right->value) ||
                                 std::holds_alternative<lang::Transformer>(c.right->value);
        const bool ok = field_right ? bind_right_field(p, left, c, problems) : bind_items(p, left, c, problems);
        if (!ok || has_error(problems, before)) return kFalse;
    }
    if (has_error(problems, before)) return kFalse;
    if (const int known = decide_event_number(c); known >= 0) return known == 1 ? kTrue : kFalse;
    p.prepare();
    return graph_.add(std::move(p));
}

bool Binder::bind_right_field(Predicate& p, const Expression& left_ref, const lang::Check& c,
                              std::vector<Problem>& problems) {
    const Expression left = left_ref; // adding the right side may move the table
    const lang::Span& span = c.right->span;
    const auto refuse = [&](std::string message) {
        problems.push_back({false, false, std::move(message), {}, span});
        return false;
    };
    const auto right_id = expressions_.add(*c.right, true);
    if (!right_id) {
        const TypeError& e = right_id.error();
        problems.push_back({false, e.unknown_field, e.message, e.hint, e.span});
        return false;
    }
    const Expression& right = expressions_[*right_id];
    const auto no_right = [](const Expression& e) {
        return e.kind == Expression::Kind::field && e.field.field->info.no_rhs;
    };
    if (c.op == Op::pmatch || c.op == Op::regex)
        return refuse("operator '" + std::string(lang::to_string(c.op)) + "' does not take a field on the right side");
    if (p.type_class == TypeClass::net) return refuse("a network cannot be compared with a field");
    std::vector<const fields::BoundField*> used;
    expressions_.collect_fields(p.left, used);
    const bool about_type = std::ranges::any_of(
        used, [](const fields::BoundField* f) { return f->text == "evt.type" || f->text == "syscall.type"; });
    if (about_type && left.kind == Expression::Kind::field)
        return refuse("the type of an event can only be compared with constants");
    if (no_right(left) || left.any_of) return refuse("field " + left.text + " cannot be compared with another field");
    if (no_right(right) || right.any_of) return refuse("field " + right.text + " cannot stand on the right side");
    if (left.type != right.type || left.is_list != right.is_list)
        return refuse(left.text + " (" + type_name(left) + ") cannot be compared with " + right.text + " (" +
                      type_name(right) + "): the types differ");
    p.right = *right_id;
    p.scope = std::max(p.scope, right.scope);
    p.text += " val(" + right.text + ")";
    return true;
}

bool Binder::bind_items(Predicate& p, const Expression& left, const lang::Check& c, std::vector<Problem>& problems) {
    std::vector<const lang::Operand*> operands;
    if (const auto* list = std::get_if<lang::ListLiteral>(&c.right->value)) {
        for (const lang::Operand& item : list->items) operands.push_back(&item);
    } else {
        operands.push_back(&*c.right);
    }
    const bool about_type = left.text == "evt.type" || left.text == "syscall.type";
    bool good = true;
    if (const auto* list = std::get_if<lang::ListLiteral>(&c.right->value)) {
        for (const auto& external : list->external) {
            if ((c.op != Op::in && c.op != Op::intersects) || !ExternalSet::takes(p.type_class)) {
                problems.push_back(
                    {false,
                     false,
                     "a list that is read from a file can only be used with in and intersects, on texts, addresses "
                     "and networks",
                     {},
                     c.right->span});
                return false;
            }
            const auto& set = external_set(external, p.type_class);
            if (!set) {
                problems.push_back({false, false, set.error().message, {}, c.right->span});
                return false;
            }
            p.external.push_back(*set);
        }
    }
    for (const lang::Operand* operand : operands) {
        const auto* literal = std::get_if<lang::Literal>(&operand->value);
        const auto bad = [&](std::string message, std::string hint = {}, bool unknown = false) {
            problems.push_back({false, unknown, std::move(message), std::move(hint), operand->span});
            good = false;
        };
        if (!literal) {
            bad("only constants can stand in this list");
            continue;
        }
        Item item;
        item.text = literal->text;
        switch (p.type_class) {
        case TypeClass::string:
            if (literal->text.find('\0') != std::string::npos) bad("a string cannot hold a zero byte");
            break;
        case TypeClass::buffer:
            if (c.op == Op::bcontains || c.op == Op::bstartswith) {
                auto bytes = parse_hex(literal->text);
                bytes ? item.text = std::move(*bytes), void() : bad(bytes.error().message);
            }
            break;
        case TypeClass::number: {
            const auto n = parse_number(literal->text, left.type);
            n ? item.number = *n, void() : bad(n.error().message);
            break;
        }
        case TypeClass::boolean: {
            const auto b = parse_bool(literal->text);
            b ? item.number = fields::Value::of_bool(*b), void() : bad(b.error().message);
            break;
        }
        case TypeClass::ip: {
            const auto ip = parse_ip(literal->text);
            ip ? item.number = fields::Value::of_ip(*ip), void() : bad(ip.error().message);
            break;
        }
        case TypeClass::net: {
            const auto net = parse_net(literal->text);
            net ? item.net = *net, void() : bad(net.error().message);
            break;
        }
        case TypeClass::none: break;
        }
        if (c.op == Op::regex) {
            RE2::Options options(RE2::POSIX);
            options.set_log_errors(false);
            item.regex = std::make_unique<RE2>(literal->text, options);
            if (!item.regex->ok()) bad("invalid regular expression '" + literal->text + "': " + item.regex->error());
        }
        if (about_type && (c.op == Op::eq || c.op == Op::ne || c.op == Op::in || c.op == Op::intersects) &&
            event_codes(literal->text).empty()) {
            const std::string_view near = closest(literal->text, gyr::event_names());
            bad("unknown event type " + literal->text, near.empty() ? "" : "did you mean " + std::string(near) + "?",
                true);
        }
        p.items.push_back(std::move(item));
    }
    // Identity: constants by length and bytes, so that no two lists read the same. Members of a set in any order.
    std::vector<std::string> parts;
    for (const Item& item : p.items) parts.push_back(std::to_string(item.text.size()) + ":" + item.text);
    if (c.op == Op::in || c.op == Op::intersects || c.op == Op::pmatch) {
        std::ranges::sort(parts);
        parts.erase(std::ranges::unique(parts).begin(), parts.end());
    }
    p.text += " (";
    for (const auto& external : p.external)
        p.text += "file " + std::to_string(reinterpret_cast<std::uintptr_t>(external.get())) + ",";
    for (const std::string& part : parts) p.text += part + ",";
    p.text += ")";
    return good;
}

const Result<std::shared_ptr<const ExternalSet>>&
Binder::external_set(const std::shared_ptr<const lang::ExternalList>& list, TypeClass type_class) {
    const bool addresses = type_class == TypeClass::ip || type_class == TypeClass::net;
    const auto it = external_.find({list.get(), addresses});
    if (it != external_.end()) return it->second;
    return external_.emplace(std::pair(list.get(), addresses), ExternalSet::make(list, type_class)).first->second;
}

} // namespace gyr::match
