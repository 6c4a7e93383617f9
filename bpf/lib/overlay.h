/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* Which files lie below one of an overlay: it has numbers of its own, and shows what another file holds. */
#ifndef GYR_OVERLAY_H
#define GYR_OVERLAY_H

#include "abi/syscall_wire.h"
#include "lib/kernel_compat.h"

static __always_inline void number_file(u64 at, struct gyr_file_key* out) {
    struct inode* inode = kernel_pointer(inode, (void*)at);
    out->ino = READ(inode, i_ino);
    out->dev = READ(inode, i_sb, s_dev);
    out->reserved = 0;
}

/* Of the inode of a regular file of an overlay. */
__noinline int files_below(u64 at, struct gyr_below* out) {
    if (!out) return 0;
    u64 lower = overlay_real(overlay_lower_dentry(at)), upper_of_lower = 0, lower_of_lower = 0;
    number_file(overlay_real(overlay_upper_dentry(at)), &out->files[0]);
    number_file(lower, &out->files[1]);
    if (READ(kernel_pointer(inode, (void*)lower), i_sb, s_magic) == OVERLAYFS_SUPER_MAGIC) {
        upper_of_lower = overlay_real(overlay_upper_dentry(lower));
        lower_of_lower = overlay_real(overlay_lower_dentry(lower));
    }
    number_file(upper_of_lower, &out->files[2]);
    number_file(lower_of_lower, &out->files[3]);
    return 0;
}

#endif
