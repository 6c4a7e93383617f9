// One effect by each of the system calls that have it: `evader siblings EFFECT WAY ARGUMENT...`. Each makes sure that
// the effect is there before it says so.
#define _GNU_SOURCE
#include "evader.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <linux/sched.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452 // Linux 6.6
#endif
#ifndef SYS_setxattrat
#define SYS_setxattrat 463 // Linux 6.13
#endif

static int is(const char* way, const char* name) { return strcmp(way, name) == 0; }

static int same_file(int fd, const char* path) {
    struct stat a, b;
    return fstat(fd, &a) == 0 && stat(path, &b) == 0 && a.st_ino == b.st_ino && a.st_dev == b.st_dev;
}

// open WAY FILE: for reading.
static int open_file(const char* way, char** argv) {
    int fd = -1;
    if (is(way, "open"))
        fd = (int)syscall(SYS_open, argv[0], O_RDONLY, 0);
    else if (is(way, "openat"))
        fd = (int)syscall(SYS_openat, AT_FDCWD, argv[0], O_RDONLY, 0);
    else if (is(way, "openat2")) {
        const struct open_how how = {.flags = O_RDONLY};
        fd = (int)syscall(SYS_openat2, AT_FDCWD, argv[0], &how, sizeof how);
    } else if (is(way, "open_by_handle_at")) {
        union {
            struct file_handle head;
            char room[sizeof(struct file_handle) + 128];
        } handle = {.head.handle_bytes = 128};
        int mount_id = 0;
        if (name_to_handle_at(AT_FDCWD, argv[0], &handle.head, &mount_id, 0) < 0) cannot("no handles of files here");
        char folder[4096];
        strncpy(folder, argv[0], sizeof folder - 1);
        *strrchr(folder, '/') = 0;
        const int at = open(folder, O_RDONLY | O_DIRECTORY);
        fd = open_by_handle_at(at, &handle.head, O_RDONLY);
    }
    return fd >= 0 && same_file(fd, argv[0]) ? 0 : 121;
}

// rename WAY OLD NEW
static int rename_file(const char* way, char** argv) {
    struct stat before, after;
    if (stat(argv[0], &before) < 0) fail(argv[0]);
    long done = -1;
    if (is(way, "rename")) done = syscall(SYS_rename, argv[0], argv[1]);
    if (is(way, "renameat")) done = syscall(SYS_renameat, AT_FDCWD, argv[0], AT_FDCWD, argv[1]);
    if (is(way, "renameat2")) done = syscall(SYS_renameat2, AT_FDCWD, argv[0], AT_FDCWD, argv[1], 0);
    if (is(way, "exchange")) done = syscall(SYS_renameat2, AT_FDCWD, argv[0], AT_FDCWD, argv[1], RENAME_EXCHANGE);
    if (done < 0) fail(way);
    return stat(argv[1], &after) == 0 && after.st_ino == before.st_ino ? 0 : 121;
}

// stream WAY FILE: as standard input.
static int stream(const char* way, char** argv) {
    const int fd = open(argv[0], O_RDONLY);
    if (fd <= 0) fail(argv[0]);
    if (is(way, "dup2")) syscall(SYS_dup2, fd, 0);
    if (is(way, "dup3")) syscall(SYS_dup3, fd, 0, 0);
    if (is(way, "dup") || is(way, "fcntl") || is(way, "fcntl-cloexec")) close(0);
    if (is(way, "dup")) syscall(SYS_dup, fd);
    if (is(way, "fcntl")) fcntl(fd, F_DUPFD, 0);
    if (is(way, "fcntl-cloexec")) fcntl(fd, F_DUPFD_CLOEXEC, 0);
    return same_file(0, argv[0]) ? 0 : 121;
}

