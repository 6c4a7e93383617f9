#include "app/sandbox.h"

#include "base/thread_signals.h"

#include <fmt/format.h>

#include <dirent.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <fstream>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace gyr::app {
namespace {

constexpr std::array<KeptCapability, 4> kKept{{
    {CAP_DAC_READ_SEARCH, "CAP_DAC_READ_SEARCH", "read the runtimes' state and the containers' user names"},
    {CAP_SYS_PTRACE, "CAP_SYS_PTRACE", "look into /proc/PID/root of other users' processes"},
    {CAP_PERFMON, "CAP_PERFMON", "attach programs when rules change, read kernel memory in them"},
    {CAP_BPF, "CAP_BPF", "load programs when rules change, read processes again"},
}};
constexpr std::array<KeptCapability, 1> kStart{{
    {CAP_NET_ADMIN, "CAP_NET_ADMIN", "subscribe to changes of ids and sessions (process connector)"},
}};

struct RefusedCall {
    std::string_view name;
    long number;
};
#define GYR_REFUSED(NAME)                                                                                              \
    RefusedCall { #NAME, SYS_##NAME }
constexpr std::array kRefused{
    // other processes
    GYR_REFUSED(ptrace), GYR_REFUSED(process_vm_readv), GYR_REFUSED(process_vm_writev), GYR_REFUSED(process_madvise),
    GYR_REFUSED(kcmp), GYR_REFUSED(pidfd_getfd),
    // the kernel
    GYR_REFUSED(init_module), GYR_REFUSED(finit_module), GYR_REFUSED(delete_module), GYR_REFUSED(kexec_load),
    GYR_REFUSED(kexec_file_load), GYR_REFUSED(reboot), GYR_REFUSED(iopl), GYR_REFUSED(ioperm), GYR_REFUSED(modify_ldt),
    GYR_REFUSED(userfaultfd), GYR_REFUSED(io_uring_setup), GYR_REFUSED(io_uring_enter), GYR_REFUSED(io_uring_register),
    // namespaces and mounts
    GYR_REFUSED(setns), GYR_REFUSED(unshare), GYR_REFUSED(mount), GYR_REFUSED(umount2), GYR_REFUSED(pivot_root),
    GYR_REFUSED(chroot), GYR_REFUSED(open_tree), GYR_REFUSED(move_mount), GYR_REFUSED(fsopen), GYR_REFUSED(fsconfig),
    GYR_REFUSED(fsmount), GYR_REFUSED(fspick), GYR_REFUSED(mount_setattr), GYR_REFUSED(open_by_handle_at),
    // the system's settings
    GYR_REFUSED(sethostname), GYR_REFUSED(setdomainname), GYR_REFUSED(settimeofday), GYR_REFUSED(clock_settime),
    GYR_REFUSED(clock_adjtime), GYR_REFUSED(adjtimex), GYR_REFUSED(acct), GYR_REFUSED(quotactl), GYR_REFUSED(swapon),
    GYR_REFUSED(swapoff), GYR_REFUSED(syslog), GYR_REFUSED(vhangup), GYR_REFUSED(add_key), GYR_REFUSED(request_key),
    GYR_REFUSED(keyctl)};
#undef GYR_REFUSED

std::uint64_t mask_of(std::span<const KeptCapability> capabilities) {
    std::uint64_t mask = 0;
    for (const KeptCapability& c : capabilities) mask |= std::uint64_t{1} << c.number;
    return mask;
}

// capset(2) and the bounding set concern the calling thread alone, so each thread makes the calls itself, in a signal
// handler. Only system calls happen there. The handler stays: a thread inside a call that nothing interrupts (a disk
// that takes its time) comes to it before it runs on.
std::atomic<std::uint64_t> g_keep{0};
std::atomic<bool> g_bounded{false}; // the bounding set is ours to keep small

void limit_this_thread() {
    const std::uint64_t keep = g_keep.load(std::memory_order_relaxed);
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    std::array<__user_cap_data_struct, 2> data{};
    if (::syscall(SYS_capget, &header, data.data()) != 0) return;
    const bool may_bound = (data[0].effective >> CAP_SETPCAP & 1) != 0;
    for (unsigned c = 0; may_bound && c < 64; ++c) // the kernel may know more than its headers here
        if ((keep >> c & 1) == 0) static_cast<void>(::prctl(PR_CAPBSET_DROP, c, 0, 0, 0));
    static_cast<void>(::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0));
    for (std::size_t half = 0; half < 2; ++half) {
        const auto wanted = static_cast<std::uint32_t>(keep >> (32 * half));
        data[half].permitted &= wanted;
        data[half].effective = data[half].permitted;
        data[half].inheritable = 0;
    }
    static_cast<void>(::syscall(SYS_capset, &header, data.data()));
}

void on_signal(int) {
    const int saved = errno;
    limit_this_thread();
    errno = saved;
}

bool may_bound() {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    std::array<__user_cap_data_struct, 2> data{};
    return ::syscall(SYS_capget, &header, data.data()) == 0 && (data[0].effective >> CAP_SETPCAP & 1) != 0;
}

// What the kernel says of a thread.
struct ThreadStatus {
    std::string name;
    bool has_more = false; // than is to be kept
    bool told = false;     // the signal waits for it
};

// Nothing when the thread has ended.
std::optional<ThreadStatus> status_of(std::string_view tid) {
    std::ifstream file(fmt::format("/proc/self/task/{}/status", tid));
    if (!file) return {};
    const std::uint64_t excess = ~g_keep.load(std::memory_order_relaxed);
    ThreadStatus out;
    bool whole = false;
    for (std::string line; std::getline(file, line);) {
        const std::size_t colon = line.find(':');
        const std::size_t begin = line.find_first_not_of(" \t", colon + 1);
        if (colon == std::string::npos || begin == std::string::npos) continue;
        const std::string_view key = std::string_view(line).substr(0, colon);
        const std::string_view text = std::string_view(line).substr(begin);
        if (key == "Name") out.name = text;
        std::uint64_t set = 0;
        if (!key.starts_with("Cap") && key != "SigPnd") continue;
        if (std::from_chars(text.data(), text.data() + text.size(), set, 16).ec != std::errc()) continue;
        if (key == "CapPrm" || (key == "CapBnd" && g_bounded)) out.has_more |= (set & excess) != 0;
        if (key == "CapInh" || key == "CapAmb") out.has_more |= set != 0;
        if (key == "SigPnd") out.told = (set >> (every_thread_signal() - 1) & 1) != 0;
        whole |= key == "CapAmb"; // the last of them
    }
    if (!whole) return {};
    return out;
}

// Tells every thread that has more than it is to keep, also those made meanwhile by one that still had it. The names of
// these threads.
std::vector<std::string> tell_threads() {
    std::vector<std::string> out;
    DIR* folder = ::opendir("/proc/self/task");
    if (folder == nullptr) return {"all"};
    while (const dirent* entry = ::readdir(folder)) {
        const std::string_view name = entry->d_name;
        pid_t tid = 0;
        if (std::from_chars(name.data(), name.data() + name.size(), tid).ec != std::errc()) continue;
        const std::optional<ThreadStatus> status = status_of(name);
        if (!status || !status->has_more) continue;
        if (!status->told) static_cast<void>(::syscall(SYS_tgkill, ::getpid(), tid, every_thread_signal()));
        out.push_back(status->name);
    }
    ::closedir(folder);
    return out;
}

Result<> limit_capabilities() {
    constexpr std::chrono::milliseconds kPatience{200}; // nothing is looked at meanwhile
    g_keep = mask_of(kKept);
    g_bounded = may_bound();
    struct sigaction action {};
    action.sa_handler = on_signal;
    action.sa_flags = SA_RESTART;
    sigfillset(&action.sa_mask);
    if (::sigaction(every_thread_signal(), &action, nullptr) != 0) return fail_errno("install a handler", errno);
    limit_this_thread();
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    while (!tell_threads().empty() && std::chrono::steady_clock::now() < deadline)
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    return {};
}

Result<> refuse_calls() {
    std::vector<sock_filter> program;
    const auto statement = [&](unsigned code, std::uint32_t value) {
        program.push_back({static_cast<std::uint16_t>(code), 0, 0, value});
    };
    const auto jump_if_equal = [&](std::uint32_t value, std::uint8_t when, std::uint8_t otherwise) {
        program.push_back({BPF_JMP | BPF_JEQ | BPF_K, when, otherwise, value});
    };
    constexpr std::uint32_t kRefuse = SECCOMP_RET_ERRNO | EPERM;
    // Another architecture's numbers mean other calls.
    statement(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, arch));
#if defined(__x86_64__)
    jump_if_equal(AUDIT_ARCH_X86_64, 1, 0);
#else
    jump_if_equal(AUDIT_ARCH_AARCH64, 1, 0);
#endif
    statement(BPF_RET | BPF_K, kRefuse);
    statement(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr));
