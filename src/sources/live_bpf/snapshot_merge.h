#pragma once
// Makes one story out of the snapshot and of what happened while it was being taken, so that no process is missed and
// none is counted twice.
//
// The tracepoints are attached first; then an iterator walks all tasks. Both write to one ring, so records have one
// order. For a process P, alive when the tracepoints were attached or created later:
//
//   * P older than the tracepoints: alive when the iterator passes it, it is in the snapshot; gone by then, its exit
//     record came and nobody can ask about it any more. Its exec, before the iterator came, tells as much as a
//     snapshot would, so whichever is first stands and the later one is dropped.
//   * P created meanwhile: its fork record comes always, its snapshot record perhaps, in either order (P can be found
//     by number a moment before the fork is told). The first stands.
//   * P's exit is told before a snapshot record that was begun while P lived: the latter is dropped, or P would stay
//     for ever.
//   * A change of P that is told before P itself is dropped (there is nothing to change), and may have happened after
//     P's snapshot was begun; P is read once more at the end.
//
// A fork made during the snapshot carries its image, because its parent may not have been seen yet. What is kept here
// is dropped when the snapshot is over, but for the processes so young that their fork could still be on its way.

#include "event/process_record.h"

#include <unordered_set>
#include <vector>

namespace gyr {

class SnapshotMerge {
  public:
    // Whether the record is to be delivered. Records come in the ring's order.
    [[nodiscard]] bool accept(const ProcessRecord& record);

    // The iterator is through and the ring was emptied after it. Gives the processes to read once more.
    [[nodiscard]] std::vector<Pid> finish(std::uint64_t now_boottime_ns);

    [[nodiscard]] bool finished() const { return finished_; }
    // Nothing more to decide: accept() need not be asked.
    [[nodiscard]] bool idle() const { return finished_ && known_.empty(); }

  private:
    [[nodiscard]] bool accept_after(const ProcessRecord& record);

    std::unordered_set<ProcessKey> known_, gone_, changed_;
    std::uint64_t finished_at_ = 0;
    bool finished_ = false;
};

} // namespace gyr
