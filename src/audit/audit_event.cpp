#include "audit/audit_event.h"

#include "base/json_brackets.h"
#include "base/rfc3339.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <optional>
#include <utility>

namespace gyr {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::int64_t kMaxDepth = 64; // of brackets; the objects of Kubernetes have a dozen levels

const Json* at(const Json& root, std::initializer_list<const char*> keys) {
    const Json* value = &root;
    for (const char* key : keys) {
        if (!value->is_object()) return nullptr;
        const auto found = value->find(key);
        if (found == value->end()) return nullptr;
        value = &*found;
    }
    return value;
}

std::string_view text_at(const Json& root, std::initializer_list<const char*> keys) {
    const Json* value = at(root, keys);
    return value != nullptr && value->is_string() ? std::string_view(value->get_ref<const std::string&>())
                                                  : std::string_view();
}

void add_event(Json&& json, AuditBatch& out) {
    if (!json.is_object()) {
        out.problems.emplace_back("an item of the list is no object");
        return;
    }
    for (const char* key : {"stageTimestamp", "requestReceivedTimestamp", "timestamp"}) {
        const std::string_view text = text_at(json, {key});
        if (text.empty()) continue;
        if (const auto time = parse_rfc3339(text)) {
            const Nanos received = parse_rfc3339(text_at(json, {"requestReceivedTimestamp"})).value_or(*time);
            auto event = std::make_shared<AuditEvent>(std::move(json), *time, received);
            event->shared = out.shared;
            out.events.push_back(std::move(event));
            return;
        }
        out.problems.push_back(
            fmt::format("{} '{}' is no time such as 2026-01-31T10:30:00.123456Z", key, text.substr(0, 40)));
        return;
    }
    out.problems.emplace_back("an audit event without stageTimestamp");
}

// Depth is bounded by the caller, so that this may call itself.
bool add_any(Json&& json, AuditBatch& out) {
    if (json.is_array()) {
        for (Json& item : json)
            if (!add_any(std::move(item), out)) out.problems.emplace_back("an item of the list is no audit event");
        return true;
    }
    const std::string_view kind = json.is_object() ? text_at(json, {"kind"}) : std::string_view();
    // Items of a list, taken out of it, have no kind.
    if (kind == "Event" || (json.is_object() && !json.contains("kind") && json.contains("auditID"))) {
        add_event(std::move(json), out);
        return true;
    }
    if (kind != "EventList") return false;
    const auto items = json.find("items");
    if (items == json.end() || !items->is_array()) return false;
    for (Json& item : *items) add_event(std::move(item), out);
    return true;
}

} // namespace

AuditEvent::AuditEvent(Json&& json, Nanos when, Nanos request)
    : document(std::make_unique<const Json>(std::move(json))), time(when), received(request) {}
AuditEvent::~AuditEvent() = default;

std::string_view AuditEvent::text(std::initializer_list<const char*> keys) const { return text_at(*document, keys); }

std::vector<std::string> AuditEvent::texts(std::initializer_list<const char*> keys) const {
    std::vector<std::string> out;
    const Json* value = at(*document, keys);
    if (value == nullptr || !value->is_array()) return out;
    for (const Json& item : *value)
        if (item.is_string()) out.push_back(item.get_ref<const std::string&>());
    return out;
}

Result<AuditBatch> parse_audit(std::string_view json, bool shared) {
    if (json.size() > kMaxAuditBytes) return fail(ErrorKind::invalid, "larger than 16 MiB");
    if (json_depth(json) > kMaxDepth) return fail(ErrorKind::invalid, "nested too deep");
    Json parsed = Json::parse(json.begin(), json.end(), nullptr, false);
    if (parsed.is_discarded()) return fail(ErrorKind::invalid, "not JSON");
    AuditBatch out;
    out.shared = shared;
    if (!add_any(std::move(parsed), out))
        return fail(ErrorKind::invalid, "JSON, but neither an audit Event nor an EventList");
    return out;
}

Event event_of_audit(AuditEventPtr audit, std::uint64_t number) {
    Event event;
    event.code = kPluginEvent;
    event.number = number;
    event.time = audit->time;
    event.audit = std::move(audit);
    return event;
}

} // namespace gyr
