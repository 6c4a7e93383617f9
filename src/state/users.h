#pragma once
// Names for uids and gids, as the process's own container knows them. Implemented in containers/users.h; by a fake in
// tests. Never blocks: what is not known yet is Missing::pending and arrives later.

#include "base/ids.h"
#include "state/missing.h"
#include "state/process.h"

#include <string>
#include <string_view>

namespace gyr {

struct UserEntry {
    Uid uid = 0;
    Gid gid = 0;
    std::string name, home, shell;
};

struct GroupEntry {
    Gid gid = 0;
    std::string name;
};

// entry is null when there is none, and why says the reason (pending, gone, denied, not_applicable = no such id in
// the file). source names where the answer comes from: "host", "container", "default" (uid 0 without any file).
struct UserAnswer {
    const UserEntry* entry = nullptr;
    Missing why = Missing::not_applicable;
    std::string_view source;
};
struct GroupAnswer {
    const GroupEntry* entry = nullptr;
    Missing why = Missing::not_applicable;
    std::string_view source;
};

// Pointers stay valid until the next call of a non-const function of the implementation on the same thread.
class UserView {
  public:
    virtual ~UserView() = default;
    [[nodiscard]] virtual UserAnswer user(const ProcessImage& process, Uid uid) const = 0;
    [[nodiscard]] virtual GroupAnswer group(const ProcessImage& process, Gid gid) const = 0;
};

} // namespace gyr
