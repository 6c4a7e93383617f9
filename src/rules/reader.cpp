#include "rules/reader.h"

#include "lang/quote.h"
#include "rules/items_file.h"
#include "rules/keys.h"
#include "rules/throttle.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <initializer_list>
#include <optional>
#include <utility>

namespace gyr::rules {

namespace {

template <class Range>
bool contains(const Range& range, std::string_view word) {
    return std::ranges::find(range, word) != std::ranges::end(range);
}

std::string quoted(std::string_view word) { return "'" + std::string(word) + "'"; }

std::string_view trim(std::string_view text) {
    while (!text.empty() && (lang::is_blank(text.front()))) text.remove_prefix(1);
    while (!text.empty() && (lang::is_blank(text.back()))) text.remove_suffix(1);
    return text;
}

std::optional<bool> to_bool(std::string_view text) {
    std::string lower(text);
    std::ranges::transform(lower, lower.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? char(c + 32) : c; });
    if (lower == "true" || lower == "yes" || lower == "on" || lower == "y") return true;
    if (lower == "false" || lower == "no" || lower == "off" || lower == "n") return false;
    return std::nullopt;
}

// What an override block asks for.
struct Override {
    std::vector<std::string> append, replace;
    bool present = false;

    [[nodiscard]] bool names(std::string_view key) const { return contains(append, key) || contains(replace, key); }
};

class Reader {
  public:
    Reader(const SourceFilePtr& file, const ReaderOptions& options, Definitions& definitions, Problems& problems)
        : file_(file), options_(options), definitions_(definitions), problems_(problems) {
        file_context_.push_back({"rules content", "", file_->place(0)});
    }

    void run() {
        auto documents = parse_yaml(file_);
        if (!documents) {
            problems_.error(code::kYamlParse, documents.error().message, *file_, documents.error().offset,
                            file_context_, documents.error().hint);
            return;
        }
        for (const YamlNodePtr& document : *documents) {
            if (document->is_null()) continue;
            if (!document->is_sequence()) {
                problems_.error(code::kYamlValidate, "a rule file is a list of items, each with a '-' in front",
                                *document, file_context_);
                continue;
            }
            for (const YamlNodePtr& item : document->items) {
                if (!item->is_null()) read_item(item);
            }
        }
    }

  private:
    // --- small helpers ---

    Diagnostic& invalid(const YamlNode& node, std::string message, std::string hint = {}) {
        return problems_.error(code::kYamlValidate, std::move(message), node, context_, std::move(hint));
    }
    Diagnostic& refuse(const YamlNode& node, std::string message, std::string hint = {}) {
        return problems_.error(code::kValidate, std::move(message), node, context_, std::move(hint));
    }

    template <class Keys>
    void check_keys(const YamlNode& item, const Keys& known) {
        std::vector<std::string_view> seen;
        for (const auto& [key, value] : item.pairs) {
            if (!key->is_scalar()) {
                problems_.warning(code::kUnknownKey, "a key that is no plain word is ignored", *key, context_);
                continue;
            }
            const std::string_view name = key->scalar->value;
            if (!contains(known, name))
                problems_.warning(code::kUnknownKey, "unknown key " + quoted(name), *key, context_,
                                  suggestion(name, {known.begin(), known.end()}));
            else if (contains(seen, name))
                problems_.warning(code::kExtensionWarning,
                                  "key " + quoted(name) + " stands here twice; only the first is used", *key, context_);
            seen.push_back(name);
        }
    }

