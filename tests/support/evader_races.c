// The verbs of evader that change something while the kernel is about to use it.
#define _GNU_SOURCE
#include "evader.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

// Two texts of the same length that another thread writes in turn into the place a system call reads.
struct flip {
    const char *first, *second;
    char* place;
    size_t length;
    atomic_int stop;
};
static void* flip_for_ever(void* given) {
    struct flip* f = given;
    while (!atomic_load(&f->stop)) {
        memcpy(f->place, f->first, f->length);
        memcpy(f->place, f->second, f->length);
    }
    return NULL;
}

// race-open A B COUNT: opens a path that changes under the call, by openat and openat2 in turn, until it was B that
// often, or not for long; how often.
int race_open(char** argv) {
    struct stat wanted, got;
    if (stat(argv[1], &wanted) < 0) fail(argv[1]);
    char path[4096] = "";
    strncpy(path, argv[0], sizeof path - 1);
    struct flip f = {argv[0], argv[1], path, strlen(argv[0]), 0};
    if (strlen(argv[1]) != f.length) return 120;
    pthread_t thread;
    if (pthread_create(&thread, NULL, flip_for_ever, &f) != 0) fail("thread");
    const long wanted_count = atol(argv[2]);
    long count = 0;
    for (long i = wanted_count * 500; i > 0 && count < wanted_count; --i) {
        const struct open_how how = {.flags = O_RDONLY};
        const int fd = i % 2 ? open(path, O_RDONLY) : (int)syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof how);
        if (fd < 0) continue; // a mixture of both
        if (fstat(fd, &got) == 0 && got.st_ino == wanted.st_ino && got.st_dev == wanted.st_dev) ++count;
        close(fd);
    }
    atomic_store(&f.stop, 1);
    pthread_join(thread, NULL);
    printf("%ld\n", count);
    return 0;
}

// race-connect PORT PORT COUNT: the same with a connection to the second port.
int race_connect(char** argv) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)}, b = a, now, peer;
    a.sin_port = htons((uint16_t)atoi(argv[0]));
    b.sin_port = htons((uint16_t)atoi(argv[1]));
    now = a;
    struct flip f = {(char*)&a, (char*)&b, (char*)&now, sizeof now, 0};
    pthread_t thread;
    if (pthread_create(&thread, NULL, flip_for_ever, &f) != 0) fail("thread");
    const long wanted_count = atol(argv[2]);
    long count = 0;
    for (long i = wanted_count * 500; i > 0 && count < wanted_count; --i) {
        const int fd = socket(AF_INET, SOCK_DGRAM, 0);
        socklen_t size = sizeof peer;
        if (connect(fd, (struct sockaddr*)&now, sizeof now) == 0 &&
            getpeername(fd, (struct sockaddr*)&peer, &size) == 0 && peer.sin_port == b.sin_port)
            ++count;
        close(fd);
    }
    atomic_store(&f.stop, 1);
    pthread_join(thread, NULL);
    printf("%ld\n", count);
    return 0;
}

