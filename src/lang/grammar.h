#pragma once
// The grammar as a recursive descent over one text; internal to parser.cpp and comments.h. Expressions are in
// grammar_expression.cpp, what they compare in grammar_operand.cpp, messages in grammar_error.cpp.

#include "lang/ast.h"
#include "lang/comments.h"
#include "lang/parser.h"
#include "lang/quote.h"
#include "lang/scanner.h"

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace gyr::lang {

struct StringOp {
    std::string_view text;
    Op op;
};

class Grammar {
  public:
    struct Comment {
        std::size_t begin, end;
    };

    Grammar(std::string_view text, const ParseOptions& options) : text_(text), options_(options) {}

    ExprPtr whole_condition();
    std::optional<Operand> whole_field();
    std::optional<Operand> output_field();
    // The comments of a condition or a part of one ("and …"), as far as it can be read.
    const std::vector<Comment>& comments(const LineEnd& line_end);

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
    // Blanks and comments, where the grammar takes no value: there '#' is part of one.
    void skip_space();
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

    // Counts grammar levels: the text decides how deep this recursion goes.
    class Level {
      public:
        explicit Level(Grammar& g) : g_(g) { ++g_.depth_; }
        ~Level() { --g_.depth_; }
        Level(const Level&) = delete;
        Level& operator=(const Level&) = delete;
        [[nodiscard]] bool too_deep() const { return g_.depth_ > g_.options_.max_depth; }

      private:
        Grammar& g_;
    };

    // --- errors: the first one is kept ---
    [[nodiscard]] std::size_t token_length() const;
    [[nodiscard]] std::string shown() const;
    std::nullptr_t fail_at(std::string message, std::size_t start, std::size_t length, std::string hint = {});
    std::nullptr_t fail(std::string message, std::string hint = {});
    // As fail, when what is wrong is that something is not there.
    std::nullptr_t fail_missing(std::string message, std::string hint = {});
    std::nullptr_t fail_trailing();
    // --- expressions ---
    std::nullptr_t fail_depth();
    static ExprPtr make(decltype(Expr::node) node, Span span);
    template <class Node, class Next>
    ExprPtr chain(std::string_view word, Next next);
    ExprPtr or_expr();
    ExprPtr and_expr();
    ExprPtr not_expr();
    ExprPtr check();
    [[nodiscard]] bool is_operator_here() const;
    ExprPtr condition(Operand left, std::size_t start);
    template <std::size_t N>
    const StringOp* find_op(const std::array<StringOp, N>& ops) const;
    std::nullptr_t fail_operator();
    std::optional<Op> string_op();
    bool string_rhs(Check& check);
    // "oneof (a, b)" or "oneof name". False when what follows is an ordinary value (which may well be "oneof").
    bool modifier_rhs(Check& check);
    std::optional<Operand> number_rhs();
    std::optional<Operand> set_rhs(std::string_view op);
    // --- operands ---
    Operand operand_from(std::size_t start, decltype(Operand::value) value);
    std::optional<Operand> lone_name();
    std::optional<Operand> number_value();
    std::optional<Operand> quoted_value();
    std::optional<std::string> quoted_text();
    std::optional<Operand> text_value();
    std::optional<Operand> list();
    template <class Item>
    std::optional<Operand> list_of(Item item);
    std::optional<Operand> field_or_call();
    [[nodiscard]] bool bracket_is_arg() const;
    bool bracket(std::optional<std::string>& out, bool* quoted);
    // name( … ): a transformer, or val() around a field. Nothing when there is no call here.
    std::optional<Operand> call_here();
    std::optional<Operand> val_argument();
    std::optional<Operand> argument(bool list_allowed);

    void skip_inner_blank() {
        if (!tight_) skip_blank();
    }
    void skip_inner_space() {
        if (!tight_) skip_space();
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
    const LineEnd* line_end_ = nullptr; // null: at line breaks
    std::vector<Comment> comments_;
};

} // namespace gyr::lang
