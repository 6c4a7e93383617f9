#include "event/schema.h"
#include "fields/registry.h"
#include "lang/template.h"
#include "lint/checks.h"
#include "lint/implication.h"
#include "match/event_names.h"
#include "rules/event_types.h"

#include <algorithm>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <unordered_map>
#include <unordered_set>
#include <utility>

namespace gyr::lint {

using namespace lang;

namespace {

constexpr std::size_t kManyEventTypes = 100;
// Calls that busy programs make thousands of times a second.
constexpr std::string_view kHot[] = {"read",   "write",      "openat",     "open",    "close",    "stat",
                                     "lstat",  "fstat",      "recv",       "recvmsg", "recvfrom", "send",
                                     "sendto", "poll",       "futex",      "fcntl",   "lseek",    "readv",
                                     "writev", "epoll_wait", "newfstatat", "mmap",    "ioctl"};

template <class Visit>
void each_check(const Expr& e, const Visit& visit) {
    if (const auto* check = std::get_if<Check>(&e.node)) return visit(*check, e);
    if (const auto* negation = std::get_if<Not>(&e.node)) return each_check(*negation->child, visit);
    if (std::holds_alternative<MacroRef>(e.node)) return;
    const auto* all = std::get_if<And>(&e.node);
    for (const ExprPtr& child : all != nullptr ? all->children : std::get<Or>(e.node).children)
        each_check(*child, visit);
}

template <class Visit>
void each_field(const Operand& operand, const Visit& visit) {
    if (const auto* field = std::get_if<Field>(&operand.value)) return visit(*field, operand.span);
    if (const auto* call = std::get_if<Transformer>(&operand.value))
        for (const Operand& arg : call->args) each_field(arg, visit);
    if (const auto* list = std::get_if<ListLiteral>(&operand.value))
        for (const Operand& item : list->items) each_field(item, visit);
}

std::vector<const Expr*> conjuncts(const Expr& e) {
    std::vector<const Expr*> out;
    const auto* all = std::get_if<And>(&e.node);
    if (all == nullptr) return {&e};
    for (const ExprPtr& child : all->children) {
        const std::vector<const Expr*> inner = conjuncts(*child);
        out.insert(out.end(), inner.begin(), inner.end());
    }
    return out;
}

// Two parts that never hold together, in one "and"; of each "and" in the condition.
const Expr* contradiction(const Expr& e, Implication& proof, std::pair<const Expr*, const Expr*>& found) {
    const std::vector<const Expr*> parts = conjuncts(e);
    for (std::size_t i = 0; i < parts.size(); ++i)
        for (std::size_t k = i + 1; k < parts.size(); ++k)
            if (proof.excludes(*parts[i], *parts[k])) {
                found = {parts[i], parts[k]};
                return &e;
            }
    return nullptr;
}

bool never_member(const Check& c) {
    const auto* list = c.right ? std::get_if<ListLiteral>(&c.right->value) : nullptr;
    return list != nullptr && list->items.empty() && list->external.empty();
}

// A branch of an "or" that cannot hold, or the whole: what is said about it is said at its place.
class TruthCheck {
  public:
    TruthCheck(const Rule& rule, std::vector<Diagnostic>& out) : rule_(rule), out_(out) {}

    void run() {
        const Expr& whole = *rule_.condition;
        std::pair<const Expr*, const Expr*> pair;
        if (contradiction(whole, proof_, pair) != nullptr) {
            add(code::kNeverTrue,
                "rule '" + rule_.name + "' never matches: " + short_text(*pair.first) + " and " +
                    short_text(*pair.second) + " exclude each other",
                pair.second->span);
            return;
        }
        for (const Expr* part : conjuncts(whole)) {
            if (const auto* check = std::get_if<Check>(&part->node)) {
                if (never_member(*check) || match::decide_event_number(*check) == 0)
                    add(code::kNeverTrue,
                        "rule '" + rule_.name + "' never matches: " + short_text(*part) + " is never true", part->span);
                else if (match::decide_event_number(*check) == 1)
                    add(code::kAlwaysTrue, short_text(*part) + " is always true", part->span);
            }
            branches(*part);
        }
    }

  private:
    void branches(const Expr& e) {
        const auto* any = std::get_if<Or>(&e.node);
        if (any == nullptr) return;
        for (std::size_t i = 0; i < any->children.size(); ++i) {
            std::pair<const Expr*, const Expr*> pair;
            if (contradiction(*any->children[i], proof_, pair) != nullptr)
                add(code::kNeverTrue,
                    "this part never holds: " + short_text(*pair.first) + " and " + short_text(*pair.second) +
                        " exclude each other",
                    pair.second->span);
            for (std::size_t k = 0; k < any->children.size(); ++k) {
                const auto* negation = std::get_if<Not>(&any->children[i]->node);
                if (negation != nullptr && i != k && proof_.implies(*negation->child, *any->children[k]))
                    add(code::kAlwaysTrue,
                        "this part always holds: " + short_text(*any->children[k]) + " or " +
                            short_text(*any->children[i]),
                        any->children[i]->span);
            }
        }
    }
    static std::string short_text(const Expr& e) {
        std::string text = lang::to_string(e);
        return text.size() <= 80 ? text : text.substr(0, 77) + "...";
    }
    void add(std::string_view code, std::string message, Span span) {
        out_.push_back(rule_.sources->diagnose(Severity::warning, code, std::move(message), span));
    }

