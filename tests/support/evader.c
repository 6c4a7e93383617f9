// Does one thing in a way that is made to go unseen, and prints how often it really happened: `evader VERB
// ARGUMENT...`. What it prints comes from the kernel's own answers (fstat, getpeername, /proc/self/exe), so that a test
// can compare.
//
// Exit status: 0; 120 for wrong use; 121 when a system call failed; 122: this machine cannot do it.
#define _GNU_SOURCE
#include "evader.h"

#include "compat_entry.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int who(void) {
    char path[4096];
    const ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
    if (n < 0) fail("/proc/self/exe");
    printf("%d %.*s\n", getpid(), (int)n, path);
    return 0;
}

static void on_signal(int number) {
    (void)number;
    _exit(122);
}

// int80 FILE: opened by the 32-bit entry of a 64-bit program.
static int int80(char** argv) {
    signal(SIGSEGV, on_signal); // a kernel without it
    char* low = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
    if (low == MAP_FAILED) fail("mmap");
    strncpy(low, argv[0], 4095);
    long result = 5; // open in the 32-bit table
    __asm__ volatile("int $0x80" : "+a"(result) : "b"(low), "c"(O_RDONLY), "d"(0) : "memory", "r8", "r9", "r10", "r11");
    if ((int)result == -ENOSYS) return 122;
    if ((int)result < 0) {
        errno = -(int)result;
        fail(argv[0]);
    }
    printf("1\n");
    return 0;
}

// receive FILE: one process opens it, another gets the descriptor over a socket and reads. Prints the reader's pid and
// the opener's.
static int receive(char** argv) {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) < 0) fail("socketpair");
    char byte = 'x', control[CMSG_SPACE(sizeof(int))];
    struct iovec vector = {&byte, 1};
    struct msghdr message = {
        .msg_iov = &vector, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    const pid_t opener = fork();
    if (opener == 0) {
        const int fd = open(argv[0], O_RDONLY);
        if (fd < 0) fail(argv[0]);
        struct cmsghdr* head = CMSG_FIRSTHDR(&message);
        head->cmsg_level = SOL_SOCKET;
        head->cmsg_type = SCM_RIGHTS;
        head->cmsg_len = CMSG_LEN(sizeof fd);
        memcpy(CMSG_DATA(head), &fd, sizeof fd);
        _exit(sendmsg(ends[1], &message, 0) == 1 ? 0 : 121);
    }
    if (recvmsg(ends[0], &message, 0) != 1) fail("recvmsg");
    int fd = -1;
    memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof fd);
    char content[16];
    if (read(fd, content, sizeof content) <= 0) fail("read");
    printf("%d %d\n", getpid(), opener);
    waitpid(opener, NULL, 0);
    return 0;
}

// taken FILE: one process opens it, another takes the descriptor out of that process and reads. Prints both.
static int taken(char** argv) {
    int ends[2];
    if (pipe(ends) < 0) fail("pipe");
    const pid_t opener = fork();
    if (opener == 0) {
        const int fd = open(argv[0], O_RDONLY);
        if (fd < 0 || write(ends[1], &fd, sizeof fd) != sizeof fd) fail(argv[0]);
        pause();
    }
    int number = -1;
    if (read(ends[0], &number, sizeof number) != sizeof number) fail("read");
    const int process = (int)syscall(SYS_pidfd_open, opener, 0);
    const int fd = (int)syscall(SYS_pidfd_getfd, process, number, 0);
    kill(opener, SIGKILL);
    waitpid(opener, NULL, 0);
    if (fd < 0) cannot("no pidfd_getfd");
    char content[16];
    if (read(fd, content, sizeof content) <= 0) fail("read");
    printf("%d %d\n", getpid(), opener);
    return 0;
}

// shared FILE: one process opens it in the table of descriptors that another has too, which reads. Prints both.
static int shared(char** argv) {
    const long opener = syscall(SYS_clone, CLONE_FILES | SIGCHLD, 0, 0, 0, 0);
    if (opener == 0) _exit(dup2(open(argv[0], O_RDONLY), 0) != 0);
    int status = 1;
    if (waitpid((pid_t)opener, &status, 0) < 0 || status != 0) fail("clone");
    char content[16];
    if (read(0, content, sizeof content) <= 0) fail("read");
    printf("%d %ld\n", getpid(), opener);
    return 0;
}

