#pragma once
// How container and Kubernetes fields reach the metadata of the event's container, and why it may be missing.

#include "fields/context.h"
#include "fields/value.h"

namespace gyr::fields {

struct ContainerAccess {
    const ProcessImage* process = nullptr; // null: the event's process is unknown, or it has none
    const Container* container = nullptr;  // null: a process of the host
    const ContainerInfo* info = nullptr;   // null: nothing known yet, or ever

    explicit ContainerAccess(const Context& c) : process(c.process()) {
        if (c.event.container)
            container = c.event.container.get();
        else if (process)
            container = process->container.get();
        if (container) info = container->info.get();
    }
    [[nodiscard]] bool host() const { return process && !container; }
    // Why a property is missing: the process was lost, metadata on its way, or given up.
    [[nodiscard]] Missing why() const {
        if (!container) return process ? Missing::not_container : Missing::lost;
        return container->why == Missing::none ? Missing::not_applicable : container->why;
    }
    // A text of the metadata. Empty while more is on its way: pending.
    [[nodiscard]] Value text(const std::string& s) const {
        if (s.empty() && container->pending()) return Value::missing(Missing::pending);
        return Value::of_text(s);
    }
};

} // namespace gyr::fields