    const Rule& rule_;
    std::vector<Diagnostic>& out_;
    Implication proof_;
};

bool never_holds(const Expr& e) {
    const auto* check = std::get_if<Check>(&e.node);
    return check != nullptr && (never_member(*check) || match::decide_event_number(*check) == 0);
}

bool is_exception(const Rule& rule, const Expr& e) {
    const rules::SourceTable::Entry* entry = rule.sources->find(e.span.origin);
    return entry != nullptr && entry->type == "exception";
}

// An exception is "not (…)" beside the condition; it changes nothing when the condition already excludes it.
void check_exceptions(const Rule& rule, std::vector<Diagnostic>& out) {
    Implication proof;
    const std::vector<const Expr*> parts = conjuncts(*rule.condition);
    for (const Expr* part : parts) {
        const auto* negation = std::get_if<Not>(&part->node);
        if (negation == nullptr || !is_exception(rule, *negation->child)) continue;
        const rules::SourceTable::Entry* entry = rule.sources->find(negation->child->span.origin);
        const auto dead = [&](const std::string& why) {
            out.push_back(rule.sources->diagnose(Severity::warning, code::kDeadException,
                                                 "exception '" + entry->name + "' of rule '" + rule.name +
                                                     "' never applies: " + why,
                                                 negation->child->span));
        };
        std::pair<const Expr*, const Expr*> pair;
        if (contradiction(*negation->child, proof, pair) != nullptr) {
            dead("its parts exclude each other");
            continue;
        }
        for (const Expr* other : parts)
            if (other != part && proof.excludes(*other, *negation->child)) {
                dead("the rule asks for " + lang::to_string(*other).substr(0, 80));
                break;
            }
    }
}

// Names of addresses. Falco asks name servers what the names in a rule stand for; Gyr asks nobody.
bool is_address_name(std::string_view field) { return field.starts_with("fd.") && field.ends_with("ip.name"); }

using Places = std::set<std::pair<std::string, std::size_t>>; // files and offsets

std::string place_text(const Place& place) {
    return place.file + ':' + std::to_string(place.line) + ':' + std::to_string(place.column);
}

// One finding for a list in a condition, however many of its entries another list in it brings again.
void check_duplicates(const Rule& rule, const ListLiteral& list, const Places& told, std::vector<Diagnostic>& out) {
    constexpr std::size_t kNamed = 3;
    std::unordered_map<std::string_view, Span> seen;
    std::string others;
    std::size_t found = 0;
    std::optional<Diagnostic> finding;
    for (const Operand& item : list.items) {
        const auto* literal = std::get_if<Literal>(&item.value);
        if (literal == nullptr) continue;
        const auto [first, fresh] = seen.try_emplace(literal->text, item.span);
        if (fresh) continue;
        if (const Place at = rule.sources->place(item.span); told.contains({at.file, at.offset})) continue;
        ++found;
        if (!finding) {
            const Place place = rule.sources->place(first->second);
            finding = rule.sources->diagnose(Severity::warning, code::kDuplicateItem,
                                             "'" + literal->text + "' is there twice, first at " + place_text(place),
                                             item.span);
        } else if (found <= kNamed) {
            others += (others.empty() ? "" : ", ") + ("'" + literal->text + "'");
        }
    }
    if (!finding) return;
    if (found > kNamed) others += " and " + std::to_string(found - kNamed) + " more";
    if (!others.empty()) finding->message += "; so are " + others + " in the same condition";
    out.push_back(std::move(*finding));
}

void check_fields_and_items(const Rule& rule, const Places& told, std::vector<Diagnostic>& out) {
    const auto old_field = [&](const Field& f, Span span) {
        const FieldMatch match = fields::catalog().find(f.name);
        if (match.info != nullptr && match.info->deprecated)
            out.push_back(rule.sources->diagnose(Severity::warning, code::kDeprecatedField,
                                                 "field " + f.name + " is deprecated and says nothing any more", span,
                                                 "leave it out"));
    };
    const auto field = [&](const Field& f, Span span) {
        old_field(f, span);
        const FieldMatch match = fields::catalog().find(f.name);
        if (match.info != nullptr && is_address_name(match.info->name))
            out.push_back(rule.sources->diagnose(Severity::warning, code::kNeverTrue,
                                                 "no name service is asked: " + f.name +
                                                     " is never there, and no comparison with it holds",
                                                 span, "compare the address: " + f.name.substr(0, f.name.rfind('.'))));
    };
    each_check(*rule.condition, [&](const Check& check, const Expr&) {
        each_field(check.left, field);
        if (!check.right) return;
        each_field(*check.right, field);
        const auto* list = std::get_if<ListLiteral>(&check.right->value);
        if (list == nullptr) return;
        check_duplicates(rule, *list, told, out);
    });
    // The output's deprecated fields; unknown ones were found when it was compiled.
    const auto output = parse_template(rule.output, &fields::catalog(), rule.output_origin);
    if (!output) return;
    for (const TemplateField* f : output->fields()) each_field(f->expression, old_field);
}

bool is_costly(const Check& check) {
    if (check.op == Op::regex || check.op == Op::iglob || check.op == Op::icontains) return true;
    return check.op == Op::glob && check.right.has_value();
}

// Whether a conjunct may dismiss most events cheaply.
bool is_cheap_guard(const Expr& e) {
    const auto* check = std::get_if<Check>(&e.node);
    if (check == nullptr || is_costly(*check)) return false;
    const auto* field = std::get_if<Field>(&check->left.value);
    if (field == nullptr || field->name == "evt.type" || field->name == "evt.dir") return false;
    return check->op == Op::eq || check->op == Op::in || check->op == Op::startswith || check->op == Op::endswith ||
           check->op == Op::contains;
}

// The first costly check that no cheap one stands before, in an "and" around it.
const Expr* unguarded(const Expr& e) {
    if (const auto* check = std::get_if<Check>(&e.node)) return is_costly(*check) ? &e : nullptr;
    if (const auto* negation = std::get_if<Not>(&e.node)) return unguarded(*negation->child);
    if (std::holds_alternative<MacroRef>(e.node)) return nullptr;
    const auto* all = std::get_if<And>(&e.node);
    if (all != nullptr && std::ranges::any_of(conjuncts(e), [](const Expr* part) { return is_cheap_guard(*part); }))
        return nullptr;
    for (const ExprPtr& child : all != nullptr ? all->children : std::get<Or>(e.node).children)
        if (const Expr* found = unguarded(*child)) return found;
    return nullptr;
}

void check_cost(const Rule& rule, bool process_rule, std::vector<Diagnostic>& out) {
    const auto types = rules::event_types(*rule.condition, match::event_names());
    if (!types || process_rule) return; // process rules are asked once per program, not per event
    if (types->size() > kManyEventTypes && rule.source == "syscall")
        out.push_back(about_rule(code::kEveryEvent, rule, "rule '" + rule.name + "' is asked about every event",
                                 "name the event types it is about: evt.type in (...)"));
    std::string_view hot;
    for (const std::string_view name : kHot)
        for (const EventCode c : event_codes(name))
            if (hot.empty() && c > kGenericExit && types->contains(c)) hot = name;
    const Expr* e = hot.empty() ? nullptr : unguarded(*rule.condition);
    if (e == nullptr) return;
    const Op op = std::get<Check>(e->node).op;
    out.push_back(rule.sources->diagnose(
        Severity::warning, code::kExpensive,
        std::string(to_string(op)) + " is evaluated for every " + std::string(hot) + " of every process", e->span,
        "put a cheaper check beside it that dismisses most events: a prefix, a name, a container"));
}

} // namespace

bool never_matches(const Rule& rule) {
    Implication proof;
    std::pair<const Expr*, const Expr*> pair;
    if (contradiction(*rule.condition, proof, pair) != nullptr) return true;
    return std::ranges::any_of(conjuncts(*rule.condition), [](const Expr* part) { return never_holds(*part); });
}

void check_conditions(const rules::LoadedRules& loaded, const Matcher& matcher, std::vector<Diagnostic>& out) {
    Places told; // of entries that lists have twice, by check_lists
    for (const rules::ListInfo& list : loaded.lists)
        for (const rules::ListInfo::Twice& twice : list.twice) told.emplace(twice.second.file, twice.second.offset);
    for (const Rule& rule : loaded.rules) {
        if (!is_usable(rule)) continue;
        TruthCheck(rule, out).run();
        check_exceptions(rule, out);
        check_fields_and_items(rule, told, out);
        check_cost(rule, matcher.is_process_rule(static_cast<std::uint32_t>(rule.index)), out);
    }
}

void check_lists(const rules::LoadedRules& loaded, std::vector<Diagnostic>& out) {
    for (const rules::ListInfo& list : loaded.lists) {
        for (const rules::ListInfo::Twice& twice : list.twice) {
            Diagnostic d;
            d.severity = Severity::warning;
            d.code = code::kDuplicateItem;
            d.message = "list " + list.name + " has '" + twice.item + "' twice, first at " + place_text(twice.first);
            d.place = twice.second;
            d.snippet = twice.snippet;
            d.context.push_back({"list", list.name, list.place});
            out.push_back(std::move(d));
        }
    }
}

} // namespace gyr::lint
