#include "lang/parser.h"

#include "lang/comments.h"
#include "lang/grammar.h"

#include <algorithm>

namespace gyr::lang {

// Of a rule the comments are gone already; one that is left stands behind a mistake, where no line end is known.
void Grammar::skip_space() {
    if (line_end_ == nullptr && options_.origin != 0) return static_cast<void>(skip_blank());
    for (skip_blank(); !at_end() && peek() == '#'; skip_blank()) {
        const bool apart = pos_ == 0 || is_blank(text_[pos_ - 1]) || text_[pos_ - 1] == '(' || text_[pos_ - 1] == ')';
        if (!apart) return;
        const std::size_t line_break = std::min(text_.find('\n', pos_), text_.size());
        const std::size_t end = line_end_ ? std::clamp((*line_end_)(pos_), pos_ + 1, line_break) : line_break;
        comments_.push_back({pos_, end});
        pos_ = end;
    }
}

ExprPtr Grammar::whole_condition() {
    skip_space();
    if (at_end()) return fail("the condition is empty");
    ExprPtr expr = or_expr();
    if (!expr) return nullptr;
    skip_space();
    if (!at_end()) return fail_trailing();
    return expr;
}

std::optional<Operand> Grammar::whole_field() {
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

std::optional<Operand> Grammar::output_field() {
    tight_ = true;
    auto operand = field_or_call();
    if (!operand && !error_) fail("expected a field or a transformer, found " + shown());
    return operand;
}

const std::vector<Grammar::Comment>& Grammar::comments(const LineEnd& line_end) {
    line_end_ = &line_end;
    skip_space();
    static_cast<void>(accept_keyword("and") || accept_keyword("or"));
    do {
        static_cast<void>(or_expr());
    } while (!error_ && (accept_keyword("and") || accept_keyword("or")));
    return comments_;
}

void blank_comments(std::string& text, const LineEnd& line_end) {
    if (text.find('#') == std::string::npos) return;
    ParseOptions options;
    options.max_depth = kRuleDepth;
    const std::string whole = text;
    Grammar grammar(whole, options);
    for (const auto& [begin, end] : grammar.comments(line_end))
        std::fill_n(text.begin() + std::ptrdiff_t(begin), end - begin, ' ');
}

std::expected<ExprPtr, ParseError> parse(std::string_view text, const ParseOptions& options) {
    Grammar parser(text, options);
    if (ExprPtr expr = parser.whole_condition()) return expr;
    return std::unexpected(parser.take_error());
}

std::expected<Operand, ParseError> parse_field(std::string_view text, const ParseOptions& options) {
    Grammar parser(text, options);
    if (auto operand = parser.whole_field()) return std::move(*operand);
    return std::unexpected(parser.take_error());
}

std::expected<Operand, ParseError> parse_output_field(std::string_view text, const ParseOptions& options) {
    Grammar parser(text, options);
    if (auto operand = parser.output_field()) return std::move(*operand);
    return std::unexpected(parser.take_error());
}

} // namespace gyr::lang
