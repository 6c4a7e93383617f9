/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* The program a process runs and where it stands: executable, working directory, root, stdio, argv, environment. */
#ifndef GYR_IMAGE_H
#define GYR_IMAGE_H

#include "lib/argv.h"
#include "lib/file.h"
#include "lib/stdio.h"
#include "lib/task.h"

static __noinline int fill_executable(struct scratch* s, struct task_struct* task, struct mm_struct* mm) {
    if (!s || !task || !mm) return 0;
    struct gyr_process_record* r = &s->record;
    struct file* exe = BPF_CORE_READ(mm, exe_file);
    if (exe) {
        fill_file(&r->exe, exe);
        append_path(s, &r->exe_path, BPF_CORE_READ(exe, f_path.mnt), BPF_CORE_READ(exe, f_path.dentry));
    }
    r->flags |= user_namespace_flags(BPF_CORE_READ(task, cred), r->exe.uid, r->exe.gid);
    struct fs_struct* fs = BPF_CORE_READ(task, fs);
    if (fs) {
        append_path(s, &r->cwd, BPF_CORE_READ(fs, pwd.mnt), BPF_CORE_READ(fs, pwd.dentry));
        append_path(s, &r->root, BPF_CORE_READ(fs, root.mnt), BPF_CORE_READ(fs, root.dentry));
    }
    return 0;
}

/* mm may belong to another thread of the group: the leader may be gone while the process lives on. */
static __always_inline void fill_image(struct scratch* s, struct task_struct* task, struct mm_struct* mm,
                                       const int REMOTE) {
    s->record.flags |= GYR_PROC_HAS_IMAGE;
    fill_stdio(s, task);
    if (!mm) return;
    fill_executable(s, task, mm);
    u64 arg_start = BPF_CORE_READ(mm, arg_start), arg_end = BPF_CORE_READ(mm, arg_end);
    u64 env_start = BPF_CORE_READ(mm, env_start), env_end = BPF_CORE_READ(mm, env_end);
    fill_argv(s, task, arg_start, arg_end, REMOTE);
    fill_env(s, task, env_start, env_end, REMOTE);
}

#endif
