// Makes one call after the other, each by its own number and with arguments that tell it apart, so that what two tools
// say of them can be laid side by side. known_calls FOLDER PORT CALLS CALLS32: an empty folder, a port that listens on
// 127.0.0.1, and numbers of 64-bit and 32-bit calls, with commas between, that are to be made with nonsense at the end.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/futex.h>
#include <linux/openat2.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
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
static int compat; // there is a 32-bit entry: its list of calls is not empty

// By the 32-bit entry; what is pointed to lies at low.
static long call32(long number, unsigned long a, unsigned long b, unsigned long c, unsigned long d, unsigned long e) {
    if (!compat) return -1;
    long result = number;
    __asm__ volatile("int $0x80"
                     : "+a"(result)
                     : "b"(a), "c"(b), "d"(c), "S"(d), "D"(e)
                     : "memory", "r8", "r9", "r10", "r11");
    return (int)result;
}

// What the descriptor is, for whoever reads the trace.
#define TELL(fd)                                                                                                       \
    do {                                                                                                               \
        struct stat told;                                                                                              \
        DO(fstat, fd, &told);                                                                                          \
    } while (0)

static void files(void) {
    const long fd = DO(openat, AT_FDCWD, in_folder("a"), O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    TELL(fd);
    DO(write, fd, "twelve bytes", 12);
    DO(lseek, fd, 3, SEEK_SET);
    char buf[64];
    DO(read, fd, buf, 5);
    DO(pread64, fd, buf, 7, 2);
    DO(pwrite64, fd, "xyz", 3, 1);
    TELL(DO(open, in_folder("a"), O_WRONLY | O_APPEND | O_TRUNC, 0));
    TELL(DO(open, in_folder("opened"), O_WRONLY | O_CREAT | O_EXCL, 02711));
    DO(open, in_folder("none"), O_RDONLY | O_NOFOLLOW, 0);
    struct open_how how = {.flags = O_RDONLY | O_NONBLOCK, .resolve = RESOLVE_NO_SYMLINKS};
    TELL(DO(openat2, AT_FDCWD, in_folder("a"), &how, sizeof how));
    const struct open_how make = {.flags = O_RDWR | O_CREAT, .mode = 0604};
    TELL(DO(openat2, AT_FDCWD, in_folder("made"), &make, sizeof make));
    struct {
        struct open_how how;
        uint64_t more[2];
    } longer = {.how = make};
    DO(openat2, AT_FDCWD, in_folder("made"), &longer, sizeof longer);
    DO(openat2, AT_FDCWD, in_folder("made"), &longer, sizeof longer.how - 1);
    const long made = DO(creat, in_folder("b"), 0604);
    TELL(made);
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
    DO(linkat, fd, "", AT_FDCWD, in_folder("hard3"), AT_EMPTY_PATH);
    DO(linkat, fd, "below/a/file", 77, "x", AT_SYMLINK_FOLLOW);
    DO(renameat2, 78, "nowhere", -2, "else", 2u /* RENAME_EXCHANGE */);
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
    DO(fchownat, fd, "", -1, 5, AT_EMPTY_PATH);
    DO(chdir, folder);
    DO(mmap, 0L, 8192, PROT_READ, MAP_PRIVATE, fd, 0L);
    char* map = (char*)DO(mmap, 0L, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1L, 0L);
    DO(mprotect, map, 4096, PROT_READ);
    DO(munmap, map, 4096);
    DO(memfd_create, "name-of-memory", 1u);
    DO(eventfd2, 5, EFD_NONBLOCK);
    int pipes[2];
    DO(pipe2, pipes, O_CLOEXEC);
    TELL(pipes[0]);
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
    DO(ioctl, fd, 0xabcd1234u, 0x123456789abcdefL);
    DO(lchown, in_folder("soft"), 56, 78);
    DO(fchown, fd, 910, 1112);
    DO(mknod, in_folder("pipe"), S_IFIFO | 0640, 0);
    DO(mknodat, AT_FDCWD, in_folder("device"), S_IFCHR | 0600, makedev(1, 3));
    int pipes[2];
    DO(pipe, pipes);
    TELL(pipes[0]);
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
    const long opened = DO(open_by_handle_at, dir, &handle, O_RDWR | O_APPEND);
    TELL(opened);
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%ld", opened);
    DO(readlink, link, buf, sizeof buf);
    DO(mknod, in_folder("device2"), S_IFBLK | 0640, makedev(259, 70000));
    DO(userfaultfd, O_CLOEXEC | O_NONBLOCK);
    DO(close_range, 900, 910, 4u /* CLOSE_RANGE_CLOEXEC */);
}

static long pidless(void) { return 4444; } // a descriptor that is none

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
    DO(epoll_wait, epoll, ready, -1, 0);
    DO(epoll_wait, pidless(), ready, 1, 0);
    int pipes[2];
    DO(pipe, pipes);
    DO(write, pipes[1], "x", 1);
    struct pollfd list[2] = {{pipes[0], POLLIN, 0}, {pipes[1], POLLOUT | POLLPRI, 0}};
    DO(poll, list, 2, 250);
    DO(close, pipes[1]);
    const struct pollfd gone[2] = {{pipes[0], POLLIN | POLLRDHUP, 0}, {555, POLLIN | POLLRDNORM, 0}};
    memcpy(list, gone, sizeof list);
    DO(poll, list, 2, -1);
    DO(poll, NULL, 0, 0);
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
    DO(io_uring_register, uring, 99, 0x1234567890L, 3);
    DO(io_uring_enter, uring, 0, 0, 1u, &blocked, 8);
}

