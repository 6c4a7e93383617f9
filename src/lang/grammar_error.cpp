// What is wrong with a text, in words. The first problem is kept.

#include "lang/grammar.h"

#include <algorithm>

namespace gyr::lang {

namespace {

constexpr std::size_t kShownToken = 40; // bytes of foreign text quoted in a message

} // namespace

std::size_t Grammar::token_length() const {
    if (at_end()) return 0;
    if (const std::size_t bare = scan_bare(text_, pos_); bare != 0) return bare;
    if (const std::size_t quoted = scan_quoted(text_, pos_); quoted != 0 && quoted != std::string_view::npos)
        return quoted;
    return 1;
}

std::string Grammar::shown() const {
    if (at_end()) return "the end";
    std::string out = "'";
    for (const char c : text_.substr(pos_, std::min(token_length(), kShownToken)))
        out += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
    if (token_length() > kShownToken) out += "...";
    return out + "'";
}

std::nullptr_t Grammar::fail_at(std::string message, std::size_t start, std::size_t length, std::string hint) {
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

std::nullptr_t Grammar::fail(std::string message, std::string hint) {
    return fail_at(std::move(message), pos_, token_length(), std::move(hint));
}

std::nullptr_t Grammar::fail_missing(std::string message, std::string hint) {
    fail(std::move(message), std::move(hint));
    error_->missing = true;
    return nullptr;
}

std::nullptr_t Grammar::fail_trailing() {
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

} // namespace gyr::lang
