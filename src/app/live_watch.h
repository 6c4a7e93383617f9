#pragma once
// Runs the live engine for commands that look at events themselves: no rules, no alerts, until a signal or a time.

#include "app/console.h"
#include "engine/engine.h"

#include <functional>
#include <memory>
#include <optional>

namespace gyr::app {

struct LiveWatch {
    Engine::Options engine = {}; // as the configuration has it
    EventPlan events;
    Nanos duration = 0; // 0: until SIGINT or SIGTERM
    // Rules whose plan is carried out instead of events; their alerts go nowhere.
    std::shared_ptr<const Matcher> rules = {};
    std::function<void(const Engine&)> end = {}; // before everything is detached
    // After the processes that are there are known, before the first event. False ends it.
    std::function<bool(Engine&)> begin;
    // False ends it.
    std::function<bool(const Event&, const EvalWorld&)> event;
    std::function<bool()> pause = {}; // what came at once was handed on; likewise
};

struct LiveEnd {
    Exit exit = Exit::fine;
    std::uint64_t lost = 0; // events the kernel could not write
};

[[nodiscard]] LiveEnd watch_live(LiveWatch watch);

// A duration ("90s", "1h30m", base/units.h), or seconds; empty: 0. Nothing when it is none, or none that can be waited
// for.
[[nodiscard]] std::optional<Nanos> parse_time_span(const std::string& text);
// Whether this program made the event itself, by what it writes and reads to tell of others.
[[nodiscard]] bool is_own(const Event& event);

} // namespace gyr::app
