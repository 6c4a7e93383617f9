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
    struct file* exe = READ(kernel_pointer(mm_struct, mm), exe_file);
    if (exe) {
        fill_file(&r->exe, exe);
        append_path(s, &r->exe_path, &exe->f_path);
    }
    r->flags |= user_namespace_flags(READ(kernel_pointer(task_struct, task), real_cred), r->exe.uid, r->exe.gid);
    struct fs_struct* fs = READ(kernel_pointer(task_struct, task), fs);
    if (fs) {
        append_path(s, &r->cwd, &fs->pwd);
        append_path(s, &r->root, &fs->root);
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
    struct mm_struct* m = kernel_pointer(mm_struct, mm);
    fill_argv(s, task, READ(m, arg_start), READ(m, arg_end), REMOTE);
    fill_env(s, task, READ(m, env_start), READ(m, env_end), REMOTE);
}

#endif
