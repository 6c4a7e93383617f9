#include "engine/loss_by_process.h"

#include <algorithm>

namespace gyr {
namespace {

constexpr std::size_t kMost = 4096; // processes of a gap that are told apart
constexpr std::size_t kNamed = 10;  // in its record

} // namespace

void LossByProcess::add(const What& what, const ProcessKey& process, const std::string& name, std::uint64_t count) {
    auto& processes = lost_[what];
    auto at = processes.find(process);
    if (at == processes.end()) {
        if (processes.size() >= kMost) return;
        at = processes.emplace(process, GapProcess{.pid = process.pid, .name = {}, .count = 0}).first;
    }
    if (!name.empty()) at->second.name = name;
    at->second.count += count;
}

std::vector<GapProcess> LossByProcess::take(const What& what) {
    std::vector<GapProcess> out;
    const auto at = lost_.find(what);
    if (at == lost_.end()) return out;
    for (auto& [key, process] : at->second) out.push_back(std::move(process));
    lost_.erase(at);
    const std::size_t named = std::min(out.size(), kNamed);
    std::ranges::partial_sort(out, out.begin() + static_cast<std::ptrdiff_t>(named), std::greater{},
                              &GapProcess::count);
    out.resize(named);
    return out;
}

} // namespace gyr
