#pragma once
// Read access to other processes while an event is looked at: parents, session and group leaders. Implemented by the
// process table; by a fake in tests. Ended processes answer for a bounded time.

#include "state/process.h"

#include <cstdint>
#include <functional>

namespace gyr {

class ProcessView {
  public:
    virtual ~ProcessView() = default;
    // Current (or last) image; null when unknown.
    [[nodiscard]] virtual const ProcessImage* find(const ProcessKey& key) const = 0;
    // The process that has this pid now.
    [[nodiscard]] virtual const ProcessImage* find_pid(Pid pid) const = 0;
    // By pid as seen inside a pid namespace (session or group leader of a container).
    [[nodiscard]] virtual const ProcessImage* find_vpid(std::uint32_t pidns_inode, Pid vpid) const = 0;
    // The process that forked this one, even when it has exited and the kernel named another parent since.
    [[nodiscard]] virtual const ProcessImage* find_creator(const ProcessKey& key) const = 0;
    // Some living process that sees files through this mount namespace, as last told, and that the caller wants; null:
    // none is known. Looks at everybody.
    [[nodiscard]] virtual const ProcessImage*
    find_in_mount_namespace(std::uint32_t, const std::function<bool(const ProcessImage&)>&) const {
        return nullptr;
    }
    // Events have named this pid, and nothing else is known of it. The kernel tells of everybody: only in captures.
    [[nodiscard]] virtual bool is_but_a_number(Pid) const { return false; }
    // A parent's number holds though nothing else is known of it: the kernel gave it. A capture's may be of somebody
    // who was gone when it began, or of another pid namespace.
    [[nodiscard]] virtual bool numbers_unknown_parents() const { return true; }
};

} // namespace gyr
