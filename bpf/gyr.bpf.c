/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* Gyr's kernel side, one object. Each hook is a file of its own; user space chooses which are loaded. */
#include "lib/kernel_types.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "hooks/process/fork.h"

#include "hooks/process/exec.h"

#include "hooks/process/exit.h"

#include "hooks/process/change.h"

#include "hooks/process/snapshot.h"

#include "hooks/syscall/call.h"

#include "hooks/syscall/uring.h"

#include "hooks/syscall/notice.h"

#include "hooks/syscall/identify.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";
