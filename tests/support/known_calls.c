// Makes one call after the other, each by its own number and with arguments that tell it apart, so that what two tools
// say of them can be laid side by side. known_calls FOLDER PORT CALLS CALLS32: an empty folder, a port that listens on
// 127.0.0.1, and numbers of 64-bit and 32-bit calls, with commas between, that are to be made with nonsense at the end.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/openat2.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/quota.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static const char* folder;

static char* in_folder(const char* name) {
    static char buf[4][512];
    static unsigned turn;
    char* out = buf[turn++ % 4];
    snprintf(out, sizeof buf[0], "%s/%s", folder, name);
    return out;
}

#define DO(name, ...) syscall(SYS_##name, __VA_ARGS__)

static void files(void) {
    const long fd = DO(openat, AT_FDCWD, in_folder("a"), O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    DO(write, fd, "twelve bytes", 12);
    DO(lseek, fd, 3, SEEK_SET);
    char buf[64];
    DO(read, fd, buf, 5);
    DO(pread64, fd, buf, 7, 2);
    DO(pwrite64, fd, "xyz", 3, 1);
    DO(open, in_folder("a"), O_WRONLY | O_APPEND | O_TRUNC, 0);
    DO(open, in_folder("none"), O_RDONLY | O_NOFOLLOW, 0);
    struct open_how how = {.flags = O_RDONLY | O_NONBLOCK, .resolve = RESOLVE_NO_SYMLINKS};
    DO(openat2, AT_FDCWD, in_folder("a"), &how, sizeof how);
    const long made = DO(creat, in_folder("b"), 0604);
    DO(close, made);
    DO(dup, fd);
    DO(dup2, fd, 20);
    DO(dup3, fd, 21, O_CLOEXEC);
    DO(fcntl, fd, F_GETFL, 0);
    DO(fcntl, fd, F_DUPFD, 30);
    DO(rename, in_folder("b"), in_folder("c"));
    DO(renameat, AT_FDCWD, in_folder("c"), AT_FDCWD, in_folder("d"));
    DO(renameat2, AT_FDCWD, in_folder("d"), AT_FDCWD, in_folder("a"), 1u /* RENAME_NOREPLACE */);
    DO(link, in_folder("a"), in_folder("hard"));
    DO(linkat, AT_FDCWD, in_folder("a"), AT_FDCWD, in_folder("hard2"), 0);
    DO(symlink, "target/of/link", in_folder("soft"));
    DO(symlinkat, "another", AT_FDCWD, in_folder("soft2"));
    DO(unlink, in_folder("hard"));
    DO(unlinkat, AT_FDCWD, in_folder("hard2"), 0);
    DO(mkdir, in_folder("m"), 0750);
    DO(mkdirat, AT_FDCWD, in_folder("n"), 0705);
    DO(unlinkat, AT_FDCWD, in_folder("n"), AT_REMOVEDIR);
    DO(rmdir, in_folder("m"));
    DO(chmod, in_folder("a"), 04751);
    DO(fchmod, fd, 0600);
    DO(fchmodat, AT_FDCWD, in_folder("a"), 0644);
    DO(chown, in_folder("a"), 12, 34);
    DO(fchownat, AT_FDCWD, in_folder("a"), 0, 0, AT_SYMLINK_NOFOLLOW);
    DO(chdir, folder);
    DO(mmap, 0L, 8192, PROT_READ, MAP_PRIVATE, fd, 0L);
    char* map = (char*)DO(mmap, 0L, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1L, 0L);
    DO(mprotect, map, 4096, PROT_READ);
    DO(munmap, map, 4096);
    DO(memfd_create, "name-of-memory", 1u);
    DO(eventfd2, 5, EFD_NONBLOCK);
    int pipes[2];
    DO(pipe2, pipes, O_CLOEXEC);
}

static void more_files(void) {
    const long fd = DO(openat, AT_FDCWD, in_folder("more"), O_RDWR | O_CREAT, 0600);
    char one[] = "first", two[] = "second";
    struct iovec parts[2] = {{one, 5}, {two, 6}};
    DO(writev, fd, parts, 2);
    DO(pwritev, fd, parts, 2, 3, 0);
    DO(lseek, fd, 0, SEEK_SET);
    DO(readv, fd, parts, 2);
    DO(preadv, fd, parts, 2, 4, 0);
    struct stat about;
    DO(stat, in_folder("more"), &about);
    DO(lstat, in_folder("soft"), &about);
    DO(fstat, fd, &about);
    DO(newfstatat, AT_FDCWD, in_folder("more"), &about, AT_SYMLINK_NOFOLLOW);
    DO(access, in_folder("more"), R_OK | W_OK);
    char buf[4096];
    DO(getcwd, buf, sizeof buf);
    const long dir = DO(openat, AT_FDCWD, folder, O_RDONLY | O_DIRECTORY, 0);
    DO(fchdir, dir);
    DO(openat, dir, "more", O_RDONLY, 0);
    DO(getdents64, dir, buf, sizeof buf);
    DO(lseek, dir, 0, SEEK_SET);
    DO(getdents, dir, buf, sizeof buf);
    DO(flock, fd, LOCK_EX | LOCK_NB);
    int waiting = 0;
    DO(ioctl, fd, 0x541bu /* FIONREAD */, &waiting);
    DO(lchown, in_folder("soft"), 56, 78);
    DO(fchown, fd, 910, 1112);
    DO(mknod, in_folder("pipe"), S_IFIFO | 0640, 0);
    DO(mknodat, AT_FDCWD, in_folder("device"), S_IFCHR | 0600, makedev(1, 3));
    int pipes[2];
    DO(pipe, pipes);
    loff_t from = 2, to = 7;
    DO(splice, fd, &from, pipes[1], NULL, 4, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
    const long copy = DO(openat, AT_FDCWD, in_folder("copy"), O_RDWR | O_CREAT, 0600);
    off_t begin = 1;
    DO(sendfile, copy, fd, &begin, 5);
    from = 3;
    DO(copy_file_range, fd, &from, copy, &to, 2, 0);
    struct {
        struct file_handle head;
        unsigned char bytes[128];
    } handle = {.head.handle_bytes = 128};
    int mount_id = 0;
    DO(name_to_handle_at, AT_FDCWD, in_folder("more"), &handle, &mount_id, 0);
    DO(open_by_handle_at, dir, &handle, O_RDWR | O_APPEND);
    DO(userfaultfd, O_CLOEXEC | O_NONBLOCK);
    DO(close_range, 900, 910, 4u /* CLOSE_RANGE_CLOEXEC */);
}

static void descriptors(void) {
    DO(eventfd, 6);
    const uint64_t mask = 1u << (SIGUSR2 - 1) | 1u << (SIGTERM - 1);
    DO(signalfd, -1, &mask, 8);
    DO(signalfd4, -1, &mask, 8, SOCK_NONBLOCK);
    DO(timerfd_create, CLOCK_MONOTONIC, TFD_NONBLOCK);
    DO(inotify_init, 0);
    DO(inotify_init1, IN_CLOEXEC);
    DO(epoll_create, 17);
    const long epoll = DO(epoll_create1, EPOLL_CLOEXEC);
    struct epoll_event ready[3];
    DO(epoll_wait, epoll, ready, 3, 0);
    int pipes[2];
    DO(pipe, pipes);
    DO(write, pipes[1], "x", 1);
    struct pollfd list[2] = {{pipes[0], POLLIN, 0}, {pipes[1], POLLOUT | POLLPRI, 0}};
    DO(poll, list, 2, 250);
    const struct timespec soon = {.tv_sec = 1, .tv_nsec = 5000};
    const uint64_t blocked = 1u << (SIGUSR1 - 1);
    DO(ppoll, list, 2, &soon, &blocked, 8);
    fd_set set;
    FD_ZERO(&set);
    FD_SET(pipes[0], &set);
    struct timeval none = {0, 0};
    DO(select, pipes[0] + 1, &set, NULL, NULL, &none);
    unsigned word = 5;
    DO(futex, &word, 0 /* FUTEX_WAIT */, 6, NULL, NULL, 0);
    const long self = DO(pidfd_open, getpid(), O_NONBLOCK);
    DO(pidfd_getfd, self, pipes[0], 0);
    struct {
        unsigned sq_entries, cq_entries, flags, sq_thread_cpu, sq_thread_idle, features, rest[24];
    } ring = {.cq_entries = 64, .flags = 1u << 3 /* IORING_SETUP_CQSIZE */};
    const long uring = DO(io_uring_setup, 8, &ring);
    DO(io_uring_enter, uring, 0, 0, 1u /* IORING_ENTER_GETEVENTS */, NULL, 0);
    int fds[1] = {-1};
    DO(io_uring_register, uring, 2 /* IORING_REGISTER_FILES */, fds, 1);
}

static void sockets(int port) {
    const long s = DO(socket, AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    DO(connect, s, &a, sizeof a);
    DO(sendto, s, "hello", 5, 0, NULL, 0);
    DO(shutdown, s, SHUT_WR);
    const long refused = DO(socket, AF_INET, SOCK_STREAM, 0);
    a.sin_port = htons(1);
    DO(connect, refused, &a, sizeof a);
    const long listener = DO(socket, AF_INET, SOCK_STREAM, 0);
    const int one = 1;
    DO(setsockopt, listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    a.sin_port = 0;
    DO(bind, listener, &a, sizeof a);
    DO(listen, listener, 7);
    const long named = DO(socket, AF_UNIX, SOCK_STREAM, 0);
    struct sockaddr_un u = {.sun_family = AF_UNIX};
    snprintf(u.sun_path, sizeof u.sun_path, "%s/s", folder);
    DO(bind, named, &u, sizeof u);
    DO(listen, named, 3);
    const long client = DO(socket, AF_UNIX, SOCK_STREAM, 0);
    DO(connect, client, &u, sizeof u);
    DO(accept4, named, NULL, NULL, SOCK_NONBLOCK);
    const long second = DO(socket, AF_UNIX, SOCK_STREAM, 0);
    DO(connect, second, &u, sizeof u);
    DO(accept, named, NULL, NULL);
    int pair[2];
    DO(socketpair, AF_UNIX, SOCK_DGRAM, 0, pair);
    struct linger linger = {.l_onoff = 1, .l_linger = 9};
    socklen_t length = sizeof linger;
    DO(getsockopt, s, SOL_SOCKET, SO_LINGER, &linger, &length);
    int number = 0;
    length = sizeof number;
    DO(getsockopt, listener, SOL_SOCKET, SO_TYPE, &number, &length);
}

static void datagrams(void) {
    struct sockaddr_in a = {.sin_family = AF_INET}, from;
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const long here = DO(socket, AF_INET, SOCK_DGRAM, 0), there = DO(socket, AF_INET, SOCK_DGRAM, 0);
    DO(bind, here, &a, sizeof a);
    DO(bind, there, &a, sizeof a);
    socklen_t length = sizeof a;
    DO(getsockname, there, &a, &length);
    DO(getpeername, there, &from, &length);
    char buf[64], name[64];
    DO(sendto, here, "to there", 8, 0, &a, sizeof a);
    length = sizeof from;
    DO(recvfrom, there, buf, sizeof buf, MSG_DONTWAIT, &from, &length);
    struct iovec parts[2] = {{"mess", 4}, {"age", 3}};
    struct msghdr message = {.msg_name = &a, .msg_namelen = sizeof a, .msg_iov = parts, .msg_iovlen = 2};
    DO(sendmsg, here, &message, 0);
    struct iovec room = {buf, sizeof buf};
    struct msghdr in = {.msg_name = name, .msg_namelen = sizeof name, .msg_iov = &room, .msg_iovlen = 1};
    DO(recvmsg, there, &in, MSG_DONTWAIT);
    struct iovec part = {"another", 7};
    struct mmsghdr several[2] = {{.msg_hdr = message}, {.msg_hdr = {&a, sizeof a, &part, 1, NULL, 0, 0}}};
    DO(sendmmsg, here, several, 2, 0);
    char buf2[64];
    struct iovec room2 = {buf2, sizeof buf2};
    struct mmsghdr ins[2] = {{.msg_hdr = {.msg_iov = &room, .msg_iovlen = 1}},
                             {.msg_hdr = {.msg_iov = &room2, .msg_iovlen = 1}}};
    DO(recvmmsg, there, ins, 2, MSG_DONTWAIT, NULL);
    // Connected to one, sent to another: what the call names is where it goes.
    DO(connect, here, &a, sizeof a);
    struct sockaddr_in other = a;
    other.sin_port = htons(9);
    DO(sendto, here, "aside", 5, 0, &other, sizeof other);
    message.msg_name = &other;
    DO(sendmsg, here, &message, 0);
    const long six = DO(socket, AF_INET6, SOCK_DGRAM, 0);
    struct sockaddr_in6 b = {.sin6_family = AF_INET6, .sin6_port = htons(5353), .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    DO(connect, six, &b, sizeof b);
}

static void memory(void) {
    const long top = DO(brk, 0L);
    DO(brk, top + 8192);
    char* map = (char*)DO(mmap, 0L, 8192, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1L, 0L);
    DO(mlock, map, 4096);
    DO(mlock2, map + 4096, 4096, 1u /* MLOCK_ONFAULT */);
    DO(munlock, map, 8192);
    DO(mlockall, MCL_CURRENT | MCL_FUTURE);
    DO(munlockall, 0);
    char here[8] = "written", there[8];
    struct iovec local = {there, 7}, remote = {here, 7};
    DO(process_vm_readv, getpid(), &local, 1L, &remote, 1L, 0L);
    DO(process_vm_writev, getpid(), &remote, 1L, &local, 1L, 0L);
}

static void nothing(int number) { (void)number; }

static void processes(void) {
    const struct timespec little = {.tv_nsec = 1500};
    DO(nanosleep, &little, NULL);
    struct rlimit limit = {.rlim_cur = 500, .rlim_max = 600};
    DO(setrlimit, RLIMIT_CORE, &limit);
    DO(getrlimit, RLIMIT_CORE, &limit);
    const struct rlimit more = {.rlim_cur = 300, .rlim_max = RLIM_INFINITY};
    DO(prlimit64, 0, RLIMIT_NPROC, &more, &limit);
    const long set = DO(semget, IPC_PRIVATE, 2, IPC_CREAT | IPC_EXCL | 0600);
    struct sembuf ops[2] = {{0, 3, SEM_UNDO}, {1, 1, IPC_NOWAIT}};
    DO(semop, set, ops, 2);
    DO(semctl, set, 1, SETVAL, 4);
    DO(semctl, set, 0, IPC_RMID, 0);
    const pid_t child = (pid_t)DO(fork, 0);
    if (child == 0) {
        DO(pause, 0);
        _exit(0);
    }
    DO(setpgid, child, 0);
    DO(kill, child, SIGKILL);
    DO(wait4, child, NULL, 0, NULL);
    if (DO(clone, CLONE_VFORK | SIGCHLD, 0L, NULL, NULL, 0L) == 0) _exit(0);
    struct {
        uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls;
    } how = {.flags = CLONE_VFORK, .exit_signal = SIGCHLD};
    if (DO(clone3, &how, sizeof how) == 0) _exit(0);
    if (vfork() == 0) _exit(0);
    signal(SIGUSR1, nothing);
    DO(tkill, getpid(), SIGUSR1);
    DO(tgkill, getpid(), getpid(), SIGUSR1);
    DO(setsid, 0);
    DO(seccomp, 2 /* SECCOMP_GET_ACTION_AVAIL */, 0, "\0\0\xff\x7f");
}

static void identity(void) {
    DO(getuid, 0);
    DO(geteuid, 0);
    DO(getgid, 0);
    DO(getegid, 0);
    unsigned ids[3];
    DO(getresuid, ids, ids + 1, ids + 2);
    DO(getresgid, ids, ids + 1, ids + 2);
    DO(setreuid, -1, 0);
    DO(setregid, 0, -1);
    DO(setresgid, -1, 0, 0);
    struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct caps[2];
    DO(capget, &head, caps);
    caps[0].inheritable = 1u << CAP_NET_RAW | 1u << CAP_KILL;
    DO(capset, &head, caps);
}

static void kernel(void) {
    DO(quotactl, QCMD(Q_GETFMT, USRQUOTA), "/dev/none", 4, NULL);
    const long fs = DO(fsopen, "tmpfs", 0u);
    DO(fsconfig, fs, 1u /* FSCONFIG_SET_STRING */, "size", "1m", 0);
    DO(fsconfig, fs, 0u /* FSCONFIG_SET_FLAG */, "ro", NULL, 0);
    DO(init_module, "no module", 9, "option=1");
    DO(finit_module, fs, "option=2", 1u);
    DO(keyctl, 0u /* KEYCTL_GET_KEYRING_ID */, -3, 1, 0, 0);
    DO(keyctl, 10u /* KEYCTL_SEARCH */, -3, "user", "a key", 0);
}

// By the 32-bit entry; what is pointed to lies at low.
static long call32(long number, unsigned long a, unsigned long b, unsigned long c, unsigned long d, unsigned long e) {
    long result = number;
    __asm__ volatile("int $0x80"
                     : "+a"(result)
                     : "b"(a), "c"(b), "d"(c), "S"(d), "D"(e)
                     : "memory", "r8", "r9", "r10", "r11");
    return (int)result;
}

static void calls32(char* low) {
    const unsigned long at = (uintptr_t)low, room = at + 1024;
    strcpy(low, in_folder("a"));
    const long fd = call32(5 /* open */, at, O_RDWR, 0, 0, 0);
    call32(295 /* openat */, (unsigned long)-100, at, O_WRONLY, 0, 0);
    call32(195 /* stat64 */, at, room, 0, 0, 0);
    call32(196 /* lstat64 */, at, room, 0, 0, 0);
    call32(197 /* fstat64 */, (unsigned long)fd, room, 0, 0, 0);
    call32(140 /* _llseek */, (unsigned long)fd, 1, 7, room, SEEK_SET);
    call32(192 /* mmap2 */, 0, 4096, PROT_READ, MAP_PRIVATE, (unsigned long)fd);
    call32(221 /* fcntl64 */, (unsigned long)fd, F_GETFD, 0, 0, 0);
    call32(212 /* chown32 */, at, 70000, 5, 0, 0);
    call32(22 /* umount */, at, 0, 0, 0, 0);
    strcpy(low + 512, "some text of thirty bytes here");
    unsigned* words = (unsigned*)(void*)(low + 2048);
    words[0] = words[2] = (unsigned)at + 512;
    words[1] = 4;
    words[3] = 6;
    call32(146 /* writev */, (unsigned long)fd, at + 2048, 2, 0, 0);
    call32(181 /* pwrite64 */, (unsigned long)fd, at + 512, 5, 6, 0);
    call32(180 /* pread64 */, (unsigned long)fd, at + 768, 5, 2, 0);
    call32(334 /* pwritev */, (unsigned long)fd, at + 2048, 2, 9, 0);
    words[0] = words[2] = (unsigned)at + 768;
    call32(333 /* preadv */, (unsigned long)fd, at + 2048, 2, 3, 0);
    words[0] = 0;
    words[1] = 4096;
    words[2] = PROT_READ;
    words[3] = MAP_PRIVATE;
    words[4] = (unsigned)fd;
    words[5] = 0;
    call32(90 /* mmap */, at + 2048, 0, 0, 0, 0);
    words[0] = 0;
    words[1] = 7000;
    call32(162 /* nanosleep */, at + 2048, 0, 0, 0, 0);
    words[0] = 400;
    words[1] = 500;
    call32(75 /* setrlimit */, RLIMIT_CORE, at + 2048, 0, 0, 0);
    call32(76 /* getrlimit */, RLIMIT_CORE, room, 0, 0, 0);
    call32(191 /* ugetrlimit */, RLIMIT_CPU, room, 0, 0, 0);
    call32(340 /* prlimit64 */, 0, RLIMIT_CORE, 0, room, 0);
    call32(165 /* getresuid */, room, room + 2, room + 4, 0, 0);
    call32(209 /* getresuid32 */, room, room + 4, room + 8, 0, 0);
    call32(164 /* setresuid */, 0xffff, 0, 0xffff, 0, 0);
    call32(182 /* chown */, at, 7, 0xffff, 0, 0);
    const long copy = call32(8 /* creat */, at, 0600, 0, 0, 0);
    words[0] = 2;
    call32(187 /* sendfile */, (unsigned long)copy, (unsigned long)fd, at + 2048, 3, 0);
    words[1] = 0;
    call32(239 /* sendfile64 */, (unsigned long)copy, (unsigned long)fd, at + 2048, 3, 0);
    words[0] = (unsigned)fd;
    words[1] = POLLIN;
    words[2] = 1;
    words[3] = 3000;
    words[4] = 2;
    words[5] = 0;
    words[6] = 4000;
    words[7] = 0;
    call32(168 /* poll */, at + 2048, 1, 20, 0, 0);
    call32(309 /* ppoll */, at + 2048, 1, at + 2048 + 8, 0, 0);
    call32(414 /* ppoll_time64 */, at + 2048, 1, at + 2048 + 16, 0, 0);
    call32(19 /* lseek */, (unsigned long)fd, 4, SEEK_SET, 0, 0);
    int pair[2];
    DO(socketpair, AF_UNIX, SOCK_STREAM, 0, pair);
    strcpy(low + 512, "by 32");
    const unsigned out[4] = {(unsigned)pair[0], (unsigned)at + 512, 5, 0};
    memcpy(low + 2048, out, sizeof out);
    call32(102 /* socketcall */, 9 /* send */, at + 2048, 0, 0, 0);
    const unsigned in[4] = {(unsigned)pair[1], (unsigned)at + 768, 64, MSG_DONTWAIT};
    memcpy(low + 2048, in, sizeof in);
    call32(102 /* socketcall */, 10 /* recv */, at + 2048, 0, 0, 0);
    // A header of two addresses of buffers, and where a socket is bound.
    const unsigned message[7] = {0, 0, (unsigned)at + 2048 + 32, 2, 0, 0, 0};
    memcpy(words, message, sizeof message);
    words[8] = (unsigned)at + 512;
    words[9] = 3;
    words[10] = (unsigned)at + 514;
    words[11] = 2;
    call32(370 /* sendmsg */, (unsigned long)pair[0], at + 2048, 0, 0, 0);
    words[8] = (unsigned)at + 768;
    words[9] = 64;
    words[3] = 1;
    call32(372 /* recvmsg */, (unsigned long)pair[1], at + 2048, MSG_DONTWAIT, 0, 0);
}

// Every call of the lists, with arguments that no call takes.
static void nonsense(char* calls, char* calls32_list) {
    for (char* number = strtok(calls, ","); number; number = strtok(NULL, ","))
        syscall(atol(number), -1L, -1L, -1L, -1L, -1L, -1L);
    for (char* number = strtok(calls32_list, ","); number; number = strtok(NULL, ","))
        call32(atol(number), -1UL, -1UL, -1UL, -1UL, -1UL);
}

static void others(void) {
    DO(kill, getpid(), 0);
    DO(ptrace, PTRACE_ATTACH, 1 << 21, 0L, 0L);
    DO(unshare, CLONE_NEWUTS);
    DO(setns, -1, CLONE_NEWUTS);
    DO(mount, "none", in_folder("nowhere"), "tmpfs", MS_NOSUID | MS_NODEV, "size=1m");
    DO(umount2, in_folder("nowhere"), MNT_DETACH);
    struct rlimit limit;
    DO(prlimit64, 0, RLIMIT_NOFILE, NULL, &limit);
    DO(prctl, PR_SET_NAME, "renamed", 0, 0, 0);
    DO(setgid, 0);
    DO(setresuid, -1, 0, -1);
    DO(setuid, 0);
    DO(chroot, "/");
    DO(delete_module, "no_such_module", O_NONBLOCK);
    DO(bpf, 99, NULL, 0);
}

// What is left of the groups, and how far execs have come: known_calls again FOLDER, twice.
static void execs(const char* program) {
    char *once[] = {"known_calls", "again", "an argument", NULL}, *environment[] = {"A=b", NULL};
    DO(execve, program, once, environment);
}

int main(int argc, char** argv) {
    if (argc == 3 && strcmp(argv[1], "again") == 0) {
        char *last[] = {"known_calls", "last", NULL}, *environment[] = {NULL};
        DO(execveat, AT_FDCWD, "/proc/self/exe", last, environment, 0);
        return 121;
    }
    if (argc == 2 && strcmp(argv[1], "last") == 0) return 0;
    if (argc != 5) return 120;
    folder = argv[1];
    char program[4096] = "";
    if (readlink("/proc/self/exe", program, sizeof program - 1) < 0) return 122;
    // So that nothing it makes outlives it or is seen by others.
    if (unshare(CLONE_NEWNS | CLONE_NEWIPC) != 0) return 123;
    char* low = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
    if (low == MAP_FAILED) return 124;
    umask(0);
    files();
    more_files();
    descriptors();
    sockets(atoi(argv[2]));
    datagrams();
    memory();
    processes();
    identity();
    kernel();
    calls32(low);
    others();
    umask(0);
    nonsense(argv[3], argv[4]);
    execs(program);
    return 125;
}
