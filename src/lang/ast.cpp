#include "lang/ast.h"

#include "lang/quote.h"

#include <algorithm>
#include <array>
#include <utility>

namespace gyr::lang {

namespace {

constexpr std::array<std::string_view, 19> kOps = {
    "exists",     "=",           "!=",       "<",    "<=",    ">",     ">=", "contains",   "icontains", "bcontains",
    "startswith", "bstartswith", "endswith", "glob", "iglob", "regex", "in", "intersects", "pmatch"};

template <class... Fs>
struct Overloaded : Fs... {
    using Fs::operator()...;
};

bool is_bare_arg(std::string_view arg) {
    return !arg.empty() && arg.find_first_of(std::string_view("][\"' \t\n\r\v\f\b\0", 11)) == std::string_view::npos;
}

// Two ways to write a tree: the canonical name and the source that parses back.
class Printer {
  public:
    explicit Printer(bool source) : source_(source) {}

    void print(const Expr& expr) {
        std::visit(Overloaded{[&](const And& e) { join(e.children, " and "); },
                              [&](const Or& e) { join(e.children, " or "); },
                              [&](const Not& e) {
                                  // Two in a row would cancel each other when parsed.
                                  const bool again = source_ && std::holds_alternative<Not>(e.child->node);
                                  out += again ? "not (" : "not ";
                                  print(*e.child);
                                  if (again) out += ')';
                              },
                              [&](const MacroRef& e) { out += e.name; }, [&](const Check& e) { print(e); }},
                   expr.node);
    }

    void print(const Operand& operand, bool in_call) {
        std::visit(Overloaded{[&](const Field& f) {
                                  out += f.name;
                                  if (f.arg) key(*f.arg);
                              },
                              [&](const Transformer& t) { call(t); },
                              [&](const Literal& l) {
                                  if (in_call && !source_)
                                      out += l.text;
                                  else if (in_call)
                                      out += l.number ? l.text : quote(l.text);
                                  else
                                      out += quote_if_needed(l.text);
                              },
                              [&](const ListLiteral& l) { list(l, in_call); }},
                   operand.value);
    }

    std::string out;

  private:
    void join(const std::vector<ExprPtr>& children, std::string_view word) {
        out += '(';
        for (std::size_t i = 0; i < children.size(); ++i) {
            if (i != 0) out += word;
            print(*children[i]);
        }
        out += ')';
    }

    void print(const Check& check) {
        print(check.left, false);
        out += ' ';
        out += to_string(check.op);
        if (check.modifier != Modifier::none) {
            out += ' ';
            out += to_string(check.modifier);
        }
        if (!check.right) return;
        out += ' ';
        print(*check.right, false);
    }

    void call(const Transformer& t) {
        out += t.name;
        out += '(';
        for (std::size_t i = 0; i < t.args.size(); ++i) {
            if (i != 0) out += ',';
            print(t.args[i], true);
        }
        out += ')';
        if (t.key) key(*t.key);
    }

    void list(const ListLiteral& l, bool in_call) {
        // A lone name prints bare in source form only: canonical text shows the one-element list it stands for.
        if (source_ && l.bare_identifier && l.items.size() == 1 && l.external.empty()) {
            print(l.items.front(), false);
            return;
        }
        out += '(';
        bool first = true;
        const auto separate = [&] {
            if (!std::exchange(first, false)) out += in_call ? "," : ", ";
        };
        for (const Operand& item : l.items) {
            separate();
            print(item, in_call);
        }
        for (const auto& external : l.external) {
            separate();
            out += external->name;
        }
        out += ')';
    }

    void key(std::string_view arg) {
        out += '[';
        out += is_bare_arg(arg) ? std::string(arg) : quote(arg);
        out += ']';
    }

    bool source_;
};

} // namespace

std::string_view to_string(Op op) { return kOps[static_cast<std::size_t>(op)]; }

std::string_view to_string(Modifier modifier) {
    switch (modifier) {
    case Modifier::none: return "";
    case Modifier::oneof: return "oneof";
    case Modifier::anyof: return "anyof";
    case Modifier::allof: return "allof";
    }
    return "";
}

std::string to_string(const Expr& expr) {
    Printer p(false);
    p.print(expr);
    return std::move(p.out);
}
std::string to_string(const Operand& operand) {
    Printer p(false);
    p.print(operand, false);
    return std::move(p.out);
}
std::string to_source(const Expr& expr) {
    Printer p(true);
    p.print(expr);
    return std::move(p.out);
}
std::string to_source(const Operand& operand) {
    Printer p(true);
    p.print(operand, false);
    return std::move(p.out);
}

bool equal(const Operand& a, const Operand& b) {
    if (a.value.index() != b.value.index()) return false;
    const auto all_equal = [](const std::vector<Operand>& x, const std::vector<Operand>& y) {
        return std::ranges::equal(x, y, [](const Operand& p, const Operand& q) { return equal(p, q); });
    };
    return std::visit(Overloaded{[&](const Field& f) {
                                     const auto& g = std::get<Field>(b.value);
                                     return f.name == g.name && f.arg == g.arg;
                                 },
                                 [&](const Transformer& t) {
                                     const auto& u = std::get<Transformer>(b.value);
                                     return t.name == u.name && t.key == u.key && all_equal(t.args, u.args);
                                 },
                                 [&](const Literal& l) { return l.text == std::get<Literal>(b.value).text; },
                                 [&](const ListLiteral& l) {
                                     const auto& m = std::get<ListLiteral>(b.value);
                                     return l.external == m.external && all_equal(l.items, m.items);
                                 }},
                      a.value);
}

bool equal(const Expr& a, const Expr& b) {
    if (&a == &b) return true;
    if (a.node.index() != b.node.index()) return false;
    const auto all_equal = [](const std::vector<ExprPtr>& x, const std::vector<ExprPtr>& y) {
        return std::ranges::equal(x, y, [](const ExprPtr& p, const ExprPtr& q) { return equal(*p, *q); });
    };
    return std::visit(Overloaded{[&](const And& e) { return all_equal(e.children, std::get<And>(b.node).children); },
                                 [&](const Or& e) { return all_equal(e.children, std::get<Or>(b.node).children); },
                                 [&](const Not& e) { return equal(*e.child, *std::get<Not>(b.node).child); },
                                 [&](const MacroRef& e) { return e.name == std::get<MacroRef>(b.node).name; },
                                 [&](const Check& e) {
                                     const auto& f = std::get<Check>(b.node);
                                     return e.op == f.op && e.modifier == f.modifier && equal(e.left, f.left) &&
                                            e.right.has_value() == f.right.has_value() &&
                                            (!e.right || equal(*e.right, *f.right));
                                 }},
                      a.node);
}

} // namespace gyr::lang
