#include "sources/live_bpf/snapshot_merge.h"

namespace gyr {
namespace {

// How long a fork may take between getting its start time and being told.
constexpr std::uint64_t kForkOnItsWay = 10'000'000'000;

} // namespace

bool SnapshotMerge::accept(const ProcessRecord& record) {
    if (finished_) return accept_after(record);
    switch (record.kind) {
    case RecordKind::snapshot: return !gone_.contains(record.key) && known_.insert(record.key).second;
    case RecordKind::fork: return known_.insert(record.key).second;
    case RecordKind::exec: known_.insert(record.key); return true;
    case RecordKind::exit: gone_.insert(record.key); return true;
    case RecordKind::change:
        if (known_.contains(record.key)) return true;
        changed_.insert(record.key);
        return false;
    }
    return true;
}

bool SnapshotMerge::accept_after(const ProcessRecord& record) {
    if (known_.empty()) return true;
    if (record.boottime_ns > finished_at_ + kForkOnItsWay) {
        known_.clear();
        return true;
    }
    return record.kind != RecordKind::fork || known_.erase(record.key) == 0;
}

std::vector<Pid> SnapshotMerge::finish(std::uint64_t now_boottime_ns) {
    finished_ = true;
    finished_at_ = now_boottime_ns;
    std::vector<Pid> again;
    for (const ProcessKey& key : changed_)
        if (!gone_.contains(key)) again.push_back(key.pid);
    std::erase_if(known_,
                  [&](const ProcessKey& key) { return key.start_boottime_ns + kForkOnItsWay < now_boottime_ns; });
    gone_ = {};
    changed_ = {};
    return again;
}

} // namespace gyr
