#pragma once
// The HTTP side of a running agent: who may ask what, and where (docs/api.md). Health, readiness, version and metrics
// are for anybody at the addresses of server.probes; the whole API is for those who may use the Unix socket, or show
// the token or a certificate.

#include "app/agent.h"
#include "base/fd.h"
#include "http/server.h"

#include <memory>
#include <string>

namespace gyr::app {

class Api {
  public:
    // Nothing to serve: null. Errors are sentences about the configuration: an address that is open to others without a
    // token or certificates, or that cannot be listened on.
    static Result<std::unique_ptr<Api>> start(Agent& agent);
    // The first of these sentences that needs no trying; empty: there is none.
    [[nodiscard]] static std::string problem_with(const config::Server& settings);
    ~Api();
    Api(const Api&) = delete;
    Api& operator=(const Api&) = delete;

    [[nodiscard]] http::Server::Stats stats() const { return server_->stats(); }

  private:
    explicit Api(Agent& agent) : agent_(agent) {}
    [[nodiscard]] http::Response handle(const http::Request& request);

    Agent& agent_;
    std::size_t private_endpoints_ = 0; // those of server.listen come first
    UniqueFd event_fd_;
    std::unique_ptr<http::Server> server_;
};

} // namespace gyr::app
