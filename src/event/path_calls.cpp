#include "event/path_calls.h"

#include "event/raw_event.h"
#include "event/schema.h"

#include <algorithm>
#include <iterator>
#include <vector>

namespace gyr {
namespace {

using Last = PathCall::Last;

// As the events have them: fchownat's flags are translated, those of others are the kernel's.
constexpr std::uint32_t kNoFollow = 0x400, kNoFollowOfStat = 0x100, kFollowOfLink = 0x400, kNoFollowOfUmount = 0x8,
                        kNoFollowOfPick = 0x2, kNoFollowOfWatch = 0x2000000, kFollowMoved = 0x1, kFollowTarget = 0x10;

struct Call {
    std::string_view name;
    Last first, second = Last::none;
    std::uint32_t flag = 0, second_flag = 0;
};
constexpr Call kCalls[] = {
    {"stat", Last::followed},
    {"stat64", Last::followed},
    {"lstat", Last::itself},
    {"lstat64", Last::itself},
    {"newfstatat", Last::unless, Last::none, kNoFollowOfStat},
    {"access", Last::followed},
    {"faccessat", Last::followed},
    {"faccessat2", Last::unless, Last::none, kNoFollowOfStat},
    {"statx", Last::unless, Last::none, kNoFollowOfStat},
    {"readlink", Last::itself},
    {"readlinkat", Last::itself},
    {"getxattr", Last::followed},
    {"lgetxattr", Last::itself},
    {"inotify_add_watch", Last::unless, Last::none, kNoFollowOfWatch},
    {"rename", Last::itself, Last::itself},
    {"renameat", Last::itself, Last::itself},
    {"renameat2", Last::itself, Last::itself},
    {"link", Last::itself, Last::itself},
    {"linkat", Last::when, Last::itself, kFollowOfLink},
    {"symlink", Last::itself},
    {"symlinkat", Last::itself},
    {"mkdir", Last::itself},
    {"mkdirat", Last::itself},
    {"mknod", Last::itself},
    {"mknodat", Last::itself},
    {"rmdir", Last::itself},
    {"unlink", Last::itself},
    {"unlinkat", Last::itself},
    {"chmod", Last::followed},
    {"fchmodat", Last::followed},
    {"fchmodat2", Last::unless, Last::none, kNoFollow},
    {"chown", Last::followed},
    {"lchown", Last::itself},
    {"fchownat", Last::unless, Last::none, kNoFollow},
    {"setxattr", Last::followed},
    {"lsetxattr", Last::itself},
    {"setxattrat", Last::unless, Last::none, kNoFollow},
    {"removexattr", Last::followed},
    {"lremovexattr", Last::itself},
    {"removexattrat", Last::unless, Last::none, kNoFollow},
    {"file_setattr", Last::unless, Last::none, kNoFollow},
    {"truncate", Last::followed},
    {"utime", Last::followed},
    {"utimes", Last::followed},
    {"futimesat", Last::followed},
    {"utimensat", Last::unless, Last::none, kNoFollow},
    {"acct", Last::followed},
    {"swapon", Last::followed},
    {"swapoff", Last::followed},
    {"chroot", Last::root},
    {"mount", Last::followed},
    {"umount", Last::followed},
    {"umount2", Last::unless, Last::none, kNoFollowOfUmount},
    {"open_tree", Last::unless, Last::none, kNoFollowOfStat},
    {"open_tree_attr", Last::unless, Last::none, kNoFollowOfStat},
    {"mount_setattr", Last::unless, Last::none, kNoFollowOfStat},
    {"move_mount", Last::when, Last::when, kFollowMoved, kFollowTarget},
    {"fspick", Last::unless, Last::none, kNoFollowOfPick},
    {"name_to_handle_at", Last::when, Last::none, kFollowOfLink},
};

PathCall path_call(const EventInfo& e) {
    PathCall out;
    const auto* call = std::ranges::find(kCalls, e.name, &Call::name);
    if (call == std::end(kCalls) || e.direction != EventDirection::exit) return out;
    out.first = call->first, out.second = call->second;
    out.flag = call->flag, out.second_flag = call->second_flag;
    const auto flags = std::ranges::find(e.params, "flags", &ParamInfo::name);
    if (out.flag != 0 && flags != e.params.end()) out.flags = static_cast<std::int8_t>(flags - e.params.begin());
    return out;
}

std::vector<PathCall> path_calls(std::span<const EventInfo> events) {
    std::vector<PathCall> out;
    for (const EventInfo& e : events) out.push_back(path_call(e));
    return out;
}

} // namespace

bool PathCall::follows(Last last, std::uint32_t bit, std::span<const std::string_view> params) const {
    if (last != Last::unless && last != Last::when) return last == Last::followed;
    const auto at = static_cast<std::size_t>(flags);
    const bool set = flags >= 0 && at < params.size() && (load_param<std::uint32_t>(params[at]) & bit) != 0;
    return set == (last == Last::when);
}

const PathCall* find_path_call(EventCode code, std::span<const std::string_view> params) {
    static const std::vector<PathCall> by_code = path_calls(event_schema()), by_generic = path_calls(generic_schema());
    const int generic = generic_index(code, params);
    if (generic < 0 && code >= by_code.size()) return nullptr;
    const PathCall& call = generic < 0 ? by_code[code] : by_generic[static_cast<std::size_t>(generic)];
    return call.first == Last::none ? nullptr : &call;
}

} // namespace gyr
