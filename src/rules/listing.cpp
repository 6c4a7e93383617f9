#include "rules/listing.h"

#include "lang/ast.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <utility>

namespace gyr::rules {

namespace {

using Json = nlohmann::ordered_json;
using namespace lang;

constexpr std::size_t kOriginColumn = 72;

std::string joined(const auto& words, std::string_view between) {
    std::string out;
    for (const auto& word : words) {
        if (!out.empty()) out += between;
        out += word;
    }
    return out;
}

std::string_view state_of(const Rule& rule) {
    if (!rule.disabled_why.empty()) return "unusable";
    return rule.enabled ? "enabled" : "disabled";
}

std::string dump(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

std::string place_text(const Place& place) { return place.file + ':' + std::to_string(place.line); }

Json place_json(const Place& place) { return {{"file", place.file}, {"line", place.line}, {"column", place.column}}; }

Json rule_json(const Rule& rule) {
    Json out = {{"name", rule.name},
                {"description", rule.description},
                {"priority", to_string(rule.priority)},
                {"source", rule.source},
                {"tags", rule.tags},
                {"enabled", rule.enabled},
                {"usable", rule.disabled_why.empty()},
                {"place", place_json(rule.place)}};
    if (!rule.disabled_why.empty()) out["why"] = rule.disabled_why;
    return out;
}

std::vector<ConditionPart::List> lists_of(const Expr& expr, const SourceTable& sources) {
    std::vector<ConditionPart::List> out;
    const auto* check = std::get_if<Check>(&expr.node);
    const auto* values = check != nullptr && check->right ? std::get_if<ListLiteral>(&check->right->value) : nullptr;
    const SourceTable::Entry* entry = sources.find(expr.span.origin);
    if (values == nullptr || entry == nullptr) return out;
    for (const Operand& item : values->items) {
        const ComposedText::Site* site = entry->text.site(item.span.offset);
        if (site == nullptr || std::ranges::find(out, site->list, &ConditionPart::List::name) != out.end()) continue;
        out.push_back({site->list, sources.place(item.span)});
    }
    for (const auto& external : values->external) {
        Place place;
        place.file = external->path;
        place.line = external->line_of(0);
        out.push_back({external->name, std::move(place)});
    }
    return out;
}

class TreePrinter {
  public:
    explicit TreePrinter(const SourceTable& sources) : sources_(sources) {}

    void print(const Expr& expr, std::size_t depth, const std::string& prefix) {
        const std::string indent(depth * 2, ' ');
        const auto group = [&](const char* word, const std::vector<ExprPtr>& children) {
            line(indent + prefix + word, expr, children.front()->span.origin != expr.span.origin);
            for (const ExprPtr& child : children) print(*child, depth + 1, {});
        };
        if (const auto* conjunction = std::get_if<And>(&expr.node))
            group("all of", conjunction->children);
        else if (const auto* disjunction = std::get_if<Or>(&expr.node))
            group("any of", disjunction->children);
        else if (const auto* negation = std::get_if<Not>(&expr.node))
            print(*negation->child, depth, prefix + "not ");
        else
            line(indent + prefix + to_string(expr), expr, true);
    }

    std::string out;

  private:
    void line(std::string text, const Expr& expr, bool with_origin) {
        if (with_origin) {
            if (const SourceTable::Entry* entry = sources_.find(expr.span.origin); entry != nullptr) {
                text.append(text.size() < kOriginColumn ? kOriginColumn - text.size() : 1, ' ');
                text += "# " + place_text(sources_.place(expr.span));
                if (entry->type != "rule") text += " (" + entry->type + ' ' + entry->name + ')';
                for (const auto& list : lists_of(expr, sources_))
                    text += ", list " + list.name + ' ' + place_text(list.place);
            }
        }
        out += "    " + text + '\n';
    }

    const SourceTable& sources_;
};

void collect(const Expr& expr, bool negated, const SourceTable& sources, std::vector<ConditionPart>& out) {
    if (const auto* conjunction = std::get_if<And>(&expr.node)) {
        for (const ExprPtr& child : conjunction->children) collect(*child, negated, sources, out);
    } else if (const auto* disjunction = std::get_if<Or>(&expr.node)) {
        for (const ExprPtr& child : disjunction->children) collect(*child, negated, sources, out);
    } else if (const auto* negation = std::get_if<Not>(&expr.node)) {
        collect(*negation->child, !negated, sources, out);
    } else {
        ConditionPart part{to_string(expr), negated, sources.place(expr.span), {}, {}, lists_of(expr, sources)};
        if (const SourceTable::Entry* entry = sources.find(expr.span.origin); entry != nullptr) {
            part.from_type = entry->type;
            part.from_name = entry->name;
        }
        out.push_back(std::move(part));
    }
}

} // namespace

bool ListFilter::takes(const Rule& rule) const {
    const bool tagged =
        tags.empty() || std::ranges::any_of(tags, [&](const std::string& tag) { return rule.tags.contains(tag); });
    return tagged && (!priority || rule.priority <= *priority) && (source.empty() || rule.source == source);
}

std::string list_text(const LoadedRules& loaded, const ListFilter& filter) {
    std::vector<const Rule*> rules;
    std::size_t width = 0;
    for (const Rule& rule : loaded.rules) {
        if (!filter.takes(rule)) continue;
        rules.push_back(&rule);
        width = std::max(width, std::min<std::size_t>(rule.name.size(), 60));
    }
    std::string out;
    for (const Rule* rule : rules) {
        const auto column = [&](std::string_view text, std::size_t columns) {
            out += text;
            out.append(text.size() < columns ? columns - text.size() : 0, ' ');
            out += "  ";
        };
        column(rule->name, width);
        column(to_string(rule->priority), 13);
        column(state_of(*rule), 8);
        column(rule->source, 7);
        out += joined(rule->tags, ",");
        while (out.ends_with(' ')) out.pop_back();
        if (!rule->disabled_why.empty()) out += "\n    " + rule->disabled_why;
        out += '\n';
    }
    return out;
}

std::string list_json(const LoadedRules& loaded, const ListFilter& filter) {
    Json rules = Json::array();
    for (const Rule& rule : loaded.rules)
        if (filter.takes(rule)) rules.push_back(rule_json(rule));
    return dump(Json{{"rules", std::move(rules)}});
}

std::vector<ConditionPart> condition_parts(const Rule& rule) {
    std::vector<ConditionPart> out;
    if (rule.condition != nullptr && rule.sources != nullptr) collect(*rule.condition, false, *rule.sources, out);
    return out;
}

std::string show_text(const Rule& rule, const RuleNeeds& needs) {
    std::string out;
    const auto row = [&](std::string_view key, std::string_view value) {
        if (value.empty()) return;
        out += key;
        out.append(key.size() < 13 ? 13 - key.size() : 1, ' ');
        out += value;
        out += '\n';
    };
    row("rule", rule.name);
    row("at", place_text(rule.place));
    row("description", rule.description);
    row("priority", to_string(rule.priority));
    row("source", rule.source);
    row("tags", joined(rule.tags, ", "));
    row("state", state_of(rule));
    row("why", rule.disabled_why);
    if (rule.capture)
        row("capture", rule.capture_duration_ms == 0 ? "yes" : std::to_string(rule.capture_duration_ms) + " ms");
    row("event types", joined(needs.event_types, ", "));
    row("hooks", joined(needs.hooks, ", "));
    row("output", rule.output);
    if (rule.condition == nullptr) {
        row("condition", rule.condition_text);
        return out;
    }
    out += "condition\n";
    TreePrinter printer(*rule.sources);
    printer.print(*rule.condition, 0, {});
    return out + printer.out;
}

std::string show_json(const Rule& rule, const RuleNeeds& needs) {
    Json out = rule_json(rule);
    out["output"] = rule.output;
    out["condition"] = rule.condition_text;
    out["event_types"] = needs.event_types;
    out["hooks"] = needs.hooks;
    if (rule.condition == nullptr) return dump(out);
    out["condition_expanded"] = to_string(*rule.condition);
    Json parts = Json::array();
    for (const ConditionPart& part : condition_parts(rule)) {
        Json lists = Json::array();
        for (const auto& list : part.lists) lists.push_back({{"name", list.name}, {"place", place_json(list.place)}});
        parts.push_back({{"text", part.text},
                         {"negated", part.negated},
                         {"place", place_json(part.place)},
                         {"from", {{"type", part.from_type}, {"name", part.from_name}}},
                         {"lists", std::move(lists)}});
    }
    out["parts"] = std::move(parts);
    return dump(out);
}

} // namespace gyr::rules
