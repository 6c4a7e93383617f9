#include "lang/parser.h"

#include "lang/diagnostic.h"
#include "lang/quote.h"
#include "lang/scanner.h"
#include "lang/transformer.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

namespace gyr::lang {

namespace {

// In the order in which they are tried, so that no operator hides one that begins like it.
struct StringOp {
    std::string_view text;
    Op op;
};
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

constexpr std::size_t kShownToken = 40; // bytes of foreign text quoted in a message

class Parser {
  public:
    Parser(std::string_view text, const ParseOptions& options) : text_(text), options_(options) {}

    ExprPtr whole_condition() {
        skip_blank();
        if (at_end()) return fail("the condition is empty");
        ExprPtr expr = or_expr();
        if (!expr) return nullptr;
        skip_blank();
        if (!at_end()) return fail_trailing();
        return expr;
    }

    std::optional<Operand> whole_field() {
        skip_blank();
        auto operand = field_or_call();
        if (!operand) {
            if (!error_) fail("expected a field or a transformer, found " + shown());
            return std::nullopt;
        }
        skip_blank();
        if (!at_end()) {
            fail("unexpected " + shown() + " after the field");
            return std::nullopt;
        }
        return operand;
    }

    std::optional<Operand> output_field() {
        tight_ = true;
        auto operand = field_or_call();
        if (!operand && !error_) fail("expected a field or a transformer, found " + shown());
        return operand;
    }

    ParseError take_error() { return std::move(*error_); }

  private:
    // --- text ---

    [[nodiscard]] bool at_end() const { return pos_ >= text_.size(); }
    [[nodiscard]] char peek(std::size_t ahead = 0) const {
        return pos_ + ahead < text_.size() ? text_[pos_ + ahead] : '\0';
    }
    bool skip_blank() {
        const std::size_t n = scan_blank(text_, pos_);
        pos_ += n;
        return n != 0;
    }
    void consume(std::size_t n) {
        pos_ += n;
        after_ = pos_;
    }
    bool accept(char c) {
        if (peek() != c || at_end()) return false;
        consume(1);
        return true;
    }
    [[nodiscard]] bool looking_at(std::string_view word) const { return text_.substr(pos_).starts_with(word); }
    [[nodiscard]] Span span_from(std::size_t start) const {
        return {options_.origin, static_cast<std::uint32_t>(start), static_cast<std::uint32_t>(after_ - start)};
    }
    // "and", "or", "not": taken only with a blank or '(' behind, so that "android" stays a name.
    bool accept_keyword(std::string_view word) {
        if (!looking_at(word)) return false;
        const std::size_t behind = pos_ + word.size();
        if (behind >= text_.size() || !(is_blank(text_[behind]) || text_[behind] == '(')) return false;
        consume(word.size());
        return true;
    }

    // --- errors: the first one is kept ---

