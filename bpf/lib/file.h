/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* Which file it is: device, inode, times, owner, overlay layer, and whether it can be written at all. */
#ifndef GYR_FILE_H
#define GYR_FILE_H

#include "lib/path.h"

static __noinline int fill_file(struct gyr_file* out, struct file* of) {
    if (!out || !of) return 0;
    struct file* file = kernel_pointer(file, of);
    struct inode* inode = READ(file, f_inode);
    struct super_block* sb = READ(inode, i_sb);
    if (!inode || !sb) return 0;
    out->flags = GYR_FILE_PRESENT;
    out->ino = READ(inode, i_ino);
    out->mode = READ(inode, i_mode);
    out->uid = READ(inode, i_uid.val);
    out->gid = READ(inode, i_gid.val);
    out->nlink = READ(inode, i_nlink);
    out->rdev = READ(inode, i_rdev);
    out->dev = READ(sb, s_dev);
    out->magic = READ(sb, s_magic);
    read_inode_times(inode, out);
    if (out->magic == OVERLAYFS_SUPER_MAGIC)
        out->flags |=
            overlay_upper_dentry(kernel_word(&file->f_inode)) ? GYR_FILE_OVERLAY_UPPER : GYR_FILE_OVERLAY_LOWER;
    if ((READ(sb, s_flags) & SB_RDONLY) || (READ(inode, i_flags) & S_IMMUTABLE) ||
        (READ(file, f_path.mnt, mnt_flags) & MNT_READONLY))
        out->flags |= GYR_FILE_READ_ONLY;
    return 0;
}

#endif
