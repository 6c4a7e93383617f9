// The verbs of evader that go by io_uring, without liburing: the test says what stands in the ring.
#define _GNU_SOURCE
#include "evader.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

struct ring {
    int fd;
    unsigned flags;
    unsigned char *submit, *complete;
    struct io_uring_params p;
    struct io_uring_sqe* entries;
};
static struct ring make_ring(unsigned entries, unsigned flags) {
    struct ring r = {.flags = flags};
    r.p.flags = flags;
    r.p.sq_thread_idle = 2000;
    r.fd = (int)syscall(SYS_io_uring_setup, entries, &r.p);
    if (r.fd < 0) cannot("no io_uring");
    const size_t submit = r.p.sq_off.array + r.p.sq_entries * sizeof(unsigned);
    const size_t complete = r.p.cq_off.cqes + r.p.cq_entries * sizeof(struct io_uring_cqe);
    const int prot = PROT_READ | PROT_WRITE;
    r.submit = mmap(NULL, submit, prot, MAP_SHARED, r.fd, IORING_OFF_SQ_RING);
    r.complete = mmap(NULL, complete, prot, MAP_SHARED, r.fd, IORING_OFF_CQ_RING);
    r.entries = mmap(NULL, r.p.sq_entries * sizeof(struct io_uring_sqe), prot, MAP_SHARED, r.fd, IORING_OFF_SQES);
    if (r.submit == MAP_FAILED || r.complete == MAP_FAILED || r.entries == MAP_FAILED) fail("mmap of the ring");
    return r;
}
static void put(struct ring* r, const struct io_uring_sqe* entry) {
    _Atomic unsigned* tail = (void*)(r->submit + r->p.sq_off.tail);
    unsigned* array = (void*)(r->submit + r->p.sq_off.array);
    const unsigned mask = *(unsigned*)(r->submit + r->p.sq_off.ring_mask), at = *tail & mask;
    r->entries[at] = *entry;
    array[at] = at;
    atomic_store(tail, *tail + 1);
}
static void submit(struct ring* r, const struct io_uring_sqe* entry) {
    put(r, entry);
    const unsigned flags = r->flags & IORING_SETUP_SQPOLL ? IORING_ENTER_SQ_WAKEUP : 0;
    if (syscall(SYS_io_uring_enter, r->fd, 1, 0, flags, NULL, 0) < 0) fail("io_uring_enter");
}
static int complete(struct ring* r) {
    if (syscall(SYS_io_uring_enter, r->fd, 0, 1, IORING_ENTER_GETEVENTS, NULL, 0) < 0) fail("io_uring_enter");
    _Atomic unsigned* head = (void*)(r->complete + r->p.cq_off.head);
    const unsigned complete_mask = *(unsigned*)(r->complete + r->p.cq_off.ring_mask);
    const struct io_uring_cqe* done = (void*)(r->complete + r->p.cq_off.cqes);
    const int result = done[*head & complete_mask].res;
    atomic_store(head, *head + 1);
    return result;
}

// uring-reuse FIFO: a read that waits, of a number that is given to another file before it ends.
int uring_reuse(char** argv) {
    struct ring ring = make_ring(4, 0);
    const int fd = open(argv[0], O_RDWR), other = open(argv[0], O_RDWR), null = open("/dev/null", O_RDWR);
    if (fd < 0 || other < 0 || null < 0) fail(argv[0]);
    char byte = 0;
    struct io_uring_sqe e = {.opcode = IORING_OP_READ, .fd = fd, .addr = (uintptr_t)&byte, .len = 1};
    submit(&ring, &e);
    if (dup2(null, fd) < 0 || write(other, "x", 1) != 1) fail("write");
    const int result = complete(&ring);
    if (result != 1) return 121;
    printf("1\n");
    return byte == 'x' ? 0 : 121;
}

// uring-crowd FILE: an open that waits, and behind it more operations that wait than anybody keeps account of.
int uring_crowd(char** argv) {
    enum { kCrowd = 12000 };
    struct ring ring = make_ring(16384, 0);
    int ends[2];
    if (pipe(ends) != 0) fail("pipe");
    char byte = 0;
    const struct io_uring_sqe wait = {
        .opcode = IORING_OP_READ, .flags = IOSQE_IO_LINK, .fd = ends[0], .addr = (uintptr_t)&byte, .len = 1};
    struct io_uring_sqe e = {
        .opcode = IORING_OP_OPENAT, .flags = IOSQE_IO_LINK, .fd = AT_FDCWD, .open_flags = O_RDONLY};
    put(&ring, &wait);
    e.addr = (uintptr_t)argv[0];
    put(&ring, &e);
    e.addr = (uintptr_t) "/dev/null";
    for (int i = 0; i < kCrowd; ++i) put(&ring, &e);
    if (syscall(SYS_io_uring_enter, ring.fd, kCrowd + 2, 0, 0, NULL, 0) != kCrowd + 2) fail("io_uring_enter");
    if (write(ends[1], "x", 1) != 1) fail("write");
    if (complete(&ring) != 1 || complete(&ring) < 0) return 121;
    printf("1\n");
    return 0;
}