// tree FOLDER NAME WAY: opened in a copy of the mount that hangs nowhere: below it; the file alone; below a mount that
// was taken away.
static int tree(char** argv) {
    enum { kCloneTree = 1 };
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", argv[0], argv[1]);
    struct stat wanted, got;
    if (stat(path, &wanted) < 0) fail(path);
    int fd = -1;
    if (strcmp(argv[2], "below") == 0) {
        const int at = (int)syscall(SYS_open_tree, AT_FDCWD, argv[0], kCloneTree | O_CLOEXEC);
        if (at < 0) cannot("no open_tree");
        fd = openat(at, argv[1], O_RDONLY);
    } else if (strcmp(argv[2], "alone") == 0) {
        const int at = (int)syscall(SYS_open_tree, AT_FDCWD, path, kCloneTree | O_CLOEXEC);
        if (at < 0) cannot("no open_tree");
        snprintf(path, sizeof path, "/proc/self/fd/%d", at);
        fd = open(path, O_RDONLY);
    } else {
        if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
            mount(argv[0], "/mnt", NULL, MS_BIND, NULL) < 0)
            fail("mount");
        const int at = open("/mnt", O_PATH | O_DIRECTORY);
        if (at < 0 || umount2("/mnt", MNT_DETACH) < 0) fail("umount");
        fd = openat(at, argv[1], O_RDONLY);
    }
    if (fd < 0 || fstat(fd, &got) < 0 || got.st_ino != wanted.st_ino) fail(argv[2]);
    printf("1\n");
    return 0;
}

// hold FILE: opens it, says so, reads it when told by a line on standard input.
static int hold(char** argv) {
    const int fd = open(argv[0], O_RDONLY);
    if (fd < 0) fail(argv[0]);
    printf("held\n");
    fflush(stdout);
    char byte;
    if (read(0, &byte, 1) != 1) fail("standard input");
    if (read(fd, &byte, 1) != 1) fail(argv[0]);
    printf("%d\n", getpid());
    return 0;
}

// flood FILE COUNT: as many opens of it.
static int flood(char** argv) {
    for (long i = atol(argv[1]); i > 0; --i) {
        const int fd = open(argv[0], O_RDONLY);
        if (fd >= 0) close(fd);
    }
    return 0;
}

// crowd COUNT FILE: that many processes are alive when one of them opens the file.
static int crowd(char** argv) {
    const long count = atol(argv[0]);
    int gate[2];
    if (pipe(gate) < 0) fail("pipe");
    for (long i = 0; i < count; ++i) {
        const pid_t pid = fork();
        if (pid < 0) fail("fork");
        if (pid == 0) {
            char byte;
            close(gate[1]);
            _exit(read(gate[0], &byte, 1) < 0);
        }
    }
    const pid_t last = fork();
    if (last == 0) _exit(open(argv[1], O_RDONLY) < 0);
    int status = 0;
    waitpid(last, &status, 0);
    close(gate[1]);
    while (wait(NULL) > 0) {
    }
    printf("%d\n", last);
    return status == 0 ? 0 : 121;
}

// A call of the 32-bit entry, of this 64-bit program.
static long call32(long number, const unsigned long* a) {
    long result = number;
#ifdef __x86_64__
    unsigned long sixth = (uint32_t)a[5];
    __asm__ volatile("xchgq %[sixth], %%rbp\n\tint $0x80\n\txchgq %[sixth], %%rbp"
                     : "+a"(result), [sixth] "+r"(sixth)
                     : "b"((uint32_t)a[0]), "c"((uint32_t)a[1]), "d"((uint32_t)a[2]), "S"((uint32_t)a[3]),
                       "D"((uint32_t)a[4])
                     : "memory", "r8", "r9", "r10", "r11");
#endif
    return result;
}

static int is_among(const long* numbers, size_t count, long number) {
    for (size_t k = 0; k < count; ++k)
        if (numbers[k] == number) return 1;
    return 0;
}