    // A scalar that must be there and not empty. Null after an error.
    ScalarPtr text(const YamlNode& item, std::string_view key) {
        const YamlNode* node = item.find(key);
        if (node == nullptr) {
            missing_key(item, key);
            return nullptr;
        }
        return text_of(*node, key);
    }
    // A key that is missing because it is misspelt is shown where it stands.
    void missing_key(const YamlNode& item, std::string_view key) {
        const YamlNode* alike = similar_key(item, key);
        invalid(alike != nullptr ? *alike : item, "key " + quoted(key) + " is missing",
                alike != nullptr ? quoted(alike->scalar->value) + " is not a key of this item" : "");
    }
    const YamlNode* similar_key(const YamlNode& item, std::string_view key) const {
        for (const auto& [name, value] : item.pairs) {
            if (!name->is_scalar() || contains(kRuleKeys, name->scalar->value) ||
                contains(kListKeys, name->scalar->value))
                continue;
            if (!closest(name->scalar->value, {key}).empty()) return name.get();
        }
        return nullptr;
    }
    ScalarPtr text_of(const YamlNode& node, std::string_view key) {
        if (node.is_null() || (node.is_scalar() && trim(node.scalar->value).empty())) {
            invalid(node, quoted(key) + " is empty");
            return nullptr;
        }
        if (!node.is_scalar()) {
            invalid(node, quoted(key) + " must be a single value");
            return nullptr;
        }
        return node.scalar;
    }
    // False after an error; out untouched when the key is not there.
    bool flag(const YamlNode& item, std::string_view key, bool& out) {
        const YamlNode* node = item.find(key);
        if (node == nullptr) return true;
        const auto value = node->is_scalar() ? to_bool(node->scalar->value) : std::nullopt;
        if (!value) {
            invalid(*node, quoted(key) + " must be true or false");
            return false;
        }
        out = *value;
        return true;
    }

    bool scalars(const YamlNode& node, std::string_view key, std::vector<ScalarPtr>& out) {
        if (!node.is_sequence()) {
            invalid(node, quoted(key) + " must be a list of values");
            return false;
        }
        bool ok = true;
        for (const YamlNodePtr& item : node.items) {
            if (item->is_scalar())
                out.push_back(item->scalar);
            else
                ok = bad_entry(*item, key);
        }
        return ok;
    }
    bool bad_entry(const YamlNode& node, std::string_view key) {
        invalid(node, "an entry of " + quoted(key) + " must be a single value",
                node.is_null() ? "put an empty entry or the word null in quotes" : "");
        return false;
    }

    bool read_override(const YamlNode& item, std::string_view kind, Override& out) {
        const YamlNode* node = item.find("override");
        if (node == nullptr) return true;
        out.present = true;
        if (!node->is_map() || node->pairs.empty()) {
            invalid(*node, "'override' must say for each key whether to append or to replace",
                    "for example: override: {condition: append}");
            return false;
        }
        bool ok = true;
        for (const auto& [key, value] : node->pairs) {
            const std::string name = key->is_scalar() ? key->scalar->value : "";
            const std::string_view operation = value->is_scalar() ? std::string_view(value->scalar->value) : "";
            const bool append = operation == "append";
            if (!append && operation != "replace") {
                invalid(*value, "an override is either 'append' or 'replace'",
                        suggestion(operation, {"append", "replace"}));
                ok = false;
                continue;
            }
            const bool allowed = kind == "list"    ? name == "items"
                                 : kind == "macro" ? name == "condition"
                                 : append          ? contains(kAppendable, name)
                                                   : contains(kReplaceable, name);
            if (!allowed) {
                const bool other = kind == "rule" && append && contains(kReplaceable, name);
                invalid(*key,
                        quoted(name) + " of a " + std::string(kind) + " cannot be " +
                            (append ? "appended to" : "replaced"),
                        other ? "it can be replaced" : suggestion(name, {kReplaceable.begin(), kReplaceable.end()}));
                ok = false;
                continue;
            }
            if (item.find(name) == nullptr) {
                invalid(*key,
                        "an override of " + quoted(name) + " is asked for, but " + quoted(name) + " is not given");
                ok = false;
                continue;
            }
            (append ? out.append : out.replace).push_back(name);
        }
        return ok;
    }

    // Whether the item adds to an earlier one. False after an error.
    bool read_append(const YamlNode& item, std::string_view kind, bool& append, Override& over) {
        const YamlNode* node = item.find("append");
        bool ok = flag(item, "append", append);
        if (node != nullptr)
            problems_.warning(code::kDeprecatedItem, "'append' is deprecated", *node, context_,
                              "name the key under 'override' instead, for example override: {" +
                                  std::string(kind == "list" ? "items" : "condition") + ": append}");
        ok = read_override(item, kind, over) && ok;
        if (ok && append && over.present) {
            invalid(*node, "'append' and 'override' cannot stand together", "keep only 'override'");
            return false;
        }
        return ok;
    }

    // --- items ---

