// Does one named thing with processes, so that a test can watch what the agent makes of it. Static, so that it runs in
// any container. `actor VERB ARGUMENT...`; under any other name (a copy called nginx, say) it plays that program: with
// a path as first argument it forks and runs the rest as a child, otherwise it ends at once.
//
// Exit status: that of the command it ran; 120 for wrong use; 121 when a system call failed.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char** environ;

static _Noreturn void fail(const char* what) {
    fprintf(stderr, "actor: %s: %s\n", what, strerror(errno));
    exit(121);
}

static _Noreturn void usage(void) {
    fputs("actor: wrong use\n", stderr);
    exit(120);
}

static int wait_status(pid_t pid) {
    int status = 0;
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR) {
            fail("waitpid");
        }
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static _Noreturn void run(char** argv) {
    execvp(argv[0], argv);
    fail(argv[0]);
}

static int spawn(char** argv) {
    const pid_t pid = fork();
    if (pid < 0) {
        fail("fork");
    }
    if (pid == 0) {
        run(argv);
    }
    return wait_status(pid);
}

static int spawn_vfork(char** argv) {
    const pid_t pid = vfork();
    if (pid < 0) {
        fail("vfork");
    }
    if (pid == 0) {
        execvp(argv[0], argv);
        _exit(121);
    }
    return wait_status(pid);
}

// The grandchild runs the command after its parent is gone; a pipe tells when it has ended.
static int spawn_orphan(char** argv) {
    int done[2];
    if (pipe(done) < 0) {
        fail("pipe");
    }
    const pid_t pid = fork();
    if (pid < 0) {
        fail("fork");
    }
    if (pid == 0) {
        const pid_t self = getpid();
        const pid_t grandchild = fork();
        if (grandchild == 0) {
            while (getppid() == self) {
                sched_yield();
            }
            run(argv);
        }
        _exit(grandchild < 0 ? 121 : 0);
    }
    close(done[1]);
    const int status = wait_status(pid);
    char byte;
    while (read(done[0], &byte, 1) > 0) {
    }
    return status;
}

static void* exec_in_thread(void* argv) { run(argv); }

static int thread_exec(char** argv) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, exec_in_thread, argv) != 0) {
        fail("pthread_create");
    }
    pthread_join(thread, NULL);
    return 121;
}

static void stdio_to(int fd) {
    for (int i = 0; i < 3; ++i) {
        if (dup2(fd, i) < 0) {
            fail("dup2");
        }
    }
    if (fd > 2) {
        close(fd);
    }
}

// Standard input, output and error become one end of a TCP connection over the loopback; a child holds the other end
// and throws away what it reads.
static _Noreturn void on_tcp(int family, char** argv) {
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    struct sockaddr* address = family == AF_INET ? (struct sockaddr*)&v4 : (struct sockaddr*)&v6;
    socklen_t size = family == AF_INET ? sizeof v4 : sizeof v6;
    const int listener = socket(family, SOCK_STREAM, 0);
    if (listener < 0 || bind(listener, address, size) < 0 || listen(listener, 1) < 0 ||
        getsockname(listener, address, &size) < 0) {
        fail("listen");
    }
    const int client = socket(family, SOCK_STREAM, 0);
    if (client < 0 || connect(client, address, size) < 0) {
        fail("connect");
    }
    const int server = accept(listener, NULL, NULL);
    if (server < 0) {
        fail("accept");
    }
    close(listener);
    const pid_t pid = fork();
    if (pid == 0) {
        char buffer[4096];
        close(client);
        shutdown(server, SHUT_WR); // the shell sees the end of its input
        while (read(server, buffer, sizeof buffer) > 0) {
        }
        _exit(0);
    }
    close(server);
    stdio_to(client);
    run(argv);
}

static _Noreturn void on_pair(char** argv) { // a unix socket pair
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) < 0) {
        fail("socketpair");
    }
    shutdown(ends[1], SHUT_WR);
    stdio_to(ends[0]);
    run(argv);
}

static _Noreturn void on_pipe(char** argv) { // standard input is an ended pipe
    int ends[2];
    if (pipe(ends) < 0) {
        fail("pipe");
    }
    close(ends[1]);
    dup2(ends[0], 0);
    close(ends[0]);
    run(argv);
}

static void copy_into(int to, const char* path) {
    const int from = open(path, O_RDONLY | O_CLOEXEC);
    if (from < 0) {
        fail(path);
    }
    char buffer[65536];
    ssize_t n;
    while ((n = read(from, buffer, sizeof buffer)) > 0) {
        if (write(to, buffer, (size_t)n) != n) {
            fail("write");
        }
    }
    close(from);
}

static _Noreturn void run_fd(int fd, char** argv) {
    syscall(SYS_execveat, fd, "", argv, environ, AT_EMPTY_PATH);
    fail("execveat");
}

// memfd NAME FILE ARG...: FILE's bytes from an anonymous memory file called NAME. argv[0] is FILE.
static _Noreturn void run_memfd(char** argv) {
    const int fd = memfd_create(argv[0], MFD_CLOEXEC);
    if (fd < 0) {
        fail("memfd_create");
    }
    copy_into(fd, argv[1]);
    run_fd(fd, argv + 1);
}

// deleted FILE ARG...: from a copy of FILE that has been unlinked before.
static _Noreturn void run_deleted(char** argv) {
    char path[] = "/tmp/actor.XXXXXX";
    const int out = mkstemp(path);
    if (out < 0) {
        fail("mkstemp");
    }
    copy_into(out, argv[0]);
    fchmod(out, 0755);
    close(out);
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || unlink(path) < 0) {
        fail(path);
    }
    run_fd(fd, argv);
}

