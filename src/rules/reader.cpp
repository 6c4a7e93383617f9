#include "rules/reader.h"

#include "rules/item_reader.h"

namespace gyr::rules {

ItemReader::ItemReader(const SourceFilePtr& file, const ReaderOptions& options, Definitions& definitions,
                       Problems& problems)
    : file_(file), options_(options), definitions_(definitions), problems_(problems) {
    file_context_.push_back({"rules content", "", file_->place(0)});
}

void ItemReader::run() {
    auto documents = parse_yaml(file_);
    if (!documents) {
        problems_.error(code::kYamlParse, documents.error().message, *file_, documents.error().offset, file_context_,
                        documents.error().hint);
        return;
    }
    for (const YamlNodePtr& document : *documents) {
        if (document->is_null()) continue;
        if (!document->is_sequence()) {
            problems_
                .error(code::kYamlValidate, "a rule file is a list of items, each with a '-' in front", *document,
                       file_context_)
                .against_schema = true;
            continue;
        }
        for (const YamlNodePtr& item : document->items) {
            if (!item->is_null()) read_item(item);
        }
    }
}

void ItemReader::read_item(const YamlNodePtr& item) {
    context_ = file_context_;
    if (!item->is_map()) {
        problems_
            .error(code::kYamlValidate, "an item of a rule file must have keys, such as 'rule: name'", *item, context_)
            .against_schema = true;
        return;
    }
    const auto kind = std::ranges::find_if(kKinds, [&](std::string_view k) { return item->find(k) != nullptr; });
    if (kind == kKinds.end()) return unknown_item(*item);
    const YamlNode& first = *item->find(*kind);
    context_.push_back({std::string(*kind), first.is_scalar() ? first.scalar->value : "", item->place()});
    if (*kind == "required_engine_version" || *kind == "required_plugin_versions") {
        check_keys(*item, std::span(&*kind, 1));
        return *kind == "required_engine_version" ? engine_version(first) : plugin_versions(first);
    }
    const ScalarPtr name = text_of(first, *kind);
    if (name == nullptr) return;
    if (*kind == "list")
        list(*item, name);
    else if (*kind == "macro")
        macro(*item, name);
    else
        rule(item, name);
}

void ItemReader::unknown_item(const YamlNode& item) {
    std::string hint;
    std::string keys;
    for (const auto& [key, value] : item.pairs) {
        if (!key->is_scalar()) continue;
        if (hint.empty()) hint = suggestion(key->scalar->value, {kKinds.begin(), kKinds.end()});
        keys += (keys.empty() ? "" : ", ") + key->scalar->value.substr(0, 40);
    }
    problems_
        .warning(code::kUnknownItem,
                 "this item is none of rule, macro, list, required_engine_version and "
                 "required_plugin_versions (it has: " +
                     keys + ")",
                 item, context_, hint)
        .against_schema = true;
}

void read_rule_file(const SourceFilePtr& file, const ReaderOptions& options, Definitions& definitions,
                    Problems& problems) {
    ItemReader(file, options, definitions, problems).run();
}

} // namespace gyr::rules