    [[nodiscard]] std::size_t token_length() const {
        if (at_end()) return 0;
        if (const std::size_t bare = scan_bare(text_, pos_); bare != 0) return bare;
        if (const std::size_t quoted = scan_quoted(text_, pos_); quoted != 0 && quoted != std::string_view::npos)
            return quoted;
        return 1;
    }
    [[nodiscard]] std::string shown() const {
        if (at_end()) return "the end";
        std::string out = "'";
        for (const char c : text_.substr(pos_, std::min(token_length(), kShownToken)))
            out += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
        if (token_length() > kShownToken) out += "...";
        return out + "'";
    }
    std::nullptr_t fail_at(std::string message, std::size_t start, std::size_t length, std::string hint = {}) {
        if (error_) return nullptr;
        ParseError e;
        e.message = std::move(message);
        e.hint = std::move(hint);
        e.span = {options_.origin, static_cast<std::uint32_t>(start), static_cast<std::uint32_t>(length)};
        e.after = static_cast<std::uint32_t>(after_);
        if (!open_.empty()) e.unclosed = static_cast<std::uint32_t>(open_.back());
        if (quote_end_ != 0 && quote_end_ == after_) e.quote = static_cast<std::uint32_t>(quote_start_);
        error_ = std::move(e);
        return nullptr;
    }
    std::nullptr_t fail(std::string message, std::string hint = {}) {
        return fail_at(std::move(message), pos_, token_length(), std::move(hint));
    }
    // As fail, when what is wrong is that something is not there.
    std::nullptr_t fail_missing(std::string message, std::string hint = {}) {
        fail(std::move(message), std::move(hint));
        error_->missing = true;
        return nullptr;
    }
    std::nullptr_t fail_trailing() {
        // "a.b = and …": the word was taken for the value.
        if (const std::string_view last = text_.substr(last_name_, after_ - last_name_);
            last_was_value_ && (last == "and" || last == "or" || last == "not")) {
            fail_at("a value is missing before '" + std::string(last) + "'", last_name_, last.size());
            error_->after = static_cast<std::uint32_t>(before_value_);
            error_->missing = true;
            return nullptr;
        }
        const std::size_t id = scan_identifier(text_, pos_);
        const std::string_view word = text_.substr(pos_, id);
        std::string hint;
        if (peek() == ')') return fail("this ')' closes nothing");
        if (word == "and" || word == "or") return fail("a condition must follow '" + std::string(word) + "'");
        if (word.starts_with("and") || word.starts_with("or"))
            hint = "put a blank after '" + std::string(word.starts_with("and") ? "and" : "or") + "'";
        else if (peek() == '(' && after_ > 0 && scan_identifier(text_, last_name_) == after_ - last_name_)
            hint = "a transformer's name and its '(' stand together, without a blank";
        else if (word == "AND" || word == "OR" || word == "NOT")
            hint = "write 'and', 'or' and 'not' in lower case";
        else if (looking_at("&&") || looking_at("||"))
            hint = "write 'and' or 'or'";
        else if (peek() == ',')
            hint = "several values stand in parentheses, with 'in' or another list operator";
        else if (peek() != '(' && last_was_value_)
            hint = "put a value with blanks in quotes";
        return fail("unexpected " + shown() + ", expected 'and', 'or' or the end", std::move(hint));
    }

    // Counts grammar levels: the text decides how deep this recursion goes.
    class Level {
      public:
        explicit Level(Parser& p) : p_(p) { ++p_.depth_; }
        ~Level() { --p_.depth_; }
        Level(const Level&) = delete;
        Level& operator=(const Level&) = delete;
        [[nodiscard]] bool too_deep() const { return p_.depth_ > p_.options_.max_depth; }

      private:
        Parser& p_;
    };
    std::nullptr_t fail_depth() { return fail("the condition is nested too deeply"); }

    // --- expressions ---

    static ExprPtr make(decltype(Expr::node) node, Span span) {
        return std::make_shared<const Expr>(Expr{std::move(node), span});
    }

    template <class Node, class Next>
    ExprPtr chain(std::string_view word, Next next) {
        const Level level(*this);
        if (level.too_deep()) return fail_depth();
        skip_blank();
        const std::size_t start = pos_;
        std::vector<ExprPtr> children;
        do {
            ExprPtr child = (this->*next)();
            if (!child) return nullptr;
            children.push_back(std::move(child));
            skip_blank();
        } while (accept_keyword(word));
        if (children.size() == 1) return std::move(children.front());
        return make(Node{std::move(children)}, span_from(start));
    }
    ExprPtr or_expr() { return chain<Or>("or", &Parser::and_expr); }
    ExprPtr and_expr() { return chain<And>("and", &Parser::not_expr); }

    ExprPtr not_expr() {
        const Level level(*this);
        if (level.too_deep()) return fail_depth();
        skip_blank();
        const std::size_t start = pos_;
        bool negated = false;
        while (accept_keyword("not")) {
            negated = !negated;
            skip_blank();
        }
        ExprPtr child = check();
        if (!child || !negated) return child;
        return make(Not{std::move(child)}, span_from(start));
    }

