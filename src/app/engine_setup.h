#pragma once
// The configuration as the engine's options.

#include "audit/audit_input.h"
#include "base/result.h"
#include "config/config.h"
#include "engine/engine.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace gyr::app {

// Of plan.verify: "1/1000" is 1000, "0" is 0. Nothing: it is neither, which bad_share() says.
[[nodiscard]] std::optional<std::uint32_t> parse_share(std::string_view text);
[[nodiscard]] std::string bad_share(std::string_view text);
inline constexpr const char* kNothingToWatch =
    "there is nothing to watch: kernel.enabled is false, and neither audit.listen nor audit.files is set";
[[nodiscard]] Result<AuditInputOptions> audit_options(const config::Config& config);
[[nodiscard]] Engine::Options engine_options(const config::Config& config, AuditInputOptions audit);
// Captures around alerts; without a value none are written.
[[nodiscard]] std::optional<CaptureStageOptions> capture_options(const config::Config& config);

} // namespace gyr::app
