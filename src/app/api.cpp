#include "app/api.h"

#include "app/api_alerts.h"
#include "app/console.h"
#include "app/metrics_page.h"
#include "app/status_page.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <openssl/crypto.h>

#include <algorithm>
#include <array>

#include <sys/eventfd.h>

namespace gyr::app {
namespace {

using http::Origin;
using http::Request;
using http::Response;

struct Asked {
    Agent& agent;
    const Request& request;
    const http::Server::Stats& server;
    int event_fd;
};

Response error(int status, std::string_view why) {
    const nlohmann::json body{{"error", why}};
    return {.status = status, .body = body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n"};
}

Response json(std::string body) { return {.body = std::move(body) + "\n"}; }

Response health(const Asked& asked) {
    const std::string why = asked.agent.unhealthy();
    if (!why.empty()) return error(503, why);
    return {.body = "{\"status\": \"ok\"}"};
}

Response ready(const Asked& asked) {
    if (!asked.agent.armed()) return error(503, "starting");
    return health(asked);
}

Response metrics_of(const Asked& asked) {
    return {.content_type = std::string(kMetricsContentType), .body = metrics_text(asked.agent, asked.server)};
}

Response rule_of(const Asked& asked) {
    const std::string name = asked.request.path.substr(std::string_view("/api/v1/rules/").size());
    auto body = rule_json(asked.agent, name);
    return body ? json(std::move(*body)) : error(404, fmt::format("there is no rule '{}'", name));
}

Response reload(const Asked& asked) {
    const Agent::Reload outcome = asked.agent.reload("asked for over the API");
    const nlohmann::ordered_json body{{"good", outcome.good}, {"message", outcome.message}};
    return {.status = outcome.good ? 200 : 422,
            .body = body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n"};
}

struct Route {
    std::string_view method, path; // a path that ends in '/' stands for all below it
    bool probe = false;            // also at server.probes
    bool slow = false;             // reads the journal or loads rules
    Response (*answer)(const Asked&) = nullptr;
};

constexpr std::array kRoutes = {
    Route{"GET", "/healthz", true, false, health},
    Route{"GET", "/readyz", true, false, ready},
    Route{"GET", "/versions", true, false, [](const Asked&) { return json(versions_json()); }},
    Route{"GET", "/metrics", true, true, metrics_of},
    Route{"GET", "/status", false, true, [](const Asked& asked) { return json(status_json(asked.agent)); }},
    Route{"GET", "/api/v1/status", false, true, [](const Asked& asked) { return json(status_json(asked.agent)); }},
    Route{"GET", "/api/v1/plan", false, true, [](const Asked& asked) { return json(plan_of(asked.agent)); }},
    Route{"GET", "/api/v1/rules", false, true, [](const Asked& asked) { return json(rules_json(asked.agent)); }},
    Route{"GET", "/api/v1/rules/", false, true, rule_of},
    Route{"GET", "/api/v1/alerts", false, true,
          [](const Asked& asked) { return query_alerts(asked.agent, asked.request); }},
    Route{"GET", "/api/v1/alerts/stream", false, false,
          [](const Asked& asked) { return stream_alerts(asked.agent, asked.request, asked.event_fd); }},
    Route{"POST", "/api/v1/reload", false, true, reload},
};

bool fits(const Route& route, std::string_view path, const std::string& health_path) {
    if (route.path == "/healthz") return path == route.path || path == health_path;
    if (route.path.ends_with('/')) return path.starts_with(route.path) && path.size() > route.path.size();
    return path == route.path;
}

bool same_secret(std::string_view a, std::string_view b) {
    return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

// A page of some web site in a browser on this host can send requests to a loopback address, also by a name of its own
// that leads there. Neither has our name in Host, or no Origin.
bool from_a_web_page(const Request& request) {
    if (request.headers.contains("origin")) return true;
    const auto host = request.headers.find("host");
    if (host == request.headers.end()) return false;
    const auto address = http::parse_listen_address("http://" + host->second + ":0");
    const auto with_port = http::parse_listen_address("http://" + host->second);
    return !(address && http::is_local(*address)) && !(with_port && http::is_local(*with_port));
}

// Empty: it may.
std::string refusal(const Request& request, const config::Server& settings) {
    if (request.origin == Origin::unix_socket || request.client_certificate) return {};
    if (!settings.token.empty()) {
        const auto given = request.headers.find("authorization");
        constexpr std::string_view kScheme = "Bearer ";
        if (given != request.headers.end() && given->second.starts_with(kScheme) &&
            same_secret(std::string_view(given->second).substr(kScheme.size()), settings.token))
            return {};
        return "a token is needed: Authorization: Bearer TOKEN";
    }
    if (request.origin != Origin::loopback) return "only this host may ask";
    return from_a_web_page(request) ? "web pages may not ask" : "";
}

} // namespace

std::string Api::problem_with(const config::Server& settings) {
    for (const std::string& text : settings.listen) {
        const auto address = http::parse_listen_address(text);
        if (!address) return "server.listen: " + address.error().message;
        const bool certificates = address->tls && !settings.tls.ca.empty();
        if (!http::is_local(*address) && settings.token.empty() && !certificates)
            return fmt::format("server.listen: {} can be reached from other hosts; it needs server.token, or an https "
                               "address with server.tls.ca",
                               text);
    }
    for (const std::string& text : settings.probes) {
        if (const auto address = http::parse_listen_address(text); !address)
            return "server.probes: " + address.error().message;
    }
    return {};
}

Result<std::unique_ptr<Api>> Api::start(Agent& agent) {
    const Agent::State state = agent.state();
    const config::Server& settings = state.config.server;
    if (settings.listen.empty() && settings.probes.empty()) return nullptr;
    if (const std::string wrong = problem_with(settings); !wrong.empty()) return fail(ErrorKind::invalid, wrong);
    std::unique_ptr<Api> api(new Api(agent));
    api->event_fd_ = UniqueFd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    const bool standard = !state.origins.contains("server.listen");
    http::ServerOptions options;
    options.listen = settings.listen;
    options.tls = {settings.tls.cert, settings.tls.key, settings.tls.ca};
    options.handle = [self = api.get()](const Request& request) { return self->handle(request); };
    options.is_slow = [](const Request& request) {
        return std::ranges::any_of(kRoutes, [&](const Route& r) { return r.slow && fits(r, request.path, {}); });
    };
    options.event_fd = api->event_fd_.get();
    options.on_problem = [](const std::string& problem) { log(LogLevel::warning, "server: " + problem); };
    if (standard) {
        // Nobody asked for it, so that it cannot be had is no reason not to start.
        if (const auto tried = http::listen_on(settings.listen.front()); !tried) {
            log(LogLevel::info, fmt::format("no API: {}", tried.error().message));
            options.listen.clear();
        }
    }
    api->private_endpoints_ = options.listen.size();
    options.listen.insert(options.listen.end(), settings.probes.begin(), settings.probes.end());
    if (options.listen.empty()) return nullptr;
    auto server = http::Server::start(std::move(options));
    if (!server) return std::unexpected(server.error());
    api->server_ = std::move(*server);
    return api;
}

Api::~Api() { server_.reset(); }

Response Api::handle(const Request& request) {
    const config::Server settings = agent_.server_settings();
    const bool probe = request.endpoint >= private_endpoints_;
    bool known = false;
    for (const Route& route : kRoutes) {
        if (!fits(route, request.path, settings.health_path)) continue;
        if (probe && (!route.probe || (route.path == "/metrics" && !settings.probe_metrics))) continue;
        if (!probe) {
            if (const std::string why = refusal(request, settings); !why.empty())
                return error(settings.token.empty() ? 403 : 401, why);
        }
        known = true;
        if (request.method == route.method || (request.method == "HEAD" && route.method == "GET"))
            return route.answer({agent_, request, server_->stats(), event_fd_.get()});
    }
    return known ? error(405, "the method is not one of this path") : error(404, "there is nothing here");
}

} // namespace gyr::app
