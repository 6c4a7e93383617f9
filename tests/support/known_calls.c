// Makes one call after the other, each by its own number and with arguments that tell it apart, so that what two tools
// say of them can be laid side by side. known_calls FOLDER PORT: an empty folder, and a port that listens on 127.0.0.1.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
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
    DO(mmap, 0L, 8192, PROT_READ, MAP_PRIVATE, fd, 0);
    char* map = (char*)DO(mmap, 0L, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    DO(mprotect, map, 4096, PROT_READ);
    DO(munmap, map, 4096);
    DO(memfd_create, "name-of-memory", 1u);
    DO(eventfd2, 5, EFD_NONBLOCK);
    int pipes[2];
    DO(pipe2, pipes, O_CLOEXEC);
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
    DO(setuid, 65534);
    DO(setuid, 0);
    DO(chroot, "/");
    DO(delete_module, "no_such_module", O_NONBLOCK);
    DO(bpf, 99, NULL, 0);
}

int main(int argc, char** argv) {
    if (argc != 3) return 120;
    folder = argv[1];
    umask(0);
    files();
    sockets(atoi(argv[2]));
    others();
    return 0;
}
