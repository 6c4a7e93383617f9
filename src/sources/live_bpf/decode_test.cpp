#include "sources/live_bpf/decode.h"

#include "abi/process_wire.h"

#include <cstring>
#include <gtest/gtest.h>
#include <linux/magic.h>
#include <string>
#include <sys/socket.h>
#include <sys/stat.h>
#include <vector>

namespace gyr {
namespace {

using namespace std::string_literals;

// A record as the kernel side would write it.
class Wire {
  public:
    Wire() {
        record.magic = GYR_RECORD_MAGIC;
        record.kind = GYR_EXEC;
        record.flags = GYR_PROC_HAS_IMAGE | GYR_PROC_INIT_USERNS | GYR_PROC_FILE_OWNER_MAPPED;
    }
    void put(gyr_blob& b, const std::string& bytes, gyr_u32 flags = 0) {
        b = {static_cast<gyr_u32>(area_.size()), static_cast<gyr_u32>(bytes.size()), flags};
        area_ += bytes;
    }
    std::span<const std::byte> bytes() {
        area_.resize((area_.size() + 7) & ~std::size_t{7});
        record.size = static_cast<gyr_u32>(sizeof record + area_.size());
        storage_.assign(record.size / 8, 0);
        auto* to = reinterpret_cast<char*>(storage_.data());
        std::memcpy(to, &record, sizeof record);
        std::memcpy(to + sizeof record, area_.data(), area_.size());
        return std::as_bytes(std::span(storage_));
    }
    gyr_process_record record{};

