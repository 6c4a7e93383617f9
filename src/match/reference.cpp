#include "match/reference.h"

#include "fields/registry.h"
#include "match/event_names.h"
#include "match/glob.h"

#include <algorithm>
#include <cstdlib>
#include <fnmatch.h>
#include <list>
#include <map>

namespace gyr::match::reference {
namespace {

std::size_t before_zero(std::string_view text) {
    std::size_t n = 0;
    while (n < text.size() && text[n] != '\0') ++n;
    return n;
}

using fields::Value;
using fields::ValueKind;
using lang::Modifier;
using lang::Op;
using lang::TypeClass;

struct Operand {
    Value value;
    lang::FieldType type = lang::FieldType::charbuf;
    bool is_list = false, any_of = false;
};

std::string lower(std::string_view s) {
    std::string out(s);
    for (char& c : out)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + ('a' - 'A'));
    return out;
}
std::string upper(std::string_view s) {
    std::string out(s);
    for (char& c : out)
        if (c >= 'a' && c <= 'z') c = static_cast<char>(c - ('a' - 'A'));
    return out;
}
bool has(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }
// fnmatch takes C strings: a byte 0 in a value cannot be asked this way.
bool shell_match(std::string_view pattern, std::string_view text, int flags) {
    if (has(text, std::string_view("\0", 1))) return glob_match(pattern, text, flags == FNM_CASEFOLD);
    return fnmatch(std::string(pattern).c_str(), std::string(text).c_str(), flags) == 0;
}
std::vector<std::string> components(std::string_view path) {
    std::vector<std::string> out(1);
    for (const char c : path) c == '/' ? out.emplace_back() : (out.back() += c, out.back());
    std::erase(out, std::string());
    return out;
}
bool path_prefix(std::string_view pattern, std::string_view path) {
    const auto want = components(pattern), have = components(path);
    if (want.size() > have.size()) return false;
    for (std::size_t i = 0; i < want.size(); ++i) {
        const bool glob = want[i].find_first_of("?*[") != std::string::npos;
        if (glob ? !shell_match(want[i], have[i], 0) : want[i] != have[i]) return false;
    }
    return true;
}

template <class T>
bool order(Op op, const T& a, const T& b) {
    switch (op) {
    case Op::eq:
    case Op::in:
    case Op::intersects: return a == b;
    case Op::ne: return a != b;
    case Op::lt: return a < b;
    case Op::le: return a <= b;
    case Op::gt: return a > b;
    case Op::ge: return a >= b;
    default: return false;
    }
}

bool compare_text(Op op, std::string_view text, std::string_view part) {
    switch (op) {
    case Op::contains:
    case Op::bcontains: return has(text, part);
    case Op::icontains: return has(lower(text), lower(part));
    case Op::startswith:
    case Op::bstartswith: return text.substr(0, part.size()) == part;
    case Op::endswith: return text.size() >= part.size() && text.substr(text.size() - part.size()) == part;
    case Op::glob: return shell_match(part, text, 0);
    case Op::iglob: return shell_match(part, text, FNM_CASEFOLD);
    case Op::pmatch: return path_prefix(part, text);
    default: return order(op, text, part);
    }
}

bool compare(Op op, const Value& a, const Value& b) {
    if (a.kind != b.kind) return false;
    switch (a.kind) {
    case ValueKind::boolean: return order(op, a.b, b.b);
    case ValueKind::i64: return order(op, a.i, b.i);
    case ValueKind::u64: return order(op, a.u, b.u);
    case ValueKind::f64: return order(op, a.d, b.d);
    case ValueKind::text: return compare_text(op, a.text(), b.text());
    case ValueKind::ip: return (a.ip == b.ip) == (op != Op::ne);
    case ValueKind::missing:
    case ValueKind::list: break;
    }
    return false;
}

class Walker {
  public:
    Walker(const Event& event, const EvalWorld& world, bool pending_is_missing)
        : event_(event), world_(world), pending_is_missing_(pending_is_missing) {}

