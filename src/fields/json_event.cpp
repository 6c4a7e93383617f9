// jevt.* and json.*: any part of an event that came as JSON.

#include "fields/audit_values.h"

#include <fmt/format.h>

#include <memory>

namespace gyr::fields {
namespace {

using lang::ArgKind;

using Pointer = std::vector<std::string>; // a JSON pointer (RFC 6901), taken apart

Result<> take_pointer(Argument& a, lang::FieldType&) {
    std::string_view text = a.text;
    if (text.starts_with('/')) text.remove_prefix(1);
    auto pointer = std::make_shared<Pointer>();
    for (;;) {
        const std::size_t slash = std::min(text.find('/'), text.size());
        std::string key;
        for (std::size_t i = 0; i < slash; ++i) {
            const bool escape = text[i] == '~' && i + 1 < slash && (text[i + 1] == '0' || text[i + 1] == '1');
            key += !escape ? text[i] : text[++i] == '0' ? '~' : '/';
        }
        pointer->push_back(std::move(key));
        if (slash == text.size()) break;
        text.remove_prefix(slash + 1);
    }
    a.prepared = std::move(pointer);
    return {};
}

Value value(const Context& c, const Argument& a) {
    const AuditJson* at = json_document(c);
    for (const std::string& key : *static_cast<const Pointer*>(a.prepared.get())) {
        if (!at) break;
        at = json_member(*at, key);
    }
    return at ? json_text_value(*at, c.arena) : no_value();
}

Value object(const Context& c, const Argument&) {
    const AuditJson* json = json_document(c);
    return json ? Value::of_text(c.arena.copy(json->dump(2))) : no_value();
}

Value rawtime(const Context& c, const Argument&) {
    return json_document(c) ? Value::of_text(c.arena.copy(fmt::format("{}", c.event.time))) : no_value();
}

} // namespace

std::span<const Field> json_event_fields() {
    constexpr std::string_view kValue =
        "One part of the event, by JSON pointer: jevt.value[/requestObject/metadata/name]; a text as it is, all else "
        "as JSON";
    constexpr std::string_view kObject = "The whole event as JSON, indented";
    constexpr std::string_view kTime = "Nanoseconds since the epoch, as text; same as evt.rawtime";
    static const Field table[] = {
        audit_field("jevt.value", kValue, value).arg(ArgKind::required, ArgForm::key, take_pointer),
        audit_field("jevt.obj", kObject, object),
        audit_field("jevt.rawtime", kTime, rawtime),
        audit_field("json.value", kValue, value).arg(ArgKind::required, ArgForm::key, take_pointer),
        audit_field("json.obj", kObject, object),
        audit_field("json.rawtime", kTime, rawtime),
    };
    return table;
}

} // namespace gyr::fields
