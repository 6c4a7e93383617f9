#include "audit/webhook.h"

#include "audit/audit_share.h"
#include "http/server.h"

#include <fmt/format.h>

#include <utility>

namespace gyr {
namespace {

// An API server cuts its batches at 10 MiB (--audit-webhook-truncate-max-batch-size). There are few of them, and each
// connection may hold a batch in memory.
constexpr std::size_t kMaxBody = 12U << 20;
constexpr std::size_t kConnections = 16;
constexpr std::size_t kLarge = 64U << 10; // read on a thread of their own, beside the connections

} // namespace

class Webhook::Impl {
  public:
    Impl(WebhookOptions options, AuditQueue& queue, std::function<void(std::string)> on_problem)
        : options_(std::move(options)), queue_(queue), on_problem_(std::move(on_problem)) {}

    Result<> start() {
        http::ServerOptions server;
        server.listen = {(options_.certificate.empty() ? "http://" : "https://") + options_.address};
        server.tls = {options_.certificate, options_.key, options_.client_ca};
        server.limits.body = kMaxBody;
        server.max_connections = kConnections;
        server.handle = [this](const http::Request& request) { return answer(request); };
        server.on_problem = on_problem_;
        server.is_slow = [](const http::Request& request) { return request.body.size() > kLarge; };
        auto started = http::Server::start(std::move(server));
        if (!started) return std::unexpected(started.error());
        server_ = std::move(*started);
        return {};
    }
    [[nodiscard]] int port() const { return server_->ports().front(); }

  private:
    http::Response answer(const http::Request& request) {
        const auto refuse = [](int status, std::string why) {
            return http::Response{.status = status, .content_type = "text/plain", .body = std::move(why) + "\n"};
        };
        const bool shared = request.path == options_.path + std::string(kSharedPath);
        if (request.path != options_.path && !shared) return refuse(404, "audit events go to " + options_.path);
        if (request.method != "POST") return refuse(405, "audit events are posted");
        auto batch = parse_audit(request.body, shared);
        if (!batch) {
            on_problem_("what was posted is " + batch.error().message);
            return refuse(400, batch.error().message);
        }
        for (const std::string& problem : batch->problems) on_problem_("in what was posted: " + problem);
        if (!queue_.push(std::move(batch->events), request.body.size())) {
            on_problem_("too many events wait; a request was turned away until there is room");
            return refuse(503, "too many events wait");
        }
        return {.status = 200, .content_type = "text/plain", .body = ""};
    }

    WebhookOptions options_;
    AuditQueue& queue_;
    std::function<void(std::string)> on_problem_;
    std::unique_ptr<http::Server> server_; // last: it calls answer()
};

Webhook::Webhook(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Webhook::~Webhook() = default;
int Webhook::port() const { return impl_->port(); }

Result<std::unique_ptr<Webhook>> Webhook::listen(WebhookOptions options, AuditQueue& queue,
                                                 std::function<void(std::string)> on_problem) {
    auto impl = std::make_unique<Impl>(std::move(options), queue, std::move(on_problem));
    if (auto ok = impl->start(); !ok) return std::unexpected(ok.error());
    return std::unique_ptr<Webhook>(new Webhook(std::move(impl)));
}

} // namespace gyr
