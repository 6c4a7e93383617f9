#include "lang/template.h"

#include "lang/diagnostic.h"
#include "lang/scanner.h"

#include <utility>

namespace gyr::lang {

namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

class TemplateParser {
  public:
    TemplateParser(std::string_view text, const FieldCatalog* catalog, std::uint32_t origin)
        : text_(text), catalog_(catalog), origin_(origin) {}

    std::expected<Template, std::vector<ParseError>> run() {
        if (text_.starts_with('*')) {
            result_.lenient = true;
            pos_ = 1;
        }
        while (pos_ < text_.size()) {
            const std::size_t percent = std::min(text_.find('%', pos_), text_.size());
            literal_ += text_.substr(pos_, percent - pos_);
            pos_ = percent;
            if (pos_ < text_.size()) token();
        }
        flush();
        if (!errors_.empty()) return std::unexpected(std::move(errors_));
        return std::move(result_);
    }

  private:
    void flush() {
        if (!literal_.empty()) result_.parts.emplace_back(std::exchange(literal_, {}));
    }

    void fail(std::string message, std::size_t start, std::size_t length, std::string hint = {}) {
        ParseError e;
        e.message = std::move(message);
        e.hint = std::move(hint);
        e.span = {origin_, static_cast<std::uint32_t>(start), static_cast<std::uint32_t>(length)};
        e.after = static_cast<std::uint32_t>(start);
        errors_.push_back(std::move(e));
    }

    // pos_ is at a '%'. Always moves on, so that the next token's problems are found too.
    void token() {
        const std::size_t percent = pos_++;
        if (pos_ == text_.size()) return fail("a '%' at the end names no field", percent, 1);
        std::uint32_t width = 0;
        while (pos_ < text_.size() && is_digit(text_[pos_])) {
            width = std::min(width * 10 + static_cast<std::uint32_t>(text_[pos_] - '0'), kMaxTemplateWidth + 1);
            ++pos_;
        }
        if (width > kMaxTemplateWidth)
            return fail("the width is above " + std::to_string(kMaxTemplateWidth), percent, pos_ - percent);
        if (scan_field_name(text_, pos_) != 0) return field(percent, width);
        if (const std::size_t id = scan_identifier(text_, pos_);
            id != 0 && pos_ + id < text_.size() && text_[pos_ + id] == '(')
            return call(percent, width);
        const std::size_t length = scan_bare(text_, pos_);
        fail("'" + std::string(text_.substr(percent, pos_ - percent + length)) + "' names no field", percent,
             pos_ - percent + std::max<std::size_t>(length, 1), "write %field or %transformer(field)");
        pos_ += length == 0 || text_[pos_] == '%' ? (pos_ < text_.size() && text_[pos_] == '%' ? 1 : 0) : length;
    }

    void field(std::size_t percent, std::uint32_t width) {
        const std::string_view rest = text_.substr(pos_);
        if (catalog_ == nullptr) return add(percent, width, rest);
        const auto whole = parse_output_field(rest, {origin_, 100});
        if (whole && catalog_->takes(std::get<Field>(whole->value))) return add(percent, width, rest);
        const std::size_t full = scan_field_name(text_, pos_);
        for (std::size_t length = full; length != 0; --length)
            if (catalog_->takes({std::string(rest.substr(0, length)), {}, false}) &&
                scan_field_name(rest.substr(0, length), 0) == length)
                return add(percent, width, rest.substr(0, length));
        // None fits: told of the one that exists.
        std::size_t length = full;
        while (length != 0 && catalog_->find(rest.substr(0, length)).info == nullptr) --length;
        if (length != 0) return add(percent, width, length == full ? rest : rest.substr(0, length));
        const std::string_view name = rest.substr(0, full);
        fail("unknown field '" + std::string(name) + "'", pos_, full, suggestion(name, catalog_->names()));
        pos_ += full;
    }

    void call(std::size_t percent, std::uint32_t width) { add(percent, width, text_.substr(pos_)); }

    void add(std::size_t percent, std::uint32_t width, std::string_view rest) {
        auto operand = parse_output_field(rest, {origin_, 100});
        if (!operand) {
            ParseError e = std::move(operand.error());
            e.span.offset += static_cast<std::uint32_t>(pos_);
            e.after += static_cast<std::uint32_t>(pos_);
            e.unclosed.reset();
            errors_.push_back(std::move(e));
            pos_ = std::max(pos_ + 1, percent + 1);
            return;
        }
        shift(*operand, static_cast<std::uint32_t>(pos_));
        pos_ += operand->span.length;
        if (catalog_ != nullptr && !known(*operand)) return;
        flush();
        TemplateField f;
        f.key = to_string(*operand);
        f.width = width;
        f.expression = std::move(*operand);
        result_.parts.emplace_back(std::move(f));
    }

    // Spans are relative to the token: make them relative to the template.
    static void shift(Operand& operand, std::uint32_t by) {
        operand.span.offset += by;
        if (auto* call = std::get_if<Transformer>(&operand.value))
            for (Operand& arg : call->args) shift(arg, by);
        if (auto* list = std::get_if<ListLiteral>(&operand.value))
            for (Operand& item : list->items) shift(item, by);
    }

    bool known(const Operand& operand) {
        if (const auto* f = std::get_if<Field>(&operand.value)) {
            const FieldMatch match = catalog_->find(f->name);
            if (match.info != nullptr) {
                if (const std::string problem = check_argument(match, *f); !problem.empty()) {
                    fail(problem, operand.span.offset, operand.span.length);
                    return false;
                }
                if (match.info->filter_only) {
                    fail("field '" + f->name + "' can only be used in conditions", operand.span.offset,
                         operand.span.length);
                    return false;
                }
                return true;
            }
            fail("unknown field '" + f->name + "'", operand.span.offset, operand.span.length,
                 suggestion(f->name, catalog_->names()));
            return false;
        }
        bool all = true;
        if (const auto* call = std::get_if<Transformer>(&operand.value))
            for (const Operand& arg : call->args) all = known(arg) && all;
        if (const auto* list = std::get_if<ListLiteral>(&operand.value))
            for (const Operand& item : list->items) all = known(item) && all;
        return all;
    }

    std::string_view text_;
    const FieldCatalog* catalog_;
    std::uint32_t origin_;
    std::size_t pos_ = 0;
    std::string literal_;
    Template result_;
    std::vector<ParseError> errors_;
};

} // namespace

std::vector<const TemplateField*> Template::fields() const {
    std::vector<const TemplateField*> out;
    for (const auto& part : parts)
        if (const auto* field = std::get_if<TemplateField>(&part)) out.push_back(field);
    return out;
}

std::expected<Template, std::vector<ParseError>> parse_template(std::string_view text, const FieldCatalog* catalog,
                                                                std::uint32_t origin) {
    return TemplateParser(text, catalog, origin).run();
}

} // namespace gyr::lang
