#pragma once
// Everything that brings audit events to a running agent: the webhook and the files that are followed. What comes of
// sessions is passed on to the agents that are named.

#include "audit/audit_share.h"
#include "audit/file_tail.h"
#include "audit/webhook.h"

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace gyr {

struct AuditInputOptions {
    std::optional<WebhookOptions> webhook;
    std::vector<std::string> files;
    std::vector<std::string> share;                  // webhooks of other agents (audit/audit_share.h)
    std::size_t queue_bytes = AuditQueue::kMaxBytes; // of documents that wait to be judged
    [[nodiscard]] bool any() const { return webhook.has_value() || !files.empty(); }
};

class AuditInput {
  public:
    // on_problem: any thread; one sentence.
    static Result<std::unique_ptr<AuditInput>> create(AuditInputOptions options,
                                                      std::function<void(std::string)> on_problem);
    [[nodiscard]] int fd() const { return queue_.fd(); } // readable when take() has something
    [[nodiscard]] std::vector<AuditEventPtr> take() { return queue_.take(); }
    [[nodiscard]] int port() const { return webhook_ ? webhook_->port() : -1; }

  private:
    explicit AuditInput(std::size_t queue_bytes) : queue_(queue_bytes) {}
    std::mutex share_mutex_;
    std::unique_ptr<AuditShare> share_; // guarded by share_mutex_
    AuditQueue queue_;                  // before those that fill it
    std::unique_ptr<Webhook> webhook_;
    std::unique_ptr<FileTail> tail_;
};

} // namespace gyr
