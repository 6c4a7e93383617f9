#pragma once
// Passes on to the agents of other nodes what the audit log tells of sessions in pods (exec, attach): an API server
// posts to one address, and every agent must know who began a session on its node. The name in a URL stands for all
// addresses that it has, as a headless Service's does. Each address has its events in order, is waited for by no other,
// and is tried again for some seconds; what cannot be delivered then is told as a problem.

#include "audit/audit_event.h"
#include "base/result.h"

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace gyr {

// What follows a webhook's path where other agents post.
inline constexpr std::string_view kSharedPath = "/sessions";

struct AuditShareOptions {
    std::vector<std::string> urls; // http(s)://HOST:PORT/PATH, of webhooks
    std::string certificate, key;  // PEM files, to show over HTTPS; empty: none
    std::string authority;         // PEM file, of the others' certificates; empty: the system's
    int own_port = -1;             // where this agent listens: its own address is left out
};

class AuditShare {
  public:
    // on_problem: any thread; one sentence.
    static Result<std::unique_ptr<AuditShare>> start(AuditShareOptions options,
                                                     std::function<void(std::string)> on_problem);
    ~AuditShare();
    AuditShare(const AuditShare&) = delete;
    AuditShare& operator=(const AuditShare&) = delete;

    // Any thread; does not wait. What is about no session, or was passed on by another agent, is left out.
    void push(std::span<const AuditEventPtr> events);

  private:
    class Impl;
    explicit AuditShare(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

} // namespace gyr