// run WAY PROGRAM: which says who it is (verb "who").
static int run_program(const char* way, char** argv) {
    char* const words[] = {argv[0], "who", NULL};
    if (is(way, "execve")) execve(argv[0], words, environ);
    if (is(way, "execveat")) syscall(SYS_execveat, AT_FDCWD, argv[0], words, environ, 0);
    if (is(way, "descriptor"))
        syscall(SYS_execveat, open(argv[0], O_PATH | O_CLOEXEC), "", words, environ, AT_EMPTY_PATH);
    fail(way);
}

// make WAY: another process; its number.
static int make_process(const char* way, char** argv) {
    (void)argv;
    long pid = -1;
    if (is(way, "fork")) pid = syscall(SYS_fork);
    if (is(way, "vfork")) pid = vfork(); // its child may do nothing but end
    if (is(way, "clone")) pid = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
    if (is(way, "clone3")) {
        struct clone_args how = {.exit_signal = SIGCHLD};
        pid = syscall(SYS_clone3, &how, sizeof how);
    }
    if (pid == 0) _exit(0);
    if (pid < 0) fail(way);
    int status = 1;
    if (waitpid((pid_t)pid, &status, 0) != pid || status != 0) return 121;
    printf("%ld\n", pid);
    return 0;
}

// write WAY FILE: five bytes into it, which was empty.
static int write_file(const char* way, char** argv) {
    const int fd = open(argv[0], O_RDWR | O_TRUNC | O_CREAT, 0644);
    if (fd < 0) fail(argv[0]);
    char text[] = "hello";
    struct iovec part = {text, 5};
    long done = -1;
    if (is(way, "write")) done = write(fd, text, 5);
    if (is(way, "pwrite64")) done = syscall(SYS_pwrite64, fd, text, 5, 0);
    if (is(way, "writev")) done = syscall(SYS_writev, fd, &part, 1);
    if (is(way, "pwritev")) done = syscall(SYS_pwritev, fd, &part, 1, 0, 0);
    if (is(way, "pwritev2")) done = syscall(SYS_pwritev2, fd, &part, 1, 0, 0, 0);
    if (is(way, "sendfile") || is(way, "copy_file_range") || is(way, "splice") || is(way, "tee")) {
        char name[4096];
        snprintf(name, sizeof name, "%s.from", argv[0]);
        const int from = open(name, O_RDWR | O_CREAT | O_TRUNC, 0644);
        if (from < 0 || write(from, text, 5) != 5) fail(name);
        loff_t in = 0, out = 0;
        int ends[2];
        if (pipe(ends) < 0) fail("pipe");
        if (is(way, "sendfile")) done = syscall(SYS_sendfile, fd, from, &in, 5);
        if (is(way, "copy_file_range")) done = syscall(SYS_copy_file_range, from, &in, fd, &out, 5, 0);
        if (is(way, "splice") && syscall(SYS_splice, from, &in, ends[1], NULL, 5, 0) == 5)
            done = syscall(SYS_splice, ends[0], NULL, fd, &out, 5, 0);
    }
    struct stat now;
    return done == 5 && fstat(fd, &now) == 0 && now.st_size == 5 ? 0 : 121;
}

// read WAY FILE: its first five bytes, "hello".
static int read_file(const char* way, char** argv) {
    const int fd = open(argv[0], O_RDONLY);
    if (fd < 0) fail(argv[0]);
    char text[6] = "";
    struct iovec part = {text, 5};
    loff_t at = 0;
    int ends[2];
    if (pipe(ends) < 0) fail("pipe");
    if (is(way, "read")) syscall(SYS_read, fd, text, 5);
    if (is(way, "pread64")) syscall(SYS_pread64, fd, text, 5, 0);
    if (is(way, "readv")) syscall(SYS_readv, fd, &part, 1);
    if (is(way, "preadv")) syscall(SYS_preadv, fd, &part, 1, 0, 0);
    if (is(way, "preadv2")) syscall(SYS_preadv2, fd, &part, 1, 0, 0, 0);
    if (is(way, "mmap")) {
        const char* bytes = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
        if (bytes != MAP_FAILED) memcpy(text, bytes, 5);
    }
    if (is(way, "splice") && syscall(SYS_splice, fd, &at, ends[1], NULL, 5, 0) == 5 && read(ends[0], text, 5) != 5)
        return 121;
    if (is(way, "sendfile") && syscall(SYS_sendfile, ends[1], fd, &at, 5) == 5 && read(ends[0], text, 5) != 5)
        return 121;
    if (is(way, "copy_file_range")) {
        char name[4096];
        snprintf(name, sizeof name, "%s.copy", argv[0]);
        const int to = open(name, O_RDWR | O_CREAT | O_TRUNC, 0644);
        loff_t out = 0;
        if (syscall(SYS_copy_file_range, fd, &at, to, &out, 5, 0) != 5 || pread(to, text, 5, 0) != 5) return 121;
    }
    return strcmp(text, "hello") == 0 ? 0 : 121;
}