    void read_item(const YamlNodePtr& item) {
        context_ = file_context_;
        if (!item->is_map()) {
            problems_.error(code::kYamlValidate, "an item of a rule file must have keys, such as 'rule: name'", *item,
                            context_);
            return;
        }
        const auto kind = std::ranges::find_if(kKinds, [&](std::string_view k) { return item->find(k) != nullptr; });
        if (kind == kKinds.end()) return unknown_item(*item);
        const YamlNode& first = *item->find(*kind);
        context_.push_back({std::string(*kind), first.is_scalar() ? first.scalar->value : "", item->place()});
        if (*kind == "required_engine_version") return engine_version(first);
        if (*kind == "required_plugin_versions") return plugin_versions(first);
        const ScalarPtr name = text_of(first, *kind);
        if (name == nullptr) return;
        if (*kind == "list")
            list(*item, name);
        else if (*kind == "macro")
            macro(*item, name);
        else
            rule(item, name);
    }

    void unknown_item(const YamlNode& item) {
        std::string hint;
        std::string keys;
        for (const auto& [key, value] : item.pairs) {
            if (!key->is_scalar()) continue;
            if (hint.empty()) hint = suggestion(key->scalar->value, {kKinds.begin(), kKinds.end()});
            keys += (keys.empty() ? "" : ", ") + key->scalar->value.substr(0, 40);
        }
        problems_.warning(code::kUnknownItem,
                          "this item is none of rule, macro, list, required_engine_version and "
                          "required_plugin_versions (it has: " +
                              keys + ")",
                          item, context_, hint);
    }

    void disable_file(const std::string& why) {
        if (file_disabled_why_.empty()) file_disabled_why_ = why;
    }

