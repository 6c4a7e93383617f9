#include "capfile/writer.h"

#include "base/test_data.h"
#include "capfile/test_support.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <fstream>

namespace gyr::capfile {
namespace {

Whole read(const std::string& bytes) {
    auto reader = Reader::from_bytes(as_bytes(bytes), {.upgrade = false});
    EXPECT_TRUE(reader) << reader.error().message;
    return Whole(*reader);
}

TEST(CaptureWriter, WritesWhatItReadByteForByte) {
    const std::string data = test_data_dir();
    std::ifstream index(data + "/captures/index.json");
    if (!index) GTEST_SKIP() << "no captures: set GYR_TEST_DATA";
    for (const auto& entry : nlohmann::json::parse(index)) {
        const std::string name = entry["capture"];
        auto reader = Reader::open(data + "/captures/" + name, {.upgrade = false});
        ASSERT_TRUE(reader) << reader.error().message;
        const Whole original(*reader);
        for (const bool compress : {false, true}) {
            const std::string first = original.written({.compress = compress});
            const Whole again = read(first);
            EXPECT_TRUE(again.damages.empty()) << name << ": " << again.damages.front().message;
            EXPECT_EQ(again.events, original.events) << name;
            EXPECT_EQ(again.threads.size(), original.threads.size()) << name;
            EXPECT_EQ(again.infos.size(), original.infos.size()) << name;
            EXPECT_EQ(again.users.size() + again.groups.size(), original.users.size() + original.groups.size()) << name;
            EXPECT_EQ(again.written({.compress = compress}), first) << name;
        }
    }
}

ThreadRecord some_thread() {
    ThreadRecord t;
    t.tid = 4711;
    t.pid = 4710;
    t.ptid = 1;
    t.sid = 2, t.vpgid = 3, t.pgid = 4, t.vtid = 5, t.vpid = 6;
    t.comm = "sh", t.exe = "/bin/sh", t.exepath = "/usr/bin/dash", t.args = std::string_view("-c\0ls\0", 6);
    t.cwd = "/tmp", t.env = std::string_view("A=1\0", 4), t.cgroups = "cpu=/x", t.root = "/";
    t.fdlimit = 1024, t.flags = 7, t.uid = 1000, t.gid = 1001;
    t.vmsize_kb = 10, t.vmrss_kb = 11, t.vmswap_kb = 12, t.pfmajor = 13, t.pfminor = 14;
    t.pidns_init_start = 15, t.tty = 34816, t.loginuid = 1000;
    t.exe_writable = true, t.exe_upper_layer = true, t.exe_lower_layer = true, t.exe_from_memfd = true;
    t.cap_inheritable = 16, t.cap_permitted = 17, t.cap_effective = 18;
    t.exe_ino = 19, t.exe_ino_ctime = 20, t.exe_ino_mtime = 21;
    return t;
}

TEST(CaptureWriter, KeepsEveryMemberOfAThread) {
    std::string bytes;
    auto writer = Writer::to_string(bytes, {.compress = false});
    const ThreadRecord t = some_thread();
    ASSERT_TRUE(writer->write_threads({&t, 1}));
    ASSERT_TRUE(writer->close());
    const Whole back = read(bytes);
    ASSERT_EQ(back.threads.size(), 1u);
    const ThreadRecord& u = back.threads[0];
    EXPECT_EQ(u.tid, t.tid);
    EXPECT_EQ(std::tie(u.pid, u.ptid, u.sid, u.vpgid, u.pgid, u.vtid, u.vpid),
              std::tie(t.pid, t.ptid, t.sid, t.vpgid, t.pgid, t.vtid, t.vpid));
    EXPECT_EQ(std::tie(u.comm, u.exe, u.exepath, u.args, u.cwd, u.env, u.cgroups, u.root),
              std::tie(t.comm, t.exe, t.exepath, t.args, t.cwd, t.env, t.cgroups, t.root));
    EXPECT_EQ(std::tie(u.fdlimit, u.flags, u.uid, u.gid, u.vmsize_kb, u.vmrss_kb, u.vmswap_kb, u.pfmajor, u.pfminor),
              std::tie(t.fdlimit, t.flags, t.uid, t.gid, t.vmsize_kb, t.vmrss_kb, t.vmswap_kb, t.pfmajor, t.pfminor));
    EXPECT_EQ(std::tie(u.pidns_init_start, u.tty, u.loginuid, u.exe_writable, u.exe_upper_layer, u.exe_lower_layer),
              std::tie(t.pidns_init_start, t.tty, t.loginuid, t.exe_writable, t.exe_upper_layer, t.exe_lower_layer));
    EXPECT_EQ(std::tie(u.exe_from_memfd, u.cap_inheritable, u.cap_permitted, u.cap_effective),
              std::tie(t.exe_from_memfd, t.cap_inheritable, t.cap_permitted, t.cap_effective));
    EXPECT_EQ(std::tie(u.exe_ino, u.exe_ino_ctime, u.exe_ino_mtime),
              std::tie(t.exe_ino, t.exe_ino_ctime, t.exe_ino_mtime));
}

TEST(CaptureWriter, KeepsEveryKindOfDescriptor) {
    std::vector<FdInfo> infos;
    std::vector<FdRecord> records;
    for (int type = 0; type <= static_cast<int>(FdType::pidfd); ++type) {
        FdInfo info;
        info.type = static_cast<FdType>(type);
        info.ino = 100u + static_cast<unsigned>(type);
        info.name = "name";
        info.l4 = L4Protocol::tcp;
        info.source_address = {10, 0, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
        info.destination_address = {10, 0, 0, 2, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1};
        info.source_port = 40000, info.destination_port = 443;
        info.unix_source = 0xffff888800001111, info.unix_destination = 0xffff888800002222;
        info.open_flags = 0x1001, info.dev = 0xfd01;
        infos.push_back(info);
    }
    for (const FdInfo& info : infos) records.push_back({77, static_cast<std::int64_t>(records.size()), &info});
    std::string bytes;
    auto writer = Writer::to_string(bytes, {.compress = false});
    ASSERT_TRUE(writer->write_fds(77, records));
    ASSERT_TRUE(writer->close());
    const Whole back = read(bytes);
    ASSERT_EQ(back.infos.size(), records.size() - 1) << "the unknown type has no form on file";
    for (std::size_t i = 0; i < back.infos.size(); ++i) {
        const FdInfo& was = infos[i + 1];
        const FdInfo& is = back.infos[i];
        EXPECT_EQ(back.fds[0][i].tid, 77);
        EXPECT_EQ(back.fds[0][i].fd, static_cast<std::int64_t>(i + 1));
        EXPECT_EQ(is.type, was.type);
        EXPECT_EQ(is.ino, was.ino);
        if (is_ipv4(was.type) || is_ipv6(was.type)) {
            const std::size_t size = is_ipv4(was.type) ? 4 : 16;
            EXPECT_TRUE(std::equal(is.destination_address.begin(), is.destination_address.begin() + size,
                                   was.destination_address.begin()));
            EXPECT_EQ(is.destination_port, was.destination_port);
            EXPECT_EQ(is.source_port, is_server(was.type) ? 0 : was.source_port);
            EXPECT_EQ(is.l4, was.l4);
        } else {
            EXPECT_EQ(is.name, was.name);
        }
        if (was.type == FdType::unix_socket) {
            EXPECT_EQ(is.unix_source, was.unix_source);
            EXPECT_EQ(is.unix_destination, was.unix_destination);
        }
        if (was.type == FdType::file_v2) {
            EXPECT_EQ(is.open_flags, was.open_flags);
            EXPECT_EQ(is.dev, was.dev);
        }
    }
}

TEST(CaptureWriter, CutsTextsThatOtherReadersWouldRefuse) {
    const std::string long_text(9000, 'x');
    ThreadRecord t;
    t.comm = t.args = long_text;
    UserRecord user;
    user.name = long_text;
    std::string bytes;
    auto writer = Writer::to_string(bytes, {.compress = false});
    ASSERT_TRUE(writer->write_users({&user, 1}, {}));
    ASSERT_TRUE(writer->write_threads({&t, 1}));
    ASSERT_TRUE(writer->close());
    const Whole back = read(bytes);
    EXPECT_EQ(back.threads.at(0).comm.size(), 1023u);
    EXPECT_EQ(back.threads.at(0).args.size(), 4096u);
    EXPECT_EQ(back.users.at(0).name.size(), 255u);
}

RawEvent event_of(EventCode code, std::span<const std::string_view> params, std::uint32_t flags = 0) {
    RawEvent raw;
    raw.code = code;
    raw.cpu = 1;
    raw.time = 5;
    raw.tid = 6;
    raw.dump_flags = flags;
    raw.params = params;
    return raw;
}

TEST(CaptureWriter, ChoosesTheBlockByFlagsAndSize) {
    constexpr EventCode kClose = 5, kPlugin = 322;
    const std::string data(100000, 'd');
    const std::vector<std::string_view> close = {std::string_view("\0\0\0\0\0\0\0\0", 8),
                                                 std::string_view("\3\0\0\0\0\0\0\0", 8)};
    const std::vector<std::string_view> plugin = {std::string_view("\1\0\0\0", 4), data};
    std::string bytes;
    auto writer = Writer::to_string(bytes, {.compress = false});
    std::vector<std::uint32_t> types;
    for (const auto& [code, params, flags] : {std::tuple(kClose, close, 0u), std::tuple(kClose, close, 1u),
                                              std::tuple(kPlugin, plugin, 0u), std::tuple(kPlugin, plugin, 5u)}) {
        ASSERT_TRUE(writer->flush());
        const std::size_t before = bytes.size();
        ASSERT_TRUE(writer->write_event(event_of(code, params, flags)));
        ASSERT_TRUE(writer->flush());
        std::uint32_t type = 0;
        std::memcpy(&type, bytes.data() + before, sizeof type);
        types.push_back(type);
    }
    EXPECT_EQ(types, (std::vector<std::uint32_t>{0x216, 0x217, 0x221, 0x222}));
    EXPECT_EQ(writer->events(), 4u);
    EXPECT_EQ(writer->bytes_in(), bytes.size());
    const Whole back = read(bytes);
    ASSERT_EQ(back.events.size(), 4u);
    EXPECT_EQ(back.events[1].dump_flags, 1u);
    EXPECT_EQ(back.events[2].params[1], data);
    EXPECT_EQ(back.events[3].dump_flags, 1u) << "the mark of a large event is not on file";
}

TEST(CaptureWriter, RefusesWhatTheFormatCannotHold) {
    constexpr EventCode kClose = 5;
    const std::string long_param(65536, 'x');
    const std::vector<std::string_view> too_long = {long_param};
    std::string bytes;
    auto writer = Writer::to_string(bytes, {.compress = false});
    const std::uint64_t before = writer->bytes_in();
    EXPECT_EQ(writer->write_event(event_of(kClose, too_long)).error().kind, ErrorKind::invalid);
    EXPECT_EQ(writer->write_event(event_of(kSnapshot, {})).error().kind, ErrorKind::invalid);
    EXPECT_EQ(writer->bytes_in(), before) << "nothing half written";
    EXPECT_TRUE(writer->write_event(event_of(kClose, {}))) << "and the file goes on";
}

TEST(CaptureWriter, KeepsItsFirstFailure) {
    auto writer = Writer::create("/dev/full", {.compress = false});
    ASSERT_TRUE(writer);
    const auto failed = writer->flush();
    ASSERT_FALSE(failed);
    EXPECT_NE(failed.error().message.find("No space left"), std::string::npos) << failed.error().message;
    EXPECT_FALSE(writer->flush());
    EXPECT_FALSE(writer->close());
    EXPECT_FALSE(Writer::create("/no/such/folder/x.scap"));
}

TEST(CaptureWriter, WhatWasFlushedCanBeReadBeforeTheEnd) {
    std::string bytes;
    auto writer = Writer::to_string(bytes, {.compress = true});
    ASSERT_TRUE(writer->write_event(event_of(5, {})));
    ASSERT_TRUE(writer->flush());
    const std::string so_far = bytes;
    EXPECT_EQ(read(so_far).events.size(), 1u);
    ASSERT_TRUE(writer->close());
    EXPECT_TRUE(read(bytes).damages.empty());
    EXPECT_EQ(writer->bytes_out(), bytes.size());
}

} // namespace
} // namespace gyr::capfile
