#pragma once
// The metrics that dashboards made for Falco ask for, as far as they have a meaning here.

#include "app/agent.h"
#include "metrics/exposition.h"

namespace gyr::app {

void falco_metrics(metrics::Exposition& out, const Agent& agent, const Agent::State& state,
                   const Engine::Summary& engine);

} // namespace gyr::app