    Truth walk(const lang::Expr& e) {
        if (const auto* n = std::get_if<lang::Not>(&e.node)) {
            const Truth t = walk(*n->child);
            return t == Truth::undecided ? t : t == Truth::yes ? Truth::no : Truth::yes;
        }
        if (const auto* both = std::get_if<lang::And>(&e.node)) return combine(both->children, Truth::no, Truth::yes);
        if (const auto* either = std::get_if<lang::Or>(&e.node))
            return combine(either->children, Truth::yes, Truth::no);
        return check(std::get<lang::Check>(e.node));
    }

  private:
    // All children are looked at: no short cut here.
    Truth combine(const std::vector<lang::ExprPtr>& children, Truth decisive, Truth other) {
        Truth result = other;
        for (const lang::ExprPtr& child : children) {
            const Truth t = walk(*child);
            if (t == decisive)
                result = decisive;
            else if (t == Truth::undecided && result != decisive)
                result = Truth::undecided;
        }
        return result;
    }

    Truth absent(const Value& v) const { return v.is_pending() && !pending_is_missing_ ? Truth::undecided : Truth::no; }

    Truth check(const lang::Check& c) {
        if (const int known = decide_event_number(c); known >= 0) return known == 1 ? Truth::yes : Truth::no;
        const Operand left = operand(c.left);
        if (left.value.is_missing()) return absent(left.value);
        if (c.op == Op::exists) return Truth::yes;
        const bool field = std::holds_alternative<lang::Field>(c.right->value) ||
                           std::holds_alternative<lang::Transformer>(c.right->value);
        if (!field) return with_constants(c, left) ? Truth::yes : Truth::no;
        const Operand right = operand(*c.right);
        if (right.value.is_missing()) return absent(right.value);
        return with_field(c.op, left, right) ? Truth::yes : Truth::no;
    }

    static bool with_field(Op op, const Operand& left, const Operand& right) {
        if (op != Op::in && op != Op::intersects) return compare(op, left.value, right.value);
        std::vector<Value> members{right.value}, asked{left.value};
        if (right.is_list) members.assign(right.value.list().begin(), right.value.list().end());
        if (left.is_list) asked.assign(left.value.list().begin(), left.value.list().end());
        std::size_t found = 0;
        for (const Value& a : asked)
            found += std::ranges::any_of(members, [&](const Value& m) { return compare(Op::eq, a, m); }) ? 1 : 0;
        return op == Op::in ? found == asked.size() : found > 0;
    }

    bool with_constants(const lang::Check& c, const Operand& left) {
        const auto* plain = std::get_if<lang::Field>(&c.left.value);
        const Op op = plain && bind(*plain).field->at_most ? Op::le : c.op;
        std::vector<std::string> constants;
        if (const auto* list = std::get_if<lang::ListLiteral>(&c.right->value)) {
            for (const lang::Operand& item : list->items) constants.push_back(std::get<lang::Literal>(item.value).text);
        } else {
            constants.push_back(std::get<lang::Literal>(c.right->value).text);
        }
        const auto scalar = [&](const Value& v) {
            std::size_t n = 0;
            for (const std::string& constant : constants) n += holds(op, left.type, v, constant) ? 1 : 0;
            switch (c.modifier) {
            case Modifier::oneof: return n == 1;
            case Modifier::allof: return n == constants.size() && n > 0;
            case Modifier::none:
            case Modifier::anyof: break;
            }
            return n > 0;
        };
        if (left.value.kind != ValueKind::list) return scalar(left.value);
        std::size_t n = 0;
        for (const Value& v : left.value.list()) n += scalar(v) ? 1 : 0;
        const auto size = left.value.list().size();
        // The ends of a connection: both differ. An ancestor's name: one of them does.
        const TypeClass type_class = lang::class_of(left.type);
        const bool ends =
            type_class == TypeClass::ip || type_class == TypeClass::net || left.type == lang::FieldType::port;
        if (left.any_of && ends && c.op == Op::ne) return n == size;
        return left.any_of || c.op != Op::in ? n > 0 : n == size;
    }

