#include "match/predicate.h"

#include "match/glob.h"

#include <algorithm>
#include <bit>

namespace gyr::match {

using fields::Value;
using fields::ValueKind;
using lang::Modifier;
using lang::Op;
using lang::TypeClass;

namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

bool contains_ignoring_case(std::string_view text, std::string_view part) {
    return std::ranges::search(text, part, [](char a, char b) { return lower(a) == lower(b); }).begin() != text.end() ||
           part.empty();
}

template <class T>
bool ordered(Op op, const T& a, const T& b) {
    switch (op) {
    case Op::eq: return a == b;
    case Op::ne: return a != b;
    case Op::lt: return a < b;
    case Op::le: return a <= b;
    case Op::gt: return a > b;
    case Op::ge: return a >= b;
    default: return false;
    }
}

bool is_equality(Op op) { return op == Op::eq || op == Op::ne; }

bool test_text(Op op, std::string_view text, std::string_view part, bool& handled) {
    handled = true;
    switch (op) {
    case Op::eq:
    case Op::ne:
    case Op::lt:
    case Op::le:
    case Op::gt:
    case Op::ge: return ordered(op, text, part);
    case Op::contains:
    case Op::bcontains: return text.find(part) != std::string_view::npos;
    case Op::icontains: return contains_ignoring_case(text, part);
    case Op::startswith:
    case Op::bstartswith: return text.starts_with(part);
    case Op::endswith: return text.ends_with(part);
    case Op::glob: return glob_match(part, text, false);
    case Op::iglob: return glob_match(part, text, true);
    case Op::pmatch: return path_match(part, text);
    case Op::in:
    case Op::intersects: return text == part;
    case Op::exists:
    case Op::regex: break;
    }
    handled = false;
    return false;
}

bool test_item(Op op, TypeClass cls, const Value& v, const Item& item, Arena& arena) {
    switch (cls) {
    case TypeClass::string:
    case TypeClass::buffer: {
        if (op == Op::regex) return RE2::FullMatch(valid_utf8(v.text(), arena), *item.regex);
        bool handled = false;
        return test_text(op, v.text(), item.text, handled);
    }
    case TypeClass::number:
    case TypeClass::boolean: return compare_values(op == Op::in || op == Op::intersects ? Op::eq : op, v, item.number);
    case TypeClass::ip: {
        const bool same = v.kind == ValueKind::ip && v.ip == item.number.ip;
        return op == Op::ne ? !same : same;
    }
    case TypeClass::net: {
        const bool inside = v.kind == ValueKind::ip && item.net.contains(v.ip);
        return op == Op::ne ? !inside : inside;
    }
    case TypeClass::none: return false;
    }
    return false;
}

} // namespace

std::uint64_t number_bits(const Value& v) {
    switch (v.kind) {
    case ValueKind::boolean: return v.b ? 1 : 0;
    case ValueKind::i64: return static_cast<std::uint64_t>(v.i);
    case ValueKind::f64: return std::bit_cast<std::uint64_t>(v.d == 0 ? 0.0 : v.d);
    default: return v.u;
    }
}

bool compare_values(Op op, const Value& a, const Value& b) {
    if (a.kind != b.kind) {
        // Events may disagree on the sign of a parameter.
        if (a.kind == ValueKind::i64 && b.kind == ValueKind::u64)
            return is_equality(op) || a.i >= 0 ? ordered(op, number_bits(a), b.u) : op == Op::lt || op == Op::le;
        if (a.kind == ValueKind::u64 && b.kind == ValueKind::i64)
            return is_equality(op) || b.i >= 0 ? ordered(op, a.u, number_bits(b)) : op == Op::gt || op == Op::ge;
        return false;
    }
    switch (a.kind) {
    case ValueKind::boolean: return ordered(op, a.b, b.b);
    case ValueKind::i64: return ordered(op, a.i, b.i);
    case ValueKind::u64: return ordered(op, a.u, b.u);
    case ValueKind::f64: return ordered(op, a.d, b.d);
    case ValueKind::text: {
        bool handled = false;
        return test_text(op, a.text(), b.text(), handled);
    }
    case ValueKind::ip: return op == Op::eq ? a.ip == b.ip : op == Op::ne && a.ip != b.ip;
    case ValueKind::missing:
    case ValueKind::list: return false;
    }
    return false;
}