// random SEED COUNT: system calls with random numbers and arguments, every other by the 32-bit entry, by children that
// may die of them. Left out: what ends or multiplies them, waits for ever, or reaches others.
static int random_calls(char** argv) {
    static const long kLeftOut[] = {SYS_exit,   SYS_exit_group,    SYS_fork,   SYS_vfork,    SYS_clone, SYS_clone3,
                                    SYS_pause,  SYS_rt_sigsuspend, SYS_reboot, SYS_vhangup,  SYS_kill,  SYS_tkill,
                                    SYS_tgkill, SYS_rt_sigreturn,  SYS_select, SYS_pselect6, SYS_ppoll, SYS_poll};
    // The same of the other table, with select in three forms, and sigsuspend and sigreturn in two.
    static const long kLeftOut32[] = {1,   252, 2,   190, 120, 435, 29,  179, 72,  88,  111, 37,
                                      238, 270, 173, 119, 82,  142, 308, 413, 309, 414, 168};
    unsigned long state = strtoul(argv[0], NULL, 10) | 1;
    long left = atol(argv[1]), done = 0;
    const int compat = has_compat_entry();
    while (left > 0) {
        const pid_t pid = fork();
        if (pid == 0) {
            char* page = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
            for (int i = 0; i < 200; ++i) {
                unsigned long a[7];
                for (int k = 0; k < 7; ++k) {
                    state = state * 6364136223846793005UL + 1442695040888963407UL;
                    const unsigned long r = state >> 16;
                    a[k] = r % 4 == 0   ? (unsigned long)page + r % 4096
                           : r % 4 == 1 ? r % 16
                           : r % 4 == 2 ? r
                                        : r % 4096 - 8;
                }
                const long number = (long)(a[6] % 470);
                if (compat && i % 2 && !is_among(kLeftOut32, sizeof kLeftOut32 / sizeof *kLeftOut32, number))
                    call32(number, a);
                if ((!compat || i % 2 == 0) && !is_among(kLeftOut, sizeof kLeftOut / sizeof *kLeftOut, number))
                    syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
            }
            _exit(0);
        }
        state = state * 6364136223846793005UL + 7;
        // A call may wait for ever; signals are no use, as another call may have blocked them.
        struct pollfd process = {.fd = (int)syscall(SYS_pidfd_open, pid, 0), .events = POLLIN};
        if (poll(&process, 1, 500) <= 0) kill(pid, SIGKILL);
        close(process.fd);
        waitpid(pid, NULL, 0);
        left -= 200;
        done += 200;
    }
    printf("%ld\n", done);
    return 0;
}

int main(int argc, char** argv) {
    static const struct {
        const char* name;
        int arguments;
        int (*run)(char**);
    } kVerbs[] = {{"race-open", 3, race_open},
                  {"race-connect", 3, race_connect},
                  {"race-exec", 3, race_exec},
                  {"reuse", 4, reuse},
                  {"int80", 1, int80},
                  {"receive", 1, receive},
                  {"hold", 1, hold},
                  {"flood", 2, flood},
                  {"crowd", 2, crowd},
                  {"random", 2, random_calls},
                  {"race-wait", 1, race_wait},
                  {"race-how", 2, race_how},
                  {"taken", 1, taken},
                  {"shared", 1, shared},
                  {"tree", 3, tree},
                  {"uring-reuse", 1, uring_reuse},
                  {"uring-crowd", 1, uring_crowd},
                  {"uring-table", 1, uring_table}};
    if (argc == 2 && strcmp(argv[1], "who") == 0) return who();
    if (argc > 3 && strcmp(argv[1], "uring") == 0) return uring(argc - 2, argv + 2);
    if (argc > 2 && strcmp(argv[1], "siblings") == 0) return siblings(argc - 2, argv + 2);
    for (size_t i = 0; i < sizeof kVerbs / sizeof *kVerbs; ++i)
        if (argc == kVerbs[i].arguments + 2 && strcmp(argv[1], kVerbs[i].name) == 0) return kVerbs[i].run(argv + 2);
    fputs("evader: wrong use\n", stderr);
    return 120;
}
