#include "playback/fired_rules.h"

#include "containers/classify.h"

#include <algorithm>

namespace gyr::playback {

bool FiredRules::is_due(const ProcessImage& image) {
    if (image.generation == 0) return true;
    std::uint64_t& slot = asked_[image.generation % asked_.size()];
    if (slot == image.generation) return false;
    slot = image.generation;
    return is_started(image);
}

bool FiredRules::is_started(const ProcessImage& image) {
    if (running_.size() >= kMostProcesses) sweep();
    const ExecImage* exec = image.exec.get();
    Running& runs = running_[image.key.pid];
    if (runs.exec == exec) return !runs.forked || !image.container || !is_runtime_helper(exec->exe_path, {});
    const auto found = by_exec_.find(exec);
    runs = {exec, found != by_exec_.end() && !found->second.exec.expired()};
    return !runs.forked;
}

RuleBits& FiredRules::bits(const ProcessImage& image) {
    const auto found = by_exec_.find(image.exec.get());
    if (found != by_exec_.end()) {
        if (found->second.exec.expired()) found->second = {.exec = image.exec, .bits = {}};
        return found->second.bits;
    }
    if (by_exec_.size() >= sweep_at_) sweep();
    return by_exec_.emplace(image.exec.get(), Entry{.exec = image.exec, .bits = {}}).first->second.bits;
}

void FiredRules::sweep() {
    std::erase_if(by_exec_, [](const auto& entry) { return entry.second.exec.expired(); });
    std::erase_if(running_, [this](const auto& entry) { return !by_exec_.contains(entry.second.exec); });
    if (running_.size() >= kMostProcesses) running_.clear();
    sweep_at_ = std::max(kFirstSweep, by_exec_.size() * 2);
}

void FiredRules::clear() {
    asked_.fill(0);
    by_exec_.clear();
    running_.clear();
}

} // namespace gyr::playback
