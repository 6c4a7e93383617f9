#include "audit/audit_input.h"

#include <utility>

namespace gyr {

Result<std::unique_ptr<AuditInput>> AuditInput::create(AuditInputOptions options,
                                                       std::function<void(std::string)> on_problem) {
    std::unique_ptr<AuditInput> input(new AuditInput(options.queue_bytes));
    if (auto ok = input->queue_.open(); !ok) return std::unexpected(ok.error());
    AuditShareOptions share;
    share.urls = std::move(options.share);
    if (options.webhook) {
        share.certificate = options.webhook->certificate;
        share.key = options.webhook->key;
        share.authority = options.webhook->client_ca;
    }
    // The tap must be there before anybody pushes, and the port is known only afterwards: nothing is passed on before.
    if (!share.urls.empty()) {
        input->queue_.set_tap([raw = input.get()](std::span<const AuditEventPtr> events) {
            const std::lock_guard lock(raw->share_mutex_);
            if (raw->share_) raw->share_->push(events);
        });
    }
    if (options.webhook) {
        auto webhook = Webhook::listen(std::move(*options.webhook), input->queue_, on_problem);
        if (!webhook) return std::unexpected(webhook.error());
        input->webhook_ = std::move(*webhook);
    }
    if (!share.urls.empty()) {
        share.own_port = input->port();
        auto started = AuditShare::start(std::move(share), on_problem);
        if (!started) return std::unexpected(started.error());
        const std::lock_guard lock(input->share_mutex_);
        input->share_ = std::move(*started);
    }
    if (!options.files.empty())
        input->tail_ = std::make_unique<FileTail>(std::move(options.files), input->queue_, std::move(on_problem));
    return input;
}

} // namespace gyr
