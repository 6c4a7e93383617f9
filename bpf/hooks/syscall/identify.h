/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * Run by user space itself, attached to nothing: which file one of its own descriptors stands for, as the kernel
 * numbers it, and which lie below. stat(2) gives other numbers on file systems that lie on top of others.
 */
struct gyr_identity identified;

SEC("raw_tp")
int identify(struct bpf_raw_tracepoint_args* ctx) {
    struct file* file = file_of(current_task(), (s32)ctx->args[0]);
    if (!file) return 0;
    struct inode* inode = READ(kernel_pointer(file, file), f_inode);
    u64 at = kernel_word(&kernel_pointer(file, file)->f_inode);
    number_file(at, &identified.file);
    __builtin_memset(&identified.below, 0, sizeof identified.below);
    if ((READ(inode, i_mode) & S_IFMT) == S_IFREG && READ(inode, i_sb, s_magic) == OVERLAYFS_SUPER_MAGIC)
        files_below(at, &identified.below);
    return 1;
}
