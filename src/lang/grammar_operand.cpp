// Operands: values, lists, fields, transformers.

#include "lang/diagnostic.h"
#include "lang/grammar.h"
#include "lang/transformer.h"

namespace gyr::lang {

Operand Grammar::operand_from(std::size_t start, decltype(Operand::value) value) {
    return Operand{std::move(value), span_from(start)};
}

std::optional<Operand> Grammar::lone_name() {
    const std::size_t start = pos_;
    const std::size_t length = scan_identifier(text_, pos_);
    consume(length);
    ListLiteral l;
    l.bare_identifier = true;
    l.items.push_back(operand_from(start, Literal{std::string(text_.substr(start, length)), false, false}));
    last_was_value_ = true;
    return operand_from(start, std::move(l));
}

std::optional<Operand> Grammar::number_value() {
    const std::size_t start = pos_;
    const std::size_t length = scan_number(text_, pos_);
    if (length == 0) return std::nullopt;
    consume(length);
    last_was_value_ = true;
    return operand_from(start, Literal{std::string(text_.substr(start, length)), false, true});
}

std::optional<Operand> Grammar::quoted_value() {
    const std::size_t start = pos_;
    auto text = quoted_text();
    if (!text) return std::nullopt;
    return operand_from(start, Literal{std::move(*text), true, false});
}

std::optional<std::string> Grammar::quoted_text() {
    const std::size_t start = pos_;
    const std::size_t length = scan_quoted(text_, pos_);
    if (length == 0) return std::nullopt;
    if (length == std::string_view::npos) {
        const std::string doubled = std::string("\\\\") + text_[start];
        fail_at("this quote is never closed", start, 1,
                text_.substr(start).contains(doubled)
                    ? "a quote behind a backslash closes nothing, even behind two: write "
                      "\\x5c for a backslash at the end of a text"
                    : "");
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

std::optional<Operand> Grammar::text_value() { // quoted or bare
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

std::optional<Operand> Grammar::list() {
    return list_of([&] { return text_value(); });
}

template <class Item>
std::optional<Operand> Grammar::list_of(Item item) {
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
            skip_inner_space();
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

std::optional<Operand> Grammar::field_or_call() {
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

bool Grammar::bracket_is_arg() const {
    const std::size_t quoted = scan_quoted(text_, pos_ + 1);
    const std::size_t length = quoted != 0 ? quoted : scan_bare_arg(text_, pos_ + 1);
    return length != 0 && length != std::string_view::npos && peek(1 + length) == ']';
}

bool Grammar::bracket(std::optional<std::string>& out, bool* quoted) {
    const std::size_t start = pos_;
    consume(1);
    if (peek() == '"' || peek() == '\'') {
        auto text = quoted_text();
        if (!text) return false;
        if (text->find('\0') != std::string::npos) {
            fail_at("an argument cannot hold a zero byte", start + 1, after_ - start - 1);
            return false;
        }
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

std::optional<Operand> Grammar::call_here() {
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
    const bool keyed = peek() == '[' && !at_end() && !(tight_ && !(info->takes_key && bracket_is_arg()));
    if (keyed && !bracket(call.key, nullptr)) return std::nullopt;
    last_was_value_ = false;
    return operand_from(start, std::move(call));
}

std::optional<Operand> Grammar::val_argument() {
    const std::size_t start = pos_;
    if (scan_field_name(text_, pos_) != 0) return field_or_call();
    fail_at("val() takes a field, found " + shown(), start, token_length());
    return std::nullopt;
}

std::optional<Operand> Grammar::argument(bool list_allowed) {
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

} // namespace gyr::lang
