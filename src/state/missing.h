#pragma once
// Why a value is not there. Every missing value has one of these; alerts print it under "missing".

#include <cstdint>
#include <string_view>

namespace gyr {

enum class Missing : std::uint8_t {
    none,            // it is there
    not_applicable,  // has no meaning for this event or process (no parent, index out of range)
    not_container,   // container or Kubernetes field of a host process
    not_kubernetes,  // Kubernetes field of a container outside a pod
    pending,         // still being looked up: the only reason that may go away
    runtime_timeout, // the runtime did not answer in time
    no_runtime,      // no runtime knows this container id
    denied,          // not permitted to look
    gone,            // the process or container ended before it could be read
    lost,            // the event that carried it was lost; see the gap records
    unsupported,     // this host or source cannot tell
    ambiguous,       // several values fit; see k8s.user.candidates
};

[[nodiscard]] constexpr std::string_view to_string(Missing m) {
    switch (m) {
    case Missing::none: return "none";
    case Missing::not_applicable: return "not_applicable";
    case Missing::not_container: return "not_container";
    case Missing::not_kubernetes: return "not_kubernetes";
    case Missing::pending: return "pending";
    case Missing::runtime_timeout: return "runtime_timeout";
    case Missing::no_runtime: return "no_runtime";
    case Missing::denied: return "denied";
    case Missing::gone: return "gone";
    case Missing::lost: return "lost";
    case Missing::unsupported: return "unsupported";
    case Missing::ambiguous: return "ambiguous";
    }
    return "unknown";
}

} // namespace gyr
