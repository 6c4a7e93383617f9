#include "audit/audit_event.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <ctime>
#include <optional>
#include <utility>

namespace gyr {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kMaxDepth = 64; // of brackets; the objects of Kubernetes have a dozen levels
constexpr Nanos kSecond = 1'000'000'000;

bool is_shallow(std::string_view text) {
    std::size_t depth = 0;
    bool quoted = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (quoted) {
            if (c == '\\')
                ++i;
            else if (c == '"')
                quoted = false;
        } else if (c == '"') {
            quoted = true;
        } else if (c == '{' || c == '[') {
            if (++depth > kMaxDepth) return false;
        } else if ((c == '}' || c == ']') && depth > 0) {
            --depth;
        }
    }
    return true;
}

// Takes a number of exactly so many digits; -1: there is none.
int take_digits(std::string_view& text, std::size_t count) {
    int value = 0;
    if (text.size() < count) return -1;
    for (const char c : text.substr(0, count)) {
        if (c < '0' || c > '9') return -1;
        value = value * 10 + (c - '0');
    }
    text.remove_prefix(count);
    return value;
}

bool take(std::string_view& text, char wanted) {
    if (text.empty() || (text.front() | 0x20) != (wanted | 0x20)) return false;
    text.remove_prefix(1);
    return true;
}

// RFC 3339: 2026-01-31T10:30:00.123456Z, or with an offset instead of the Z.
std::optional<Nanos> parse_time(std::string_view text) {
    std::tm t{};
    t.tm_year = take_digits(text, 4) - 1900;
    bool good = take(text, '-');
    t.tm_mon = take_digits(text, 2) - 1;
    good = take(text, '-') && good;
    t.tm_mday = take_digits(text, 2);
    good = take(text, 'T') && good;
    t.tm_hour = take_digits(text, 2);
    good = take(text, ':') && good;
    t.tm_min = take_digits(text, 2);
    good = take(text, ':') && good;
    t.tm_sec = take_digits(text, 2);
    if (!good || t.tm_year < 70 || t.tm_year > 350 || t.tm_mon < 0 || t.tm_mon > 11 || t.tm_mday < 1 ||
        t.tm_mday > 31 || t.tm_hour < 0 || t.tm_hour > 23 || t.tm_min < 0 || t.tm_min > 59 || t.tm_sec < 0 ||
        t.tm_sec > 60)
        return std::nullopt;
    Nanos fraction = 0;
    if (take(text, '.')) {
        Nanos unit = kSecond / 10;
        const std::size_t before = text.size();
        for (int digit = 0; (digit = take_digits(text, 1)) >= 0; unit /= 10) fraction += digit * unit;
        if (text.size() == before) return std::nullopt;
    }
    Nanos offset = 0;
    if (!take(text, 'Z')) {
        if (text.empty() || (text.front() != '+' && text.front() != '-')) return std::nullopt;
        const Nanos sign = text.front() == '-' ? -1 : 1;
        text.remove_prefix(1);
        const int hours = take_digits(text, 2);
        const bool colon = take(text, ':');
        const int minutes = take_digits(text, 2);
        if (hours < 0 || !colon || minutes < 0 || hours > 23 || minutes > 59) return std::nullopt;
        offset = sign * (hours * 3600 + minutes * 60);
    }
    if (!text.empty()) return std::nullopt;
    return (static_cast<Nanos>(::timegm(&t)) - offset) * kSecond + fraction;
}

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
        if (const auto time = parse_time(text)) {
            const Nanos received = parse_time(text_at(json, {"requestReceivedTimestamp"})).value_or(*time);
            out.events.push_back(std::make_shared<const AuditEvent>(std::move(json), *time, received));
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

Result<AuditBatch> parse_audit(std::string_view json) {
    if (json.size() > kMaxAuditBytes) return fail(ErrorKind::invalid, "larger than 16 MiB");
    if (!is_shallow(json)) return fail(ErrorKind::invalid, "nested too deep");
    Json parsed = Json::parse(json.begin(), json.end(), nullptr, false);
    if (parsed.is_discarded()) return fail(ErrorKind::invalid, "not JSON");
    AuditBatch out;
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
