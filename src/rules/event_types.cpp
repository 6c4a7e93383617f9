#include "rules/event_types.h"

#include "lang/diagnostic.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <optional>
#include <unordered_map>
#include <utility>

namespace gyr::rules {

namespace {

using namespace lang;

// Both answers at once: the codes for which the expression may be true, and for which its negation may.
struct Sets {
    EventSet holds, fails;
};

// The number a constant is compared as, when it is a plain decimal: nothing can be proved of other forms.
std::optional<std::int64_t> decimal(const std::string& text) {
    std::int64_t value = 0;
    const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (ec != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return value;
}

class Analyzer {
  public:
    explicit Analyzer(const EventNames& names) : names_(names) {
        for (const std::uint16_t code : names.all_codes()) all_.insert(code);
    }

    const Sets& run(const Expr& expr) {
        // Macro bodies are shared between the places that use them.
        if (const auto known = done_.find(&expr); known != done_.end()) return known->second;
        Sets sets = std::visit([&](const auto& node) { return visit(node); }, expr.node);
        return done_.emplace(&expr, std::move(sets)).first->second;
    }

    std::vector<EventTypeError> errors;

  private:
    Sets everything() const { return {all_, all_}; }
    Sets constant(bool value) const { return value ? Sets{all_, {}} : Sets{{}, all_}; }

    Sets visit(const And& e) {
        Sets out = constant(true);
        for (const ExprPtr& child : e.children) {
            const Sets& sets = run(*child);
            out.holds &= sets.holds;
            out.fails |= sets.fails;
        }
        return out;
    }
    Sets visit(const Or& e) {
        Sets out = constant(false);
        for (const ExprPtr& child : e.children) {
            const Sets& sets = run(*child);
            out.holds |= sets.holds;
            out.fails &= sets.fails;
        }
        return out;
    }
    Sets visit(const Not& e) {
        const Sets& sets = run(*e.child);
        return {sets.fails, sets.holds};
    }
    Sets visit(const MacroRef&) { return everything(); }

    Sets visit(const Check& check) {
        const auto* field = std::get_if<Field>(&check.left.value);
        if (field == nullptr) {
            if (mentions_type(check.left)) fail("a transformer over an event type cannot be compared", check.left.span);
            return everything();
        }
        if (field->name == "evt.num" && check.right) return number(check);
        if (!is_type(*field)) return everything();
        if (check.op == Op::exists) return constant(true);
        return named(check);
    }

    static bool is_type(const Field& field) { return field.name == "evt.type" || field.name == "syscall.type"; }
    static bool mentions_type(const Operand& operand) {
        if (const auto* f = std::get_if<Field>(&operand.value)) return is_type(*f);
        if (const auto* t = std::get_if<Transformer>(&operand.value))
            return std::ranges::any_of(t->args, mentions_type);
        return false;
    }

    // The constants on the right; nothing when there is something else among them.
    static std::optional<std::vector<const Operand*>> constants(const Operand& right) {
        std::vector<const Operand*> out;
        if (std::holds_alternative<Literal>(right.value))
            out.push_back(&right);
        else if (const auto* list = std::get_if<ListLiteral>(&right.value)) {
            if (!list->external.empty()) return std::nullopt;
            for (const Operand& item : list->items) {
                if (!std::holds_alternative<Literal>(item.value)) return std::nullopt;
                out.push_back(&item);
            }
        } else {
            return std::nullopt;
        }
        return out;
    }

    Sets named(const Check& check) {
        const bool equality = check.op == Op::eq || check.op == Op::ne || check.op == Op::in;
        const auto values = constants(*check.right);
        if (!values) {
            const auto* list = std::get_if<ListLiteral>(&check.right->value);
            if (list != nullptr && !list->external.empty()) return external(*list, check);
            fail("an event type can only be compared with names", check.right->span);
            return everything();
        }
        if (!equality || check.modifier != Modifier::none) return everything();
        EventSet set;
        for (const Operand* value : *values) {
            const auto& literal = std::get<Literal>(value->value);
            add(literal.text, value->span, set);
        }
        EventSet rest = all_;
        rest -= set;
        return check.op == Op::ne ? Sets{std::move(rest), std::move(set)} : Sets{std::move(set), std::move(rest)};
    }

    Sets external(const ListLiteral& list, const Check& check) {
        EventSet set;
        for (const Operand& item : list.items)
            if (const auto* literal = std::get_if<Literal>(&item.value)) add(literal->text, item.span, set);
        for (const auto& entries : list.external)
            for (std::size_t i = 0; i < entries->size(); ++i) add((*entries)[i], check.right->span, set);
        EventSet rest = all_;
        rest -= set;
        return {std::move(set), std::move(rest)};
    }

    void add(std::string_view name, Span span, EventSet& set) {
        const std::vector<std::uint16_t> codes = names_.codes(name);
        for (const std::uint16_t code : codes) set.insert(code);
        if (!codes.empty()) return;
        errors.push_back(
            {"unknown event type '" + std::string(name) + "'", suggestion(name, names_.names()), span, true});
    }

    // evt.num counts events from 1, so some comparisons are decided before any event is seen.
    Sets number(const Check& check) {
        const auto values = constants(*check.right);
        if (!values || check.modifier != Modifier::none) return everything();
        std::vector<std::int64_t> numbers;
        for (const Operand* value : *values) {
            const auto n = decimal(std::get<Literal>(value->value).text);
            if (!n || *n < 0) return everything();
            numbers.push_back(*n);
        }
        if (check.op == Op::in)
            return std::ranges::all_of(numbers, [](std::int64_t n) { return n == 0; }) ? constant(false) : everything();
        if (numbers.size() != 1) return everything();
        switch (const std::int64_t n = numbers.front(); check.op) {
        case Op::eq: return n == 0 ? constant(false) : everything();
        case Op::ne: return n == 0 ? constant(true) : everything();
        case Op::lt: return n <= 1 ? constant(false) : everything();
        case Op::le: return n == 0 ? constant(false) : everything();
        case Op::gt: return n == 0 ? constant(true) : everything();
        case Op::ge: return n <= 1 ? constant(true) : everything();
        default: return everything();
        }
    }

    void fail(std::string message, Span span) { errors.push_back({std::move(message), {}, span, false}); }

    const EventNames& names_;
    EventSet all_;
    std::unordered_map<const Expr*, Sets> done_;
};

} // namespace

std::size_t EventSet::size() const {
    std::size_t n = 0;
    for (const std::uint64_t w : words_) n += static_cast<std::size_t>(std::popcount(w));
    return n;
}

std::vector<std::uint16_t> EventSet::codes() const {
    std::vector<std::uint16_t> out;
    for (std::size_t i = 0; i < words_.size(); ++i)
        for (std::uint64_t w = words_[i]; w != 0; w &= w - 1)
            out.push_back(static_cast<std::uint16_t>(i * 64 + static_cast<std::size_t>(std::countr_zero(w))));
    return out;
}

EventSet& EventSet::operator|=(const EventSet& other) {
    if (words_.size() < other.words_.size()) words_.resize(other.words_.size());
    for (std::size_t i = 0; i < other.words_.size(); ++i) words_[i] |= other.words_[i];
    return *this;
}
EventSet& EventSet::operator&=(const EventSet& other) {
    if (words_.size() > other.words_.size()) words_.resize(other.words_.size());
    for (std::size_t i = 0; i < words_.size(); ++i) words_[i] &= other.words_[i];
    return *this;
}
EventSet& EventSet::operator-=(const EventSet& other) {
    for (std::size_t i = 0; i < std::min(words_.size(), other.words_.size()); ++i) words_[i] &= ~other.words_[i];
    return *this;
}

std::expected<EventSet, std::vector<EventTypeError>> event_types(const Expr& condition, const EventNames& names) {
    Analyzer analyzer(names);
    EventSet set = analyzer.run(condition).holds;
    if (!analyzer.errors.empty()) return std::unexpected(std::move(analyzer.errors));
    return set;
}

} // namespace gyr::rules
