#include "fields/system_names.h"

#include <cstring>
#include <iterator>

namespace gyr::fields {

std::string_view errno_name(std::int64_t result) {
    constexpr std::int64_t kLast = 4095; // as the kernel has it
    if (result >= 0 || result < -kLast) return "";
    const std::int64_t number = -result;
    // Between the kernel and itself; a tracer sees them where a call was to be begun again.
    constexpr std::int64_t kFirstInner = 512;
    static constexpr std::string_view kInner[] = {"ERESTARTSYS",
                                                  "ERESTARTNOINTR",
                                                  "ERESTARTNOHAND",
                                                  "ENOIOCTLCMD",
                                                  "ERESTART_RESTARTBLOCK",
                                                  "EPROBE_DEFER",
                                                  "EOPENSTALE",
                                                  "ENOPARAM",
                                                  "",
                                                  "EBADHANDLE",
                                                  "ENOTSYNC",
                                                  "EBADCOOKIE",
                                                  "ENOTSUPP",
                                                  "ETOOSMALL",
                                                  "ESERVERFAULT",
                                                  "EBADTYPE",
                                                  "EJUKEBOX",
                                                  "EIOCBQUEUED"};
    if (number >= kFirstInner && number < kFirstInner + std::ssize(kInner)) return kInner[number - kFirstInner];
    const char* name = number > 0 && number < kFirstInner ? ::strerrorname_np(static_cast<int>(number)) : nullptr;
    return name ? name : "";
}

std::string_view signal_name(int number) {
    static constexpr std::string_view kNames[] = {
        "",          "SIGHUP",  "SIGINT",    "SIGQUIT", "SIGILL",   "SIGTRAP", "SIGABRT", "SIGBUS",
        "SIGFPE",    "SIGKILL", "SIGUSR1",   "SIGSEGV", "SIGUSR2",  "SIGPIPE", "SIGALRM", "SIGTERM",
        "SIGSTKFLT", "SIGCHLD", "SIGCONT",   "SIGSTOP", "SIGTSTP",  "SIGTTIN", "SIGTTOU", "SIGURG",
        "SIGXCPU",   "SIGXFSZ", "SIGVTALRM", "SIGPROF", "SIGWINCH", "SIGIO",   "SIGPWR",  "SIGSYS"};
    return number > 0 && static_cast<std::size_t>(number) < std::size(kNames) ? kNames[number] : "";
}

} // namespace gyr::fields
