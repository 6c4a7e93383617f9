#pragma once
// The configuration as the engine's options.

#include "audit/audit_input.h"
#include "base/result.h"
#include "config/config.h"
#include "engine/engine.h"

#include <optional>

namespace gyr::app {

[[nodiscard]] Result<AuditInputOptions> audit_options(const config::Config& config);
[[nodiscard]] Engine::Options engine_options(const config::Config& config, AuditInputOptions audit);
// Captures around alerts; without a value none are written.
[[nodiscard]] std::optional<CaptureStageOptions> capture_options(const config::Config& config);

} // namespace gyr::app
