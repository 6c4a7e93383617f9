#include "audit/audit_input.h"

#include <utility>

namespace gyr {

Result<std::unique_ptr<AuditInput>> AuditInput::create(AuditInputOptions options,
                                                       std::function<void(std::string)> on_problem) {
    std::unique_ptr<AuditInput> input(new AuditInput(options.queue_bytes));
    if (auto ok = input->queue_.open(); !ok) return std::unexpected(ok.error());
    if (options.webhook) {
        auto webhook = Webhook::listen(std::move(*options.webhook), input->queue_, on_problem);
        if (!webhook) return std::unexpected(webhook.error());
        input->webhook_ = std::move(*webhook);
    }
    if (!options.files.empty())
        input->tail_ = std::make_unique<FileTail>(std::move(options.files), input->queue_, std::move(on_problem));
    return input;
}

} // namespace gyr