// copy WAY FROM TO: five bytes of one file into the other, by descriptors that were there before.
static int copy_file(const char* way, char** argv) {
    const int from = open(argv[0], O_RDONLY), to = open(argv[1], O_RDWR | O_CREAT, 0644);
    if (from < 0 || to < 0) fail(argv[1]);
    loff_t in = 0, out = 0;
    int ends[2];
    char text[6] = "";
    if (ftruncate(to, 0) < 0 || pipe(ends) < 0) fail("pipe");
    if (is(way, "sendfile")) syscall(SYS_sendfile, to, from, &in, 5);
    if (is(way, "copy_file_range")) syscall(SYS_copy_file_range, from, &in, to, &out, 5, 0);
    if (is(way, "splice") && syscall(SYS_splice, from, &in, ends[1], NULL, 5, 0) == 5)
        syscall(SYS_splice, ends[0], NULL, to, &out, 5, 0);
    return pread(to, text, 5, 0) == 5 && strcmp(text, "hello") == 0 ? 0 : 121;
}

// mode WAY FILE: set-user-id, which it was not.
static int change_mode(const char* way, char** argv) {
    const mode_t mode = 04755;
    const int fd = open(argv[0], O_RDONLY);
    if (fd < 0 || fchmod(fd, 0644) < 0) fail(argv[0]);
    long done = -1;
    if (is(way, "chmod")) done = syscall(SYS_chmod, argv[0], mode);
    if (is(way, "fchmod")) done = syscall(SYS_fchmod, fd, mode);
    if (is(way, "fchmodat")) done = syscall(SYS_fchmodat, AT_FDCWD, argv[0], mode);
    if (is(way, "fchmodat2")) done = syscall(SYS_fchmodat2, AT_FDCWD, argv[0], mode, 0);
    if (is(way, "fchmodat2-descriptor")) done = syscall(SYS_fchmodat2, fd, "", mode, AT_EMPTY_PATH);
    if (done < 0 && errno == ENOSYS) cannot("no fchmodat2");
    struct stat now;
    return fstat(fd, &now) == 0 && (now.st_mode & 07777) == mode ? 0 : 121;
}

// attribute WAY FILE: trusted.gyr, which it has not.
static int give_attribute(const char* way, char** argv) {
    const char* name = "trusted.gyr";
    const int fd = open(argv[0], O_RDONLY);
    if (fd < 0) fail(argv[0]);
    fremovexattr(fd, name);
    struct {
        uint64_t value;
        uint32_t size, flags;
    } value = {(uintptr_t) "v", 1, 0};
    long done = -1;
    if (is(way, "setxattr")) done = syscall(SYS_setxattr, argv[0], name, "v", 1, 0);
    if (is(way, "lsetxattr")) done = syscall(SYS_lsetxattr, argv[0], name, "v", 1, 0);
    if (is(way, "fsetxattr")) done = syscall(SYS_fsetxattr, fd, name, "v", 1, 0);
    if (is(way, "setxattrat")) done = syscall(SYS_setxattrat, AT_FDCWD, argv[0], 0, name, &value, sizeof value);
    if (is(way, "setxattrat-descriptor"))
        done = syscall(SYS_setxattrat, fd, "", AT_EMPTY_PATH, name, &value, sizeof value);
    if (done < 0 && (errno == ENOSYS || errno == EOPNOTSUPP)) cannot("no setxattrat, or no attributes");
    char text[2] = "";
    return fgetxattr(fd, name, text, 1) == 1 && *text == 'v' ? 0 : 121;
}

