// Every block and version of the format, put together by hand.
#include "capfile/test_support.h"

#include <gtest/gtest.h>

namespace gyr::capfile {
namespace {

constexpr EventCode kCloseExit = 5, kDropEvent = 148, kSwitch = 152, kInfra = 286, kPluginEvent = 322;

Whole read(const std::string& bytes, ReaderOptions options = {.upgrade = false}) {
    auto reader = Reader::from_bytes(as_bytes(bytes), options);
    EXPECT_TRUE(reader) << reader.error().message;
    return Whole(*reader);
}

// A process list entry of a version, without the length that version 9 has in front. extension: what follows field 20.
std::string thread_entry(int version, std::string_view extension = {}) {
    Bytes b;
    b.u64(11).u64(10).u64(1);
    if (version >= 6) b.u64(7);
    if (version >= 8) b.u64(8);
    b.text("comm").text("exe");
    if (version >= 7) b.text("/exepath");
    b.text(std::string_view("a\0b", 3)).text("/cwd");
    b.u64(1024).u32(0x20000000).u32(1000).u32(1001);
    if (version >= 2) b.u32(101).u32(102).u32(103).u64(104).u64(105);
    if (version >= 3) b.text(std::string_view("E=1\0", 4));
    if (version >= 4) b.u64(21).u64(20).text("cpu=/c");
    if (version >= 5) b.text("/root");
    b.raw(extension);
    return b.out;
}

std::string with_length(std::string_view entry) { // counted in
    return Bytes().u32(static_cast<std::uint32_t>(entry.size() + 4)).raw(entry).out;
}

struct ThreadList {
    int version;
    std::vector<std::uint32_t> blocks;
};

TEST(CaptureFormat, ReadsEveryVersionOfTheProcessList) {
    const std::vector<ThreadList> lists = {{1, {0x202, 0x8000abcd}},
                                           {2, {0x207, 0x8013abcd}},
                                           {3, {0x209, 0x8014abcd}},
                                           {4, {0x210}},
                                           {5, {0x211}},
                                           {6, {0x212}},
                                           {7, {0x213}},
                                           {8, {0x214}}};
    for (const auto& [version, blocks] : lists) {
        for (const std::uint32_t number : blocks) {
            const Whole w = read(section() + block(number, thread_entry(version) + thread_entry(version)));
            SCOPED_TRACE(version);
            EXPECT_TRUE(w.damages.empty());
            ASSERT_EQ(w.threads.size(), 2u);
            for (const ThreadRecord& t : w.threads) {
                EXPECT_EQ(std::tuple(t.tid, t.pid, t.ptid), std::tuple(11, 10, 1));
                EXPECT_EQ(t.sid, version >= 6 ? 7 : -1);
                EXPECT_EQ(t.vpgid, version >= 8 ? 8 : -1);
                EXPECT_EQ(t.pgid, -1);
                EXPECT_EQ(t.comm, "comm");
                EXPECT_EQ(t.exe, "exe");
                EXPECT_EQ(t.exepath, version >= 7 ? "/exepath" : "");
                EXPECT_EQ(t.args, std::string_view("a\0b", 3));
                EXPECT_EQ(t.cwd, "/cwd");
                EXPECT_EQ(t.fdlimit, 1024);
                EXPECT_EQ(std::tuple(t.flags, t.uid, t.gid), std::tuple(0x20000000u, 1000u, 1001u));
                EXPECT_EQ(t.vmswap_kb, version >= 2 ? 103u : 0u);
                EXPECT_EQ(t.pfminor, version >= 2 ? 105u : 0u);
                EXPECT_EQ(t.env, version >= 3 ? std::string_view("E=1\0", 4) : "");
                EXPECT_EQ(t.vtid, version >= 4 ? 21 : -1);
                EXPECT_EQ(t.cgroups, version >= 4 ? "cpu=/c" : "");
                EXPECT_EQ(t.root, version >= 5 ? "/root" : "");
                EXPECT_EQ(t.loginuid, kNoId);
                EXPECT_FALSE(t.exe_writable);
            }
        }
    }
}

TEST(CaptureFormat, ReadsTheProcessListThatGrew) {
    const std::string first =
        Bytes().u32(1000).u8(1).u64(31).u64(32).u64(33).out; // loginuid, exe_writable, capabilities
    const std::string a_front = Bytes().u64(41).u32(34816).out, a_back = Bytes().u8(1).u64(51).u64(52).u64(53).out;
    const std::string b = Bytes().u8(1).u8(1).out, c = Bytes().u64(61).out;
    const std::string later = "not known yet";
    const std::vector<std::string> stages = {"",
                                             first,
                                             a_front + first + a_back,
                                             a_front + first + a_back + b,
                                             a_front + first + a_back + b + c,
                                             a_front + first + a_back + b + c + later};
    for (std::size_t stage = 0; stage < stages.size(); ++stage) {
        SCOPED_TRACE(stage);
        const std::string entry = with_length(thread_entry(9, stages[stage]));
        const Whole w = read(section() + block(0x215, entry + entry));
        EXPECT_TRUE(w.damages.empty());
        ASSERT_EQ(w.threads.size(), 2u) << "the second entry begins where the first one says it ends";
        for (const ThreadRecord& t : w.threads) {
            EXPECT_EQ(t.root, "/root");
            EXPECT_EQ(t.loginuid, stage >= 1 ? 1000u : kNoId);
            EXPECT_EQ(t.exe_writable, stage >= 1);
            EXPECT_EQ(t.cap_effective, stage >= 1 ? 33u : 0u);
            EXPECT_EQ(t.pidns_init_start, stage >= 2 ? 41u : 0u);
            EXPECT_EQ(t.tty, stage >= 2 ? 34816u : 0u);
            EXPECT_EQ(t.exe_upper_layer, stage >= 2);
            EXPECT_EQ(t.exe_ino_mtime, stage >= 2 ? 53u : 0u);
            EXPECT_EQ(t.exe_from_memfd, stage >= 3);
            EXPECT_EQ(t.exe_lower_layer, stage >= 3);
            EXPECT_EQ(t.pgid, stage >= 4 ? 61 : -1);
        }
    }
}

TEST(CaptureFormat, ReadsBothDescriptorLists) {
    const std::string file = Bytes().num(std::int64_t{3}).u64(99).u8(16).u32(0x1).text("/etc/passwd").out;
    const std::string old_file = Bytes().num(std::int64_t{4}).u64(98).u8(1).text("/old").out;
    const std::string ipv4 =
        Bytes().num(std::int64_t{5}).u64(97).u8(3).u32(0x0100007f).u32(0x0200007f).u16(1000).u16(80).u8(2).out;
    const std::string tid = packed<std::uint64_t>(10);
    for (const std::uint32_t number : {0x203u, 0x8001abcdu}) {
        const Whole w = read(section() + block(number, tid + file + old_file + ipv4));
        EXPECT_TRUE(w.damages.empty());
        ASSERT_EQ(w.infos.size(), 3u);
        EXPECT_EQ(w.infos[0].name, "/etc/passwd");
        EXPECT_EQ(w.infos[0].dev, 0u);
        EXPECT_EQ(w.infos[1].type, FdType::file);
        EXPECT_EQ(w.infos[2].destination_port, 80);
        EXPECT_EQ(w.infos[2].source_address[0], 127);
        EXPECT_EQ(w.infos[2].l4, L4Protocol::tcp);
    }
    const std::string with_dev = file + packed<std::uint32_t>(0xfd01);
    const std::string future = Bytes().num(std::int64_t{6}).u64(96).u8(99).raw("some payload").out;
    const Whole w = read(section() + block(0x218, tid + with_length(file) + with_length(with_dev) +
                                                      with_length(future) + with_length(ipv4 + "more")));
    EXPECT_TRUE(w.damages.empty());
    ASSERT_EQ(w.infos.size(), 4u);
    EXPECT_EQ(w.infos[0].dev, 0u);
    EXPECT_EQ(w.infos[1].dev, 0xfd01u);
    EXPECT_EQ(w.infos[2].type, FdType::unsupported);
    EXPECT_FALSE(w.infos[2].name.empty());
    EXPECT_EQ(w.infos[3].source_port, 1000);
    EXPECT_EQ(w.fds[0][3].fd, 5);
    EXPECT_EQ(w.fds[0][3].tid, 10);
}

TEST(CaptureFormat, ReadsBothInterfaceAndUserLists) {
    const std::string v4 = Bytes().u16(1).u16(3).u32(1).u32(2).u32(3).u64(1000).raw("eth").out;
    const std::string v4_old = Bytes().u16(3).u16(2).u32(1).u32(2).u32(3).raw("lo").out;
    const std::string v6 = Bytes().u16(2).u16(4).raw(std::string(48, 'a')).u64(7).raw("eth6").out;
    const std::string user = Bytes().u8(0).u32(1000).u32(1001).text("ann").text("/home/ann").text("/bin/sh").out;
    const std::string group = Bytes().u8(1).u32(1001).text("staff").out;
    const auto not_counted = [](const std::string& e) { return packed(static_cast<std::uint32_t>(e.size())) + e; };
    for (const bool old : {true, false}) {
        const std::string interfaces = old ? block(0x205, v4 + v4_old + v6)
                                           : block(0x219, not_counted(v4) + not_counted(v4_old) + not_counted(v6));
        const std::string users = old ? block(0x206, user + group + user)
                                      : block(0x220, with_length(user) + with_length(group) + with_length(user));
        const Whole w = read(section() + interfaces + users);
        EXPECT_TRUE(w.damages.empty());
        ASSERT_EQ(w.interfaces.size(), 3u);
        EXPECT_EQ(w.interfaces[0].name, "eth");
        EXPECT_EQ(w.interfaces[0].link_speed, 1000u);
        EXPECT_FALSE(w.interfaces[1].has_link_speed);
        EXPECT_TRUE(w.interfaces[2].ipv6);
        EXPECT_EQ(w.interfaces[2].broadcast[15], 'a');
        ASSERT_EQ(w.users.size(), 2u);
        EXPECT_EQ(w.users[1].home, "/home/ann");
        ASSERT_EQ(w.groups.size(), 1u);
        EXPECT_EQ(w.groups[0].name, "staff");
    }
}

TEST(CaptureFormat, ReadsMachineInformation) {
    Bytes body;
    body.u32(8).u64(16u << 20).u64(32768).raw("host").raw(std::string(124, '\0')).u64(1234567890).u64(3).u64(0).u64(0);
    for (const std::uint32_t number : {0x201u, 0x8002abcdu}) {
        const Whole w = read(section() + block(number, body.out));
        EXPECT_TRUE(w.damages.empty());
        EXPECT_EQ(w.machine.cpus, 8u);
        EXPECT_EQ(w.machine.max_pid, 32768u);
        EXPECT_EQ(w.machine.hostname, "host");
        EXPECT_EQ(w.machine.boot_time, 1234567890);
        EXPECT_EQ(w.machine.flags, 3u);
    }
}

TEST(CaptureFormat, ReadsEveryEventBlock) {
    const std::vector<std::string> params = {packed<std::int64_t>(0), packed<std::int64_t>(7)};
    const auto flagged = [](const std::string& body) {
        return body.substr(0, 2) + packed<std::uint32_t>(1) + body.substr(2);
    };
    const std::string v1 = event_body(1, kCloseExit, params, 5, 6, 3), v2 = event_body(2, kCloseExit, params, 5, 6, 3);
    const std::string large = event_body<std::uint32_t>(2, kPluginEvent, {packed(1u), std::string(70000, 'x')});
    const Whole w =
        read(section() + block(0x204, v1) + block(0x8010abcd, v1) + block(0x208, flagged(v1)) + block(0x216, v2) +
             block(0x217, flagged(v2)) + block(0x221, large) + block(0x222, flagged(large)));
    EXPECT_TRUE(w.damages.empty());
    ASSERT_EQ(w.events.size(), 7u);
    for (std::size_t i = 0; i < 5; ++i) {
        const Whole::Event& e = w.events[i];
        EXPECT_EQ(std::tuple(e.code, e.cpu, e.time, e.tid), std::tuple(kCloseExit, 3, 5, 6)) << i;
        EXPECT_EQ(e.params, params) << i;
        EXPECT_EQ(e.dump_flags, i == 2 || i == 4 ? 1u : 0u) << i;
    }
    EXPECT_EQ(w.events[5].params[1].size(), 70000u);
    EXPECT_EQ(w.events[6].dump_flags, 1u);
}

TEST(CaptureFormat, FindsTheParametersOfOldEventsByTheirLengths) {
    // Fewer than the table has, none, and the two events whose writers counted three bytes too many.
    std::string infra = event_body(1, kInfra, {c_text("s"), c_text("n"), c_text("d"), c_text("c")});
    infra[18] = static_cast<char>(infra[18] + 3); // len, behind cpu, time and tid
    const Whole w = read(section() + block(0x204, event_body(1, kCloseExit, {packed<std::int64_t>(-9)})) +
                         block(0x204, event_body(1, kSwitch, {})) + block(0x204, infra + "\0\0\0"));
    EXPECT_TRUE(w.damages.empty()) << w.damages[0].message;
    ASSERT_EQ(w.events.size(), 3u);
    EXPECT_EQ(w.events[0].params.size(), 1u);
    EXPECT_EQ(w.events[1].params.size(), 0u);
    EXPECT_EQ(w.events[2].params.size(), 4u);
    const Whole bad = read(section() + block(0x204, event_body(1, kDropEvent, {"1234", "one parameter too many"})));
    EXPECT_EQ(bad.events.size(), 0u);
    ASSERT_EQ(bad.damages.size(), 1u);
    EXPECT_EQ(bad.damages[0].offset, section().size());
}

TEST(CaptureFormat, TakesWhatANewerWriterAdded) {
    std::vector<std::string> many(40, "x"); // more parameters than any table has
    const std::string bytes = section(1, 9) + block(0x999, "of the future") + block(0x999, "again") +
                              block(0x216, event_body(2, 454, {})) + block(0x216, event_body(2, kCloseExit, many));
    auto reader = Reader::from_bytes(as_bytes(bytes));
    const Whole w(*reader);
    EXPECT_TRUE(w.damages.empty());
    ASSERT_EQ(w.unknown.size(), 1u) << "said once a type";
    EXPECT_EQ(w.unknown[0].type, 0x999u);
    EXPECT_EQ(w.unknown[0].offset, section().size());
    ASSERT_EQ(w.events.size(), 1u);
    EXPECT_EQ(w.events[0].params.size(), 2u) << "as many as the schema has";
    EXPECT_EQ(reader->stats().events_unknown, 1u);
    EXPECT_EQ(reader->stats().blocks_unknown, 2u);
}

TEST(CaptureFormat, GoesOnWithAnotherCaptureBehindTheFirst) {
    const std::string event = block(0x216, event_body(2, kCloseExit, {"12345678", "12345678"}));
    const std::string one = section() + block(0x202, thread_entry(1)) + event;
    const Whole w = read(one + one + block(0x202, thread_entry(1)) + event);
    EXPECT_TRUE(w.damages.empty());
    EXPECT_EQ(w.sections, 2u);
    EXPECT_EQ(w.threads.size(), 3u);
    EXPECT_EQ(w.events.size(), 3u);
}

TEST(CaptureFormat, SkipsOptionsOfTheSectionHeader) {
    const std::string body = Bytes().u32(0x1a2b3c4d).u16(1).u16(0).u64(~0ull).raw(std::string(8000, 'o')).out;
    const Whole w = read(block(0x0a0d0d0a, body) + block(0x216, event_body(2, kCloseExit, {"12345678", "12345678"})));
    EXPECT_TRUE(w.damages.empty());
    EXPECT_EQ(w.events.size(), 1u);
}

} // namespace
} // namespace gyr::capfile
