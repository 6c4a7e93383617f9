#pragma once
// The endpoint that a Kubernetes API server posts its audit events to (--audit-webhook-config-file): HTTP, or HTTPS
// with a certificate, and client certificates where an authority for them is given. Each request is answered when its
// events are in the queue: 200; 400 for what is no audit event, 503 when there is no room (the API server tries again).
// Below its path other agents pass on what concerns sessions (audit_share.h). Sizes, times and the number of
// connections are bounded (http/server.h). Ended by the destructor.

#include "audit/audit_queue.h"
#include "base/result.h"

#include <functional>
#include <memory>
#include <string>

namespace gyr {

struct WebhookOptions {
    std::string address = "127.0.0.1:0"; // host:port; no host: all addresses; port 0: any that is free
    std::string path = "/k8s-audit";
    std::string certificate, key; // PEM files; no certificate: plain HTTP; no key: it is in the certificate's file
    std::string client_ca;        // PEM file; clients must have a certificate of its making
};

class Webhook {
  public:
    // queue must outlive it. on_problem (any thread): one sentence about what was refused.
    static Result<std::unique_ptr<Webhook>> listen(WebhookOptions options, AuditQueue& queue,
                                                   std::function<void(std::string)> on_problem);
    ~Webhook();
    Webhook(const Webhook&) = delete;
    Webhook& operator=(const Webhook&) = delete;

    [[nodiscard]] int port() const;

  private:
    class Impl;
    explicit Webhook(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

} // namespace gyr