// uring send PORT: two datagrams to it, by a socket that is connected to another port. Prints how many went.
static int ring_send(struct ring* ring, char** argv) {
    const int s = socket(AF_INET, SOCK_DGRAM, 0);
    struct sockaddr_in other = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)}, to = other;
    other.sin_port = htons(9);
    to.sin_port = htons((uint16_t)atoi(argv[0]));
    if (connect(s, (struct sockaddr*)&other, sizeof other) < 0) fail("connect");
    int sent = 0;
    struct io_uring_sqe e = {.opcode = IORING_OP_SEND, .fd = s, .addr = (uintptr_t) "one", .len = 3};
    e.addr2 = (uintptr_t)&to;
    e.addr_len = sizeof to;
    submit(ring, &e);
    sent += complete(ring) == 3;
    struct iovec part = {(void*)(uintptr_t) "another", 7};
    struct msghdr message = {.msg_name = &to, .msg_namelen = sizeof to, .msg_iov = &part, .msg_iovlen = 1};
    struct io_uring_sqe m = {.opcode = IORING_OP_SENDMSG, .fd = s, .addr = (uintptr_t)&message, .len = 1};
    submit(ring, &m);
    sent += complete(ring) == 7;
    printf("%d\n", sent);
    return 0;
}

// uring splice FILE: into a pipe, by its number and by its place in the ring's own table. Prints how often it came out.
static int ring_splice(struct ring* ring, char** argv) {
    enum { kFromTable = 1u << 31 };
    const int fd = open(argv[0], O_RDONLY);
    int ends[2], out = 0;
    if (fd < 0 || pipe(ends) < 0) fail(argv[0]);
    int files[1] = {fd};
    if (syscall(SYS_io_uring_register, ring->fd, IORING_REGISTER_FILES, files, 1) < 0) cannot("no table of files");
    struct io_uring_sqe e = {.opcode = IORING_OP_SPLICE, .fd = ends[1], .len = 1, .off = (uint64_t)-1};
    char byte = 0;
    e.splice_fd_in = fd;
    submit(ring, &e);
    out += complete(ring) == 1 && read(ends[0], &byte, 1) == 1;
    e.splice_fd_in = 0;
    e.splice_flags = kFromTable;
    submit(ring, &e);
    out += complete(ring) == 1 && read(ends[0], &byte, 1) == 1;
    printf("%d\n", out);
    return 0;
}

// uring open|remove|rename|connect|send|splice ARGUMENT... [poll]
int uring(int argc, char** argv) {
    const int polled = strcmp(argv[argc - 1], "poll") == 0;
    struct ring ring = make_ring(4, polled ? IORING_SETUP_SQPOLL : 0);
    if (strcmp(argv[0], "send") == 0) return ring_send(&ring, argv + 1);
    if (strcmp(argv[0], "splice") == 0) return ring_splice(&ring, argv + 1);
    struct io_uring_sqe e = {.fd = AT_FDCWD, .addr = (uintptr_t)argv[1]};
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (strcmp(argv[0], "open") == 0) {
        e.opcode = IORING_OP_OPENAT;
        e.open_flags = O_RDONLY;
    } else if (strcmp(argv[0], "remove") == 0) {
        e.opcode = IORING_OP_UNLINKAT;
    } else if (strcmp(argv[0], "rename") == 0) {
        e.opcode = IORING_OP_RENAMEAT;
        e.len = (unsigned)AT_FDCWD;
        e.off = (uintptr_t)argv[2];
    } else {
        e.opcode = IORING_OP_CONNECT;
        e.fd = socket(AF_INET, SOCK_STREAM, 0);
        to.sin_port = htons((uint16_t)atoi(argv[1]));
        e.addr = (uintptr_t)&to;
        e.off = sizeof to;
    }
    submit(&ring, &e);
    const int result = complete(&ring);
    if (result < 0) {
        errno = -result;
        fail(argv[0]);
    }
    printf("1\n");
    return 0;
}

// uring-table LINK: opened into the ring's own table of files, and read there; the process has no descriptor of it.
int uring_table(char** argv) {
    struct ring ring = make_ring(4, 0);
    int none[2] = {-1, -1};
    if (syscall(SYS_io_uring_register, ring.fd, IORING_REGISTER_FILES, none, 2) < 0) cannot("no table of files");
    struct io_uring_sqe e = {.opcode = IORING_OP_OPENAT, .fd = AT_FDCWD, .addr = (uintptr_t)argv[0], .file_index = 2};
    submit(&ring, &e);
    if (complete(&ring) != 0) cannot("no opening into the table");
    char byte = 0;
    struct io_uring_sqe r = {
        .opcode = IORING_OP_READ, .flags = IOSQE_FIXED_FILE, .fd = 1, .addr = (uintptr_t)&byte, .len = 1};
    submit(&ring, &r);
    if (complete(&ring) != 1) return 121;
    printf("1\n");
    return 0;
}