    ExprPtr check() {
        const Level level(*this);
        if (level.too_deep()) return fail_depth();
        const std::size_t start = pos_;
        if (accept('(')) {
            open_.push_back(start);
            ExprPtr inner = or_expr();
            if (!inner) return nullptr;
            skip_blank();
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

    [[nodiscard]] bool is_operator_here() const {
        const char c = peek();
        if (c == '=' || c == '<' || c == '>' || (c == '!' && peek(1) == '=')) return !at_end();
        const std::string_view word = text_.substr(pos_, scan_identifier(text_, pos_));
        return std::ranges::find(kAllWords, word) != kAllWords.end();
    }

    ExprPtr condition(Operand left, std::size_t start) {
        skip_blank();
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
    const StringOp* find_op(const std::array<StringOp, N>& ops) const {
        const auto it = std::ranges::find_if(ops, [&](const StringOp& o) { return looking_at(o.text); });
        return it == ops.end() ? nullptr : &*it;
    }

    std::nullptr_t fail_operator() {
        const std::string_view word = text_.substr(pos_, scan_identifier(text_, pos_));
        if (at_end() || peek() == ')' || word == "and" || word == "or")
            return fail_at("an operator is missing after the field", after_ == 0 ? 0 : after_ - 1, 1,
                           "compare it with something, or write 'exists'");
        const std::string_view near = closest(word, {kAllWords.begin(), kAllWords.end()});
        return fail("expected an operator, found " + shown(),
                    near.empty() ? std::string() : "did you mean " + std::string(near) + "?");
    }

    std::optional<Op> string_op() {
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

    bool string_rhs(Check& check) {
        const bool blank = skip_blank();
        if (blank && modifier_rhs(check)) return check.right.has_value();
        check.right = call_here();
        if (check.right || error_) return check.right.has_value();
        if (peek() == '(') {
            fail_missing("'" + std::string(to_string(check.op)) + "' takes one value, not a list",
                         check.op == Op::eq || check.op == Op::ne ? "write 'in (...)'"
                                                                  : "write 'anyof' before the list");
            return false;
        }
        check.right = text_value();
        if (!check.right && !error_) fail_missing("expected a value, found " + shown());
        return check.right.has_value();
    }

    // "oneof (a, b)" or "oneof name". False when what follows is an ordinary value (which may well be "oneof").
    bool modifier_rhs(Check& check) {
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

    std::optional<Operand> number_rhs() {
        if (auto call = call_here(); call || error_) return call;
        if (auto number = number_value()) return number;
        if (options_.plain_names) {
            if (auto word = text_value(); word || error_) return word;
        }
        fail_missing("expected a number, found " + shown(),
                     scan_field_name(text_, pos_) != 0 ? "write val(...) around a field on the right side" : "");
        return std::nullopt;
    }

    std::optional<Operand> set_rhs(std::string_view op) {
        if (peek() == '(' && !at_end()) return list();
        if (auto call = call_here(); call || error_) return call;
        const std::string_view name = text_.substr(pos_, scan_identifier(text_, pos_));
        if (!name.empty() && name != "and" && name != "or") return lone_name();
        fail_missing("expected a list in parentheses after '" + std::string(op) + "', found " + shown());
        return std::nullopt;
    }

    // --- operands ---

    Operand operand_from(std::size_t start, decltype(Operand::value) value) {
        return Operand{std::move(value), span_from(start)};
    }

    std::optional<Operand> lone_name() {
        const std::size_t start = pos_;
        const std::size_t length = scan_identifier(text_, pos_);
        consume(length);
        ListLiteral l;
        l.bare_identifier = true;
        l.items.push_back(operand_from(start, Literal{std::string(text_.substr(start, length)), false, false}));
        last_was_value_ = true;
        return operand_from(start, std::move(l));
    }

    std::optional<Operand> number_value() {
        const std::size_t start = pos_;
        const std::size_t length = scan_number(text_, pos_);
        if (length == 0) return std::nullopt;
        consume(length);
        last_was_value_ = true;
        return operand_from(start, Literal{std::string(text_.substr(start, length)), false, true});
    }

    std::optional<Operand> quoted_value() {
        const std::size_t start = pos_;
        auto text = quoted_text();
        if (!text) return std::nullopt;
        return operand_from(start, Literal{std::move(*text), true, false});
    }

    std::optional<std::string> quoted_text() {
        const std::size_t start = pos_;
        const std::size_t length = scan_quoted(text_, pos_);
        if (length == 0) return std::nullopt;
        if (length == std::string_view::npos) {
            fail_at("this quote is never closed", start, 1);
            return std::nullopt;
        }
        auto text = unquote(text_.substr(start, length));
        if (!text) {
            fail_at(text.error().message, start + text.error().offset, 2, "write \\\\ for a backslash");
            return std::nullopt;
        }
        consume(length);
        last_was_value_ = false;
        quote_start_ = start;
        quote_end_ = after_;
        return std::move(*text);
    }

    std::optional<Operand> text_value() { // quoted or bare
        const std::size_t start = pos_;
        if (auto quoted = quoted_value(); quoted || error_) return quoted;
        const std::size_t length = scan_bare(text_, pos_);
        if (length == 0) return std::nullopt;
        last_name_ = pos_;
        before_value_ = after_;
        last_was_value_ = true;
        consume(length);
        return operand_from(start, Literal{std::string(text_.substr(start, length)), false, false});
    }

    std::optional<Operand> list() {
        return list_of([&] { return text_value(); });
    }

    template <class Item>
    std::optional<Operand> list_of(Item item) {
        const Level level(*this);
        if (level.too_deep()) {
            fail_depth();
            return std::nullopt;
        }
        const std::size_t start = pos_;
        consume(1);
        open_.push_back(start);
        ListLiteral l;
        skip_inner_blank();
        if (!accept(')')) {
            while (true) {
                auto value = item();
                if (!value) {
                    if (at_end())
                        fail_at("this '(' is never closed", start, 1);
                    else if (peek() == ',' || peek() == ')')
                        fail("a value is missing before " + shown());
                    else
                        fail("expected a value of the list, found " + shown());
                    return std::nullopt;
                }
                l.items.push_back(std::move(*value));
                skip_inner_blank();
                if (accept(')')) break;
                if (!accept(',')) {
                    if (at_end())
                        fail_at("this '(' is never closed", start, 1);
                    else
                        fail_missing("expected ',' or ')' in the list, found " + shown(),
                                     peek() == '(' ? "a list holds plain values only"
                                                   : "put a value with blanks in quotes");
                    return std::nullopt;
                }
                skip_blank();
            }
        }
        open_.pop_back();
        last_was_value_ = false;
        return operand_from(start, std::move(l));
    }

    std::optional<Operand> field_or_call() {
        const std::size_t start = pos_;
        if (const std::size_t length = scan_field_name(text_, pos_); length != 0) {
            consume(length);
            Field field;
            field.name = text_.substr(start, length);
            last_was_value_ = false;
            // In a template a bracket that is no argument is ordinary text.
            if (peek() == '[' && !at_end() && !(tight_ && !bracket_is_arg())) {
                if (!bracket(field.arg, &field.arg_quoted)) return std::nullopt;
            }
            return operand_from(start, std::move(field));
        }
        const std::size_t length = scan_identifier(text_, pos_);
        if (options_.plain_names && length != 0 && peek(length) != '(') {
            const std::string_view name = text_.substr(pos_, length);
            if (name == "and" || name == "or" || name == "not") return std::nullopt;
            consume(length);
            last_was_value_ = false;
            return operand_from(start, Field{std::string(name), std::nullopt, false});
        }
        if (length == 0 || peek(length) != '(') return std::nullopt;
        if (text_.substr(pos_, length) == "val") {
            fail_at("val() belongs on the right side of a comparison", pos_, length);
            return std::nullopt;
        }
        // "not(" and the like were taken before; an unknown name before '(' is a mistake, not a macro.
        return call_here();
    }

    [[nodiscard]] bool bracket_is_arg() const {
        const std::size_t quoted = scan_quoted(text_, pos_ + 1);
        const std::size_t length = quoted != 0 ? quoted : scan_bare_arg(text_, pos_ + 1);
        return length != 0 && length != std::string_view::npos && peek(1 + length) == ']';
    }

    bool bracket(std::optional<std::string>& out, bool* quoted) {
        const std::size_t start = pos_;
        consume(1);
        if (peek() == '"' || peek() == '\'') {
            auto text = quoted_text();
            if (!text) return false;
            out = std::move(*text);
            if (quoted != nullptr) *quoted = true;
        } else {
            const std::size_t length = scan_bare_arg(text_, pos_);
            if (length == 0) {
                fail("the argument in brackets is missing or not allowed", "put it in quotes");
                return false;
            }
            out = std::string(text_.substr(pos_, length));
            consume(length);
        }
        if (accept(']')) return true;
        if (at_end())
            fail_at("this '[' is never closed", start, 1);
        else
            fail("expected ']' after the argument, found " + shown(), "put an argument with blanks in quotes");
        return false;
    }

    // name( … ): a transformer, or val() around a field. Nothing when there is no call here.
    std::optional<Operand> call_here() {
        const std::size_t start = pos_;
        const std::size_t length = scan_identifier(text_, pos_);
        if (length == 0 || peek(length) != '(') return std::nullopt;
        const std::string name(text_.substr(pos_, length));
        const TransformerInfo* info = find_transformer(name);
        if (info == nullptr) {
            std::vector<std::string_view> names;
            for (const TransformerInfo& t : transformers()) names.push_back(t.name);
            names.push_back("val");
            const std::string_view near = closest(name, names);
            fail_at("unknown transformer '" + name + "'", start, length,
                    near.empty() ? std::string() : "did you mean " + std::string(near) + "?");
            return std::nullopt;
        }
        const Level level(*this);
        if (level.too_deep()) {
            fail_depth();
            return std::nullopt;
        }
        consume(length);
        auto args = info->kind == TransformerKind::val ? list_of([&] { return val_argument(); })
                                                       : list_of([&] { return argument(true); });
        if (!args) return std::nullopt;
        Transformer call{name, std::move(std::get<ListLiteral>(args->value).items), std::nullopt};
        if (call.args.empty()) {
            fail_at("'" + name + "' needs an argument", start, length);
            return std::nullopt;
        }
        if (info->kind == TransformerKind::val && call.args.size() != 1) {
            fail_at("val() takes one field", start, length);
            return std::nullopt;
        }
        if (peek() == '[' && !at_end() && !(tight_ && !bracket_is_arg()) && !bracket(call.key, nullptr))
            return std::nullopt;
        last_was_value_ = false;
        return operand_from(start, std::move(call));
    }

    std::optional<Operand> val_argument() {
        const std::size_t start = pos_;
        if (scan_field_name(text_, pos_) != 0) return field_or_call();
        fail_at("val() takes a field, found " + shown(), start, token_length());
        return std::nullopt;
    }

    std::optional<Operand> argument(bool list_allowed) {
        skip_inner_blank();
        const std::size_t start = pos_;
        if (auto quoted = quoted_value(); quoted || error_) {
            // What a value may hold is for the operator's type to say; in a transformer all are texts.
            if (quoted && std::get<Literal>(quoted->value).text.find('\0') != std::string::npos) {
                fail_at("a text cannot hold a zero byte", start, after_ - start);
                return std::nullopt;
            }
            return quoted;
        }
        if (auto number = number_value()) return number;
        if (list_allowed && peek() == '(' && !at_end()) return list_of([&] { return argument(false); });
        if (auto operand = field_or_call(); operand || error_) return operand;
        if (scan_identifier(text_, pos_) != 0) fail("expected a field, a number or a quoted string, found " + shown());
        return std::nullopt;
    }

    void skip_inner_blank() {
        if (!tight_) skip_blank();
    }

    std::string_view text_;
    ParseOptions options_;
    std::size_t pos_ = 0;
    std::size_t after_ = 0;        // end of what was consumed last, blanks not counted
    std::size_t last_name_ = 0;    // where the last name or bare value began
    std::size_t before_value_ = 0; // where what stands before the last bare value ended
    std::size_t quote_start_ = 0;  // of the last quoted string
    std::size_t quote_end_ = 0;
    bool last_was_value_ = false;
    bool tight_ = false;
    std::uint32_t depth_ = 0;
    std::vector<std::size_t> open_; // offsets of '(' still open
    std::optional<ParseError> error_;
};

} // namespace

std::expected<ExprPtr, ParseError> parse(std::string_view text, const ParseOptions& options) {
    Parser parser(text, options);
    if (ExprPtr expr = parser.whole_condition()) return expr;
    return std::unexpected(parser.take_error());
}

std::expected<Operand, ParseError> parse_field(std::string_view text, const ParseOptions& options) {
    Parser parser(text, options);
    if (auto operand = parser.whole_field()) return std::move(*operand);
    return std::unexpected(parser.take_error());
}

std::expected<Operand, ParseError> parse_output_field(std::string_view text, const ParseOptions& options) {
    Parser parser(text, options);
    if (auto operand = parser.output_field()) return std::move(*operand);
    return std::unexpected(parser.take_error());
}

} // namespace gyr::lang
