#include "match/event_names.h"

#include "event/schema.h"

#include <algorithm>
#include <charconv>
#include <optional>

namespace gyr::match {

using lang::Op;

namespace {

class SchemaNames final : public rules::EventNames {
  public:
    SchemaNames() {
        for (const EventInfo& e : event_schema())
            if (e.kind != EventKind::unused) codes_.push_back(e.code);
    }
    const std::vector<std::uint16_t>& all_codes() const override { return codes_; }
    std::vector<std::uint16_t> codes(std::string_view name) const override { return event_codes(name); }
    std::vector<std::string_view> names() const override { return gyr::event_names(); }

  private:
    std::vector<std::uint16_t> codes_; // without the engine's own: a rule has those only when it names them
};

const lang::Field* plain_field(const lang::Operand& operand) {
    const auto* f = std::get_if<lang::Field>(&operand.value);
    return f && !f->arg ? f : nullptr;
}

std::vector<const lang::Literal*> literals(const lang::Check& check) {
    std::vector<const lang::Literal*> out;
    if (!check.right) return out;
    if (const auto* one = std::get_if<lang::Literal>(&check.right->value)) out.push_back(one);
    if (const auto* list = std::get_if<lang::ListLiteral>(&check.right->value))
        for (const lang::Operand& item : list->items)
            if (const auto* one = std::get_if<lang::Literal>(&item.value)) out.push_back(one);
    return out;
}

void collect(const lang::Expr& e, std::vector<std::string>& out) {
    if (const auto* n = std::get_if<lang::Not>(&e.node)) return collect(*n->child, out);
    if (const auto* c = std::get_if<lang::Check>(&e.node)) {
        const lang::Field* field = plain_field(c->left);
        if (field && (field->name == "evt.type" || field->name == "syscall.type"))
            for (const lang::Literal* l : literals(*c)) out.push_back(l->text);
        return;
    }
    if (std::get_if<lang::MacroRef>(&e.node)) return;
    const auto* conjunction = std::get_if<lang::And>(&e.node);
    for (const lang::ExprPtr& child : conjunction ? conjunction->children : std::get<lang::Or>(e.node).children)
        collect(*child, out);
}

} // namespace

const rules::EventNames& event_names() {
    static const SchemaNames names;
    return names;
}

std::vector<std::string> named_event_types(const lang::Expr& condition) {
    std::vector<std::string> out;
    collect(condition, out);
    std::ranges::sort(out);
    out.erase(std::ranges::unique(out).begin(), out.end());
    return out;
}

int decide_event_number(const lang::Check& check) {
    const lang::Field* field = plain_field(check.left);
    if (!field || field->name != "evt.num" || check.modifier != lang::Modifier::none || !check.right) return -1;
    const auto number = [](const lang::Literal& l) -> std::optional<std::uint64_t> {
        std::uint64_t n = 0;
        const char* end = l.text.data() + l.text.size();
        const auto [stop, error] = std::from_chars(l.text.data(), end, n);
        return error == std::errc() && stop == end && !l.text.empty() ? std::optional(n) : std::nullopt;
    };
    const auto* list = std::get_if<lang::ListLiteral>(&check.right->value);
    const auto all = literals(check);
    if (check.op == Op::in || check.op == Op::intersects) {
        if (!list || all.size() != list->items.size() || !list->external.empty()) return -1;
        return std::ranges::all_of(all, [&](const lang::Literal* l) { return number(*l) == 0; }) ? 0 : -1;
    }
    if (list || all.size() != 1) return -1;
    const auto n = number(*all[0]);
    if (!n) return -1;
    switch (check.op) {
    case Op::eq: return *n == 0 ? 0 : -1;
    case Op::ne: return *n == 0 ? 1 : -1;
    case Op::lt: return *n <= 1 ? 0 : -1;
    case Op::le: return *n == 0 ? 0 : -1;
    case Op::gt: return *n == 0 ? 1 : -1;
    case Op::ge: return *n <= 1 ? 1 : -1;
    default: return -1;
    }
}

} // namespace gyr::match