    void engine_version(const YamlNode& node) {
        Version required;
        std::uint32_t number = 0;
        const std::string_view text = node.is_scalar() ? std::string_view(node.scalar->value) : "";
        const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), number);
        if (!text.empty() && ec == std::errc() && end == text.data() + text.size())
            required = {0, number, 0};
        else if (!parse_version(text, required)) {
            invalid(node, "the required engine version must be a number such as 26 or have the form 0.26.0");
            return;
        }
        if (required.major == options_.engine.major && options_.engine >= required) return;
        const std::string why =
            "the file needs rule engine " + to_string(required) + ", this one is " + to_string(options_.engine);
        refuse(node, why);
        disable_file(why);
    }

    bool plugin(const YamlNode& node, PluginInfo& out) {
        if (!node.is_map()) {
            invalid(node, "a required plugin must have 'name' and 'version'");
            return false;
        }
        const ScalarPtr name = text(node, "name");
        const ScalarPtr version = text(node, "version");
        if (name == nullptr || version == nullptr) return false;
        out = {name->value, version->value};
        return true;
    }

    [[nodiscard]] bool plugin_loaded(const PluginInfo& wanted) const {
        const auto it = std::ranges::find(options_.plugins, wanted.name, &PluginInfo::name);
        if (it == options_.plugins.end()) return false;
        Version have;
        Version want;
        if (it->version.empty()) return true;
        return parse_version(it->version, have) && parse_version(wanted.version, want) && have.major == want.major &&
               have >= want;
    }

    void plugin_versions(const YamlNode& node) {
        if (!node.is_sequence()) {
            invalid(node, "'required_plugin_versions' must be a list of {name, version}");
            return;
        }
        for (const YamlNodePtr& entry : node.items) {
            std::vector<PluginInfo> wanted(1);
            if (!plugin(*entry, wanted[0])) continue;
            Version ignored;
            bool ok = true;
            if (const YamlNode* others = entry->find("alternatives"); others != nullptr) {
                if (!others->is_sequence()) {
                    invalid(*others, "'alternatives' must be a list of {name, version}");
                    continue;
                }
                for (const YamlNodePtr& other : others->items) {
                    PluginInfo info;
                    if (!plugin(*other, info)) {
                        ok = false;
                        continue;
                    }
                    if (std::ranges::find(wanted, info.name, &PluginInfo::name) != wanted.end()) {
                        refuse(*other, "plugin " + quoted(info.name) + " is named twice in one requirement");
                        ok = false;
                    }
                    wanted.push_back(std::move(info));
                }
            }
            for (const PluginInfo& info : wanted) {
                if (parse_version(info.version, ignored)) continue;
                invalid(*entry, "plugin version " + quoted(info.version) + " has not the form 1.2.3");
                ok = false;
            }
            if (!ok || std::ranges::any_of(wanted, [&](const PluginInfo& p) { return plugin_loaded(p); })) continue;
            std::string names;
            for (const PluginInfo& info : wanted)
                names += (names.empty() ? "" : " or ") + info.name + " " + info.version;
            refuse(*entry, "the file needs plugin " + names + ", which is not loaded");
            disable_file("the file needs plugin " + names);
        }
    }

    void list(const YamlNode& item, const ScalarPtr& name) {
        check_keys(item, kListKeys);
        bool append = false;
        Override over;
        const bool mode_ok = read_append(item, "list", append, over);
        append = append || !over.append.empty();
        ListDef def;
        def.name = name;
        bool ok = mode_ok;
        const YamlNode* items = item.find("items");
        const YamlNode* from_file = item.find("items_file");
        if (items != nullptr)
            ok = scalars(*items, "items", def.items) && ok;
        else if (from_file == nullptr) {
            missing_key(item, "items");
            ok = false;
        }
        if (from_file != nullptr) ok = external_items(*from_file, name->value, def) && ok;
        if (!ok) {
            definitions_.broken_lists.insert(name->value);
            return;
        }
        if (!lang::is_bare_string(name->value))
            problems_.warning(code::kInvalidListName, "list name " + quoted(name->value) + " cannot be used as it is",
                              *name, context_, "a name has no blanks, quotes, parentheses, commas or '='");
        ListDef* old = definitions_.lists.find(name->value);
        if (append) {
            if (old == nullptr) {
                if (definitions_.broken_lists.contains(name->value)) return;
                refuse(item, "there is no list " + quoted(name->value) + " to append to",
                       suggestion(name->value, definitions_.lists.names()));
                return;
            }
            old->items.insert(old->items.end(), def.items.begin(), def.items.end());
            old->external.insert(old->external.end(), def.external.begin(), def.external.end());
            old->visibility = definitions_.next_index++;
            return;
        }
        def.index = old != nullptr ? old->index : definitions_.next_index;
        def.visibility = definitions_.next_index++;
        if (old != nullptr)
            *old = std::move(def);
        else
            definitions_.lists.add(name->value, std::move(def));
    }

    bool external_items(const YamlNode& node, const std::string& name, ListDef& def) {
        const ScalarPtr path = text_of(node, "items_file");
        if (path == nullptr) return false;
        if (!options_.files_allowed) {
            invalid(node, "'items_file' cannot be used here");
            return false;
        }
        definitions_.items_files.push_back(resolve_items_path(file_->name(), path->value));
        auto list = load_items_file(definitions_.items_files.back(), name);
        if (!list) {
            problems_.error(code::kFileRead, list.error().message, node, context_);
            return false;
        }
        def.external.push_back(std::move(*list));
        return true;
    }

    void macro(const YamlNode& item, const ScalarPtr& name) {
        check_keys(item, kMacroKeys);
        bool append = false;
        Override over;
        const bool ok = read_append(item, "macro", append, over);
        append = append || !over.append.empty();
        const ScalarPtr condition = text(item, "condition");
        if (!ok || condition == nullptr) {
            definitions_.broken_macros.insert(name->value);
            return;
        }
        if (!lang::is_identifier(name->value))
            problems_.warning(code::kInvalidMacroName,
                              "macro name " + quoted(name->value) + " cannot be used in a condition", *name, context_,
                              "a name is a letter, then letters, digits and '_'");
        MacroDef* old = definitions_.macros.find(name->value);
        if (append) {
            if (old == nullptr) {
                if (definitions_.broken_macros.contains(name->value)) return;
                refuse(item, "there is no macro " + quoted(name->value) + " to append to",
                       suggestion(name->value, definitions_.macros.names()));
                return;
            }
            old->condition.push_back(condition);
            old->visibility = definitions_.next_index++;
            return;
        }
        MacroDef def;
        def.name = name;
        def.condition = {condition};
        def.index = old != nullptr && !old->builtin ? old->index : definitions_.next_index;
        def.visibility = definitions_.next_index++;
        if (old != nullptr)
            *old = std::move(def);
        else
            definitions_.macros.add(name->value, std::move(def));
    }

    void rule(const YamlNodePtr& item, const ScalarPtr& name);
    void define_rule(const YamlNodePtr& item, const ScalarPtr& name, RuleDef* old);
    void toggle_rule(const YamlNode& item, const ScalarPtr& name, RuleDef* old);
    void append_rule(const YamlNode& item, RuleDef& rule);
    void override_rule(const YamlNode& item, const Override& over, RuleDef& rule);
    bool read_value(const YamlNode& item, std::string_view key, RuleDef& rule);
    bool read_throttle(const YamlNode& node, RuleDef& rule);
    bool read_texts(const YamlNode& item, std::string_view key, std::vector<ScalarPtr>& out);
    bool read_tags(const YamlNode& item, std::set<std::string>& out);
    bool read_exceptions(const YamlNode& item, bool partial, std::vector<ExceptionDef>& out);
    bool read_exception(const YamlNodePtr& node, bool partial, ExceptionDef& out);
    bool check_exception(const ExceptionDef& exception);
    bool check_rows(const ExceptionDef& exception, const std::vector<YamlNodePtr>& values);
    bool append_exceptions(std::vector<ExceptionDef> added, RuleDef& rule);
    void missing_rule(const YamlNode& item, const ScalarPtr& name, std::string_view what);

    SourceFilePtr file_;
    const ReaderOptions& options_;
    Definitions& definitions_;
    Problems& problems_;
    Context file_context_, context_;
    std::string file_disabled_why_;
};

