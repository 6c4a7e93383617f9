#include "alerts/filter.h"

#include "alerts/lookup.h"
#include "lang/parser.h"
#include "match/glob.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace gyr {

struct RecordFilter::Compiled {
    lang::ExprPtr root;
    std::map<std::string, std::unique_ptr<re2::RE2>, std::less<>> patterns; // of the regex operator, by text
};

namespace {

using lang::Op;
using Patterns = std::map<std::string, std::unique_ptr<re2::RE2>, std::less<>>;

std::string lower(std::string_view text) {
    std::string out(text);
    std::ranges::transform(out, out.begin(),
                           [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    return out;
}

std::optional<double> number(std::string_view text) {
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc() && end == text.data() + text.size() && !text.empty() ? std::optional(value)
                                                                                     : std::nullopt;
}

const lang::Field* field_of(const lang::Operand& operand) { return std::get_if<lang::Field>(&operand.value); }

std::string name_of(const lang::Field& field) {
    return field.arg ? fmt::format("{}[{}]", field.name, *field.arg) : field.name;
}

// --- checking, once ---

class Checker {
  public:
    explicit Checker(Patterns& patterns) : patterns_(patterns) {}

    std::string check(const lang::Expr& expr) {
        return std::visit([this](const auto& node) { return check_node(node); }, expr.node);
    }

  private:
    std::string check_all(const std::vector<lang::ExprPtr>& children) {
        for (const lang::ExprPtr& child : children) {
            if (std::string wrong = check(*child); !wrong.empty()) return wrong;
        }
        return {};
    }
    std::string check_node(const lang::And& node) { return check_all(node.children); }
    std::string check_node(const lang::Or& node) { return check_all(node.children); }
    std::string check_node(const lang::Not& node) { return check(*node.child); }
    std::string check_node(const lang::MacroRef& node) {
        return fmt::format("there are no macros here ('{}')", node.name);
    }
    std::string check_node(const lang::Check& node) {
        const lang::Field* field = field_of(node.left);
        if (field == nullptr) return "transformers cannot be used on finished records";
        if (std::string wrong = check_record_field(field->name); !wrong.empty()) return wrong;
        if (!node.right) return {};
        if (field_of(*node.right) != nullptr) return "a field is compared with plain values here";
        const auto* literal = std::get_if<lang::Literal>(&node.right->value);
        if (literal == nullptr) return {};
        if (node.op == Op::regex) return compile_pattern(literal->text);
        if (field->name == "priority" && (node.op == Op::eq || node.op == Op::ne || is_order(node.op)))
            return check_priority(literal->text);
        if (is_order(node.op) && !number(literal->text)) return fmt::format("'{}' is not a number", literal->text);
        return {};
    }
    static bool is_order(Op op) { return op == Op::lt || op == Op::le || op == Op::gt || op == Op::ge; }
    static std::string check_priority(const std::string& text) {
        Priority ignored{};
        return parse_priority(text, ignored) ? std::string() : fmt::format("'{}' is not a priority", text);
    }
    std::string compile_pattern(const std::string& text) {
        re2::RE2::Options options;
        options.set_log_errors(false);
        auto pattern = std::make_unique<re2::RE2>(text, options);
        if (!pattern->ok()) return fmt::format("'{}' is not a regular expression: {}", text, pattern->error());
        patterns_.emplace(text, std::move(pattern));
        return {};
    }

    Patterns& patterns_;
};

// --- asking, per record ---

class Asker {
  public:
    Asker(const AlertRecord& record, const Patterns& patterns) : record_(record), patterns_(patterns) {}

    [[nodiscard]] bool holds(const lang::Expr& expr) const {
        return std::visit([this](const auto& node) { return holds_node(node); }, expr.node);
    }

  private:
    [[nodiscard]] bool holds_node(const lang::And& node) const {
        return std::ranges::all_of(node.children, [this](const auto& child) { return holds(*child); });
    }
    [[nodiscard]] bool holds_node(const lang::Or& node) const {
        return std::ranges::any_of(node.children, [this](const auto& child) { return holds(*child); });
    }
    [[nodiscard]] bool holds_node(const lang::Not& node) const { return !holds(*node.child); }
    [[nodiscard]] static bool holds_node(const lang::MacroRef&) { return false; }
    [[nodiscard]] bool holds_node(const lang::Check& check) const {
        const lang::Field& field = *field_of(check.left);
        const AlertValue value = lookup(record_, name_of(field));
        if (check.op == Op::exists) return !value.is_null();
        if (value.is_null()) return false; // as in rules: a value that is not there satisfies nothing
        std::vector<std::string> left;
        if (const auto* list = std::get_if<AlertValue::List>(&value.data)) {
            for (const AlertValue& item : *list) left.push_back(value_text(item));
        } else {
            left.push_back(value_text(value));
        }
        if (const auto* list = std::get_if<lang::ListLiteral>(&check.right->value))
            return holds_list(check.op, left, *list);
        const std::string& right = std::get<lang::Literal>(check.right->value).text;
        if (field.name == "priority") return holds_priority(check.op, right);
        if (check.op == Op::ne)
            return std::ranges::none_of(left, [&](const auto& l) { return holds_one(Op::eq, l, right); });
        return std::ranges::any_of(left, [&](const auto& l) { return holds_one(check.op, l, right); });
    }

    [[nodiscard]] bool holds_priority(Op op, const std::string& text) const {
        Priority wanted{};
        if (!parse_priority(text, wanted)) return holds_one(op, std::string(to_string(priority_of(record_))), text);
        const int is = -static_cast<int>(priority_of(record_)); // the more important, the greater
        const int than = -static_cast<int>(wanted);
        switch (op) {
        case Op::eq: return is == than;
        case Op::ne: return is != than;
        case Op::lt: return is < than;
        case Op::le: return is <= than;
        case Op::gt: return is > than;
        case Op::ge: return is >= than;
        default: return holds_one(op, std::string(to_string(priority_of(record_))), text);
        }
    }

    [[nodiscard]] static bool in_list(const std::string& left, const lang::ListLiteral& list, Op op, bool priority) {
        return std::ranges::any_of(list.items, [&](const lang::Operand& item) {
            const auto* literal = std::get_if<lang::Literal>(&item.value);
            if (literal == nullptr) return false;
            if (op == Op::pmatch) return left == literal->text || left.starts_with(literal->text + "/");
            return left == literal->text || (priority && lower(left) == lower(literal->text));
        });
    }
    [[nodiscard]] static bool holds_list(Op op, const std::vector<std::string>& left, const lang::ListLiteral& list) {
        Priority ignored{};
        const bool priority = left.size() == 1 && parse_priority(left.front(), ignored);
        const auto in = [&](const std::string& l) { return in_list(l, list, op, priority); };
        return op == Op::in ? std::ranges::all_of(left, in) : std::ranges::any_of(left, in);
    }

    [[nodiscard]] bool holds_one(Op op, const std::string& left, const std::string& right) const {
        switch (op) {
        case Op::eq: {
            const auto a = number(left);
            const auto b = number(right);
            return left == right || (a && b && *a == *b);
        }
        case Op::contains:
        case Op::bcontains: return left.find(right) != std::string::npos;
        case Op::icontains: return lower(left).find(lower(right)) != std::string::npos;
        case Op::startswith:
        case Op::bstartswith: return left.starts_with(right);
        case Op::endswith: return left.ends_with(right);
        case Op::glob: return match::glob_match(right, left, false);
        case Op::iglob: return match::glob_match(right, left, true);
        case Op::regex: {
            const auto found = patterns_.find(right);
            return found != patterns_.end() && re2::RE2::FullMatch(left, *found->second);
        }
        case Op::lt:
        case Op::le:
        case Op::gt:
        case Op::ge: return holds_order(op, number(left), number(right));
        default: return false;
        }
    }
    [[nodiscard]] static bool holds_order(Op op, std::optional<double> a, std::optional<double> b) {
        if (!a || !b) return false;
        switch (op) {
        case Op::lt: return *a < *b;
        case Op::le: return *a <= *b;
        case Op::gt: return *a > *b;
        default: return *a >= *b;
        }
    }

    const AlertRecord& record_;
    const Patterns& patterns_;
};

} // namespace

Result<RecordFilter> RecordFilter::compile(std::string_view text) {
    RecordFilter filter;
    if (text.find_first_not_of(" \t\r\n") == std::string_view::npos) return filter;
    lang::ParseOptions options;
    options.plain_names = true;
    const auto parsed = lang::parse(text, options);
    if (!parsed) {
        const lang::ParseError& error = parsed.error();
        return fail(ErrorKind::invalid, fmt::format("{} (at character {}){}", error.message, error.span.offset + 1,
                                                    error.hint.empty() ? "" : "; " + error.hint));
    }
    auto compiled = std::make_shared<Compiled>();
    compiled->root = *parsed;
    if (std::string wrong = Checker(compiled->patterns).check(*compiled->root); !wrong.empty())
        return fail(ErrorKind::invalid, std::move(wrong));
    filter.compiled_ = std::move(compiled);
    return filter;
}

bool RecordFilter::matches(const AlertRecord& record) const {
    return !compiled_ || Asker(record, compiled_->patterns).holds(*compiled_->root);
}

} // namespace gyr
