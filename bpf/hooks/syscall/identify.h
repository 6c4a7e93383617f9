/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * Run by user space itself, attached to nothing: which file one of its own descriptors stands for, as the kernel
 * numbers it. stat(2) gives other numbers on file systems that lie on top of others.
 */
struct gyr_file_key identified;

SEC("raw_tp")
int identify(struct bpf_raw_tracepoint_args* ctx) {
    struct file* file = file_of(current_task(), (s32)ctx->args[0]);
    if (!file) return 0;
    struct inode* inode = READ(kernel_pointer(file, file), f_inode);
    identified.ino = READ(inode, i_ino);
    identified.dev = READ(inode, i_sb, s_dev);
    return 1;
}
