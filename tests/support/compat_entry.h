#pragma once
// The kernel's 32-bit entry, by int 0x80 from a 64-bit program. Not every kernel has it: it can be switched off, and a
// virtual machine without hardware support may know no way to it. The signal is what comes of it then.

#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static inline int has_compat_entry(void) {
#ifdef __x86_64__
    const pid_t pid = fork();
    if (pid == 0) {
        long result = 20; // getpid
        __asm__ volatile("int $0x80" : "+a"(result) : : "memory", "r8", "r9", "r10", "r11");
        _exit(result == getpid() ? 0 : 1);
    }
    int status = -1;
    while (pid > 0 && waitpid(pid, &status, 0) < 0) {
    }
    return status == 0;
#else
    return 0;
#endif
}
