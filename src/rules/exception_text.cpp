#include "rules/exception_text.h"

#include "lang/parser.h"
#include "lang/quote.h"
#include "lang/transformer.h"
#include "rules/condition_check.h"

#include <algorithm>
#include <array>
#include <utility>

namespace gyr::rules {

namespace {

constexpr std::array<std::string_view, 12> kStringOps = {"=",          "==",          "!=",        "glob",
                                                         "iglob",      "contains",    "icontains", "bcontains",
                                                         "startswith", "bstartswith", "endswith",  "regex"};
constexpr std::array<std::string_view, 4> kOrderOps = {"<", "<=", ">", ">="};
constexpr std::array<std::string_view, 3> kListOps = {"in", "pmatch", "intersects"};
constexpr std::array<std::string_view, 3> kModifiers = {"oneof", "anyof", "allof"};

template <class Range>
bool contains(const Range& range, std::string_view word) {
    return std::ranges::find(range, word) != std::ranges::end(range);
}

// "  startswith   oneof " → "startswith oneof"
std::string squeeze(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (!lang::is_blank(c))
            out += c;
        else if (!out.empty() && out.back() != ' ')
            out += ' ';
    }
    if (out.ends_with(' ')) out.pop_back();
    return out;
}

struct Comparison {
    std::string text;
    bool takes_list = false;
    bool known = false;
};

Comparison comparison(std::string text) {
    Comparison c{std::move(text), false, false};
    const std::string_view view = c.text;
    if (const std::size_t blank = view.find(' '); blank != std::string_view::npos) {
        c.takes_list = true;
        c.known = contains(kStringOps, view.substr(0, blank)) && contains(kModifiers, view.substr(blank + 1));
        return c;
    }
    c.takes_list = contains(kListOps, view);
    c.known = c.takes_list || contains(kStringOps, view) || contains(kOrderOps, view);
    return c;
}

std::string value_text(const std::string& value) {
    if (value.empty()) return "\"\"";
    const bool needs_quotes = value.find(' ') != std::string::npos && value.front() != '"' && value.front() != '\'';
    return needs_quotes ? '"' + value + '"' : value;
}

void append_value(ComposedText& out, const ScalarPtr& scalar) {
    if (std::string text = value_text(scalar->value); text == scalar->value)
        out.append(scalar);
    else
        out.append_for(scalar, text);
}

class Builder {
  public:
    Builder(const ExceptionDef& exception, const lang::FieldCatalog* fields, std::string_view source,
            const Context& context, Problems& problems)
        : exception_(exception), fields_(fields), source_(source), context_(context), problems_(problems) {}

    std::optional<ComposedText> run() {
        if (!read_comparisons() || !check_fields()) return std::nullopt;
        if (exception_.values.empty()) return ComposedText{};
        if (exception_.fields_are_list)
            rows();
        else
            single();
        return std::move(out_);
    }

  private:
    bool refuse(const Scalar& where, std::string message, std::string hint = {}) {
        problems_.error(code::kValidate, std::move(message), where, context_, std::move(hint));
        return false;
    }

    bool read_comparisons() {
        const std::string_view fallback = exception_.fields_are_list ? "=" : "in";
        bool ok = true;
        for (std::size_t i = 0; i < exception_.fields.size(); ++i) {
            if (exception_.comps.empty()) {
                comparisons_.push_back(comparison(std::string(fallback)));
                continue;
            }
            const Scalar& written = *exception_.comps[i];
            Comparison c = comparison(squeeze(written.value));
            if (!c.known)
                ok = refuse(written, "'" + c.text + "' is not an operator an exception can use",
                            suggestion(c.text, {kStringOps.begin(), kStringOps.end()}));
            else if (!exception_.fields_are_list && !c.takes_list)
                ok = refuse(written, "an exception with one field compares it with a list: comps must be in, pmatch, "
                                     "intersects, or an operator with oneof, anyof or allof");
            comparisons_.push_back(std::move(c));
        }
        return ok;
    }