#if defined(__x86_64__)
    constexpr std::uint32_t kX32 = 0x40000000;
    program.push_back({BPF_JMP | BPF_JGE | BPF_K, 0, 1, kX32});
    statement(BPF_RET | BPF_K, kRefuse);
#endif
    for (const RefusedCall& call : kRefused) {
        jump_if_equal(static_cast<std::uint32_t>(call.number), 0, 1);
        statement(BPF_RET | BPF_K, kRefuse);
    }
    statement(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    sock_fprog filter{static_cast<std::uint16_t>(program.size()), program.data()};
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return fail_errno("give up new privileges", errno);
    const long answer = ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &filter);
    if (answer < 0) return fail_errno("install a system call filter", errno);
    if (answer > 0)
        return fail(ErrorKind::unsupported, fmt::format("thread {} has a system call filter of its own", answer));
    return {};
}

} // namespace

std::span<const KeptCapability> kept_capabilities() { return kKept; }
std::span<const KeptCapability> start_capabilities() { return kStart; }
std::span<const std::string_view> refused_calls() {
    static const auto names = [] {
        std::array<std::string_view, kRefused.size()> out;
        std::ranges::transform(kRefused, out.begin(), &RefusedCall::name);
        return out;
    }();
    return names;
}

std::vector<std::string> threads_outside_sandbox() { return tell_threads(); }

Result<> enter_sandbox() {
    const Result<> capabilities = limit_capabilities();
    const Result<> calls = refuse_calls();
    if (!capabilities) return capabilities;
    return calls;
}

} // namespace gyr::app
