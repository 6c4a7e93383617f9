// Lists and macros.

#include "lang/quote.h"
#include "rules/item_reader.h"
#include "rules/items_file.h"

namespace gyr::rules {

void ItemReader::list(const YamlNode& item, const ScalarPtr& name) {
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
        problems_.warning(code::kInvalidListName, "list name " + in_quotes(name->value) + " cannot be used as it is",
                          *name, context_, "a name has no blanks, quotes, parentheses, commas or '='");
    ListDef* old = definitions_.lists.find(name->value);
    if (append) {
        if (old == nullptr) {
            if (definitions_.broken_lists.contains(name->value)) return;
            refuse(item, "there is no list " + in_quotes(name->value) + " to append to",
                   suggestion(name->value, definitions_.lists.names()));
            return;
        }
        old->items.insert(old->items.end(), def.items.begin(), def.items.end());
        old->external.insert(old->external.end(), def.external.begin(), def.external.end());
        old->visibility = definitions_.next_index++;
        return;
    }
    definitions_.broken_lists.erase(name->value);
    def.index = old != nullptr ? old->index : definitions_.next_index;
    def.visibility = definitions_.next_index++;
    if (old != nullptr)
        *old = std::move(def);
    else
        definitions_.lists.add(name->value, std::move(def));
}

bool ItemReader::external_items(const YamlNode& node, const std::string& name, ListDef& def) {
    const ScalarPtr path = text_of(node, "items_file");
    if (path == nullptr) return false;
    if (!options_.files_allowed) {
        inconsistent(node, "'items_file' cannot be used here");
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

void ItemReader::macro(const YamlNode& item, const ScalarPtr& name) {
    check_keys(item, kMacroKeys);
    bool append = false;
    Override over;
    const bool ok = read_append(item, "macro", append, over);
    append = append || !over.append.empty();
    ScalarPtr condition = text(item, "condition");
    if (condition != nullptr) condition = without_comments(condition);
    if (!ok || condition == nullptr) {
        definitions_.broken_macros.insert(name->value);
        return;
    }
    if (!lang::is_identifier(name->value))
        problems_.warning(code::kInvalidMacroName,
                          "macro name " + in_quotes(name->value) + " cannot be used in a condition", *name, context_,
                          "a name is a letter, then letters, digits and '_'");
    MacroDef* old = definitions_.macros.find(name->value);
    if (append) {
        if (old == nullptr || old->builtin) {
            if (definitions_.broken_macros.contains(name->value)) return;
            refuse(item, "there is no macro " + in_quotes(name->value) + " to append to",
                   old == nullptr ? suggestion(name->value, definitions_.macros.names())
                                  : "the built-in one can only be replaced: give it its whole condition");
            return;
        }
        old->condition.push_back(condition);
        old->visibility = definitions_.next_index++;
        return;
    }
    definitions_.broken_macros.erase(name->value);
    MacroDef def;
    def.name = name;
    def.condition = {condition};
    def.index = old != nullptr ? old->index : definitions_.next_index; // a built-in one stood before everything
    def.visibility = definitions_.next_index++;
    if (old != nullptr)
        *old = std::move(def);
    else
        definitions_.macros.add(name->value, std::move(def));
}

} // namespace gyr::rules