    bool check_fields() {
        bool ok = true;
        for (const ScalarPtr& field : exception_.fields) {
            const auto operand = lang::parse_field(field->value);
            if (!operand) {
                ok = refuse(*field, "'" + field->value + "' is not a field: " + operand.error().message);
                continue;
            }
            ok = check_operand(*operand, *field) && check_types(*operand, *field) && ok;
        }
        return ok;
    }

    bool check_operand(const lang::Operand& operand, const Scalar& where) {
        if (fields_ == nullptr) return true;
        if (const auto* field = std::get_if<lang::Field>(&operand.value)) {
            const lang::FieldMatch match = fields_->find(field->name);
            if (match.info == nullptr)
                return refuse(where, "unknown field '" + field->name + "'", suggestion(field->name, fields_->names()));
            std::string problem = other_source(*match.info, field->name, source_);
            if (problem.empty()) problem = lang::check_argument(match, *field);
            return problem.empty() || refuse(where, problem);
        }
        const auto all = [&](const std::vector<lang::Operand>& operands) {
            return std::ranges::all_of(operands, [&](const lang::Operand& o) { return check_operand(o, where); });
        };
        if (const auto* call = std::get_if<lang::Transformer>(&operand.value)) return all(call->args);
        if (const auto* list = std::get_if<lang::ListLiteral>(&operand.value)) return all(list->items);
        return true;
    }

    bool check_types(const lang::Operand& operand, const Scalar& where) {
        if (fields_ == nullptr) return true;
        const auto type = lang::type_of(operand, *fields_);
        return type.has_value() || refuse(where, type.error().message, type.error().hint);
    }

    void comparison_head(std::size_t i) {
        const ScalarPtr& field = exception_.fields[i];
        out_.append(field);
        const ScalarPtr& where = exception_.comps.empty() ? field : exception_.comps[i];
        out_.append_for(where, " " + comparisons_[i].text + " ");
    }

    void single() {
        comparison_head(0);
        const ScalarPtr first = exception_.values.front()->scalar;
        out_.append_for(first, "(");
        for (std::size_t i = 0; i < exception_.values.size(); ++i) {
            if (i != 0) out_.append_for(exception_.values[i]->scalar, ", ");
            append_value(out_, exception_.values[i]->scalar);
        }
        out_.append_for(exception_.values.back()->scalar, ")");
    }

    void rows() {
        const ScalarPtr& name = exception_.name;
        for (std::size_t r = 0; r < exception_.values.size(); ++r) {
            const auto& cells = exception_.values[r]->items;
            out_.append_for(name, r == 0 ? "(" : " or (");
            for (std::size_t i = 0; i < cells.size(); ++i) {
                if (i != 0) out_.append_for(name, " and ");
                comparison_head(i);
                cell(*cells[i], comparisons_[i].takes_list);
            }
            out_.append_for(name, ")");
        }
    }

    void cell(const YamlNode& node, bool takes_list) {
        if (node.is_scalar()) {
            const bool wrap = takes_list && !node.scalar->value.starts_with('(');
            if (wrap) out_.append_for(node.scalar, "(");
            append_value(out_, node.scalar);
            if (wrap) out_.append_for(node.scalar, ")");
            return;
        }
        const ScalarPtr& name = exception_.name;
        out_.append_for(name, "(");
        for (std::size_t i = 0; i < node.items.size(); ++i) {
            if (i != 0) out_.append_for(node.items[i]->scalar, ", ");
            append_value(out_, node.items[i]->scalar);
        }
        out_.append_for(name, ")");
    }

    const ExceptionDef& exception_;
    const lang::FieldCatalog* fields_;
    std::string_view source_;
    const Context& context_;
    Problems& problems_;
    std::vector<Comparison> comparisons_;
    ComposedText out_;
};

} // namespace

std::optional<ComposedText> exception_condition(const ExceptionDef& exception, const lang::FieldCatalog* fields,
                                                std::string_view source, const Context& context, Problems& problems) {
    return Builder(exception, fields, source, context, problems).run();
}

} // namespace gyr::rules