static void tell_ends(long fd) {
    struct sockaddr_in6 end;
    socklen_t size = sizeof end;
    DO(getsockname, fd, &end, &size);
    size = sizeof end;
    DO(getpeername, fd, &end, &size);
}

static void sockets(int port, char* low) {
    const long s = DO(socket, AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    DO(connect, s, &a, sizeof a);
    tell_ends(s);
    DO(sendto, s, "hello", 5, 0, NULL, 0);
    strcpy(low + 512, "by 32");
    const unsigned out[4] = {(unsigned)s, (unsigned)(uintptr_t)low + 512, 5, 0};
    memcpy(low, out, sizeof out);
    call32(102 /* socketcall */, 9 /* send */, (uintptr_t)low, 0, 0, 0);
    const unsigned in[4] = {(unsigned)s, (unsigned)(uintptr_t)low + 768, 5, MSG_DONTWAIT};
    memcpy(low, in, sizeof in);
    call32(102 /* socketcall */, 10 /* recv */, (uintptr_t)low, 0, 0, 0);
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
    struct sockaddr_in bound, peer;
    socklen_t size = sizeof bound;
    DO(getsockname, listener, &bound, &size);
    const long callers[3] = {DO(socket, AF_INET, SOCK_STREAM, 0), DO(socket, AF_INET, SOCK_STREAM, 0),
                             DO(socket, AF_INET, SOCK_STREAM, 0)};
    for (int i = 0; i < 3; i++) DO(connect, callers[i], &bound, sizeof bound);
    const long served = DO(accept, listener, &peer, &size);
    tell_ends(served);
    size = sizeof peer;
    tell_ends(DO(accept4, listener, &peer, &size, SOCK_CLOEXEC));
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
    DO(getsockopt, refused, SOL_SOCKET, SO_ERROR, &number, &length);
    DO(setsockopt, s, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    const struct timeval patience = {.tv_sec = 5, .tv_usec = 250000};
    DO(setsockopt, s, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    DO(setsockopt, s, SOL_SOCKET, 67 /* SO_SNDTIMEO_NEW */, &patience, sizeof patience);
    struct timeval got;
    length = sizeof got;
    DO(getsockopt, s, SOL_SOCKET, SO_RCVTIMEO, &got, &length);
    DO(setsockopt, s, SOL_SOCKET, SO_BINDTODEVICE, "lo\0", 4);
    uint64_t cookie;
    length = sizeof cookie;
    DO(getsockopt, s, SOL_SOCKET, SO_COOKIE, &cookie, &length);
    unsigned memory_info[9];
    length = sizeof memory_info;
    DO(getsockopt, s, SOL_SOCKET, SO_MEMINFO, memory_info, &length);
    gid_t groups[64];
    length = sizeof groups;
    DO(getsockopt, client, SOL_SOCKET, SO_PEERGROUPS, groups, &length);
    DO(setsockopt, s, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, NULL, 0);
    DO(setsockopt, s, SOL_SOCKET, SO_CNX_ADVICE, &one, sizeof one);
    DO(setsockopt, s, SOL_SOCKET, 257, &one, sizeof one);
    DO(setsockopt, s, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    DO(setsockopt, s, IPPROTO_IP, IP_TTL, &one, sizeof one);
    DO(setsockopt, s, SOL_SOCKET, SO_KEEPALIVE, NULL, sizeof one);
    DO(setsockopt, pidless(), SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
    DO(shutdown, s, SHUT_RD);
    DO(shutdown, s, SHUT_RDWR);
    // A name without a file; one that the kernel chooses; one that fills all there is; none.
    struct sockaddr_un hidden = {.sun_family = AF_UNIX, .sun_path = "\0hidden-name"};
    snprintf(hidden.sun_path + 1, sizeof hidden.sun_path - 1, "hidden-%d", (int)getpid());
    const socklen_t with_name = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(hidden.sun_path + 1));
    const long abstract = DO(socket, AF_UNIX, SOCK_STREAM, 0);
    DO(bind, abstract, &hidden, with_name);
    DO(listen, abstract, -1);
    DO(connect, DO(socket, AF_UNIX, SOCK_STREAM, 0), &hidden, with_name);
    DO(bind, DO(socket, AF_UNIX, SOCK_DGRAM, 0), &hidden, sizeof hidden.sun_family);
    memset(u.sun_path, 'x', sizeof u.sun_path);
    DO(connect, DO(socket, AF_UNIX, SOCK_STREAM, 0), &u, sizeof u);
    DO(connect, client, NULL, sizeof u);
    DO(connect, client, &u, 1);
    const struct sockaddr_in6 scoped = {.sin6_family = AF_INET6,
                                        .sin6_port = htons(9),
                                        .sin6_scope_id = 1,
                                        .sin6_addr = {{{0xfe, 0x80, [15] = 1}}}},
                              mapped = {.sin6_family = AF_INET6,
                                        .sin6_port = htons((unsigned short)port),
                                        .sin6_addr = {{{[10] = 0xff, 0xff, 127, 0, 0, 1}}}};
    DO(connect, DO(socket, AF_INET6, SOCK_DGRAM, 0), &scoped, sizeof scoped);
    DO(connect, DO(socket, AF_INET6, SOCK_STREAM, 0), &mapped, sizeof mapped);
    DO(connect, DO(socket, AF_INET6, SOCK_STREAM, 0), &mapped, 20);
    DO(socket, AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK, 15);
    DO(socket, 12345, 99, 77);
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
    struct mmsghdr ins[2] = {
        {.msg_hdr = {.msg_name = name, .msg_namelen = sizeof name, .msg_iov = &room, .msg_iovlen = 1}},
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

static void tell_size(void) {
    char text[64];
    const long fd = DO(openat, AT_FDCWD, "/proc/self/statm", O_RDONLY, 0);
    DO(read, fd, text, sizeof text);
    DO(close, fd);
}

static void memory(void) {
    const long top = DO(brk, 0L);
    DO(brk, top + 8192);
    tell_size();
    DO(mmap, 0x10000000L, 12288, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1L, 0L);
    tell_size();
    DO(munmap, 0x10000000L, 4096);
    tell_size();
    DO(mmap, 0L, 4096, PROT_READ | PROT_EXEC, MAP_SHARED | MAP_POPULATE | MAP_LOCKED, pidless(), 0x7ffffffff000L);
    DO(mprotect, 12345L, -1L, PROT_READ | PROT_GROWSDOWN | 0x8 /* PROT_SEM */);
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
    DO(semop, set, ops, 1);
    DO(semop, set, ops, 0);
    DO(semctl, set, 1, SETVAL, 4);
    DO(semctl, set, 0, IPC_RMID, 0);
    for (int command = 0; command < 20; command++) DO(semctl, -1, command, command, 0);
    for (int resource = 0; resource < 18; resource++) DO(getrlimit, resource, &limit);
    DO(getrlimit, 256, &limit);
    DO(prlimit64, -1, 256, NULL, NULL);
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
    DO(quotactl, QCMD(Q_QUOTAON, GRPQUOTA), "/dev/none", 4, "/no/quota/file");
    struct dqblk block = {1001, 1002, 1003, 1004, 1005, 1006, 1007, 1008, QIF_ALL};
    DO(quotactl, QCMD(Q_SETQUOTA, USRQUOTA), "/dev/none", 4321, &block);
    block.dqb_valid = QIF_BLIMITS | QIF_ITIME;
    DO(quotactl, QCMD(Q_SETQUOTA, USRQUOTA), "/dev/none", 4321, &block);
    DO(quotactl, QCMD(Q_GETQUOTA, USRQUOTA), "/dev/none", 65, &block);
    struct dqinfo info = {604800, 3600, 1, IIF_ALL};
    DO(quotactl, QCMD(Q_SETINFO, GRPQUOTA), "/dev/none", 0, &info);
    DO(quotactl, QCMD(Q_SYNC, GRPQUOTA), NULL, 0, NULL);
    const long fs = DO(fsopen, "tmpfs", 0u);
    DO(fsconfig, fs, 1u /* FSCONFIG_SET_STRING */, "size", "1m", 0);
    DO(fsconfig, fs, 0u /* FSCONFIG_SET_FLAG */, "ro", NULL, 0);
    DO(fsconfig, fs, 2u /* FSCONFIG_SET_BINARY */, "blob", "eight by", 8);
    DO(fsconfig, fs, 3u /* FSCONFIG_SET_PATH */, "source", "/a/path", AT_FDCWD);
    DO(fsconfig, fs, 5u /* FSCONFIG_SET_FD */, "fd", NULL, 3);
    DO(init_module, "no module", 9, "option=1");
    DO(finit_module, fs, "option=2", 1u);
    DO(keyctl, 0u /* KEYCTL_GET_KEYRING_ID */, -3, 1, 0, 0);
    DO(keyctl, 10u /* KEYCTL_SEARCH */, -3, "user", "a key", 77);
    DO(keyctl, 23u /* KEYCTL_DH_COMPUTE */, NULL, NULL, 0, NULL);
    DO(keyctl, 1u /* KEYCTL_JOIN_SESSION_KEYRING */, NULL);
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
    call32(19 /* lseek */, (unsigned long)fd, (unsigned long)-3, SEEK_CUR, 0, 0);
    call32(140 /* _llseek */, (unsigned long)fd, 0xffffffff, 0xfffffffe, room, SEEK_END);
    call32(180 /* pread64 */, (unsigned long)fd, at + 768, 5, 2, 3);
    call32(181 /* pwrite64 */, (unsigned long)fd, at + 512, 5, 0xffffffff, 0xffffffff);
    call32(324 /* fallocate */, (unsigned long)fd, 0, 5, 1, 6);
    call32(250 /* fadvise64 */, (unsigned long)fd, 5, 1, 6, 0);
    call32(314 /* sync_file_range */, (unsigned long)fd, 5, 1, 6, 0);
    tell_size();
    call32(192 /* mmap2 */, 0, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, (unsigned long)-1);
    tell_size();
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

// Many, none, too many; pointers to nothing; numbers that are no command.
static void edges(void) {
    static struct iovec parts[1025];
    for (int i = 0; i < 1025; i++) parts[i] = (struct iovec){"ab", 1 + (size_t)i % 2};
    const long fd = DO(openat, AT_FDCWD, in_folder("edges"), O_RDWR | O_CREAT | O_SYNC, 0600);
    DO(writev, fd, parts, 65);
    DO(writev, fd, parts, 1024);
    DO(writev, fd, parts, 1025);
    DO(writev, fd, parts, 0);
    DO(pwritev, fd, parts, 3, 0x123456789aL, 0);
    DO(pread64, fd, parts, 8, -1L);
    DO(lseek, fd, -7L, SEEK_END);
    DO(lseek, fd, 0x7fffffffffffL, SEEK_SET);
    DO(lseek, fd, 0, 256);
    DO(openat, fd, NULL, O_RDONLY, 0);
    DO(openat, 55, "below", O_PATH, 0);
    DO(open, (char*)16, O_RDONLY, 0);
    DO(openat, AT_FDCWD, "", O_RDONLY, 0);
    DO(openat, AT_FDCWD, folder, O_RDWR | O_TMPFILE, 0640);
    DO(openat, AT_FDCWD, in_folder("edges"), O_WRONLY | O_DSYNC | O_DIRECT | O_LARGEFILE | O_NOFOLLOW, 0);
    struct stat about;
    DO(newfstatat, fd, "", &about, AT_EMPTY_PATH);
    DO(fchmodat, fd, "x", 07777);
    DO(unlinkat, fd, "x", AT_REMOVEDIR);
    DO(mkdirat, -1, "relative", 0);
    DO(read, fd, NULL, 1L << 31);
    DO(write, -1, NULL, 5);
    DO(close, -1);
    DO(close, 1 << 30);
    DO(dup2, fd, -1);
    const int commands[] = {F_GETFD,  F_SETFD,  F_GETFL,      F_SETFL,      F_GETOWN,
                            F_SETOWN, F_GETSIG, F_SETSIG,     F_GETLEASE,   F_SETLEASE,
                            F_NOTIFY, 1029,     F_GETPIPE_SZ, F_SETPIPE_SZ, F_DUPFD_CLOEXEC};
    for (unsigned i = 0; i < sizeof commands / sizeof *commands; i++) DO(fcntl, fd, commands[i], 0);
    const int with_structure[] = {F_GETLK,     F_SETLK,      F_SETLKW,    F_OFD_GETLK,
                                  F_OFD_SETLK, F_OFD_SETLKW, F_GETOWN_EX, F_SETOWN_EX};
    for (unsigned i = 0; i < sizeof with_structure / sizeof *with_structure; i++) DO(fcntl, -1, with_structure[i], 0);
    DO(flock, fd, LOCK_SH);
    DO(flock, fd, LOCK_UN);
    DO(prctl, PR_GET_NAME, parts, 0, 0, 0);
    DO(prctl, PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    int reaper = 0;
    DO(prctl, PR_GET_CHILD_SUBREAPER, &reaper, 0, 0, 0);
    DO(prctl, PR_SET_DUMPABLE, 1, 0, 0, 0);
    DO(prctl, PR_CAPBSET_READ, CAP_NET_ADMIN, 0, 0, 0);
    DO(prctl, PR_SET_KEEPCAPS, 0, 0, 0, 0);
    DO(prctl, PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0);
    DO(ptrace, PTRACE_POKEDATA, 1 << 21, 0x1234L, 0x567890abcdefL);
    DO(ptrace, PTRACE_CONT, 1 << 21, 0L, SIGUSR2);
    DO(ptrace, PTRACE_SYSCALL, 1 << 21, 0L, 0L);
    DO(ptrace, PTRACE_DETACH, -1, 0L, SIGSTOP);
    DO(ptrace, PTRACE_SEIZE, 1 << 21, 0L, 1L);
    DO(ptrace, PTRACE_INTERRUPT, 1 << 21, 0L, 0L);
    DO(ptrace, PTRACE_KILL, 1 << 21, 0L, 0L);
    for (int command = 0; command < 36; command++) DO(bpf, command, NULL, 0);
    unsigned word = 0;
    const int waits[] = {FUTEX_WAKE,       FUTEX_REQUEUE,  FUTEX_CMP_REQUEUE, FUTEX_WAKE | FUTEX_PRIVATE_FLAG,
                         FUTEX_TRYLOCK_PI, FUTEX_UNLOCK_PI};
    for (unsigned i = 0; i < sizeof waits / sizeof *waits; i++) DO(futex, &word, waits[i], 1, NULL, NULL, 0);
    DO(setrlimit, RLIMIT_RTTIME, NULL);
    DO(kill, -(1 << 21), SIGUSR1);
    DO(kill, 1 << 21, 265);
    DO(tgkill, -1, -1, -1);
    DO(setns, 0, 0);
    DO(mount, NULL, NULL, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOEXEC, NULL);
    DO(umount2, "", 1u | 4u | 8u);
    DO(nanosleep, NULL, NULL);
    DO(memfd_create, NULL, 2u);
    DO(pidfd_open, -1, 0);
    DO(splice, -1, NULL, -1, NULL, -1L, 4u | 8u);
    DO(setresuid, -1, -1, -1);
    DO(setpgid, -1, -1);
    DO(accept4, fd, NULL, NULL, 0);
    DO(sendmsg, fd, NULL, 0);
    DO(recvfrom, fd, NULL, 0, 0, NULL, NULL);
    DO(eventfd2, 0xffffffffu, 1u);
    DO(epoll_create1, 4096);
    DO(getcwd, NULL, 0);
    DO(chdir, NULL);
    DO(rename, NULL, "there");
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
    compat = argv[4][0] != '\0';
    umask(0);
    files();
    more_files();
    descriptors();
    sockets(atoi(argv[2]), low);
    datagrams();
    memory();
    processes();
    identity();
    kernel();
    calls32(low);
    edges();
    others();
    umask(0);
    nonsense(argv[3], argv[4]);
    execs(program);
    return 125;
}
