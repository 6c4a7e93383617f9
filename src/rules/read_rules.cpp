// Rules: defined, switched, appended to, overridden.

#include "rules/item_reader.h"
#include "rules/throttle.h"

#include <array>
#include <charconv>
#include <ranges>
#include <utility>

namespace gyr::rules {

void ItemReader::missing_rule(const YamlNode& item, const ScalarPtr& name, std::string_view what) {
    refuse(item, "there is no rule " + in_quotes(name->value) + " to " + std::string(what),
           suggestion(name->value, definitions_.rules.names()));
}

void ItemReader::rule(const YamlNodePtr& item, const ScalarPtr& name) {
    check_keys(*item, kRuleKeys);
    bool append = false;
    Override over;
    const bool ok = read_append(*item, "rule", append, over);
    RuleDef* old = definitions_.rules.find(name->value);
    if (const YamlNode* source = item->find("source"); source != nullptr) {
        const ScalarPtr text = text_of(*source, "source");
        if (text == nullptr) return;
        if (old != nullptr && old->source != text->value) {
            refuse(*source, "rule " + in_quotes(name->value) + " has source " + in_quotes(old->source) +
                                " and cannot change it to " + in_quotes(text->value));
            return;
        }
    }
    if (!ok) return;
    if (over.present) {
        if (old == nullptr) return missing_rule(*item, name, over.append.empty() ? "override" : "append to");
        if (!old->unknown_source) override_rule(*item, over, *old);
        return;
    }
    if (append) {
        if (old == nullptr) return missing_rule(*item, name, "append to");
        if (!old->unknown_source) append_rule(*item, *old);
        return;
    }
    const bool toggles =
        std::ranges::none_of(std::array<std::string_view, 4>{"condition", "output", "desc", "priority"},
                             [&](std::string_view key) { return item->find(key) != nullptr; });
    if (toggles && item->find("enabled") != nullptr) return toggle_rule(*item, name, old);
    define_rule(item, name, old);
}

void ItemReader::toggle_rule(const YamlNode& item, const ScalarPtr& name, RuleDef* old) {
    problems_.warning(code::kDeprecatedItem, "a rule item with 'enabled' alone is deprecated", *item.find("enabled"),
                      context_, "add override: {enabled: replace}");
    if (old == nullptr) return missing_rule(item, name, "enable or disable");
    flag(item, "enabled", old->enabled);
}

void ItemReader::define_rule(const YamlNodePtr& item, const ScalarPtr& name, RuleDef* old) {
    const std::size_t known_problems = problems_.size();
    RuleDef def;
    def.name = name;
    def.node = item;
    def.disabled_why = file_disabled_why_;
    if (old != nullptr) def.source = old->source;
    bool ok = true;
    std::string missing;
    const YamlNode* alike = nullptr;
    for (const std::string_view key : {"condition", "output", "desc", "priority"}) {
        if (item->find(key) == nullptr) {
            missing += (missing.empty() ? "" : ", ") + in_quotes(key);
            if (alike == nullptr) alike = similar_key(*item, key);
        } else {
            ok = read_value(*item, key, def) && ok;
        }
    }
    if (!missing.empty()) {
        inconsistent(alike != nullptr ? *alike : *item, "rule " + in_quotes(name->value) + " lacks " + missing,
                     alike != nullptr ? in_quotes(alike->scalar->value) + " is not a key of a rule" : "");
        ok = false;
    }
    for (const std::string_view key : {"enabled", "tags", "capture", "capture_duration", "warn_evttypes",
                                       "skip-if-unknown-filter", "exceptions", "throttle"})
        if (item->find(key) != nullptr) ok = read_value(*item, key, def) && ok;
    if (const YamlNode* source = item->find("source"); source != nullptr) def.source = source->scalar->value;
    def.unknown_source = !contains(options_.sources, def.source);
    if (!ok) {
        // An unusable new version must not leave the old one in force unnoticed.
        if (old != nullptr) {
            if (old->disabled_why.empty()) old->disabled_why = "its redefinition in " + file_->name() + " has errors";
            return;
        }
        // Kept, for what else is wrong with it and to be listed with its reason.
        if (def.unknown_source) return;
        const auto first = std::ranges::find_if(problems_.all() | std::views::drop(known_problems),
                                                [](const Diagnostic& d) { return d.severity == Severity::error; });
        def.disabled_why = first->message;
        definitions_.rules.add(name->value, std::move(def));
        return;
    }
    if (def.unknown_source) {
        std::vector<std::string_view> known(options_.sources.begin(), options_.sources.end());
        problems_.warning(code::kUnknownSource,
                          "no event source " + in_quotes(def.source) + " is loaded; the rule is skipped", *name,
                          context_, suggestion(def.source, known));
    }
    if (old != nullptr)
        *old = std::move(def);
    else
        definitions_.rules.add(name->value, std::move(def));
}

bool ItemReader::read_texts(const YamlNode& item, std::string_view key, std::vector<ScalarPtr>& out) {
    const ScalarPtr value = text(item, key);
    if (value == nullptr) return false;
    out.push_back(key == "condition" ? without_comments(value) : value);
    return true;
}

bool ItemReader::read_tags(const YamlNode& item, std::set<std::string>& out) {
    std::vector<ScalarPtr> tags;
    if (!scalars(*item.find("tags"), "tags", tags)) return false;
    for (const ScalarPtr& tag : tags) out.insert(tag->value);
    return true;
}

// Sets one key of rule from item, replacing what was there.
bool ItemReader::read_value(const YamlNode& item, std::string_view key, RuleDef& rule) {
    const YamlNode& node = *item.find(key);
    if (key == "condition") {
        rule.condition.clear();
        return read_texts(item, key, rule.condition);
    }
    if (key == "output") {
        rule.output.clear();
        return read_texts(item, key, rule.output);
    }
    if (key == "desc") {
        rule.description.clear();
        return read_texts(item, key, rule.description);
    }
    if (key == "priority") {
        const ScalarPtr text = text_of(node, key);
        if (text == nullptr) return false;
        if (parse_priority(text->value, rule.priority)) return true;
        invalid(node, "unknown priority " + in_quotes(text->value),
                suggestion(text->value, {"EMERGENCY", "ALERT", "CRITICAL", "ERROR", "WARNING", "NOTICE",
                                         "INFORMATIONAL", "INFO", "DEBUG", "emergency", "alert", "critical", "error",
                                         "warning", "notice", "informational", "info", "debug"}));
        return false;
    }
    if (key == "tags") {
        rule.tags.clear();
        return read_tags(item, rule.tags);
    }
    if (key == "exceptions") {
        std::vector<ExceptionDef> exceptions;
        if (!read_exceptions(item, false, exceptions)) return false;
        rule.exceptions = std::move(exceptions);
        return true;
    }
    if (key == "capture_duration") {
        const std::string_view text = node.is_scalar() ? std::string_view(node.scalar->value) : "";
        std::uint32_t value = 0;
        const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
        if (text.empty() || ec != std::errc() || end != text.data() + text.size()) {
            invalid(node, "'capture_duration' must be a number of milliseconds");
            return false;
        }
        rule.capture_duration_ms = value;
        return true;
    }
    if (key == "throttle") return read_throttle(node, rule);
    if (key == "enabled") return flag(item, key, rule.enabled);
    if (key == "capture") return flag(item, key, rule.capture);
    if (key == "warn_evttypes") return flag(item, key, rule.warn_evttypes);
    return flag(item, key, rule.skip_if_unknown_filter);
}

bool ItemReader::read_throttle(const YamlNode& node, RuleDef& rule) {
    if (node.is_map()) check_keys(node, kThrottleKeys);
    ThrottleMistake mistake;
    if (rules::read_throttle(node, rule.throttle, mistake)) return true;
    invalid(*mistake.node, mistake.message);
    return false;
}

void ItemReader::append_rule(const YamlNode& item, RuleDef& rule) {
    const bool has_condition = item.find("condition") != nullptr;
    const bool has_exceptions = item.find("exceptions") != nullptr;
    if (!has_condition && !has_exceptions) {
        refuse(item, "an appended rule must have 'condition' or 'exceptions'");
        return;
    }
    RuleDef changed = rule;
    if (has_condition && !read_texts(item, "condition", changed.condition)) return;
    if (has_exceptions) {
        std::vector<ExceptionDef> added;
        if (!read_exceptions(item, true, added) || !append_exceptions(std::move(added), changed)) return;
    }
    rule = std::move(changed);
}

void ItemReader::override_rule(const YamlNode& item, const Override& over, RuleDef& rule) {
    for (const std::string_view key : kReplaceable) {
        if (item.find(key) == nullptr || over.names(key)) continue;
        const auto pair = std::ranges::find_if(
            item.pairs, [&](const auto& p) { return p.first->is_scalar() && p.first->scalar->value == key; });
        inconsistent(*pair->first, "unexpected key " + in_quotes(key) + ": 'override' does not mention it",
                     "add it under 'override'");
        return;
    }
    RuleDef changed = rule;
    bool ok = true;
    for (const std::string& key : over.append) {
        if (key == "condition")
            ok = read_texts(item, key, changed.condition) && ok;
        else if (key == "output")
            ok = read_texts(item, key, changed.output) && ok;
        else if (key == "desc")
            ok = read_texts(item, key, changed.description) && ok;
        else if (key == "tags")
            ok = read_tags(item, changed.tags) && ok;
        else {
            std::vector<ExceptionDef> added;
            ok = read_exceptions(item, true, added) && append_exceptions(std::move(added), changed) && ok;
        }
    }
    for (const std::string& key : over.replace) ok = read_value(item, key, changed) && ok;
    if (ok) rule = std::move(changed);
}

} // namespace gyr::rules