// send WAY PORT: one datagram to it by a socket connected to another port, or, to write, to this one.
static int send_datagram(const char* way, char** argv) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)}, other = to;
    to.sin_port = htons((uint16_t)atoi(argv[0]));
    other.sin_port = htons(9);
    const int s = socket(AF_INET, SOCK_DGRAM, 0);
    const int by_name = !is(way, "write") && !is(way, "writev") && !is(way, "send");
    if (connect(s, (struct sockaddr*)(by_name ? &other : &to), sizeof to) < 0) fail("connect");
    char text[] = "hello";
    struct iovec part = {text, 5};
    struct msghdr message = {.msg_name = &to, .msg_namelen = sizeof to, .msg_iov = &part, .msg_iovlen = 1};
    struct mmsghdr several[1] = {{.msg_hdr = message}};
    long done = -1;
    if (is(way, "write")) done = write(s, text, 5);
    if (is(way, "writev")) done = writev(s, &part, 1);
    if (is(way, "send")) done = syscall(SYS_sendto, s, text, 5, 0, NULL, 0);
    if (is(way, "sendto")) done = syscall(SYS_sendto, s, text, 5, 0, &to, sizeof to);
    if (is(way, "sendmsg")) done = syscall(SYS_sendmsg, s, &message, 0);
    if (is(way, "sendmmsg")) done = syscall(SYS_sendmmsg, s, several, 1, 0) == 1 ? 5 : -1;
    return done == 5 ? 0 : 121;
}

static int is_mounted(const char* folder) {
    char line[8192];
    FILE* file = fopen("/proc/self/mountinfo", "r");
    int found = 0;
    while (file && fgets(line, sizeof line, file)) found |= strstr(line, folder) != NULL;
    return found;
}

// mount WAY FOLDER: a file system in memory, or a copy of another's tree; in a mount namespace of its own.
static int mount_folder(const char* way, char** argv) {
    enum { kCloneTree = 1, kFromEmpty = 4, kCreate = 6 };
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) fail("mount namespace");
    if (is(way, "mount")) mount("none", argv[0], "tmpfs", 0, NULL);
    if (is(way, "fsmount")) {
        const long context = syscall(SYS_fsopen, "tmpfs", 0);
        if (context < 0) cannot("no newer mount calls");
        syscall(SYS_fsconfig, context, kCreate, NULL, NULL, 0);
        syscall(SYS_move_mount, syscall(SYS_fsmount, context, 0, 0), "", AT_FDCWD, argv[0], kFromEmpty);
    }
    if (is(way, "open_tree"))
        syscall(SYS_move_mount, syscall(SYS_open_tree, AT_FDCWD, "/etc", kCloneTree), "", AT_FDCWD, argv[0],
                kFromEmpty);
    return is_mounted(argv[0]) ? 0 : 121;
}

int siblings(int argc, char** argv) {
    static const struct {
        const char* name;
        int arguments;
        int (*act)(const char*, char**);
    } kEffects[] = {{"open", 1, open_file},           {"rename", 2, rename_file}, {"stream", 1, stream},
                    {"run", 1, run_program},          {"make", 0, make_process},  {"write", 1, write_file},
                    {"read", 1, read_file},           {"copy", 2, copy_file},     {"mode", 1, change_mode},
                    {"attribute", 1, give_attribute}, {"send", 1, send_datagram}, {"mount", 1, mount_folder}};
    for (size_t i = 0; i < sizeof kEffects / sizeof *kEffects; ++i)
        if (argc == kEffects[i].arguments + 2 && is(argv[0], kEffects[i].name))
            return kEffects[i].act(argv[1], argv + 2);
    return 120;
}