// Both are cut into components at slashes; empty components do not count. The pattern must match the beginning.
bool path_match(std::string_view pattern, std::string_view path) {
    const auto next = [](std::string_view& rest) {
        const std::size_t start = rest.find_first_not_of('/');
        if (start == std::string_view::npos) return rest = {}, std::string_view();
        rest.remove_prefix(start);
        const std::size_t end = std::min(rest.find('/'), rest.size());
        const std::string_view part = rest.substr(0, end);
        rest.remove_prefix(end);
        return part;
    };
    for (;;) {
        const std::string_view want = next(pattern);
        if (want.empty()) return true;
        const std::string_view have = next(path);
        if (have.empty()) return false;
        if (has_glob(want) ? !glob_match(want, have, false) : want != have) return false;
    }
}

std::string_view valid_utf8(std::string_view s, Arena& arena) {
    // Length of the valid sequence at i, 0 when there is none.
    const auto sequence = [&](std::size_t i) -> std::size_t {
        const auto byte = [&](std::size_t k) { return static_cast<unsigned char>(s[k]); };
        const auto tail = [&](std::size_t k, unsigned low, unsigned high) {
            return k < s.size() && byte(k) >= low && byte(k) <= high;
        };
        const unsigned b = byte(i);
        if (b < 0x80) return 1;
        if (b >= 0xc2 && b <= 0xdf) return tail(i + 1, 0x80, 0xbf) ? 2 : 0;
        if (b >= 0xe0 && b <= 0xef)
            return tail(i + 1, b == 0xe0 ? 0xa0 : 0x80, b == 0xed ? 0x9f : 0xbf) && tail(i + 2, 0x80, 0xbf) ? 3 : 0;
        if (b >= 0xf0 && b <= 0xf4)
            return tail(i + 1, b == 0xf0 ? 0x90 : 0x80, b == 0xf4 ? 0x8f : 0xbf) && tail(i + 2, 0x80, 0xbf) &&
                           tail(i + 3, 0x80, 0xbf)
                       ? 4
                       : 0;
        return 0;
    };
    std::size_t bad = 0;
    for (std::size_t i = 0; i < s.size();) {
        const std::size_t n = sequence(i);
        if (n == 0)
            ++bad, ++i;
        else
            i += n;
    }
    if (bad == 0) return s;
    char* out = arena.allocate(s.size() + 2 * bad);
    char* at = out;
    for (std::size_t i = 0; i < s.size();) {
        const std::size_t n = sequence(i);
        if (n == 0) {
            at = std::copy_n("\xef\xbf\xbd", 3, at), ++i;
        } else {
            at = std::copy_n(s.data() + i, n, at), i += n;
        }
    }
    return {out, static_cast<std::size_t>(at - out)};
}

bool Predicate::is_membership() const {
    if (right || left_list || left_any || !external.empty()) return false;
    if (type_class != TypeClass::string && type_class != TypeClass::buffer && type_class != TypeClass::number &&
        type_class != TypeClass::boolean)
        return false;
    if (modifier != Modifier::none) return op == Op::eq && (modifier == Modifier::anyof || items.size() == 1);
    return op == Op::eq || op == Op::in || op == Op::intersects;
}

