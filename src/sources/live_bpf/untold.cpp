#include "sources/live_bpf/untold.h"

namespace gyr {
namespace {

constexpr std::string_view kNever = "never had a call behind it: ENOSYS";

constexpr Untold kUntoldCalls[] = {
    {"afs_syscall", kNever}, {"break", kNever},   {"ftime", kNever},  {"gtty", kNever},    {"lock", kNever},
    {"mpx", kNever},         {"prof", kNever},    {"profil", kNever}, {"putpmsg", kNever}, {"security", kNever},
    {"stty", kNever},        {"tuxcall", kNever}, {"ulimit", kNever}, {"vserver", kNever},
};

constexpr Untold kUntoldUring[] = {
    {"NOP", "does nothing"},
    {"POLL_ADD", "waits"},
    {"POLL_REMOVE", "waits no more"},
    {"TIMEOUT", "waits"},
    {"TIMEOUT_REMOVE", "waits no more"},
    {"LINK_TIMEOUT", "waits"},
    {"ASYNC_CANCEL", "ends another request, which is told"},
    {"FILES_UPDATE",
     "puts files into the ring's table whose opening was told; reads and writes of them are told with the file"},
    {"PROVIDE_BUFFERS", "lends memory"},
    {"REMOVE_BUFFERS", "takes it back"},
    {"MSG_RING", "passes a message, or a file whose opening was told, to another ring"},
    {"URING_CMD", "what drivers make of it; of sockets, options"},
    {"FIXED_FD_INSTALL", "a descriptor of a file in the ring's table, whose opening was told"},
    {"NOP128", "does nothing"},
    {"URING_CMD128", "as URING_CMD"},
};

} // namespace

std::span<const Untold> untold_calls() { return kUntoldCalls; }
std::span<const Untold> untold_uring_operations() { return kUntoldUring; }

} // namespace gyr
