#include "rules/condition_check.h"

#include "lang/diagnostic.h"
#include "lang/parser.h"
#include "lang/transformer.h"

#include <algorithm>
#include <array>
#include <unordered_set>
#include <utility>

namespace gyr::rules {

namespace {

using namespace lang;

constexpr std::array<std::string_view, 6> kDeprecated = {"evt.dir",        "evt.latency",       "evt.latency.s",
                                                         "evt.latency.ns", "evt.latency.human", "evt.wait_latency"};

std::string_view trim(std::string_view text) {
    while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
    while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
    return text;
}

bool is_word_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
           c == '/' || c == ' ';
}

// The operator that does the same as a regular expression, or empty: plain text, alone or with "^", "$", ".*", ".+"
// or ".?" at its ends.
std::string_view simpler_than(std::string_view pattern) {
    const auto take = [&](std::string_view mark, bool front) {
        const bool there = front ? pattern.starts_with(mark) : pattern.ends_with(mark);
        if (there && front) pattern.remove_prefix(mark.size());
        if (there && !front) pattern.remove_suffix(mark.size());
        return there;
    };
    const bool anchored_front = take("^", true);
    const bool anchored_back = take("$", false);
    const bool any_front = take(".*", true) || take(".+", true) || take(".?", true);
    const bool any_back = take(".*", false) || take(".+", false) || take(".?", false);
    if (!pattern.empty() && !std::ranges::all_of(pattern, is_word_char)) return {};
    if (any_front && any_back) return "contains";
    if (any_front) return "endswith";
    if (any_back) return "startswith";
    return anchored_front || anchored_back || !pattern.empty() ? "=" : "";
}

class Checker {
  public:
    Checker(const FieldCatalog* fields, std::string_view source) : fields_(fields), source_(source) {}

    void run(const Expr& expr) {
        if (!seen_.insert(&expr).second) return; // a macro used twice
        std::visit([&](const auto& node) { visit(node); }, expr.node);
    }

    std::vector<Finding> findings;

  private:
    void visit(const And& e) {
        for (const ExprPtr& child : e.children) run(*child);
    }
    void visit(const Or& e) {
        for (const ExprPtr& child : e.children) run(*child);
    }
    void visit(const Not& e) { run(*e.child); }
    void visit(const MacroRef&) {}
    void visit(const Check& check) {
        operand(check.left);
        if (!check.right) return;
        operand(*check.right);
        constants(check, *check.right);
    }

    void add(Finding::Kind kind, std::string message, Span span, std::string hint = {}) {
        findings.push_back({kind, std::move(message), std::move(hint), span});
    }

    void operand(const Operand& o) {
        if (const auto* f = std::get_if<Field>(&o.value))
            field(*f, o.span);
        else if (const auto* call = std::get_if<Transformer>(&o.value)) {
            for (const Operand& arg : call->args) operand(arg);
        } else if (const auto* list = std::get_if<ListLiteral>(&o.value)) {
            for (const Operand& item : list->items)
                if (!std::holds_alternative<Literal>(item.value)) operand(item);
        }
    }

    void field(const Field& f, Span span) {
        if (is_deprecated_field(f.name))
            add(Finding::Kind::deprecated, "field '" + f.name + "' is deprecated and says nothing any more", span,
                "leave the comparison out");
        if (fields_ == nullptr) return;
        const FieldMatch match = fields_->find(f.name);
        if (match.info == nullptr) {
            add(Finding::Kind::unknown_field, "unknown field '" + f.name + "'", span,
                suggestion(f.name, fields_->names()));
            return;
        }
        if (std::string other = other_source(*match.info, f.name, source_); !other.empty()) {
            add(Finding::Kind::unknown_field, std::move(other), span);
            return;
        }
        if (std::string problem = check_argument(match, f); !problem.empty())
            add(Finding::Kind::bad_use, std::move(problem), span);
        else if (match.info->print_only)
            add(Finding::Kind::bad_use, "field '" + f.name + "' can only be used in output", span);
    }

    void constants(const Check& check, const Operand& right) {
        if (const auto* list = std::get_if<ListLiteral>(&right.value)) {
            for (const Operand& item : list->items)
                if (const auto* literal = std::get_if<Literal>(&item.value)) constant(check, *literal, item.span);
        } else if (const auto* literal = std::get_if<Literal>(&right.value)) {
            constant(check, *literal, right.span);
        }
    }

    void constant(const Check& check, const Literal& literal, Span span) {
        const auto* left = std::get_if<Field>(&check.left.value);
        const bool equality = check.op == Op::eq || check.op == Op::ne || check.op == Op::in ||
                              check.op == Op::intersects || check.op == Op::pmatch;
        if (left != nullptr && equality && literal.text == "<NA>" &&
            (left->name.starts_with("ka.") || left->name.starts_with("jevt.")))
            add(Finding::Kind::unsafe_na, "comparing '" + left->name + "' with <NA> is not safe", span, "use 'exists'");
        if (check.op == Op::regex) {
            if (const std::string_view simple = simpler_than(literal.text); !simple.empty())
                add(Finding::Kind::hint, "the pattern '" + literal.text + "' needs no regular expression", span,
                    "'" + std::string(simple) + "' is cheaper");
            return;
        }
        const std::string_view text = trim(literal.text);
        if (text.find('.') == std::string_view::npos) return; // a field's name has one, and so has its transformer
        const auto parsed = parse_field(text);
        if (!parsed) return;
        if (std::holds_alternative<Transformer>(parsed->value)) {
            if (all_fields_known(*parsed))
                add(Finding::Kind::hint, "'" + literal.text + "' looks like a transformer, but is a plain string here",
                    span, "write it without quotes and blanks to call it");
        } else if (fields_ != nullptr && all_fields_known(*parsed)) {
            add(Finding::Kind::hint, "'" + literal.text + "' is the name of a field, but a plain string here", span,
                "write val(" + std::string(text) + ") to compare with the field");
        }
    }

    [[nodiscard]] bool all_fields_known(const Operand& o) const {
        if (fields_ == nullptr) return true;
        if (const auto* f = std::get_if<Field>(&o.value)) {
            const FieldMatch match = fields_->find(f->name);
            return match.info != nullptr && check_argument(match, *f).empty();
        }
        const auto all = [&](const std::vector<Operand>& operands) {
            return std::ranges::all_of(operands, [&](const Operand& p) { return all_fields_known(p); });
        };
        if (const auto* call = std::get_if<Transformer>(&o.value)) return all(call->args);
        if (const auto* list = std::get_if<ListLiteral>(&o.value)) return all(list->items);
        return true;
    }

    const FieldCatalog* fields_;
    std::string_view source_;
    std::unordered_set<const Expr*> seen_;
};

} // namespace

std::string other_source(const lang::FieldInfo& field, std::string_view name, std::string_view source) {
    if (field.source.empty() || field.source == source) return {};
    return "field '" + std::string(name) + "' belongs to source '" + std::string(field.source) + "', not to '" +
           std::string(source) + "'";
}

bool is_deprecated_field(std::string_view name) { return std::ranges::find(kDeprecated, name) != kDeprecated.end(); }

std::string_view deprecated_field_at(std::string_view text) {
    std::string_view longest;
    for (const std::string_view name : kDeprecated)
        if (name.size() > longest.size() && text.starts_with(name)) longest = name;
    return longest;
}

std::vector<Finding> check_condition(const Expr& condition, const FieldCatalog* fields, std::string_view source) {
    Checker checker(fields, source);
    checker.run(condition);
    return std::move(checker.findings);
}

} // namespace gyr::rules
