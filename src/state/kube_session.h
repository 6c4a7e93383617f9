#pragma once
// A session that somebody began in a pod over the Kubernetes API (kubectl exec): the process that the runtime started
// for it, and all that descends from it. Who asked for it is in the API server's audit log, which comes after the
// process has begun; audit/exec_join.h finds it and fills this in. Owned by the engine thread, shared by the images of
// the session's processes; generation grows with each change, so that cached results can tell.

#include "state/missing.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace gyr {

// One request that may have begun the session.
struct KubeRequest {
    std::string audit_id, user;
    std::vector<std::string> groups;
    std::string source_ip; // of the client: the first address of the request
    friend bool operator==(const KubeRequest&, const KubeRequest&) = default;
};

enum class KubeConfidence : std::uint8_t {
    none,      // no request fits: a probe of the kubelet, or somebody on the node
    exact,     // one user's request, and no other's, fits
    ambiguous, // requests of several users fit, or fewer requests than processes
};
[[nodiscard]] constexpr std::string_view to_string(KubeConfidence c) {
    switch (c) {
    case KubeConfidence::none: return "none";
    case KubeConfidence::exact: return "exact";
    case KubeConfidence::ambiguous: return "ambiguous";
    }
    return "none";
}

struct KubeSession {
    Missing why = Missing::pending; // none once it is decided
    KubeConfidence confidence = KubeConfidence::none;
    std::vector<KubeRequest> candidates; // exact: the one
    bool settled = false;                // nothing will change any more
    std::uint32_t generation = 0;

    [[nodiscard]] bool pending() const { return why == Missing::pending; }
    [[nodiscard]] const KubeRequest* exact() const {
        return !pending() && confidence == KubeConfidence::exact ? &candidates.front() : nullptr;
    }
};

} // namespace gyr
