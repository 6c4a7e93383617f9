#pragma once
// Which Kubernetes user began a session: ties the requests of the audit log (pods/exec) to the processes that the
// runtime starts for them. Neither names the other; what both tell is the pod, the container, the command word by word
// and the time. A request begins at most one process, so that what only one process can have is no other's.
//
// The log comes late (the API server posts it in batches), so a session is pending for a bounded time, and what is
// decided may change while it is not settled: another user's request for the same command makes exact ambiguous.
// Without I/O and clock of its own. One thread.

#include "audit/audit_event.h"
#include "state/kube_session.h"
#include "state/process.h"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace gyr {

class ExecJoin {
  public:
    struct Options {
        Nanos wait = 3'000'000'000;     // from the process's start until a session without a request is one
        Nanos skew = 1'000'000'000;     // how far the clocks of node and API server may be apart
        Nanos far_skew = 5'000'000'000; // the same, for a request and a session that nothing else fits
        Nanos latency = 10'000'000'000; // from request to process, at most
        Nanos apart = 500'000'000;      // between the end of one request and another one that is certainly later
        Nanos settle = 60'000'000'000;  // after this nothing is changed any more
        std::size_t most = 2'048;       // sessions and requests looked at, each; beyond, the oldest are settled
    };

    explicit ExecJoin(Options options) : options_(options) {}

    // A program begins to run. Its session when the runtime started it in a running container, from outside; null for
    // all others. before: the process's image until now; parent: its parent's. steady: now, monotonic.
    [[nodiscard]] std::shared_ptr<KubeSession> open(const ProcessImage& image, const ProcessImage* before,
                                                    const ProcessImage* parent, Nanos start, Nanos steady);
    // Each of these: whether some session changed.
    bool on_audit(const AuditEvent& audit);
    bool on_metadata(); // pods have become known
    bool on_time(Nanos steady);
    // Steady time of the next decision that time alone makes; 0: none.
    [[nodiscard]] Nanos next_deadline() const;

    // Somebody attaches to a container's own process, or is done with it. Nothing when the event is about something
    // else, and when they only read what it writes.
    struct Attach {
        KubeRequest who;
        std::string pod_namespace, pod, container; // container: empty when the request names none
        bool ends = false;
        [[nodiscard]] bool is_for(const ContainerInfo& info) const {
            return info.pod_name == pod && info.pod_namespace == pod_namespace && !info.is_pod_sandbox &&
                   (container.empty() || info.name == container);
        }
    };
    [[nodiscard]] static std::optional<Attach> attach_of(const AuditEvent& audit);
    // The session of that process then: of all who are attached to it. Null when nobody is any more.
    [[nodiscard]] static std::shared_ptr<KubeSession> attach(const KubeSession* before, const Attach& attach);
    [[nodiscard]] std::size_t open_sessions() const { return sessions_.size(); }

  private:
    struct Started {
        std::shared_ptr<KubeSession> session;
        std::shared_ptr<const ExecImage> exec;
        std::shared_ptr<Container> container;
        Nanos start = 0; // wall clock
        Nanos steady = 0;
    };
    struct Request {
        KubeRequest who;
        std::string pod_namespace, pod, container; // container: empty when the request names none
        std::vector<std::string> command;
        Nanos received = 0; // wall clock of the API server
        Nanos ended = 0;    // likewise; 0: not yet, or not told
    };

    [[nodiscard]] bool fits(const Started& started, const Request& request, Nanos skew) const;
    void drop_later_requests(std::vector<std::vector<std::size_t>>& fitting) const;
    bool decide(bool time_is_over, Nanos steady);
    void drop_old();

    Options options_;
    std::deque<Started> sessions_; // oldest first
    std::deque<Request> requests_; // as they came
};

} // namespace gyr
