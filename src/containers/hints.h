#pragma once
// What the command line of a container's supervisor (containerd's shim, conmon) says about where its state lies.

#include "containers/resolver.h"
#include "state/process.h"
#include "state/process_view.h"

#include <string_view>

namespace gyr {

// Looks at the process, its parents and creators, a few levels up. outer: id of the container that the process's
// container is in, as its cgroup tells; "" for none. A supervisor in there is believed about what lies in there.
[[nodiscard]] ResolverHints find_hints(const ProcessImage& process, const ProcessView& processes,
                                       std::string_view outer = {});
// Adds what one process's image tells when it is a supervisor of the container; false when it is none.
bool add_hints(const ProcessImage& supervisor, ResolverHints& hints, std::string_view outer = {});

} // namespace gyr
