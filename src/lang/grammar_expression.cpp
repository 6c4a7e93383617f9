// Conditions: and, or, not, checks and what may stand behind a field.

#include "lang/diagnostic.h"
#include "lang/grammar.h"

#include <algorithm>

namespace gyr::lang {

namespace {

// In the order in which they are tried, so that no operator hides one that begins like it.
constexpr std::array kSymbols = {StringOp{"==", Op::eq}, StringOp{"=", Op::eq}, StringOp{"!=", Op::ne}};
constexpr std::array kWords = {StringOp{"glob", Op::glob},
                               StringOp{"iglob", Op::iglob},
                               StringOp{"contains", Op::contains},
                               StringOp{"icontains", Op::icontains},
                               StringOp{"bcontains", Op::bcontains},
                               StringOp{"startswith", Op::startswith},
                               StringOp{"bstartswith", Op::bstartswith},
                               StringOp{"endswith", Op::endswith},
                               StringOp{"regex", Op::regex}};
constexpr std::array kOrder = {StringOp{"<=", Op::le}, StringOp{"<", Op::lt}, StringOp{">=", Op::ge},
                               StringOp{">", Op::gt}};
constexpr std::array kSetWords = {StringOp{"intersects", Op::intersects}, StringOp{"in", Op::in},
                                  StringOp{"pmatch", Op::pmatch}};
constexpr std::array<std::string_view, 13> kAllWords = {
    "exists",      "glob",     "iglob", "contains", "icontains",  "bcontains", "startswith",
    "bstartswith", "endswith", "regex", "in",       "intersects", "pmatch"};

} // namespace

std::nullptr_t Grammar::fail_depth() { return fail("the condition is nested too deeply"); }

ExprPtr Grammar::make(decltype(Expr::node) node, Span span) {
    return std::make_shared<const Expr>(Expr{std::move(node), span});
}

template <class Node, class Next>
ExprPtr Grammar::chain(std::string_view word, Next next) {
    const Level level(*this);
    if (level.too_deep()) return fail_depth();
    skip_space();
    const std::size_t start = pos_;
    std::vector<ExprPtr> children;
    do {
        ExprPtr child = (this->*next)();
        if (!child) return nullptr;
        children.push_back(std::move(child));
        skip_space();
    } while (accept_keyword(word));
    if (children.size() == 1) return std::move(children.front());
    return make(Node{std::move(children)}, span_from(start));
}

ExprPtr Grammar::or_expr() { return chain<Or>("or", &Grammar::and_expr); }

ExprPtr Grammar::and_expr() { return chain<And>("and", &Grammar::not_expr); }

ExprPtr Grammar::not_expr() {
    const Level level(*this);
    if (level.too_deep()) return fail_depth();
    skip_space();
    const std::size_t start = pos_;
    bool negated = false;
    while (accept_keyword("not")) {
        negated = !negated;
        skip_space();
    }
    ExprPtr child = check();
    if (!child || !negated) return child;
    return make(Not{std::move(child)}, span_from(start));
}

ExprPtr Grammar::check() {
    const Level level(*this);
    if (level.too_deep()) return fail_depth();
    const std::size_t start = pos_;
    if (accept('(')) {
        open_.push_back(start);
        ExprPtr inner = or_expr();
        if (!inner) return nullptr;
        skip_space();
        if (!accept(')')) {
            if (at_end()) return fail_at("this '(' is never closed", start, 1);
            return fail_trailing();
        }
        open_.pop_back();
        return inner;
    }
    if (auto left = field_or_call()) return condition(std::move(*left), start);
    if (error_) return nullptr;
    const std::size_t length = scan_identifier(text_, pos_);
    const std::string_view name = text_.substr(pos_, length);
    if (length == 0 || name == "and" || name == "or" || name == "not") {
        if (at_end()) return fail("a condition is missing at the end");
        return fail("expected a field, a macro or '(', found " + shown());
    }
    last_name_ = pos_;
    last_was_value_ = false;
    consume(length);
    const std::size_t here = pos_;
    if (skip_blank(); is_operator_here())
        return fail_at("'" + std::string(name) + "' is not a field: a field's name has a dot", start, length);
    pos_ = here;
    return make(MacroRef{std::string(name)}, span_from(start));
}

bool Grammar::is_operator_here() const {
    const char c = peek();
    if (c == '=' || c == '<' || c == '>' || (c == '!' && peek(1) == '=')) return !at_end();
    const std::string_view word = text_.substr(pos_, scan_identifier(text_, pos_));
    return std::ranges::find(kAllWords, word) != kAllWords.end();
}

ExprPtr Grammar::condition(Operand left, std::size_t start) {
    skip_space();
    Check check;
    check.left = std::move(left);
    if (looking_at("exists")) {
        consume(6);
        last_was_value_ = false;
        return make(std::move(check), span_from(start));
    }
    if (const auto op = string_op()) {
        check.op = *op;
        if (!string_rhs(check)) return nullptr;
    } else if (error_) {
        return nullptr;
    } else if (const StringOp* order = find_op(kOrder)) {
        check.op = order->op;
        consume(order->text.size());
        skip_blank();
        check.right = number_rhs();
    } else if (const StringOp* set = find_op(kSetWords)) {
        check.op = set->op;
        consume(set->text.size());
        skip_blank();
        check.right = set_rhs(set->text);
    } else {
        return fail_operator();
    }
    if (check.op != Op::exists && !check.right) return nullptr;
    return make(std::move(check), span_from(start));
}

template <std::size_t N>
const StringOp* Grammar::find_op(const std::array<StringOp, N>& ops) const {
    const auto it = std::ranges::find_if(ops, [&](const StringOp& o) { return looking_at(o.text); });
    return it == ops.end() ? nullptr : &*it;
}

std::nullptr_t Grammar::fail_operator() {
    const std::string_view word = text_.substr(pos_, scan_identifier(text_, pos_));
    if (at_end() || peek() == ')' || word == "and" || word == "or")
        return fail_at("an operator is missing after the field", after_ == 0 ? 0 : after_ - 1, 1,
                       "compare it with something, or write 'exists'");
    const std::string_view near = closest(word, {kAllWords.begin(), kAllWords.end()});
    return fail("expected an operator, found " + shown(),
                near.empty() ? std::string() : "did you mean " + std::string(near) + "?");
}

std::optional<Op> Grammar::string_op() {
    if (const StringOp* symbol = find_op(kSymbols)) {
        consume(symbol->text.size());
        return symbol->op;
    }
    if (const StringOp* word = find_op(kWords)) {
        const std::size_t behind = pos_ + word->text.size();
        if (behind >= text_.size() || !is_blank(text_[behind])) {
            if (behind < text_.size() && scan_identifier(text_, pos_) > word->text.size())
                fail_operator();
            else
                fail_at("'" + std::string(word->text) + "' needs a blank and a value behind it", pos_,
                        word->text.size());
            return std::nullopt;
        }
        consume(word->text.size());
        return word->op;
    }
    return std::nullopt;
}

bool Grammar::string_rhs(Check& check) {
    const bool blank = skip_blank();
    if (blank && modifier_rhs(check)) return check.right.has_value();
    check.right = call_here();
    if (check.right || error_) return check.right.has_value();
    if (peek() == '(') {
        fail_missing("'" + std::string(to_string(check.op)) + "' takes one value, not a list",
                     check.op == Op::eq || check.op == Op::ne ? "write 'in (...)'" : "write 'anyof' before the list");
        return false;
    }
    check.right = text_value();
    if (!check.right && !error_) fail_missing("expected a value, found " + shown());
    return check.right.has_value();
}

bool Grammar::modifier_rhs(Check& check) {
    const std::size_t start = pos_;
    const std::size_t after = after_;
    const std::string_view word = text_.substr(pos_, scan_bare(text_, pos_));
    Modifier modifier = Modifier::none;
    if (word == "oneof")
        modifier = Modifier::oneof;
    else if (word == "anyof")
        modifier = Modifier::anyof;
    else if (word == "allof")
        modifier = Modifier::allof;
    if (modifier == Modifier::none) return false;
    consume(word.size());
    if (skip_blank()) {
        const std::string_view name = text_.substr(pos_, scan_identifier(text_, pos_));
        if (peek() == '(') {
            check.modifier = modifier;
            check.right = list();
            return true;
        }
        if (!name.empty() && name != "and" && name != "or") {
            check.modifier = modifier;
            check.right = lone_name();
            return true;
        }
    }
    pos_ = start;
    after_ = after;
    return false;
}

std::optional<Operand> Grammar::number_rhs() {
    if (auto call = call_here(); call || error_) return call;
    if (auto number = number_value()) return number;
    if (options_.plain_names) {
        if (auto word = text_value(); word || error_) return word;
    }
    fail_missing("expected a number, found " + shown(),
                 scan_field_name(text_, pos_) != 0 ? "write val(...) around a field on the right side" : "");
    return std::nullopt;
}

std::optional<Operand> Grammar::set_rhs(std::string_view op) {
    if (peek() == '(' && !at_end()) return list();
    if (auto call = call_here(); call || error_) return call;
    const std::string_view name = text_.substr(pos_, scan_identifier(text_, pos_));
    if (!name.empty() && name != "and" && name != "or") return lone_name();
    fail_missing("expected a list in parentheses after '" + std::string(op) + "', found " + shown());
    return std::nullopt;
}

} // namespace gyr::lang
