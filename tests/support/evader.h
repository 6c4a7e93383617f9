#pragma once
// What the files of evader share.

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static inline _Noreturn void fail(const char* what) {
    fprintf(stderr, "evader: %s: %s\n", what, strerror(errno));
    exit(121);
}
static inline _Noreturn void cannot(const char* what) {
    fprintf(stderr, "evader: %s\n", what);
    exit(122);
}

int race_open(char** argv);
int race_connect(char** argv);
int race_exec(char** argv);
int race_wait(char** argv);
int race_how(char** argv);
int reuse(char** argv);
int uring(int argc, char** argv);
int uring_reuse(char** argv);
int uring_crowd(char** argv);
int uring_table(char** argv);
int siblings(int argc, char** argv);