// race-exec A B COUNT: runs a path that changes, by execve and execveat in turn. Each program run prints its pid and
// which it is (verb "who").
int race_exec(char** argv) {
    for (long i = atol(argv[2]); i > 0; --i) {
        const pid_t pid = fork();
        if (pid == 0) {
            static char path[4096];
            strncpy(path, argv[0], sizeof path - 1);
            static struct flip f;
            f = (struct flip){argv[0], argv[1], path, strlen(argv[0]), 0};
            pthread_t thread;
            pthread_create(&thread, NULL, flip_for_ever, &f);
            for (long spin = (i * 7919) % 20000; spin > 0; --spin) __asm__ volatile("" ::: "memory");
            char* const arguments[] = {path, "who", NULL};
            while (1) // until it is no mixture
                if (i % 2)
                    execve(path, arguments, environ);
                else
                    syscall(SYS_execveat, AT_FDCWD, path, arguments, environ, 0);
        }
        int status = 0;
        if (pid < 0 || waitpid(pid, &status, 0) < 0) fail("fork");
    }
    return 0;
}
// race-wait PORT: a connection that waits, whose descriptor becomes another file meanwhile. How many connections were
// begun: those that fill the listener's queue are among them.
struct waiting {
    int number, result;
    struct sockaddr_in to;
};
static void* connect_and_wait(void* given) {
    struct waiting* w = given;
    w->result = connect(w->number, (struct sockaddr*)&w->to, sizeof w->to);
    return NULL;
}
int race_wait(char** argv) {
    enum { kQueue = 1 };
    struct waiting w = {.to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)}, .result = -1};
    w.to.sin_port = htons((uint16_t)atoi(argv[0]));
    const int listener = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(listener, (struct sockaddr*)&w.to, sizeof w.to) < 0 || listen(listener, 0) < 0) fail("listen");
    for (int i = 0; i < kQueue; ++i) {
        const int s = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        if (connect(s, (struct sockaddr*)&w.to, sizeof w.to) < 0 && errno != EINPROGRESS) fail("connect");
    }
    w.number = socket(AF_INET, SOCK_STREAM, 0);
    const int kept = dup(w.number), null = open("/dev/null", O_RDWR);
    pthread_t thread;
    if (kept < 0 || null < 0 || pthread_create(&thread, NULL, connect_and_wait, &w) != 0) fail("thread");
    struct tcp_info info = {0};
    socklen_t size = sizeof info;
    while (getsockopt(kept, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 && info.tcpi_state == TCP_CLOSE) sched_yield();
    if (dup2(null, w.number) != w.number) fail("dup2");
    for (int i = 0; i < kQueue + 1; ++i)
        if (accept(listener, NULL, NULL) < 0) fail("accept");
    pthread_join(thread, NULL);
    struct sockaddr_in peer;
    size = sizeof peer;
    if (w.result != 0 || getpeername(kept, (struct sockaddr*)&peer, &size) < 0 || peer.sin_port != w.to.sin_port)
        return 121;
    printf("%d\n", kQueue + 1);
    return 0;
}

// race-how FILE COUNT: openat2 for reading and writing, whose flags say "for writing" whenever the kernel is not about
// to read them. How often it was opened for reading.
int race_how(char** argv) {
    const struct open_how harmless = {.flags = O_WRONLY}, meant = {.flags = O_RDONLY};
    struct open_how now = harmless;
    struct flip f = {(const char*)&harmless, (const char*)&meant, (char*)&now, sizeof now, 0};
    pthread_t thread;
    if (pthread_create(&thread, NULL, flip_for_ever, &f) != 0) fail("thread");
    const long wanted_count = atol(argv[1]);
    long count = 0;
    for (long i = wanted_count * 500; i > 0 && count < wanted_count; --i) {
        const int fd = (int)syscall(SYS_openat2, AT_FDCWD, argv[0], &now, sizeof now);
        if (fd < 0) continue;
        if ((fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDONLY) ++count;
        close(fd);
    }
    atomic_store(&f.stop, 1);
    pthread_join(thread, NULL);
    printf("%ld\n", count);
    return 0;
}

// reuse FOLDER NAME OTHER COUNT: opened below a descriptor that becomes another folder right after.
int reuse(char** argv) {
    const int folder = open(argv[0], O_PATH | O_DIRECTORY), other = open(argv[2], O_PATH | O_DIRECTORY);
    const int at = dup(folder);
    if (folder < 0 || other < 0 || at < 0) fail(argv[0]);
    long count = 0;
    for (long i = atol(argv[3]); i > 0; --i) {
        dup2(folder, at);
        const int fd = openat(at, argv[1], O_RDONLY);
        dup2(other, at);
        if (fd < 0) fail(argv[1]);
        ++count;
        close(fd);
    }
    printf("%ld\n", count);
    return 0;
}
