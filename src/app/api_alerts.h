#pragma once
// Records of the journal over HTTP: a piece of them, or all that come as server-sent events.

#include "app/agent.h"
#include "http/server.h"

namespace gyr::app {

// ?filter=CONDITION&since=TIME&after=SEQUENCE&limit=N. A call looks at a bounded number of records; "next" is where the
// following call goes on.
[[nodiscard]] http::Response query_alerts(Agent& agent, const http::Request& request);
// ?filter=CONDITION&after=SEQUENCE, or the header Last-Event-ID. Without either: from now on. wake_fd: of the server.
[[nodiscard]] http::Response stream_alerts(Agent& agent, const http::Request& request, int wake_fd);

} // namespace gyr::app
