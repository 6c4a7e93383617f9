#include "fields/audit_values.h"

#include "audit/audit_event.h"

#include <charconv>
#include <string>

namespace gyr::fields {
namespace {

// Cuts the first key off a path.
std::string_view next_key(std::string_view& path) {
    const std::size_t bar = std::min(path.find('|'), path.size());
    const std::string_view key = path.substr(0, bar);
    path.remove_prefix(std::min(bar + 1, path.size()));
    return key;
}

} // namespace

const AuditJson* json_document(const Context& c) { return c.event.audit ? c.event.audit->document.get() : nullptr; }

const AuditJson* audit_document(const Context& c) {
    const AuditJson* json = json_document(c);
    return json && json->contains("auditID") ? json : nullptr;
}

const AuditJson* json_member(const AuditJson& at, std::string_view key) {
    if (at.is_object()) {
        const auto found = at.find(key);
        return found == at.end() ? nullptr : &*found;
    }
    if (!at.is_array()) return nullptr;
    std::size_t index = 0;
    const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), index);
    if (error != std::errc() || end != key.data() + key.size() || index >= at.size()) return nullptr;
    return &at[index];
}

const AuditJson* json_value(const AuditJson& at, std::string_view path) {
    const AuditJson* value = &at;
    while (value && !path.empty()) value = json_member(*value, next_key(path));
    return value;
}

bool collect_values(const AuditJson& root, std::string_view path, const Argument& arg, JsonValues& out) {
    const AuditJson* at = &root;
    while (!path.empty()) {
        if (at->is_array()) {
            if (!arg.is_index) {
                for (const AuditJson& item : *at)
                    if (!collect_values(item, path, arg, out)) out.push_back(nullptr);
                return true;
            }
            if (arg.index >= at->size()) return false;
            at = &(*at)[arg.index];
        }
        at = json_member(*at, next_key(path));
        if (!at) return false;
    }
    out.push_back(at);
    return true;
}

Value json_text_value(const AuditJson& json, Arena& arena) {
    if (json.is_string()) return Value::of_text(json.get_ref<const std::string&>());
    return Value::of_text(arena.copy(json.dump()));
}

Value json_text_or_missing(const AuditJson* json, Arena& arena) {
    return json && !json->is_null() ? json_text_value(*json, arena) : no_value();
}

Value list_value(const std::vector<Value>& items, Arena& arena) {
    if (items.empty()) return no_value();
    const auto kept = arena.make_array<Value>(items.size());
    std::ranges::copy(items, kept.begin());
    return Value::of_list(kept);
}

Value list_of_texts(const JsonValues& values, Arena& arena) {
    std::vector<Value> items;
    const auto add = [&](const AuditJson* v) {
        if (v && !v->is_null()) items.push_back(json_text_value(*v, arena));
    };
    for (const AuditJson* value : values) {
        if (value && value->is_array())
            for (const AuditJson& item : *value) add(&item);
        else
            add(value);
    }
    return list_value(items, arena);
}

Field audit_field(std::string_view name, std::string_view doc, Extractor extract) {
    return make_field(name, lang::FieldType::charbuf, Scope::event, doc, extract).of_audit();
}
Field audit_list(std::string_view name, std::string_view doc, Extractor extract) {
    return audit_field(name, doc, extract).list();
}
Field audit_items(std::string_view name, std::string_view doc, Extractor extract) {
    return audit_list(name, doc, extract).arg(lang::ArgKind::optional, ArgForm::index);
}

} // namespace gyr::fields
