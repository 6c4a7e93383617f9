#pragma once
// What Falco does with engine.kind: replay: the alerts of a capture file go to the outputs of the configuration, and
// that is all. Nothing else of the agent runs: no web server, no watching of files, no reload.

#include "app/console.h"
#include "base/ids.h"

#include <optional>

namespace gyr::app {

struct CommonOptions;

// Nothing: the configuration asks for no replay. span: events later than this after the first are not looked at (0:
// all).
[[nodiscard]] std::optional<Exit> replay_as_configured(const CommonOptions& options, Nanos span);

} // namespace gyr::app