void Predicate::prepare() {
    const bool membership = !right && (op == Op::eq || op == Op::in || op == Op::intersects) &&
                            (modifier == Modifier::none || modifier == Modifier::anyof);
    if (membership) {
        for (const Item& item : items) {
            if (type_class == TypeClass::string || type_class == TypeClass::buffer)
                text_set.insert(item.text), text_lengths.add(item.text);
            else if (type_class == TypeClass::number || type_class == TypeClass::boolean)
                number_set.insert(number_bits(item.number));
        }
    }
    prepare_edges();
    const auto n = static_cast<unsigned>(items.size());
    switch (op) {
    case Op::exists: cost = 1; break;
    case Op::contains:
    case Op::icontains:
    case Op::bcontains: cost = 4 + 2 * n; break;
    case Op::glob:
    case Op::iglob:
    case Op::pmatch: cost = 6 + 4 * n; break;
    case Op::regex: cost = 40 * n; break;
    default: cost = membership ? 3 : 2 + n; break;
    }
    if (left_list || left_any) cost *= 4;
    constexpr unsigned kFindsAnother = 10; // the value is another process's, or of a database of users
    if (scope == fields::Scope::world) cost += kFindsAnother;
}

// Whether the components of a path begin where its bytes say, as far as the first four go.
static bool plain_begin(std::string_view path) {
    return path.size() >= 4 && path[0] == '/' && path[1] != '/' && (path[2] != '/' || path[3] != '/') &&
           (path[1] != '/' || path[2] != '/');
}

void Predicate::prepare_edges() {
    const bool of_text = type_class == TypeClass::string || type_class == TypeClass::buffer;
    const bool begins = op == Op::startswith || op == Op::bstartswith;
    if (!of_text || right || items.size() < 2 || (!begins && op != Op::endswith && op != Op::pmatch)) return;
    FourBytes bytes;
    for (const Item& item : items) {
        const std::string_view t = item.text;
        if (t.size() < 4 || (op == Op::pmatch && (!plain_begin(t) || has_glob(t.substr(0, 4)) || t[3] == '/'))) return;
        bytes.add(op == Op::endswith ? t.data() + t.size() - 4 : t.data());
    }
    edges = bytes;
}

bool Predicate::dismisses(std::string_view value) const {
    if (!edges) return false;
    if (op == Op::pmatch) return plain_begin(value) && !edges->may_hold(value.data());
    return value.size() < 4 || !edges->may_hold(op == Op::endswith ? value.data() + value.size() - 4 : value.data());
}

bool Predicate::test_scalar(const Value& v, Arena& arena) const {
    for (const auto& set : external)
        if (set->contains(v)) return true;
    if (!text_set.empty() || !number_set.empty()) {
        if (!text_set.empty()) {
            if (items.size() == 1) return v.text() == items[0].text;
            return text_lengths.may_hold(v.text()) && text_set.find(v.text()) != text_set.end();
        }
        return number_set.contains(number_bits(v));
    }
    if (edges && v.kind == ValueKind::text && dismisses(v.text())) return false;
    switch (modifier) {
    case Modifier::oneof: {
        std::size_t n = 0;
        for (const Item& item : items) n += test_item(op, type_class, v, item, arena) ? 1 : 0;
        return n == 1;
    }
    case Modifier::allof:
        return !items.empty() &&
               std::ranges::all_of(items, [&](const Item& item) { return test_item(op, type_class, v, item, arena); });
    case Modifier::none:
    case Modifier::anyof: break;
    }
    return std::ranges::any_of(items, [&](const Item& item) { return test_item(op, type_class, v, item, arena); });
}

bool Predicate::test(const Value& l, const Value& r, Arena& arena) const {
    if (op == Op::exists) return true;
    if (right) {
        if (op != Op::in && op != Op::intersects) return compare_values(op, l, r);
        const auto member = [&](const Value& v) {
            if (r.kind != ValueKind::list) return compare_values(Op::eq, v, r);
            return std::ranges::any_of(r.list(), [&](const Value& w) { return compare_values(Op::eq, v, w); });
        };
        if (l.kind != ValueKind::list) return member(l);
        return op == Op::in ? std::ranges::all_of(l.list(), member) : std::ranges::any_of(l.list(), member);
    }
    if (l.kind == ValueKind::list) {
        const auto one = [&](const Value& v) { return test_scalar(v, arena); };
        if (all_differ) return std::ranges::all_of(l.list(), one);
        return left_any || op != Op::in ? std::ranges::any_of(l.list(), one) : std::ranges::all_of(l.list(), one);
    }
    return test_scalar(l, arena);
}

} // namespace gyr::match
