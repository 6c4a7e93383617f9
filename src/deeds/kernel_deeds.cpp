// System calls that rules ask for, one each, with arguments by which they change nothing: what is asked for does not
// exist or is not valid, or belongs to this process or its child alone.

#include "deeds/deeds.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/io_uring.h>
#include <linux/keyctl.h>
#include <linux/sched.h>
#include <sched.h>
#include <string>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

namespace gyr::deeds {
namespace {

int init_module(Words) { // no module at all
    const std::array<char, 4> image{'n', 'o', 'n', 'e'};
    ::syscall(SYS_init_module, image.data(), image.size(), "");
    return 0;
}

int delete_module(Words) {
    ::syscall(SYS_delete_module, "gyr_no_such_module", O_NONBLOCK);
    return 0;
}

int kexec(Words) { // flags that no kernel takes: refused before anything is looked at
    ::syscall(SYS_kexec_load, 0UL, 0UL, nullptr, 0xffffUL);
    return 0;
}

long bpf(int command, bpf_attr& attributes) { return ::syscall(SYS_bpf, command, &attributes, sizeof attributes); }

int bpf_load(Words) { // a program without an instruction
    bpf_attr attributes{};
    attributes.prog_type = BPF_PROG_TYPE_SOCKET_FILTER;
    bpf(BPF_PROG_LOAD, attributes);
    return 0;
}
int bpf_take(Words) { // the map of a number that is never given
    bpf_attr attributes{};
    bpf(BPF_MAP_GET_FD_BY_ID, attributes);
    return 0;
}
int bpf_look(Words) { // which maps there are: looking only
    bpf_attr attributes{};
    bpf(BPF_MAP_GET_NEXT_ID, attributes);
    return 0;
}

int uring(Words) {
    io_uring_params parameters{};
    return ::syscall(SYS_io_uring_setup, 2, &parameters) < 0 ? cannot("io_uring_setup") : 0;
}

int page_faults(Words) {
    constexpr int kUserModeOnly = 1;
    return ::syscall(SYS_userfaultfd, O_CLOEXEC | kUserModeOnly) < 0 ? cannot("userfaultfd") : 0;
}

// A child that waits until it is killed.
pid_t sleeper() {
    const pid_t pid = ::fork();
    if (pid == 0)
        while (true) ::pause();
    return pid;
}
int end(pid_t pid, int status) {
    ::kill(pid, SIGKILL);
    (void)wait_for(pid);
    return status;
}

int attach(Words) {
    const pid_t child = sleeper();
    const bool done = ::ptrace(PTRACE_ATTACH, child, nullptr, nullptr) == 0;
    if (done) ::waitpid(child, nullptr, 0);
    return end(child, done ? 0 : cannot("ptrace"));
}

int trace_me(Words) { return ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) == 0 ? 0 : cannot("ptrace"); }

int write_memory(Words) {
    int word = 7;
    iovec mine{&word, sizeof word};
    const pid_t child = sleeper(); // has the same address
    const bool done = ::process_vm_writev(child, &mine, 1, &mine, 1, 0) == sizeof word;
    return end(child, done ? 0 : cannot("process_vm_writev"));
}

int take_descriptor(Words) {
    const pid_t child = sleeper();
    const long process = ::syscall(SYS_pidfd_open, child, 0);
    const bool done = ::syscall(SYS_pidfd_getfd, process, 2, 0) >= 0;
    return end(child, done ? 0 : cannot("pidfd_getfd"));
}

int see_process(Words) { // only a descriptor of the process itself
    const pid_t child = sleeper();
    const bool done = ::syscall(SYS_pidfd_open, child, 0) >= 0;
    return end(child, done ? 0 : cannot("pidfd_open"));
}

int read_key(Words) { // the number of no key
    ::syscall(SYS_keyctl, KEYCTL_READ, 0x7ffffff0L, nullptr, 0L, 0L);
    return 0;
}
int own_keyring(Words) {
    return ::syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_PROCESS_KEYRING, 1) < 0 ? 125 : 0;
}

// mounted SOURCE FOLDER TYPE | bind; an overlay shows what SOURCE has. mount-try: which may fail.
int mounted(Words w) {
    if (w.size() != 3) return wrong_use("mounted");
    const bool bind = w[2] == "bind";
    const std::string options = w[2] == "overlay" ? "lowerdir=" + w[0] + ":" + w[1] : std::string();
    const int done = ::mount(w[0].c_str(), w[1].c_str(), bind ? nullptr : w[2].c_str(), bind ? MS_BIND : 0,
                             options.empty() ? nullptr : options.c_str());
    return done == 0 ? 0 : cannot(w[1]);
}
int mount_try(Words w) {
    if (w.size() != 3) return wrong_use("mount-try");
    ::mount(w[0].c_str(), w[1].c_str(), w[2].c_str(), 0, nullptr);
    return 0;
}

// move-mount FOLDER TARGET: a mount made by the newer calls.
int move_mount(Words w) {
    if (w.size() != 2) return wrong_use("move-mount");
    constexpr unsigned kClone = 1, kFromEmpty = 4;
    const long tree = ::syscall(SYS_open_tree, AT_FDCWD, w[0].c_str(), kClone);
    if (tree < 0) return cannot("open_tree");
    return ::syscall(SYS_move_mount, tree, "", AT_FDCWD, w[1].c_str(), kFromEmpty) == 0 ? 0 : cannot("move_mount");
}

