// What the reader makes of files that are broken, cut short, hostile, or something else altogether.
#include "capfile/test_support.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <random>
#include <zlib.h>

namespace gyr::capfile {
namespace {

constexpr EventCode kCloseExit = 5, kWriteExit = 9;

std::string refused(const std::string& bytes) {
    auto reader = Reader::from_bytes(as_bytes(bytes));
    return reader ? "" : reader.error().message;
}

Whole read(const std::string& bytes) {
    auto reader = Reader::from_bytes(as_bytes(bytes));
    EXPECT_TRUE(reader) << reader.error().message;
    return Whole(*reader);
}

std::string close_event() {
    return block(0x216, event_body(2, kCloseExit, {packed<std::int64_t>(0), packed<std::int64_t>(7)}));
}

// A capture with every kind of block and some events, as it is and compressed.
std::string sample(std::size_t events, bool compress, std::size_t data = 8) {
    ThreadRecord thread;
    thread.tid = thread.pid = 100;
    thread.comm = "comm";
    UserRecord user;
    user.name = "root";
    FdInfo info;
    info.type = FdType::file_v2;
    info.name = "/tmp/x";
    const FdRecord fd{100, 3, &info};
    Interface interface;
    interface.name = "lo";
    std::string out;
    auto writer = Writer::to_string(out, {.compress = compress}).value();
    MachineInfo machine;
    machine.max_pid = 4;
    (void)writer.write_machine(machine);
    (void)writer.write_interfaces({&interface, 1});
    (void)writer.write_users({&user, 1}, {});
    (void)writer.write_threads({&thread, 1});
    (void)writer.write_fds(100, {&fd, 1});
    const std::string zero = packed<std::int64_t>(0), bytes(data, 'd');
    for (std::size_t i = 0; i < events; ++i) {
        const std::string number = packed(static_cast<std::int64_t>(i));
        const std::string_view params[] = {zero, bytes, number, "1234"};
        RawEvent raw;
        raw.code = kWriteExit;
        raw.time = static_cast<Nanos>(i);
        raw.params = params;
        (void)writer.write_event(raw);
    }
    (void)writer.close();
    return out;
}

TEST(CaptureDamage, RefusesWhatIsNoCapture) {
    EXPECT_NE(refused("").find("empty"), std::string::npos);
    EXPECT_NE(refused("short").find("not a capture"), std::string::npos);
    EXPECT_NE(refused(std::string(100, 'x')).find("not a capture"), std::string::npos);
    EXPECT_NE(refused("\x1f\x8b").find("gzip"), std::string::npos);
    EXPECT_NE(refused("\x1f\x8b not gzip at all, but long enough to be looked at").find("gzip"), std::string::npos);
    EXPECT_NE(refused(section(2, 0)).find("version 2"), std::string::npos);
    EXPECT_NE(refused(block(0x0a0d0d0a, Bytes().u32(0x4d3c2b1a).u32(0).u64(0).out)).find("byte order"),
              std::string::npos);
    EXPECT_NE(refused(block(0x0a0d0d0a, Bytes().u32(1).u32(0).u64(0).out)).find("byte-order mark"), std::string::npos);
    EXPECT_NE(refused(close_event() + section()).find("section header"), std::string::npos);
    EXPECT_EQ(Reader::open("/no/such/file.scap").error().kind, ErrorKind::not_found);
    EXPECT_FALSE(Reader::open("/"));
}

TEST(CaptureDamage, AFileCutAnywhereGivesEverythingBeforeTheCut) {
    const std::string whole = sample(50, false, 2000);
    ASSERT_GT(whole.size(), 65536u);
    // Where each block ends, from the lengths themselves.
    std::vector<std::size_t> ends;
    std::vector<bool> is_event;
    for (std::size_t at = 0; at < whole.size();) {
        std::uint32_t type = 0, length = 0;
        std::memcpy(&type, whole.data() + at, 4);
        std::memcpy(&length, whole.data() + at + 4, 4);
        at += length;
        ends.push_back(at);
        is_event.push_back(type == 0x216);
    }
    std::size_t events = 0, done = 0;
    for (std::size_t cut = 28; cut <= 65536; ++cut) {
        while (done < ends.size() && ends[done] <= cut) events += is_event[done++] ? 1 : 0;
        auto reader = Reader::from_bytes(as_bytes(std::string_view(whole).substr(0, cut)));
        ASSERT_TRUE(reader) << cut;
        std::size_t seen = 0;
        bool damaged = false;
        for (Item item = reader->next(); item != Item::end; item = reader->next()) {
            if (item == Item::event) ++seen;
            if (item != Item::damage) continue;
            ASSERT_FALSE(damaged) << "said twice";
            damaged = true;
            ASSERT_EQ(reader->damage().offset, cut);
        }
        ASSERT_EQ(seen, events) << cut;
        ASSERT_EQ(damaged, ends[done - 1] != cut) << cut;
        ASSERT_EQ(reader->next(), Item::end);
    }
}

TEST(CaptureDamage, ACompressedFileCutAnywhereTellsSo) {
    const std::string whole = sample(2000, true), plain = sample(2000, false);
    for (std::size_t cut = 2; cut < whole.size(); cut += cut < 200 || cut + 200 > whole.size() ? 1 : 37) {
        auto reader = Reader::from_bytes(as_bytes(std::string_view(whole).substr(0, cut)));
        if (!reader) continue;
        const Whole w(*reader);
        ASSERT_EQ(w.damages.size(), 1u) << cut;
        EXPECT_TRUE(w.damages[0].compressed);
        EXPECT_LE(w.damages[0].offset, plain.size());
        EXPECT_LE(w.events.size(), 2000u);
    }
    auto reader = Reader::from_bytes(as_bytes(whole));
    EXPECT_EQ(Whole(*reader).events.size(), 2000u);
}

TEST(CaptureDamage, ReadsSeveralGzipMembersAndSaysWhatFollowsThem) {
    const std::string one = sample(1000, true);
    EXPECT_EQ(read(one + one + one).events.size(), 3000u);
    EXPECT_TRUE(read(one + std::string(512, '\0')).damages.empty()) << "padding";
    const Whole w = read(one + "garbage behind the end of the gzip data");
    EXPECT_EQ(w.events.size(), 1000u);
    EXPECT_EQ(w.damages.size(), 1u);
}

TEST(CaptureDamage, AChangedByteOfCompressedDataIsFound) {
    std::string bytes = sample(1000, true);
    bytes[bytes.size() - 6] = static_cast<char>(bytes[bytes.size() - 6] ^ 1); // in the checksum
    const Whole w = read(bytes);
    EXPECT_EQ(w.events.size(), 1000u);
    ASSERT_EQ(w.damages.size(), 1u);
    EXPECT_NE(w.damages[0].message.find("checksum"), std::string::npos) << w.damages[0].message;
}

TEST(CaptureDamage, LengthsAtTheirExtremesAreDamageAtTheirPlace) {
    const std::string good = section() + close_event();
    const std::size_t at = good.size();
    const auto head = [](std::uint32_t type, std::uint32_t length) { return Bytes().u32(type).u32(length).out; };
    const std::string tail(64, '\0');
    std::string too_many_params = event_body(2, kCloseExit, {"12345678"});
    too_many_params.replace(24, 4, packed(0xffffffffu)); // nparams
    std::string long_param = event_body(2, kCloseExit, {"12345678"});
    long_param.replace(28, 2, packed(std::uint16_t{0xffff}));
    std::string long_event = event_body(2, kCloseExit, {"12345678"});
    long_event.replace(18, 4, packed(0xffffffffu));
    std::string short_event = event_body(2, kCloseExit, {"12345678"});
    short_event.replace(18, 4, packed(25u));
    const std::vector<std::string> broken = {
        head(0x216, 0) + tail,          head(0x216, 11) + tail,    head(0x216, 0xffffffff) + tail,
        head(0x221, 0xffffffff) + tail, head(0x999, 3) + tail,     block(0x216, "too short"),
        block(0x216, too_many_params),  block(0x216, long_param),  block(0x216, long_event),
        block(0x216, short_event),      block(0x201, "too short"), head(0x201, 0xffffffff) + tail,
        head(0x0a0d0d0a, 12) + tail,    block(0x218, "tid"),       block(0x0a0d0d0a, std::string(16, 'x')),
    };
    for (std::size_t i = 0; i < broken.size(); ++i) {
        const Whole w = read(good + broken[i] + close_event());
        SCOPED_TRACE(i);
        EXPECT_EQ(w.events.size(), 1u);
        ASSERT_EQ(w.damages.size(), 1u);
        EXPECT_EQ(w.damages[0].offset, at) << w.damages[0].message;
        EXPECT_FALSE(w.damages[0].compressed);
        EXPECT_NE(w.damages[0].message.find(std::to_string(at)), std::string::npos) << w.damages[0].message;
    }
}

TEST(CaptureDamage, AnEntryThatDoesNotFitItsListIsDamage) {
    const std::string user = Bytes().u32(21).u8(0).u32(0).u32(0).text("ab").text("").text("").out;
    ASSERT_EQ(user.size(), 21u);
    const std::string fd_v1 = Bytes().num(std::int64_t{3}).u64(9).u8(200).text("name").out;
    const std::vector<std::pair<std::uint32_t, std::string>> lists = {
        {0x220, user + Bytes().u32(0xffffffff).raw(user).out},        // longer than the list
        {0x220, user + Bytes().u32(3).raw(user).out},                 // shorter than its length
        {0x220, user + Bytes().u32(12).raw(std::string(8, 'x')).out}, // too short for what it says
        {0x206, user.substr(4) + user.substr(4, 10)},                 // ends in the middle
        {0x205, Bytes().u16(9).u16(1).raw(std::string(60, 'x')).out}, // no such kind
        {0x203, Bytes().u64(1).raw(fd_v1).out},                       // a type that cannot be passed over
        {0x202, std::string(100, '\xff')},                            // texts of 65,535 bytes
        {0x215, Bytes().u32(40).raw(std::string(36, '\1')).out},
    };
    for (std::size_t i = 0; i < lists.size(); ++i) {
        const Whole w = read(section() + block(lists[i].first, lists[i].second) + close_event());
        SCOPED_TRACE(i);
        EXPECT_EQ(w.events.size(), 0u);
        ASSERT_EQ(w.damages.size(), 1u);
        EXPECT_GE(w.damages[0].offset, section().size());
        EXPECT_LE(w.damages[0].offset, section().size() + 8 + lists[i].second.size());
        EXPECT_EQ(w.users.size(), i < 4 ? 1u : 0u) << "the good entry before";
    }
}

TEST(CaptureDamage, TheTwoLengthsOfAMetadataBlockMustAgree) {
    std::string users = block(0x206, Bytes().u8(1).u32(0).text("ab").out);
    users[users.size() - 1] = '\1';
    EXPECT_EQ(read(section() + users + close_event()).damages.size(), 1u);
    std::string event = close_event();
    event[event.size() - 1] = '\1';
    EXPECT_EQ(read(section() + event + close_event()).events.size(), 2u) << "of events the second one is not looked at";
}

TEST(CaptureDamage, AListThatClaimsMuchCostsNoMoreThanIsThere) {
    // 4 GiB of list and entry, and then the file ends.
    const std::string claim = Bytes().u32(0x215).u32(0xfffffff0).u32(0xffffffd0).out;
    const Whole w = read(section() + claim + std::string(10, '\0'));
    ASSERT_EQ(w.damages.size(), 1u);
    EXPECT_EQ(w.damages[0].offset, section().size() + claim.size() + 10);
}

TEST(CaptureDamage, AnEntryMayBeLongerThanTheWindow) {
    const std::string known = Bytes()
                                  .u64(1)
                                  .u64(1)
                                  .u64(0)
                                  .u64(0)
                                  .u64(0)
                                  .text("comm")
                                  .text("")
                                  .text("")
                                  .text("")
                                  .text("")
                                  .u64(0)
                                  .u32(0)
                                  .u32(0)
                                  .u32(0)
                                  .u32(0)
                                  .u32(0)
                                  .u32(0)
                                  .u64(0)
                                  .u64(0)
                                  .text("")
                                  .u64(0)
                                  .u64(0)
                                  .text("")
                                  .text("")
                                  .out;
    const std::string entry = known + std::string(9'000'000, 'x'); // what a later version may add
    const std::string list = Bytes().u32(static_cast<std::uint32_t>(entry.size() + 4)).raw(entry).out;
    const auto path = std::filesystem::temp_directory_path() / "gyr-capfile-long-entry.scap";
    std::ofstream(path) << section() << block(0x215, list + list) << close_event();
    auto reader = Reader::open(path.string());
    ASSERT_TRUE(reader) << reader.error().message;
    const Whole w(*reader);
    std::filesystem::remove(path);
    EXPECT_TRUE(w.damages.empty());
    EXPECT_EQ(w.threads.size(), 2u);
    EXPECT_EQ(w.threads.at(1).comm, "comm");
    EXPECT_EQ(w.events.size(), 1u);
}

TEST(CaptureDamage, RandomBytesAreNoTrouble) {
    std::mt19937_64 random(4); // the same bytes every time
    std::string noise(2 * 1024 * 1024, '\0');
    for (char& c : noise) c = static_cast<char>(random());
    EXPECT_FALSE(refused(noise).empty());
    const Whole w = read(section() + close_event() + noise);
    EXPECT_EQ(w.events.size(), 1u);
    EXPECT_EQ(w.damages.size(), 1u);
    // Blocks of every known type, with noise inside.
    std::size_t at = 0;
    for (const std::uint32_t type :
         {0x201u, 0x202u, 0x207u, 0x209u, 0x210u, 0x211u, 0x212u, 0x213u, 0x214u, 0x215u, 0x203u,
          0x218u, 0x204u, 0x216u, 0x221u, 0x208u, 0x217u, 0x222u, 0x205u, 0x219u, 0x206u, 0x220u}) {
        for (int i = 0; i < 200; ++i, at += 300) {
            const std::size_t size = 1 + noise[at % noise.size()] % 100 + 100;
            static_cast<void>(
                read(section() + block(type, noise.substr(at % (noise.size() - 300), size)) + close_event()));
        }
    }
}

} // namespace
} // namespace gyr::capfile