// --- rules ---

void Reader::missing_rule(const YamlNode& item, const ScalarPtr& name, std::string_view what) {
    if (definitions_.broken_rules.contains(name->value)) return;
    refuse(item, "there is no rule " + quoted(name->value) + " to " + std::string(what),
           suggestion(name->value, definitions_.rules.names()));
}

void Reader::rule(const YamlNodePtr& item, const ScalarPtr& name) {
    check_keys(*item, kRuleKeys);
    bool append = false;
    Override over;
    const bool ok = read_append(*item, "rule", append, over);
    RuleDef* old = definitions_.rules.find(name->value);
    if (const YamlNode* source = item->find("source"); source != nullptr) {
        const ScalarPtr text = text_of(*source, "source");
        if (text == nullptr) return;
        if (old != nullptr && old->source != text->value) {
            refuse(*source, "rule " + quoted(name->value) + " has source " + quoted(old->source) +
                                " and cannot change it to " + quoted(text->value));
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

void Reader::toggle_rule(const YamlNode& item, const ScalarPtr& name, RuleDef* old) {
    problems_.warning(code::kDeprecatedItem, "a rule item with 'enabled' alone is deprecated", *item.find("enabled"),
                      context_, "add override: {enabled: replace}");
    if (old == nullptr) return missing_rule(item, name, "enable or disable");
    flag(item, "enabled", old->enabled);
}

void Reader::define_rule(const YamlNodePtr& item, const ScalarPtr& name, RuleDef* old) {
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
            missing += (missing.empty() ? "" : ", ") + quoted(key);
            if (alike == nullptr) alike = similar_key(*item, key);
        } else {
            ok = read_value(*item, key, def) && ok;
        }
    }
    if (!missing.empty()) {
        invalid(alike != nullptr ? *alike : *item, "rule " + quoted(name->value) + " lacks " + missing,
                alike != nullptr ? quoted(alike->scalar->value) + " is not a key of a rule" : "");
        ok = false;
    }
    for (const std::string_view key : {"enabled", "tags", "capture", "capture_duration", "warn_evttypes",
                                       "skip-if-unknown-filter", "exceptions", "throttle"})
        if (item->find(key) != nullptr) ok = read_value(*item, key, def) && ok;
    if (const YamlNode* source = item->find("source"); source != nullptr) def.source = source->scalar->value;
    def.unknown_source = !contains(options_.sources, def.source);
    if (!ok) {
        definitions_.broken_rules.insert(name->value);
        // An unusable new version must not leave the old one in force unnoticed.
        if (old != nullptr && old->disabled_why.empty())
            old->disabled_why = "its redefinition in " + file_->name() + " has errors";
        return;
    }
    if (def.unknown_source) {
        std::vector<std::string_view> known(options_.sources.begin(), options_.sources.end());
        problems_.warning(code::kUnknownSource,
                          "no event source " + quoted(def.source) + " is loaded; the rule is skipped", *name, context_,
                          suggestion(def.source, known));
    }
    if (old != nullptr)
        *old = std::move(def);
    else
        definitions_.rules.add(name->value, std::move(def));
}

bool Reader::read_texts(const YamlNode& item, std::string_view key, std::vector<ScalarPtr>& out) {
    const ScalarPtr value = text(item, key);
    if (value == nullptr) return false;
    out.push_back(value);
    return true;
}

bool Reader::read_tags(const YamlNode& item, std::set<std::string>& out) {
    std::vector<ScalarPtr> tags;
    if (!scalars(*item.find("tags"), "tags", tags)) return false;
    for (const ScalarPtr& tag : tags) out.insert(tag->value);
    return true;
}

// Sets one key of rule from item, replacing what was there.
bool Reader::read_value(const YamlNode& item, std::string_view key, RuleDef& rule) {
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
        invalid(node, "unknown priority " + quoted(text->value),
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

bool Reader::read_throttle(const YamlNode& node, RuleDef& rule) {
    if (node.is_map()) check_keys(node, kThrottleKeys);
    ThrottleMistake mistake;
    if (rules::read_throttle(node, rule.throttle, mistake)) return true;
    invalid(*mistake.node, mistake.message);
    return false;
}

void Reader::append_rule(const YamlNode& item, RuleDef& rule) {
    const bool has_condition = item.find("condition") != nullptr;
    const bool has_exceptions = item.find("exceptions") != nullptr;
    if (!has_condition && !has_exceptions) {
        invalid(item, "an appended rule must have 'condition' or 'exceptions'");
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

void Reader::override_rule(const YamlNode& item, const Override& over, RuleDef& rule) {
    for (const std::string_view key : kReplaceable) {
        if (item.find(key) == nullptr || over.names(key)) continue;
        const auto pair = std::ranges::find_if(
            item.pairs, [&](const auto& p) { return p.first->is_scalar() && p.first->scalar->value == key; });
        invalid(*pair->first, "unexpected key " + quoted(key) + ": 'override' does not mention it",
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

// --- exceptions ---

bool Reader::read_exceptions(const YamlNode& item, bool partial, std::vector<ExceptionDef>& out) {
    const YamlNode& node = *item.find("exceptions");
    if (!node.is_sequence()) {
        invalid(node, "'exceptions' must be a list");
        return false;
    }
    bool ok = true;
    for (const YamlNodePtr& entry : node.items) {
        ExceptionDef exception;
        context_.push_back({"exception", "", entry->place()});
        if (entry->is_null()) {
        } else if (!read_exception(entry, partial, exception)) {
            ok = false;
        } else {
            const auto same = std::ranges::find_if(
                out, [&](const ExceptionDef& e) { return e.name->value == exception.name->value; });
            if (same != out.end())
                problems_.warning(code::kExceptionNotUnique,
                                  "exception " + quoted(exception.name->value) + " is defined twice here",
                                  *exception.name, context_);
            out.push_back(std::move(exception));
        }
        context_.pop_back();
    }
    return ok;
}

bool Reader::read_exception(const YamlNodePtr& node, bool partial, ExceptionDef& out) {
    if (!node->is_map()) {
        invalid(*node, "an exception must have 'name', 'fields' and 'values'");
        return false;
    }
    check_keys(*node, kExceptionKeys);
    out.node = node;
    out.name = text(*node, "name");
    if (out.name == nullptr) return false;
    context_.back().name = out.name->value;
    bool ok = true;
    const auto one_or_many = [&](std::string_view key, std::vector<ScalarPtr>& values, bool& is_list) {
        const YamlNode* value = node->find(key);
        if (value == nullptr) return;
        if (value->is_sequence()) {
            is_list = true;
            ok = scalars(*value, key, values) && ok;
        } else if (const ScalarPtr scalar = text_of(*value, key); scalar != nullptr) {
            values.push_back(scalar);
        } else {
            ok = false;
        }
    };
    if (node->find("fields") == nullptr && !partial) {
        invalid(*node, "key 'fields' is missing");
        return false;
    }
    one_or_many("fields", out.fields, out.fields_are_list);
    one_or_many("comps", out.comps, out.comps_are_list);
    if (const YamlNode* values = node->find("values"); values != nullptr && !values->is_null()) {
        if (!values->is_sequence()) {
            invalid(*values, "'values' must be a list");
            ok = false;
        } else {
            out.values = values->items;
        }
    }
    return ok && (partial || check_exception(out));
}

bool Reader::check_exception(const ExceptionDef& exception) {
    if (exception.fields.empty()) {
        refuse(*exception.node, "the exception names no fields");
        return false;
    }
    if (!exception.comps.empty() || exception.comps_are_list) {
        if (exception.comps_are_list != exception.fields_are_list ||
            exception.comps.size() != exception.fields.size()) {
            refuse(*exception.node->find("comps"), exception.fields_are_list
                                                       ? "'fields' and 'comps' must have the same length"
                                                       : "'comps' must be a single operator, as 'fields' is single");
            return false;
        }
    }
    return check_rows(exception, exception.values);
}

bool Reader::check_rows(const ExceptionDef& exception, const std::vector<YamlNodePtr>& values) {
    bool ok = true;
    for (const YamlNodePtr& row : values) {
        if (!exception.fields_are_list) {
            if (row->is_scalar()) continue;
            refuse(*row, "a value of an exception with one field must be a single value");
            ok = false;
            continue;
        }
        if (!row->is_sequence() || row->items.size() != exception.fields.size()) {
            refuse(*row, "each entry of 'values' must be a list with one value per field (" +
                             std::to_string(exception.fields.size()) + ")");
            ok = false;
            continue;
        }
        for (const YamlNodePtr& cell : row->items) {
            const bool fine = cell->is_scalar() ||
                              (cell->is_sequence() &&
                               std::ranges::all_of(cell->items, [](const YamlNodePtr& n) { return n->is_scalar(); }));
            if (fine) continue;
            refuse(*cell, "a value of an exception must be a single value or a list of them");
            ok = false;
        }
    }
    return ok;
}

bool Reader::append_exceptions(std::vector<ExceptionDef> added, RuleDef& rule) {
    bool ok = true;
    for (ExceptionDef& exception : added) {
        context_.push_back({"exception", exception.name->value, exception.node->place()});
        const auto old = std::ranges::find_if(
            rule.exceptions, [&](const ExceptionDef& e) { return e.name->value == exception.name->value; });
        if (old == rule.exceptions.end()) {
            if (exception.fields.empty()) {
                refuse(*exception.node, "the rule has no exception " + quoted(exception.name->value) +
                                            ", and a new one must name its fields");
                ok = false;
            } else if (exception.values.empty()) {
                refuse(*exception.node, "a new exception must have values");
                ok = false;
            } else if (check_exception(exception)) {
                rule.exceptions.push_back(std::move(exception));
            } else {
                ok = false;
            }
        } else if (!exception.fields.empty() || !exception.comps.empty()) {
            refuse(*exception.node,
                   "an exception that exists can only be given more values; its fields and comps stay");
            ok = false;
        } else if (exception.values.empty()) {
            problems_.warning(code::kAppendNoValues, "the exception is appended to, but no values are given",
                              *exception.node, context_);
        } else if (check_rows(*old, exception.values)) {
            old->values.insert(old->values.end(), exception.values.begin(), exception.values.end());
        } else {
            ok = false;
        }
        context_.pop_back();
    }
    return ok;
}

} // namespace

bool parse_version(std::string_view text, Version& out) {
    Version v;
    const char* at = text.data();
    const char* end = text.data() + text.size();
    for (std::uint32_t* part : {&v.major, &v.minor, &v.patch}) {
        if (part != &v.major) {
            if (at == end || *at != '.') return false;
            ++at;
        }
        const auto [next, ec] = std::from_chars(at, end, *part);
        if (ec != std::errc()) return false;
        at = next;
    }
    if (at != end && *at != '-' && *at != '+') return false;
    out = v;
    return true;
}

std::string to_string(const Version& version) {
    return std::to_string(version.major) + '.' + std::to_string(version.minor) + '.' + std::to_string(version.patch);
}

void read_rule_file(const SourceFilePtr& file, const ReaderOptions& options, Definitions& definitions,
                    Problems& problems) {
    Reader(file, options, definitions, problems).run();
}

} // namespace gyr::rules
