// What was lost, told once it is over; and what is given up to stay within the budget.

#include "engine/engine.h"

#include "base/clock.h"
#include "event/schema.h"
#include "match/program.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <utility>

namespace gyr {

namespace {

constexpr Nanos kBudgetEvery = 500'000'000;
// By RecordKind.
constexpr std::array<std::string_view, kRecordKinds> kClassNames = {"fork", "exec", "exit", "snapshot", "change"};
constexpr const char* kRecordsLost = "the ring buffer of the process lane was full";
constexpr const char* kEventsLost = "the ring buffer of its lane was full";
constexpr const char* kEventsShed = "the agent used more than its share of the processor";

std::string_view class_name(EventCode code) {
    const EventInfo* info = find_event(code);
    return info != nullptr ? info->name : "event";
}

} // namespace

void Engine::watch_losses() {
    if (!source_) return;
    const Losses losses = source_->losses();
    const Nanos now = wall_now();
    const Nanos offset = now - clock_now(CLOCK_BOOTTIME);
    std::vector<GapWatch::Loss> seen;
    std::uint64_t total = 0; // of process records
    for (std::size_t kind = 0; kind < losses.size(); ++kind) {
        const LossCounters& loss = losses[kind];
        if (loss.count == 0) continue;
        total += loss.count;
        seen.push_back({.stage = "kernel ring",
                        .event_class = kClassNames[kind],
                        .total = loss.count,
                        .first = offset + static_cast<Nanos>(loss.first_boottime_ns),
                        .last = offset + static_cast<Nanos>(loss.last_boottime_ns),
                        .container = {},
                        .reason = kRecordsLost});
    }
    const std::uint64_t total_events = source_->events_lost();
    if (total + total_events == 0) return;
    if (total_events != 0 && (gaps_open_ || total_events != events_lost_)) add_event_losses(seen, offset);
    if (gaps_open_ || total != lost_records_ || total_events != events_lost_) add_process_losses();
    events_lost_ = total_events;
    lost_records_ = total;
    gaps_open_ = gaps_.update(seen, now, blind_rules(), [this](GapRecord gap) { emit_gap(std::move(gap)); });
    if (!gaps_open_) lost_of_.clear();
    // When the flood is over the kernel is asked again for every process, so that the tree is whole.
    if (!gaps_open_ && total != healed_) {
        healed_ = total;
        if (auto ok = source_->refresh_all(); !ok)
            spdlog::warn("cannot read the processes again after a loss: {}", ok.error().message);
    }
}

void Engine::add_event_losses(std::vector<GapWatch::Loss>& seen, Nanos offset) {
    for (const EventLoss& loss : source_->event_losses()) {
        seen.push_back({.stage = "kernel ring",
                        .event_class = class_name(loss.code),
                        .total = loss.lost.count,
                        .first = offset + static_cast<Nanos>(loss.lost.first_boottime_ns),
                        .last = offset + static_cast<Nanos>(loss.lost.last_boottime_ns),
                        .container = container_named(loss.cgroup_set),
                        .reason = loss.shed ? kEventsShed : kEventsLost,
                        .by_container = true,
                        .counter = loss.cgroup_set,
                        .rules = &blind_to(loss.code)});
    }
}

void Engine::add_process_losses() {
    for (const ProcessLoss& loss : source_->take_process_losses()) {
        const ProcessImage* image = pipeline_->processes().find(loss.process);
        LossByProcess::What what;
        if (loss.record)
            what = {std::string(kClassNames[static_cast<std::size_t>(*loss.record)]), "", kRecordsLost};
        else
            what = {std::string(class_name(loss.code)), std::string(container_named(loss.cgroup_set)),
                    loss.shed ? kEventsShed : kEventsLost};
        lost_of_.add(what, loss.process, image != nullptr ? image->comm : "", loss.count);
    }
}

// Empty: none, or not known.
std::string_view Engine::container_named(std::uint64_t cgroup_set) const {
    const auto found = container_of_.find(cgroup_set);
    return found != container_of_.end() ? std::string_view(found->second) : std::string_view();
}

// Those that are asked about events of this type.
const std::vector<std::string>& Engine::blind_to(EventCode code) {
    const auto [at, fresh] = blind_.try_emplace(code);
    if (!fresh) return at->second;
    pipeline_->matcher().for_each_event([&](EventKey key, std::span<const match::ProgramRule> rules) {
        if (key.code != code) return;
        for (const match::ProgramRule& r : rules) {
            const std::string& name = pipeline_->matcher().rules()[r.rule].name;
            if (std::ranges::find(at->second, name) == at->second.end()) at->second.push_back(name);
        }
    });
    return at->second;
}

std::vector<std::string> Engine::blind_rules() const {
    std::vector<std::string> names;
    for (const Rule& rule : pipeline_->matcher().rules()) {
        if (rule.enabled && rule.disabled_why.empty()) names.push_back(rule.name);
    }
    return names;
}

void Engine::emit_gap(GapRecord gap) {
    gap.processes = lost_of_.take({gap.event_class, gap.container, gap.reason});
    sink_.push(std::make_shared<const AlertRecord>(std::move(gap)));
}

// Over the budget, events of files are given up first, then those of the network; never those of processes and rights.
void Engine::keep_budget() {
    if (options_.cpu_budget_percent == 0 || !source_) return;
    const Nanos wall = clock_now(CLOCK_MONOTONIC), used = clock_now(CLOCK_PROCESS_CPUTIME_ID);
    if (wall - budget_wall_ < kBudgetEvery) return;
    const bool first = budget_wall_ == 0;
    const Nanos share = (used - budget_used_) * 100 / std::max<Nanos>(wall - budget_wall_, 1);
    budget_wall_ = wall;
    budget_used_ = used;
    if (first) return;
    const auto budget = static_cast<Nanos>(options_.cpu_budget_percent);
    unsigned shed = shed_;
    if (share > budget && shed < 2)
        ++shed;
    else if (share < budget / 2 && shed > 0)
        --shed;
    if (shed == shed_) return;
    shed_ = shed;
    source_->shed(shed);
    static constexpr std::array<const char*, 3> kWhat{"nothing", "events of files and the like",
                                                      "events of files, of the network and the like"};
    spdlog::warn("the agent uses {} % of a processor, its budget is {} %: given up are {}", share, budget, kWhat[shed]);
}

} // namespace gyr
