// Keys of items: their values, and what of an earlier item they append to or replace.

#include "lang/comments.h"
#include "rules/item_reader.h"

namespace gyr::rules {

namespace {

// A schema has one kind of item with the keys of all.
bool is_key_of_some_item(std::string_view name) {
    return contains(kRuleKeys, name) || contains(kListKeys, name) || contains(kMacroKeys, name) ||
           contains(kKinds, name);
}

// In small letters, in capitals, or with a capital first, as YAML has it.
std::optional<bool> to_bool(std::string_view text) {
    const auto is_capital = [](char c) { return c >= 'A' && c <= 'Z'; };
    const auto capitals = static_cast<std::size_t>(std::ranges::count_if(text, is_capital));
    const bool first_alone = capitals == 1 && is_capital(text.front());
    if (capitals != 0 && capitals != text.size() && !first_alone) return std::nullopt;
    std::string lower(text);
    std::ranges::transform(lower, lower.begin(), [&](char c) { return is_capital(c) ? char(c + 32) : c; });
    if (lower == "true" || lower == "yes" || lower == "on" || lower == "y") return true;
    if (lower == "false" || lower == "no" || lower == "off" || lower == "n") return false;
    return std::nullopt;
}

} // namespace

ScalarPtr without_comments(const ScalarPtr& condition) {
    if (condition->value.find('#') == std::string::npos) return condition;
    const std::vector<std::size_t> places = condition->align();
    auto out = std::make_shared<Scalar>(*condition);
    lang::blank_comments(out->value, [&](std::size_t at) {
        const std::size_t line = condition->file->place(places[at]).line;
        while (++at < places.size() && condition->file->place(places[at]).line == line) {
        }
        return at;
    });
    if (out->value == condition->value) return condition;
    out->written = condition->value;
    return out;
}

Diagnostic& ItemReader::invalid(const YamlNode& node, std::string message, std::string hint) {
    Diagnostic& d = inconsistent(node, std::move(message), std::move(hint));
    d.against_schema = true;
    return d;
}

Diagnostic& ItemReader::inconsistent(const YamlNode& node, std::string message, std::string hint) {
    return problems_.error(code::kYamlValidate, std::move(message), node, context_, std::move(hint));
}

Diagnostic& ItemReader::refuse(const YamlNode& node, std::string message, std::string hint) {
    return problems_.error(code::kValidate, std::move(message), node, context_, std::move(hint));
}

void ItemReader::check_keys(const YamlNode& item, std::span<const std::string_view> known) {
    std::vector<std::string_view> seen;
    const bool inside_item =
        item.find("rule") == nullptr && item.find("macro") == nullptr && item.find("list") == nullptr;
    for (const auto& [key, value] : item.pairs) {
        if (!key->is_scalar()) {
            problems_.warning(code::kUnknownKey, "a key that is no plain word is ignored", *key, context_)
                .against_schema = true;
            continue;
        }
        const std::string_view name = key->scalar->value;
        if (!contains(known, name))
            problems_
                .warning(code::kUnknownKey, "unknown key " + in_quotes(name), *key, context_,
                         suggestion(name, {known.begin(), known.end()}))
                .against_schema = inside_item || !is_key_of_some_item(name);
        else if (contains(seen, name))
            problems_.warning(code::kExtensionWarning,
                              "key " + in_quotes(name) + " stands here twice; only the first is used", *key, context_);
        seen.push_back(name);
    }
}

ScalarPtr ItemReader::text(const YamlNode& item, std::string_view key) {
    const YamlNode* node = item.find(key);
    if (node == nullptr) {
        missing_key(item, key);
        return nullptr;
    }
    return text_of(*node, key);
}

void ItemReader::missing_key(const YamlNode& item, std::string_view key) {
    const YamlNode* alike = similar_key(item, key);
    inconsistent(alike != nullptr ? *alike : item, "key " + in_quotes(key) + " is missing",
                 alike != nullptr ? in_quotes(alike->scalar->value) + " is not a key of this item" : "");
}

const YamlNode* ItemReader::similar_key(const YamlNode& item, std::string_view key) const {
    for (const auto& [name, value] : item.pairs) {
        if (!name->is_scalar() || contains(kRuleKeys, name->scalar->value) || contains(kListKeys, name->scalar->value))
            continue;
        if (!closest(name->scalar->value, {key}).empty()) return name.get();
    }
    return nullptr;
}

ScalarPtr ItemReader::text_of(const YamlNode& node, std::string_view key) {
    // Of blanks alone there is a text, though a condition cannot be parsed of it.
    if (node.is_null() || (node.is_scalar() && node.scalar->value.empty())) {
        inconsistent(node, in_quotes(key) + " is empty").against_schema = node.is_null();
        return nullptr;
    }
    if (!node.is_scalar()) {
        invalid(node, in_quotes(key) + " must be a single value");
        return nullptr;
    }
    return node.scalar;
}

bool ItemReader::flag(const YamlNode& item, std::string_view key, bool& out) {
    const YamlNode* node = item.find(key);
    if (node == nullptr) return true;
    const auto value = node->is_scalar() ? to_bool(node->scalar->value) : std::nullopt;
    if (!value) {
        invalid(*node, in_quotes(key) + " must be true or false");
        return false;
    }
    out = *value;
    return true;
}

bool ItemReader::scalars(const YamlNode& node, std::string_view key, std::vector<ScalarPtr>& out) {
    if (!node.is_sequence()) {
        invalid(node, in_quotes(key) + " must be a list of values");
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

bool ItemReader::bad_entry(const YamlNode& node, std::string_view key) {
    invalid(node, "an entry of " + in_quotes(key) + " must be a single value",
            node.is_null() ? "put an empty entry or the word null in quotes" : "");
    return false;
}

bool ItemReader::read_override(const YamlNode& item, std::string_view kind, Override& out) {
    const YamlNode* node = item.find("override");
    // Nothing to override is no override.
    if (node == nullptr || node->is_null() || (node->is_map() && node->pairs.empty())) return true;
    out.present = true;
    if (!node->is_map()) {
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
                    in_quotes(name) + " of a " + std::string(kind) + " cannot be " +
                        (append ? "appended to" : "replaced"),
                    other ? "it can be replaced" : suggestion(name, {kReplaceable.begin(), kReplaceable.end()}));
            ok = false;
            continue;
        }
        if (item.find(name) == nullptr) {
            inconsistent(*key, "an override of " + in_quotes(name) + " is asked for, but " + in_quotes(name) +
                                   " is not given");
            ok = false;
            continue;
        }
        (append ? out.append : out.replace).push_back(name);
    }
    return ok;
}

bool ItemReader::read_append(const YamlNode& item, std::string_view kind, bool& append, Override& over) {
    const YamlNode* node = item.find("append");
    bool ok = flag(item, "append", append);
    if (append)
        problems_.warning(code::kDeprecatedItem, "'append' is deprecated", *node, context_,
                          "name the key under 'override' instead, for example override: {" +
                              std::string(kind == "list" ? "items" : "condition") + ": append}");
    ok = read_override(item, kind, over) && ok;
    if (ok && append && over.present) {
        inconsistent(*node, "'append' and 'override' cannot stand together", "keep only 'override'");
        return false;
    }
    return ok;
}

} // namespace gyr::rules