static _Noreturn void run_path_fd(char** argv) { // execveat(fd, "", AT_EMPTY_PATH)
    const int fd = open(argv[0], O_PATH | O_CLOEXEC);
    if (fd < 0) {
        fail(argv[0]);
    }
    run_fd(fd, argv);
}

static pid_t start_child(char* file) { // runs FILE, or just ends when there is none
    char* const argv[] = {file, NULL};
    const pid_t pid = file != NULL ? vfork() : fork();
    if (pid < 0) {
        fail("fork");
    }
    if (pid == 0) {
        if (file != NULL) {
            execve(file, argv, environ);
        }
        _exit(file != NULL ? 121 : 0);
    }
    return pid;
}

// burst COUNT [FILE]: COUNT short children, two at a time.
static int burst(long count, char* file) {
    for (long i = 0; i < count; ++i) {
        start_child(file);
        if (i > 0 && wait(NULL) < 0) {
            fail("wait");
        }
    }
    while (wait(NULL) > 0) {
    }
    return 0;
}

// Opens and closes a file as fast as it can for so many seconds, with two processes; says how often.
static int open_flood(long seconds, const char* path) {
    long* counts = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (counts == MAP_FAILED) {
        fail("mmap");
    }
    const time_t end = time(NULL) + seconds;
    for (int i = 0; i < 2; ++i) {
        if (fork() == 0) {
            while (time(NULL) < end) {
                for (int n = 0; n < 100; ++n, ++counts[i]) {
                    close(open(path, O_RDONLY));
                }
            }
            _exit(0);
        }
    }
    while (wait(NULL) > 0) {
    }
    printf("%ld\n", counts[0] + counts[1]);
    return 0;
}

// Reuses a pid: in a pid namespace of its own, forks until the number comes round again. reuse FILE_A FILE_B runs both
// under the same pid, one after the other.
static int reuse(char** argv) {
    if (unshare(CLONE_NEWPID) < 0) {
        fail("unshare");
    }
    const pid_t init = fork();
    if (init < 0) {
        fail("fork");
    }
    if (init > 0) {
        return wait_status(init);
    }
    for (int round = 0; round < 2; ++round) {
        FILE* last = fopen("/proc/sys/kernel/ns_last_pid", "w");
        if (last == NULL || fputs("299", last) < 0 || fclose(last) != 0) {
            fail("ns_last_pid");
        }
        const pid_t pid = fork();
        if (pid == 0) {
            if (getpid() != 300) {
                _exit(122);
            }
            char* const child[] = {argv[round], NULL};
            execve(argv[round], child, environ);
            _exit(121);
        }
        const int status = wait_status(pid);
        if (status != 0) {
            return status;
        }
    }
    return 0;
}

// Becomes that uid without an exec.
static int set_user(uid_t uid) {
    if (setresuid(uid, uid, uid) < 0) {
        fail("setresuid");
    }
    return 0;
}

int main(int argc, char** argv) {
    const char* slash = strrchr(argv[0], '/');
    const char* self = slash != NULL ? slash + 1 : argv[0];
    if (strcmp(self, "actor") != 0) {
        return argc > 1 && argv[1][0] == '/' ? spawn(argv + 1) : 0;
    }
    if (argc < 2) {
        usage();
    }
    const char* verb = argv[1];
    char** rest = argv + 2;
    const int given = argc - 2;
    if (strcmp(verb, "nothing") == 0) {
        return 0;
    }
    if (given < 1) {
        usage();
    }
    if (strcmp(verb, "spawn") == 0) {
        return spawn(rest);
    } else if (strcmp(verb, "vfork") == 0) {
        return spawn_vfork(rest);
    } else if (strcmp(verb, "orphan") == 0) {
        return spawn_orphan(rest);
    } else if (strcmp(verb, "thread") == 0) {
        return thread_exec(rest);
    } else if (strcmp(verb, "tcp") == 0) {
        on_tcp(AF_INET, rest);
    } else if (strcmp(verb, "tcp6") == 0) {
        on_tcp(AF_INET6, rest);
    } else if (strcmp(verb, "unix") == 0) {
        on_pair(rest);
    } else if (strcmp(verb, "pipe") == 0) {
        on_pipe(rest);
    } else if (strcmp(verb, "memfd") == 0 && given >= 2) {
        run_memfd(rest);
    } else if (strcmp(verb, "deleted") == 0) {
        run_deleted(rest);
    } else if (strcmp(verb, "fd") == 0) {
        run_path_fd(rest);
    } else if (strcmp(verb, "session") == 0) { // a new session without a terminal
        if (setsid() < 0) {
            fail("setsid");
        }
        run(rest);
    } else if (strcmp(verb, "argv0") == 0 && given >= 2) { // argv0 NAME FILE ARG...
        char* file = rest[1];
        rest[1] = rest[0];
        execvp(file, rest + 1);
        fail(file);
    } else if (strcmp(verb, "name") == 0) { // prctl(PR_SET_NAME)
        return prctl(PR_SET_NAME, rest[0]) < 0 ? 121 : 0;
    } else if (strcmp(verb, "user") == 0) {
        return set_user((uid_t)atoi(rest[0]));
    } else if (strcmp(verb, "burst") == 0) {
        return burst(atol(rest[0]), given > 1 ? rest[1] : NULL);
    } else if (strcmp(verb, "opens") == 0 && given == 2) {
        return open_flood(atol(rest[0]), rest[1]);
    } else if (strcmp(verb, "reuse") == 0 && given == 2) {
        return reuse(rest);
    } else if (strcmp(verb, "exit") == 0) {
        return atoi(rest[0]);
    }
    usage();
}