    static bool holds(Op op, lang::FieldType type, const Value& v, const std::string& constant) {
        switch (lang::class_of(type)) {
        case TypeClass::string:
        case TypeClass::buffer: {
            if (op == Op::bcontains || op == Op::bstartswith) return compare_text(op, v.text(), *parse_hex(constant));
            if (op != Op::regex) return compare_text(op, v.text(), constant);
            Arena arena;
            const RE2 regex(constant, RE2::POSIX);
            return RE2::FullMatch(valid_utf8(v.text(), arena), regex);
        }
        case TypeClass::number: return compare(op, v, *parse_number(constant, type));
        case TypeClass::boolean: return compare(op, v, Value::of_bool(constant == "true"));
        case TypeClass::ip: return (v.kind == ValueKind::ip && v.ip == *parse_ip(constant)) == (op != Op::ne);
        case TypeClass::net: return (v.kind == ValueKind::ip && inside(v.ip, *parse_net(constant))) == (op != Op::ne);
        case TypeClass::none: break;
        }
        return false;
    }

    static bool inside(const fields::IpAddress& ip, const IpNet& net) {
        if (ip.v6 != net.address.v6) return false;
        for (unsigned bit = 0; bit < net.prefix; ++bit) {
            const unsigned shift = 7 - bit % 8;
            if ((ip.bytes[bit / 8] >> shift & 1) != (net.address.bytes[bit / 8] >> shift & 1)) return false;
        }
        return true;
    }

    Value keep(std::string text) { return Value::of_text(texts_.emplace_back(std::move(text))); }
    Value keep(std::vector<Value> list) { return Value::of_list(lists_.emplace_back(std::move(list))); }

    Operand operand(const lang::Operand& o) {
        if (const auto* field = std::get_if<lang::Field>(&o.value)) {
            const fields::BoundField& bound = bind(*field);
            const Value v = bound.field->extract(fields::Context{event_, world_, arena_}, bound.arg);
            return {v, bound.type, bound.is_list, bound.any_of};
        }
        if (const auto* literal = std::get_if<lang::Literal>(&o.value)) return {keep(literal->text)};
        if (const auto* list = std::get_if<lang::ListLiteral>(&o.value)) {
            std::vector<Value> items;
            for (const lang::Operand& item : list->items) items.push_back(operand(item).value);
            if (const Value* gap = missing_among(items)) return {*gap, lang::FieldType::charbuf, true};
            return {keep(std::move(items)), lang::FieldType::charbuf, true};
        }
        return transformed(std::get<lang::Transformer>(o.value));
    }

    // The first that is pending, else the first that is missing.
    static const Value* missing_among(const std::vector<Value>& values) {
        for (const Value& v : values)
            if (v.is_pending()) return &v;
        for (const Value& v : values)
            if (v.is_missing()) return &v;
        return nullptr;
    }

    Operand transformed(const lang::Transformer& t) {
        std::vector<Operand> args;
        std::vector<Value> values;
        for (const lang::Operand& arg : t.args) args.push_back(operand(arg)), values.push_back(args.back().value);
        if (t.name == "val") return args[0];
        Operand out = args[0];
        if (t.name == "len") out = {Value(), lang::FieldType::uint64};
        if (t.name == "join" || t.name == "concat") out = {Value()};
        if (t.name == "getopt") out = {Value(), lang::FieldType::charbuf, !t.key.has_value()};
        if (const Value* gap = missing_among(values)) return out.value = *gap, out;
        const auto map = [&](auto change) {
            if (!args[0].is_list) return keep(change(values[0].text()));
            std::vector<Value> items;
            for (const Value& v : values[0].list()) items.push_back(keep(change(v.text())));
            return keep(std::move(items));
        };
        if (t.name == "tolower")
            out.value = map(lower);
        else if (t.name == "toupper")
            out.value = map(upper);
        else if (t.name == "basename")
            out.value = map([](std::string_view s) { return std::string(s.substr(s.rfind('/') + 1)); });
        else if (t.name == "b64")
            out.value = base64(values[0].text());
        else if (t.name == "len")
            out.value = Value::of_u64(args[0].is_list ? values[0].list().size() : before_zero(values[0].text()));
        else if (t.name == "concat")
            out.value = joined("", values);
        else if (t.name == "join")
            out.value = joined(values[0].text(), {values[1].list().begin(), values[1].list().end()});
        else if (t.name == "getopt")
            out.value = options(values[0].list(), values[1].text(), t.key);
        return out;
    }