  private:
    std::string area_;
    std::vector<std::uint64_t> storage_;
};

ProcessRecord decoded(RecordDecoder& d, Wire& w) {
    ProcessRecord out;
    EXPECT_TRUE(d.decode(w.bytes(), out));
    return out;
}

TEST(RecordDecoder, TurnsPathsRound) {
    Wire w;
    w.record.exe.flags = GYR_FILE_PRESENT;
    w.put(w.record.exe_path, "ls\0bin\0usr\0"s);
    w.put(w.record.cwd, "");
    RecordDecoder d;
    const ProcessRecord r = decoded(d, w);
    EXPECT_EQ(r.exe_path, "/usr/bin/ls");
    EXPECT_EQ(r.cwd, "/");
    EXPECT_EQ(r.root, "/");
}

TEST(RecordDecoder, ScriptBelowAnotherRootIsNotTheHosts) {
    Wire w;
    w.put(w.record.script, "/usr/bin/dnf\0"s);
    RecordDecoder d;
    EXPECT_EQ(decoded(d, w).script_path, "/usr/bin/dnf");
    w.put(w.record.root, "image\0srv\0"s);
    EXPECT_EQ(decoded(d, w).script_path, "/srv/image/usr/bin/dnf");
    Wire relative;
    relative.put(relative.record.root, "image\0srv\0"s);
    relative.put(relative.record.script, "./dnf\0"s);
    EXPECT_EQ(decoded(d, relative).script_path, "./dnf");
}

TEST(RecordDecoder, SaysWhenThePathsTopIsMissing) {
    Wire w;
    w.put(w.record.cwd, "leaf\0dir\0"s, GYR_BLOB_CUT);
    RecordDecoder d;
    EXPECT_EQ(decoded(d, w).cwd, ".../dir/leaf");
}

TEST(RecordDecoder, KnowsAMemfdByItsDetachedName) {
    Wire w;
    w.record.exe.mode = S_IFREG | 0777;
    w.record.exe.magic = TMPFS_MAGIC;
    w.record.exe.flags = GYR_FILE_PRESENT;
    w.put(w.record.exe_path, "memfd:x\0"s, GYR_BLOB_PSEUDO);
    RecordDecoder d;
    ProcessRecord r = decoded(d, w);
    EXPECT_EQ(r.exe_path, "memfd:x");
    EXPECT_EQ(r.exe_file.marks & (kFileMemfd | kFileDeleted | kFileTmpfs), kFileMemfd | kFileDeleted | kFileTmpfs);
    Wire on_disk;
    on_disk.record.exe = w.record.exe;
    on_disk.put(on_disk.record.exe_path, "memfd:x\0shm\0"s); // a file that merely has such a name
    r = decoded(d, on_disk);
    EXPECT_EQ(r.exe_path, "/shm/memfd:x");
    EXPECT_EQ(r.exe_file.marks & kFileMemfd, 0U);
}

TEST(RecordDecoder, DecidesWhoMayWriteTheExecutable) {
    struct Case {
        gyr_u32 mode, file_uid, file_gid, fsuid, fsgid;
        gyr_u64 caps;
        gyr_u32 file_flags;
        gyr_u16 flags;
        std::vector<Gid> groups;
        bool writable;
    };
    constexpr gyr_u64 kOverride = 1U << 1; // CAP_DAC_OVERRIDE
    const Case cases[] = {
        {0755, 0, 0, 1000, 1000, 0, 0, 0, {}, false},
        {0755, 1000, 0, 1000, 1000, 0, 0, 0, {}, true},
        {0577, 1000, 0, 1000, 0, 0, 0, 0, {}, false}, // the owner's bits count for the owner, not the group's
        {0775, 0, 50, 1000, 50, 0, 0, 0, {}, true},
        {0775, 0, 50, 1000, 1000, 0, 0, 0, {7, 50}, true},
        {0757, 0, 0, 1000, 1000, 0, 0, 0, {}, true},
        {0555, 0, 0, 0, 0, kOverride, 0, GYR_PROC_FILE_OWNER_MAPPED, {}, true},
        {0555, 0, 0, 0, 0, kOverride, 0, 0, {}, false}, // root of a user namespace that does not know the owner
        {0777, 0, 0, 0, 0, kOverride, GYR_FILE_READ_ONLY, GYR_PROC_FILE_OWNER_MAPPED, {}, false},
    };
    for (const Case& c : cases) {
        Wire w;
        w.record.flags = static_cast<gyr_u16>(GYR_PROC_HAS_IMAGE | c.flags);
        w.record.exe.mode = S_IFREG | c.mode;
        w.record.exe.uid = c.file_uid;
        w.record.exe.gid = c.file_gid;
        w.record.exe.flags = GYR_FILE_PRESENT | c.file_flags;
        w.record.credentials.fsuid = c.fsuid;
        w.record.credentials.fsgid = c.fsgid;
        w.record.credentials.cap_effective = c.caps;
        w.put(w.record.groups, {reinterpret_cast<const char*>(c.groups.data()), c.groups.size() * sizeof(Gid)});
        RecordDecoder d;
        EXPECT_EQ((decoded(d, w).exe_file.marks & kFileWritable) != 0, c.writable) << &c - cases;
    }
}

TEST(RecordDecoder, KeepsHeadAndTailApart) {
    Wire w;
    std::string bytes(GYR_ARGV_HEAD, 'h');
    bytes += std::string(GYR_ARGV_TAIL, 't');
    w.put(w.record.argv, bytes, GYR_BLOB_CUT);
    w.record.argv_total = 1 << 20;
    w.record.argv_hash = 42;
    RecordDecoder d;
    const ProcessRecord r = decoded(d, w);
    EXPECT_TRUE(r.argv.truncated);
    EXPECT_EQ(r.argv.head_bytes, GYR_ARGV_HEAD);
    EXPECT_EQ(r.argv.bytes, bytes);
    EXPECT_EQ(r.argv.total_bytes, 1U << 20);
    EXPECT_EQ(r.argv.hash, 42U);
}

TEST(RecordDecoder, TellsEachDistinctCgroupPathOnce) {
    Wire w;
    w.put(w.record.cgroups, "\0leaf\0top\0\0memory\0leaf\0top\0\0pids\0other\0\0name=systemd\0\0"s);
    RecordDecoder d;
    const ProcessRecord r = decoded(d, w);
    ASSERT_EQ(r.cgroups.size(), 3U);
    EXPECT_EQ(r.cgroups[0].subsystem, "");
    EXPECT_EQ(r.cgroups[0].path, "/top/leaf");
    EXPECT_EQ(r.cgroups[1].subsystem, "pids");
    EXPECT_EQ(r.cgroups[1].path, "/other");
    EXPECT_EQ(r.cgroups[2].subsystem, "name=systemd");
    EXPECT_EQ(r.cgroups[2].path, "/");
}

StdioRecord stdio_of(RecordDecoder& d, gyr_u32 mode, gyr_u32 rdev, gyr_u32 magic, const std::string& name,
                     gyr_u32 flags = 0) {
    static Wire w;
    w = Wire();
    w.record.stdio[0].mode = mode | 0x80000000U;
    w.record.stdio[0].rdev = rdev;
    w.record.stdio[0].magic = magic;
    w.record.stdio[0].ino = 99;
    w.put(w.record.stdio[0].name, name, flags);
    return decoded(d, w).stdio[0];
}

TEST(RecordDecoder, NamesWhatStdioIs) {
    RecordDecoder d;
    const auto check = [](const StdioRecord& s, StdioKind kind, std::string_view name) {
        EXPECT_EQ(s.kind, kind) << name;
        EXPECT_EQ(s.name, name);
    };
    check(stdio_of(d, S_IFREG, 0, EXT4_SUPER_MAGIC, "log\0tmp\0"s), StdioKind::file, "/tmp/log");
    check(stdio_of(d, S_IFIFO, 0, PIPEFS_MAGIC, "\0"s, GYR_BLOB_PSEUDO), StdioKind::pipe, "pipe:[99]");
    check(stdio_of(d, S_IFIFO, 0, EXT4_SUPER_MAGIC, "fifo\0"s), StdioKind::pipe, "/fifo");
    check(stdio_of(d, S_IFCHR, 136U << 20 | 3, 0x1cd1, "3\0pts\0dev\0"s), StdioKind::tty, "/dev/pts/3");
    check(stdio_of(d, S_IFCHR, 1U << 20 | 3, TMPFS_MAGIC, "null\0dev\0"s), StdioKind::character_device, "/dev/null");
    check(stdio_of(d, S_IFCHR, 5U << 20 | 2, 0x1cd1, "ptmx\0"s), StdioKind::character_device, "/ptmx");
    check(stdio_of(d, S_IFBLK, 8U << 20, TMPFS_MAGIC, "sda\0dev\0"s), StdioKind::block_device, "/dev/sda");
    check(stdio_of(d, S_IFREG, 0, TMPFS_MAGIC, "memfd:m\0"s, GYR_BLOB_PSEUDO), StdioKind::memfd, "memfd:m");
    check(stdio_of(d, 0, 0, 0x09041934, "[eventfd]\0"s, GYR_BLOB_PSEUDO), StdioKind::event, "anon_inode:[eventfd]");
    check(stdio_of(d, S_IFDIR, 0, EXT4_SUPER_MAGIC, ""), StdioKind::directory, "/");
}

TEST(RecordDecoder, WritesSocketAddresses) {
    RecordDecoder d;
    const auto socket_of = [&](gyr_socket s) {
        s.local_port = __builtin_bswap16(s.local_port);
        s.remote_port = __builtin_bswap16(s.remote_port);
        return stdio_of(d, S_IFSOCK | 0777, 0, 0x534f434b, {reinterpret_cast<const char*>(&s), sizeof s});
    };
    gyr_socket v4{.family = AF_INET,
                  .local_port = 4444,
                  .remote_port = 80,
                  .unix_length = 0,
                  .local = {10, 0, 0, 1},
                  .remote = {1, 2, 3, 4},
                  .unix_path = {}};
    EXPECT_EQ(socket_of(v4).name, "10.0.0.1:4444->1.2.3.4:80");
    EXPECT_EQ(socket_of(v4).kind, StdioKind::ipv4);
    v4.remote_port = 0;
    EXPECT_EQ(socket_of(v4).name, "10.0.0.1:4444");
    gyr_socket v6{.family = AF_INET6,
                  .local_port = 1,
                  .remote_port = 2,
                  .unix_length = 0,
                  .local = {},
                  .remote = {},
                  .unix_path = {}};
    v6.local[15] = v6.remote[15] = 1;
    EXPECT_EQ(socket_of(v6).name, "::1:1->::1:2");
    EXPECT_EQ(socket_of(v6).kind, StdioKind::ipv6);
    for (gyr_u8* a : {v6.local, v6.remote}) a[10] = a[11] = 0xff, a[12] = 127;
    EXPECT_EQ(socket_of(v6).name, "127.0.0.1:1->127.0.0.1:2");
    EXPECT_EQ(socket_of(v6).kind, StdioKind::ipv4);
    gyr_socket un{.family = AF_UNIX,
                  .local_port = 0,
                  .remote_port = 0,
                  .unix_length = 4,
                  .local = {},
                  .remote = {},
                  .unix_path = {'\0', 'a', 'b', 'c'}};
    EXPECT_EQ(socket_of(un).name, "@abc");
    EXPECT_EQ(socket_of(un).kind, StdioKind::unix_socket);
}

TEST(RecordDecoder, RefusesWhatIsNoRecord) {
    Wire w;
    RecordDecoder d;
    ProcessRecord out;
    const auto bytes = w.bytes();
    ASSERT_TRUE(d.decode(bytes, out));
    EXPECT_FALSE(d.decode(bytes.first(bytes.size() - 8), out));
    EXPECT_FALSE(d.decode({}, out));
    w.record.kind = GYR_KINDS;
    EXPECT_FALSE(d.decode(w.bytes(), out));
    w.record.kind = GYR_EXEC;
    w.record.magic = 0;
    EXPECT_FALSE(d.decode(w.bytes(), out));
}

TEST(RecordDecoder, IgnoresBlobsOutsideTheRecord) {
    Wire w;
    w.record.exe.flags = GYR_FILE_PRESENT;
    w.put(w.record.cwd, "x\0"s);
    w.record.argv = {0xfffffff0U, 0x20, 0};
    w.record.exe_path = {4, 0xffffffffU, 0};
    w.record.cgroups = {1000, 1, 0};
    RecordDecoder d;
    const ProcessRecord r = decoded(d, w);
    EXPECT_TRUE(r.argv.bytes.empty());
    EXPECT_EQ(r.exe_path, "/");
    EXPECT_TRUE(r.cgroups.empty());
    EXPECT_EQ(r.cwd, "/x");
}

TEST(RecordDecoder, AddsTheClockOffset) {
    Wire w;
    w.record.boottime_ns = 5;
    RecordDecoder d;
    d.set_boot_offset(1000);
    const ProcessRecord r = decoded(d, w);
    EXPECT_EQ(r.time, 1005);
    EXPECT_EQ(r.boottime_ns, 5U);
}

} // namespace
} // namespace gyr
