#pragma once
// Everything the agent counts, for Prometheus: under the names that users of Falco know, and under our own.

#include "app/agent.h"
#include "http/server.h"

#include <string>
#include <string_view>

namespace gyr::app {

inline constexpr std::string_view kMetricsContentType = "text/plain; version=0.0.4; charset=utf-8";
[[nodiscard]] std::string metrics_text(const Agent& agent, const http::Server::Stats& server);

} // namespace gyr::app