    Value joined(std::string_view separator, const std::vector<Value>& parts) {
        std::string text;
        for (std::size_t i = 0; i < parts.size(); ++i) text.append(i > 0 ? separator : "").append(parts[i].text());
        return keep(std::move(text));
    }

    Value base64(std::string_view in) {
        static constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        for (int i = 0; i < 2; ++i)
            if (in.ends_with('=')) in.remove_suffix(1);
        std::string bits, out;
        for (const char c : in) {
            const std::size_t digit = kDigits.find(c);
            if (digit == std::string_view::npos) return Value::missing(Missing::not_applicable);
            for (unsigned b = 6; b-- > 0;) bits += (digit >> b & 1) != 0 ? '1' : '0';
        }
        if (in.size() % 4 == 1) return Value::missing(Missing::not_applicable);
        for (std::size_t at = 0; at + 8 <= bits.size(); at += 8)
            out += static_cast<char>(std::strtoul(bits.substr(at, 8).c_str(), nullptr, 2));
        return keep(std::move(out));
    }

    // Short options: a list of option and value, or the last value of the one that is asked for.
    Value options(std::span<const Value> args, std::string_view optstring, const std::optional<std::string>& key) {
        std::vector<Value> list;
        Value last = Value::missing(Missing::not_applicable);
        const auto takes_value = [&](char c) { return has(optstring, std::string(1, c) + ":"); };
        if (optstring.starts_with(':')) optstring.remove_prefix(1);
        for (std::size_t i = 0; i < args.size(); ++i) {
            std::string_view arg = args[i].text();
            if (arg.size() < 2 || arg[0] != '-' || arg == "--") break;
            if (arg[1] == '-') continue;
            for (arg.remove_prefix(1); !arg.empty(); arg.remove_prefix(1)) {
                const char c = arg[0];
                const bool asked = key && (*key)[0] == c;
                if (c == ':' || optstring.find(c) == std::string_view::npos) {
                    list.push_back(keep(std::string("?")));
                } else if (!takes_value(c)) {
                    list.push_back(keep(std::string(1, c)));
                    if (asked) last = list.back();
                } else if (arg.size() > 1 || i + 1 < args.size()) {
                    list.push_back(keep(std::string(1, c)));
                    list.push_back(keep(std::string(arg.size() > 1 ? arg.substr(1) : args[++i].text())));
                    if (asked) last = list.back();
                    break;
                } else {
                    list.push_back(keep(std::string()));
                    if (asked) last = list.back();
                }
            }
        }
        return key ? last : keep(std::move(list));
    }

    static const fields::BoundField& bind(const lang::Field& field) {
        thread_local std::map<std::string, fields::BoundField> bound;
        const std::string name = field.name + (field.arg ? "[" + *field.arg : "");
        const auto it = bound.find(name);
        return it != bound.end() ? it->second
                                 : bound.emplace(name, *fields::bind_field(field.name, field.arg)).first->second;
    }

    const Event& event_;
    const EvalWorld& world_;
    bool pending_is_missing_;
    Arena arena_;
    std::list<std::string> texts_;
    std::list<std::vector<Value>> lists_;
};

} // namespace

Truth evaluate(const lang::Expr& condition, const Event& event, const EvalWorld& world, bool pending_is_missing) {
    return Walker(event, world, pending_is_missing).walk(condition);
}

} // namespace gyr::match::reference
