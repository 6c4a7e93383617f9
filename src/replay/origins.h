#pragma once
// Who started whom, also when it has ended: proc.ancestors.*. A process that made others has a node; it lives as long
// as the process or any of those it made. Of an ended one the node keeps the last image.

#include "state/process.h"

#include <cstddef>
#include <memory>
#include <unordered_map>

namespace gyr::replay {

struct Thread;
class Origins;

struct Origin {
    Origin(Origins& among, Thread& process) : origins(among), living(&process) {}
    ~Origin();
    Origin(const Origin&) = delete;
    Origin& operator=(const Origin&) = delete;

    Origins& origins;
    Thread* living;        // the process's main thread; null: it has ended
    ProcessImagePtr image; // of an ended one; null when it was not kept
    std::shared_ptr<Origin> creator;
};
using OriginPtr = std::shared_ptr<Origin>;

// The ended ones, by key. Over the limit no more are kept, and lines of descent end there.
class Origins {
  public:
    explicit Origins(std::size_t most_ended = 16'384) : most_ended_(most_ended) {}

    // process is on its way out.
    void end(OriginPtr node, const ProcessImagePtr& image);
    [[nodiscard]] const Origin* find_ended(const ProcessKey& key) const;
    // Whether node is in the line of those that made from, or may be: a circle.
    [[nodiscard]] static bool leads_to(const Origin* from, const Origin& node);

  private:
    friend struct Origin;
    std::size_t most_ended_;
    std::unordered_map<ProcessKey, Origin*> ended_;
};

} // namespace gyr::replay
