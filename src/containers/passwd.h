#pragma once
// /etc/passwd, /etc/group and /proc/PID/uid_map as text anybody may have written: lines that are not in order are
// skipped, the first entry of an id counts.

#include "state/users.h"

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace gyr {

class UserTable {
  public:
    // cut: the last line is not whole. At most kMaxEntries of each.
    void parse_passwd(std::string_view text, bool cut);
    void parse_group(std::string_view text, bool cut);
    [[nodiscard]] const UserEntry* find_user(Uid uid) const;
    [[nodiscard]] const GroupEntry* find_group(Gid gid) const;
    static constexpr std::size_t kMaxEntries = 100'000;

  private:
    std::vector<UserEntry> users_;   // by uid
    std::vector<GroupEntry> groups_; // by gid
};

// A user namespace's mapping. Empty: ids are the same inside and outside.
class IdMap {
  public:
    static IdMap parse(std::string_view text);
    // The id as the namespace knows it, nullopt when it knows none.
    [[nodiscard]] std::optional<std::uint32_t> to_inside(std::uint32_t outside) const;

  private:
    struct Range {
        std::uint32_t inside, outside, count;
    };
    std::vector<Range> ranges_;
};

} // namespace gyr
