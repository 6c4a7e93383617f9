#pragma once
// The descriptors of the process an event happened in, beside the one it acted on. Only who follows descriptors by
// events has them (replay); live events come without.
//
// What is returned is good until the next event.

#include "event/fd_info.h"

#include <cstdint>
#include <vector>

namespace gyr {

class FdView {
  public:
    virtual ~FdView() = default;
    // Null when the process has no such descriptor, or it is not known.
    [[nodiscard]] virtual const FdInfo* find_fd(std::int64_t number) const = 0;
    // Kinds of the open descriptors, each once, by ascending number.
    virtual void fd_types(std::vector<FdType>& out) const = 0;
};

} // namespace gyr
