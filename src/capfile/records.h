#pragma once
// What the blocks of a capture file hold beside events, as plain values with the newest version's members. Members that
// an older block does not have keep the default given here.
//
// Views point into the reader's buffer: good until its next() is called again. Text has no NUL at its end.

#include "base/ids.h"
#include "event/fd_info.h"

#include <array>
#include <cstdint>
#include <string_view>

namespace gyr::capfile {

struct Section {
    std::uint16_t major = 1, minor = 2;
};

struct MachineInfo {
    std::uint32_t cpus = 0;
    std::uint64_t memory_bytes = 0;
    std::uint64_t max_pid = 0;
    std::string_view hostname;
    Nanos boot_time = 0; // wall clock; 0 in older files
    std::uint64_t flags = 0;
};

struct Interface {
    bool ipv6 = false;
    bool has_link_speed = true;
    std::array<std::uint8_t, 16> address{}, netmask{}, broadcast{}; // network order; IPv4 uses the first four bytes
    std::uint64_t link_speed = 0;
    std::string_view name;
};

struct UserRecord {
    Uid uid = kNoId;
    Gid gid = kNoId;
    std::string_view name, home, shell;
};

struct GroupRecord {
    Gid gid = kNoId;
    std::string_view name;
};

// One entry of a process list: a thread, in the words of the capture format. args, env and cgroups are items with a NUL
// after each (the last may lack it).
struct ThreadRecord {
    std::int64_t tid = 0, pid = 0, ptid = 0;
    std::int64_t sid = -1, vpgid = -1, pgid = -1;
    std::int64_t vtid = -1, vpid = -1;
    std::string_view comm, exe, exepath, args, cwd, env, cgroups, root;
    std::int64_t fdlimit = 0;
    std::uint32_t flags = 0; // PPM_CL_*, capture-format numbers of clone flags and of the reader's own marks
    Uid uid = 0;
    Gid gid = 0;
    std::uint32_t vmsize_kb = 0, vmrss_kb = 0, vmswap_kb = 0;
    std::uint64_t pfmajor = 0, pfminor = 0;
    std::uint64_t pidns_init_start = 0; // ns
    std::uint32_t tty = 0;
    Uid loginuid = kNoId;
    bool exe_writable = false, exe_upper_layer = false, exe_lower_layer = false, exe_from_memfd = false;
    std::uint64_t cap_inheritable = 0, cap_permitted = 0, cap_effective = 0;
    std::uint64_t exe_ino = 0, exe_ino_ctime = 0, exe_ino_mtime = 0;
};

// One entry of a descriptor list. The lists are of thread groups: tid is the main thread's. Types that this version
// does not know are FdType::unsupported with a name that says so.
struct FdRecord {
    std::int64_t tid = 0;
    std::int64_t fd = 0;
    const FdInfo* info = nullptr; // good until the reader's next()
};

} // namespace gyr::capfile
