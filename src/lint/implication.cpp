#include "lint/implication.h"

#include "fields/registry.h"
#include "lang/transformer.h"
#include "match/constant.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <string_view>
#include <vector>

namespace gyr::lint {

using namespace lang;

namespace {

// What a check says about its left side, when that is one value and the right side is written down.
struct Claim {
    enum class Kind { one_of, differs, starts, ends, contains, other } kind = Kind::other;
    std::vector<std::string_view> values; // one for all but one_of
};

bool is_single(const Operand& left) {
    const auto* field = std::get_if<Field>(&left.value);
    if (field == nullptr) return true; // a transformer of a single value; of a list it refuses these operators
    const fields::Field* known = fields::find_field(field->name);
    // Either end of a connection, or any ancestor: such a field is several values at once.
    return known != nullptr && !known->info.is_list && !known->any_of;
}

std::optional<Claim> claim_of(const Check& check) {
    if (!check.right || !is_single(check.left)) return std::nullopt;
    Claim claim;
    const auto* literal = std::get_if<Literal>(&check.right->value);
    const auto* list = std::get_if<ListLiteral>(&check.right->value);
    if (check.op == Op::in && check.modifier == Modifier::none && list != nullptr && list->external.empty()) {
        claim.kind = Claim::Kind::one_of;
        for (const Operand& item : list->items) {
            const auto* one = std::get_if<Literal>(&item.value);
            if (one == nullptr) return std::nullopt;
            claim.values.push_back(one->text);
        }
        return claim;
    }
    if (literal == nullptr || check.modifier != Modifier::none) return std::nullopt;
    claim.values.push_back(literal->text);
    switch (check.op) {
    case Op::eq: claim.kind = Claim::Kind::one_of; break;
    case Op::ne: claim.kind = Claim::Kind::differs; break;
    case Op::startswith: claim.kind = Claim::Kind::starts; break;
    case Op::endswith: claim.kind = Claim::Kind::ends; break;
    case Op::contains: claim.kind = Claim::Kind::contains; break;
    default: return std::nullopt;
    }
    return claim;
}

// Whether a value for which claim's word holds as a text satisfies it.
bool satisfies(std::string_view value, const Claim& claim) {
    switch (claim.kind) {
    case Claim::Kind::one_of: return std::ranges::find(claim.values, value) != claim.values.end();
    case Claim::Kind::differs: return value != claim.values[0];
    case Claim::Kind::starts: return value.starts_with(claim.values[0]);
    case Claim::Kind::ends: return value.ends_with(claim.values[0]);
    case Claim::Kind::contains: return value.find(claim.values[0]) != std::string_view::npos;
    case Claim::Kind::other: break;
    }
    return false;
}

bool claim_implies(const Claim& a, const Claim& b) {
    if (a.kind == Claim::Kind::one_of)
        return std::ranges::all_of(a.values, [&](std::string_view v) { return satisfies(v, b); });
    const std::string_view text = a.values[0];
    if (a.kind == b.kind) {
        if (a.kind == Claim::Kind::differs) return text == b.values[0];
        return satisfies(text, b); // a longer beginning, end or part
    }
    const bool part = a.kind == Claim::Kind::starts || a.kind == Claim::Kind::ends;
    return part && b.kind == Claim::Kind::contains && satisfies(text, b);
}

bool claim_excludes(const Claim& a, const Claim& b) {
    if (a.kind == Claim::Kind::one_of)
        return std::ranges::none_of(a.values, [&](std::string_view v) { return satisfies(v, b); });
    if (b.kind == Claim::Kind::one_of) return claim_excludes(b, a);
    if (a.kind != b.kind) return false;
    const std::string_view x = a.values[0], y = b.values[0];
    if (a.kind == Claim::Kind::starts) return !x.starts_with(y) && !y.starts_with(x);
    if (a.kind == Claim::Kind::ends) return !x.ends_with(y) && !y.ends_with(x);
    return false;
}

// The same for numbers, which may be written in more than one way: one of some, all but one, or a range.
struct NumberClaim {
    enum class Kind { one_of, differs, range } kind = Kind::one_of;
    std::vector<long double> values; // of a range the two ends, both inside
};

std::optional<long double> number_of(std::string_view text, FieldType type) {
    const auto value = match::parse_number(text, type);
    if (!value) return std::nullopt;
    switch (value->kind) {
    case fields::ValueKind::i64: return static_cast<long double>(value->i);
    case fields::ValueKind::u64: return static_cast<long double>(value->u);
    default: return std::nullopt;
    }
}

std::optional<NumberClaim> number_claim_of(const Check& check, FieldType type) {
    const auto text = [&]() -> std::optional<Claim> {
        if (check.op != Op::lt && check.op != Op::le && check.op != Op::gt && check.op != Op::ge)
            return claim_of(check);
        const auto* literal = check.right ? std::get_if<Literal>(&check.right->value) : nullptr;
        if (literal == nullptr || !is_single(check.left)) return std::nullopt;
        return Claim{Claim::Kind::other, {literal->text}};
    }();
    if (!text) return std::nullopt;
    NumberClaim claim;
    for (const std::string_view word : text->values) {
        const auto number = number_of(word, type);
        if (!number) return std::nullopt;
        claim.values.push_back(*number);
    }
    constexpr long double kEnd = std::numeric_limits<long double>::infinity();
    switch (check.op) {
    case Op::eq:
    case Op::in: return claim;
    case Op::ne: claim.kind = NumberClaim::Kind::differs; return claim;
    case Op::lt: return NumberClaim{NumberClaim::Kind::range, {-kEnd, claim.values[0] - 1}};
    case Op::le: return NumberClaim{NumberClaim::Kind::range, {-kEnd, claim.values[0]}};
    case Op::gt: return NumberClaim{NumberClaim::Kind::range, {claim.values[0] + 1, kEnd}};
    case Op::ge: return NumberClaim{NumberClaim::Kind::range, {claim.values[0], kEnd}};
    default: return std::nullopt;
    }
}

bool satisfies(long double value, const NumberClaim& claim) {
    switch (claim.kind) {
    case NumberClaim::Kind::one_of: return std::ranges::find(claim.values, value) != claim.values.end();
    case NumberClaim::Kind::differs: return value != claim.values[0];
    case NumberClaim::Kind::range: break;
    }
    return value >= claim.values[0] && value <= claim.values[1];
}

bool claim_implies(const NumberClaim& a, const NumberClaim& b) {
    using enum NumberClaim::Kind;
    if (a.kind == one_of) return std::ranges::all_of(a.values, [&](long double v) { return satisfies(v, b); });
    if (a.kind == differs) return b.kind == differs && a.values == b.values;
    if (b.kind == range) return satisfies(a.values[0], b) && satisfies(a.values[1], b);
    return b.kind == differs && !satisfies(b.values[0], a);
}

bool claim_excludes(const NumberClaim& a, const NumberClaim& b) {
    using enum NumberClaim::Kind;
    if (a.kind == one_of) return std::ranges::none_of(a.values, [&](long double v) { return satisfies(v, b); });
    if (b.kind == one_of) return claim_excludes(b, a);
    return a.kind == range && b.kind == range && (a.values[1] < b.values[0] || b.values[1] < a.values[0]);
}

// The type that both are of; none where their texts say nothing of their values.
FieldType comparable(const Check& a, const Check& b) {
    if (!equal(a.left, b.left)) return FieldType::none;
    const auto type = type_of(a.left, fields::catalog());
    if (!type) return FieldType::none;
    const TypeClass c = class_of(type->type);
    const bool known = c == TypeClass::string || c == TypeClass::boolean || c == TypeClass::number;
    return known ? type->type : FieldType::none;
}

// Whether what a says of a value and what b says of it stand in a relation.
template <class Relation>
bool related(const Check& a, const Check& b, Relation relation) {
    const FieldType type = comparable(a, b);
    if (type == FieldType::none) return false;
    if (class_of(type) == TypeClass::number) {
        const auto left = number_claim_of(a, type), right = number_claim_of(b, type);
        return left && right && relation(*left, *right);
    }
    const auto left = claim_of(a), right = claim_of(b);
    return left && right && relation(*left, *right);
}

template <class Node>
const std::vector<ExprPtr>* children_of(const Expr& e) {
    const auto* node = std::get_if<Node>(&e.node);
    return node == nullptr ? nullptr : &node->children;
}

} // namespace

bool check_implies(const Check& a, const Check& b) {
    if (!equal(a.left, b.left)) return false;
    if (b.op == Op::exists) return true; // any check of a missing field is false
    return related(a, b, [](const auto& left, const auto& right) { return claim_implies(left, right); });
}

bool check_excludes(const Check& a, const Check& b) {
    return related(a, b, [](const auto& left, const auto& right) { return claim_excludes(left, right); });
}

bool Implication::implies(const Expr& a, const Expr& b) {
    steps_ = 0;
    return implies_step(a, b);
}

bool Implication::excludes(const Expr& a, const Expr& b) {
    steps_ = 0;
    return excludes_step(a, b);
}

bool Implication::implies_step(const Expr& a, const Expr& b) {
    if (++steps_ > max_steps_) return false;
    if (&a == &b || equal(a, b)) return true;
    if (const auto* all = children_of<And>(b))
        return std::ranges::all_of(*all, [&](const ExprPtr& part) { return implies_step(a, *part); });
    if (const auto* any = children_of<Or>(a))
        return std::ranges::all_of(*any, [&](const ExprPtr& part) { return implies_step(*part, b); });
    if (const auto* all = children_of<And>(a))
        if (std::ranges::any_of(*all, [&](const ExprPtr& part) { return implies_step(*part, b); })) return true;
    if (const auto* any = children_of<Or>(b))
        return std::ranges::any_of(*any, [&](const ExprPtr& part) { return implies_step(a, *part); });
    const auto* not_a = std::get_if<Not>(&a.node);
    const auto* not_b = std::get_if<Not>(&b.node);
    if (not_b != nullptr) {
        if (not_a != nullptr) return implies_step(*not_b->child, *not_a->child);
        return excludes_step(a, *not_b->child);
    }
    const auto* check_a = std::get_if<Check>(&a.node);
    const auto* check_b = std::get_if<Check>(&b.node);
    return check_a != nullptr && check_b != nullptr && check_implies(*check_a, *check_b);
}

bool Implication::excludes_step(const Expr& a, const Expr& b) {
    if (++steps_ > max_steps_) return false;
    for (const auto* pair : {&a, &b}) {
        const Expr& one = *pair;
        const Expr& other = pair == &a ? b : a;
        if (const auto* any = children_of<Or>(one))
            return std::ranges::all_of(*any, [&](const ExprPtr& part) { return excludes_step(*part, other); });
    }
    for (const auto* pair : {&a, &b}) {
        const Expr& one = *pair;
        const Expr& other = pair == &a ? b : a;
        if (const auto* all = children_of<And>(one))
            return std::ranges::any_of(*all, [&](const ExprPtr& part) { return excludes_step(*part, other); });
    }
    if (const auto* negated = std::get_if<Not>(&a.node)) return implies_step(b, *negated->child);
    if (const auto* negated = std::get_if<Not>(&b.node)) return implies_step(a, *negated->child);
    const auto* check_a = std::get_if<Check>(&a.node);
    const auto* check_b = std::get_if<Check>(&b.node);
    return check_a != nullptr && check_b != nullptr && check_excludes(*check_a, *check_b);
}

} // namespace gyr::lint
