#pragma once
// One event of the Kubernetes API server's audit log (API group audit.k8s.io), as it was posted or written to a file:
// the JSON document as it came, and its time. Immutable, shared by whoever looks at it.

#include "base/ids.h"
#include "base/result.h"
#include "event/event_type.h"
#include "state/event.h"

#include <nlohmann/json_fwd.hpp>

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace gyr {

inline constexpr std::string_view kAuditSource = "k8s_audit";
inline constexpr std::size_t kMaxAuditBytes = 16 * 1024 * 1024; // of one document; what is larger is refused

struct AuditEvent {
    AuditEvent(nlohmann::ordered_json&& json, Nanos when, Nanos request);
    ~AuditEvent();
    AuditEvent(const AuditEvent&) = delete;
    AuditEvent& operator=(const AuditEvent&) = delete;

    std::unique_ptr<const nlohmann::ordered_json> document; // an object
    Nanos time = 0;      // of the stage, wall clock; of the request where the stage has none
    Nanos received = 0;  // when the request came
    bool shared = false; // another agent has passed it on: it tells of a session, and is no event to rules

    // The text below the keys; empty: there is none, or it is no text. Points into document.
    [[nodiscard]] std::string_view text(std::initializer_list<const char*> keys) const;
    [[nodiscard]] std::vector<std::string> texts(std::initializer_list<const char*> keys) const;
};
using AuditEventPtr = std::shared_ptr<const AuditEvent>;

struct AuditBatch {
    std::vector<AuditEventPtr> events;
    std::vector<std::string> problems; // of items that are no events: one sentence each
    bool shared = false;               // all of them
};

// An Event, an EventList or an array of these. Error: it is none of them, or no JSON, or nested too deep.
[[nodiscard]] Result<AuditBatch> parse_audit(std::string_view json, bool shared = false);

// As rules see it.
[[nodiscard]] Event event_of_audit(AuditEventPtr audit, std::uint64_t number);

} // namespace gyr