// new-mount TYPE TARGET: the same with a file system that was not there.
int new_mount(Words w) {
    if (w.size() != 2) return wrong_use("new-mount");
    constexpr unsigned kCreate = 6, kFromEmpty = 4;
    const long context = ::syscall(SYS_fsopen, w[0].c_str(), 0);
    if (context < 0) return cannot("fsopen");
    if (::syscall(SYS_fsconfig, context, kCreate, nullptr, nullptr, 0) < 0) return cannot("fsconfig");
    const long tree = ::syscall(SYS_fsmount, context, 0, 0);
    return ::syscall(SYS_move_mount, tree, "", AT_FDCWD, w[1].c_str(), kFromEmpty) == 0 ? 0 : cannot("move_mount");
}

int enter_namespace(Words) { // its own
    const int fd = ::open("/proc/self/ns/uts", O_RDONLY | O_CLOEXEC);
    return ::setns(fd, CLONE_NEWUTS) == 0 ? 0 : cannot("setns");
}

int make_namespace(Words) { return ::unshare(CLONE_NEWNS) == 0 ? 0 : cannot("unshare"); }
// clone-namespace, clone3-namespace: a process that begins in a user namespace of its own.
int clone_namespace(Words) {
    const long pid = ::syscall(SYS_clone, CLONE_NEWUSER | CLONE_NEWNS | SIGCHLD, nullptr, nullptr, nullptr, 0L);
    if (pid < 0) return cannot("clone");
    if (pid == 0) ::_exit(0);
    return wait_for(static_cast<int>(pid));
}
int clone3_namespace(Words) {
    clone_args how{};
    how.flags = CLONE_NEWUSER | CLONE_NEWNS;
    how.exit_signal = SIGCHLD;
    const long pid = ::syscall(SYS_clone3, &how, sizeof how);
    if (pid < 0) return cannot("clone3");
    if (pid == 0) ::_exit(0);
    return wait_for(static_cast<int>(pid));
}

// change-root FOLDER
int change_root(Words w) { return w.size() == 1 && ::chroot(w[0].c_str()) == 0 ? 0 : cannot("chroot"); }

int own_files(Words) { return ::unshare(CLONE_FILES) == 0 ? 0 : cannot("unshare"); }

int pivot_root(Words) { // which is not allowed in "." onto itself
    ::syscall(SYS_pivot_root, "/tmp", "/tmp");
    return 0;
}

// device PATH b|c MAJOR MINOR
int device(Words w) {
    if (w.size() != 4) return wrong_use("device");
    const mode_t kind = w[1] == "b" ? S_IFBLK : S_IFCHR;
    const dev_t number = ::makedev(static_cast<unsigned>(std::stoul(w[2])), static_cast<unsigned>(std::stoul(w[3])));
    return ::mknod(w[0].c_str(), kind | 0600, number) == 0 ? 0 : cannot(w[0]);
}

// leave-cgroup FILE: this process goes into the group whose list that is.
int leave_cgroup(Words w) {
    if (w.size() != 1) return wrong_use("leave-cgroup");
    const int fd = ::open(w[0].c_str(), O_WRONLY | O_CLOEXEC);
    return fd >= 0 && ::write(fd, "0", 1) == 1 ? 0 : cannot(w[0]);
}

int become_root(Words) { return ::setuid(0) == 0 ? 0 : cannot("setuid"); }
int stay_user(Words) { return ::setuid(::getuid()) == 0 ? 0 : cannot("setuid"); }

constexpr std::array kDeeds{
    NamedDeed{"init-module", init_module},
    NamedDeed{"delete-module", delete_module},
    NamedDeed{"kexec", kexec},
    NamedDeed{"bpf-load", bpf_load},
    NamedDeed{"bpf-take", bpf_take},
    NamedDeed{"bpf-look", bpf_look},
    NamedDeed{"uring", uring},
    NamedDeed{"page-faults", page_faults},
    NamedDeed{"attach", attach},
    NamedDeed{"trace-me", trace_me},
    NamedDeed{"write-memory", write_memory},
    NamedDeed{"take-descriptor", take_descriptor},
    NamedDeed{"see-process", see_process},
    NamedDeed{"read-key", read_key},
    NamedDeed{"own-keyring", own_keyring},
    NamedDeed{"mounted", mounted},
    NamedDeed{"mount-try", mount_try},
    NamedDeed{"move-mount", move_mount},
    NamedDeed{"new-mount", new_mount},
    NamedDeed{"enter-namespace", enter_namespace},
    NamedDeed{"make-namespace", make_namespace},
    NamedDeed{"clone-namespace", clone_namespace},
    NamedDeed{"clone3-namespace", clone3_namespace},
    NamedDeed{"change-root", change_root},
    NamedDeed{"own-files", own_files},
    NamedDeed{"pivot-root", pivot_root},
    NamedDeed{"device", device},
    NamedDeed{"leave-cgroup", leave_cgroup},
    NamedDeed{"become-root", become_root},
    NamedDeed{"stay-user", stay_user},
};

} // namespace

std::span<const NamedDeed> kernel_deeds() { return kDeeds; }

} // namespace gyr::deeds
