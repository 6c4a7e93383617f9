#include "replay/tables.h"

namespace gyr::replay {

namespace {

struct Entry {
    EventCode code;
    Apply apply;
};

// Codes of the current schema; events of older captures come converted.
constexpr Entry kEntries[] = {
    {2, apply_open_enter},       // open, when it begins
    {3, apply_open},             // open
    {5, apply_close},            // close
    {19, apply_socket},          // socket
    {21, apply_bind},            // bind
    {22, apply_connect_enter},   // connect, when it begins
    {23, apply_connect},         // connect
    {29, apply_transfer},        // send
    {31, apply_transfer},        // sendto
    {33, apply_transfer},        // recv
    {35, apply_transfer},        // recvfrom
    {43, apply_socketpair},      // socketpair
    {49, apply_transfer},        // sendmsg
    {51, apply_transfer},        // sendmmsg
    {53, apply_transfer},        // recvmsg
    {55, apply_transfer},        // recvmmsg
    {58, apply_open_enter},      // creat, when it begins
    {59, apply_creat},           // creat
    {61, apply_pipe},            // pipe
    {63, apply_eventfd},         // eventfd
    {95, apply_chdir},           // chdir
    {97, apply_fchdir},          // fchdir
    {127, apply_signalfd},       // signalfd
    {137, apply_timerfd},        // timerfd_create
    {139, apply_inotify},        // inotify_init
    {141, apply_rlimit},         // getrlimit
    {143, apply_rlimit},         // setrlimit
    {145, apply_prlimit},        // prlimit
    {151, apply_fcntl},          // fcntl
    {152, apply_switch},         // switch
    {159, apply_memory},         // brk
    {161, apply_memory},         // mmap
    {163, apply_memory},         // mmap2
    {165, apply_memory},         // munmap
    {186, apply_exit},           // procexit
    {193, apply_setresuid},      // setresuid
    {195, apply_setresgid},      // setresgid
    {199, apply_setuid},         // setuid
    {201, apply_setgid},         // setgid
    {223, apply_clone},          // clone
    {225, apply_clone},          // fork
    {227, apply_clone},          // vfork
    {247, apply_accept},         // accept
    {267, apply_chroot},         // chroot
    {272, apply_container},      // container, in JSON
    {275, apply_setsid},         // setsid
    {293, apply_exec},           // execve
    {306, apply_openat_enter},   // openat, when it begins
    {307, apply_openat},         // openat
    {321, apply_userfaultfd},    // userfaultfd
    {324, apply_container},      // container, in JSON
    {326, apply_openat_enter},   // openat2, when it begins
    {327, apply_openat2},        // openat2
    {330, apply_execveat_enter}, // execveat, when it begins
    {331, apply_exec},           // execveat
    {335, apply_clone},          // clone3
    {337, apply_open_by_handle}, // open_by_handle_at
    {339, apply_io_uring},       // io_uring_setup
    {353, apply_capset},         // capset
    {354, apply_user_added},
    {356, apply_user_deleted},
    {358, apply_group_added},
    {360, apply_group_deleted},
    {363, apply_dup},         // dup2
    {365, apply_dup3},        // dup3
    {367, apply_dup},         // dup
    {369, apply_bpf},         // bpf
    {375, apply_epoll},       // epoll_create
    {377, apply_epoll},       // epoll_create1
    {389, apply_accept},      // accept4
    {393, apply_pipe2},       // pipe2
    {395, apply_inotify},     // inotify_init1
    {397, apply_eventfd},     // eventfd2
    {399, apply_signalfd},    // signalfd4
    {401, apply_prctl},       // prctl
    {402, apply_async},       // what plugins told
    {405, apply_memfd},       // memfd_create
    {407, apply_pidfd_getfd}, // pidfd_getfd
    {409, apply_pidfd_open},  // pidfd_open
    {427, apply_setresuid},   // setreuid
    {429, apply_setresgid},   // setregid
    {451, apply_close_range}, // close_range
};

constexpr std::array<Apply, 454> by_code() {
    std::array<Apply, 454> table{};
    for (const Entry& e : kEntries) table[e.code] = e.apply;
    return table;
}

constexpr std::array<Apply, 454> kTable = by_code();

} // namespace

const std::array<Apply, 454>& appliers() { return kTable; }

} // namespace gyr::replay
