// Records as bytes: what is decoded of good ones, and that any others are refused.

#include "sources/live_bpf/event_decode.h"

#include "event/schema.h"
#include "sources/live_bpf/call_table.h"
#include "sources/live_bpf/describe_object.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <netinet/in.h>
#include <random>
#include <vector>

namespace gyr {
namespace {

using namespace std::string_literals;

// Puts a record together as the kernel side does.
class Record {
  public:
    explicit Record(EventCode code) {
        header_.magic = GYR_EVENT_MAGIC;
        header_.code = code;
        header_.tid = header_.tgid = 42;
        header_.start_boottime_ns = 7;
    }
    gyr_event_header& header() { return header_; }
    Record& item(unsigned op, unsigned fetch, std::string_view bytes, unsigned flags = 0) {
        const gyr_item i{static_cast<gyr_u16>(op), static_cast<gyr_u8>(fetch), static_cast<gyr_u8>(flags),
                         static_cast<gyr_u32>(bytes.size())};
        items_.append(reinterpret_cast<const char*>(&i), sizeof i);
        items_ += bytes;
        items_.append((8 - bytes.size() % 8) % 8, '\0');
        ++header_.items;
        return *this;
    }
    [[nodiscard]] std::span<const std::byte> bytes() {
        header_.size = static_cast<gyr_u32>(sizeof header_ + items_.size());
        storage_.resize((header_.size + 7) / 8);
        std::memcpy(storage_.data(), &header_, sizeof header_);
        std::memcpy(reinterpret_cast<char*>(storage_.data()) + sizeof header_, items_.data(), items_.size());
        return std::as_bytes(std::span(storage_)).first(header_.size);
    }

  private:
    gyr_event_header header_{};
    std::string items_;
    std::vector<std::uint64_t> storage_;
};

std::string object_bytes(std::uint64_t ino, std::uint32_t mode, std::string_view reversed) {
    gyr_object o{};
    o.ino = ino;
    o.mode = mode;
    o.dev = (8U << 20) | 3;
    o.flags = GYR_OBJECT_PRESENT;
    o.nlink = 1;
    return std::string(reinterpret_cast<const char*>(&o), sizeof o) + std::string(reversed);
}

using Outcome = EventDecoder::Outcome;

TEST(EventDecode, WhatIsWrittenAsANumberHasAWidth) {
    constexpr ParamFrom kNumbers[] = {
        ParamFrom::call_id,    ParamFrom::call_number,   ParamFrom::result,      ParamFrom::raw_result,
        ParamFrom::arg,        ParamFrom::arg_int,       ParamFrom::arg_long,    ParamFrom::arg_word,
        ParamFrom::arg_pair,   ParamFrom::constant,      ParamFrom::number,      ParamFrom::file_offset,
        ParamFrom::limit,      ParamFrom::vector_offset, ParamFrom::vector_size, ParamFrom::size_kb,
        ParamFrom::capability, ParamFrom::interval,      ParamFrom::id,          ParamFrom::offset_before,
    };
    for (const CollectedEvent& e : collected_events())
        for (std::size_t i = 0; i < e.param_count; ++i) {
            if (std::ranges::find(kNumbers, e.params[i].from) == std::end(kNumbers)) continue;
            const ParamInfo& p = find_event(e.code)->params[i];
            EXPECT_TRUE(width_of(p.type) > 0 && width_of(p.type) <= sizeof(std::uint64_t))
                << find_event(e.code)->name << ' ' << p.name;
        }
}

TEST(EventDecoder, MakesAnOpenOfItsRecord) {
    Record r(307);
    r.header().args[0] = 0xffffff9cU; // AT_FDCWD as an int
    r.header().args[2] = 01 | 0100;   // O_WRONLY, O_CREAT
    r.header().args[3] = 0644;
    r.header().result = 5;
    using namespace std::string_view_literals;
    r.item(GYR_FETCH_OBJECT, 0, object_bytes(99, 0100644, "c\0b\0a\0"sv)).item(GYR_FETCH_TEXT, 1, "../c\0"sv);
    EventDecoder decoder;
    RawEvent e;
    ASSERT_EQ(decoder.decode(r.bytes(), e), Outcome::event);
    EXPECT_EQ(e.code, 307);
    EXPECT_EQ(e.process, (ProcessKey{42, 7}));
    ASSERT_EQ(e.params.size(), 7u);
    EXPECT_EQ(load_param<std::int64_t>(e.params[0]), 5);
    EXPECT_EQ(load_param<std::int64_t>(e.params[1]), -100);
    EXPECT_EQ(text_of_param(e.params[2]), "../c");
    EXPECT_EQ(load_param<std::uint32_t>(e.params[3]), 0x2u | 0x4u);
    EXPECT_EQ(load_param<std::uint32_t>(e.params[4]), 0644u);
    EXPECT_EQ(load_param<std::uint32_t>(e.params[5]), 0x803u);
    EXPECT_EQ(load_param<std::uint64_t>(e.params[6]), 99u);
    ASSERT_NE(e.fd, nullptr);
    EXPECT_EQ(e.fd->name, "/a/b/c");
    EXPECT_EQ(e.fd->name_raw, "../c");
}

// By those with the number of the overlay's own file, as the kernel's plan asks; the path is behind them.
TEST(EventDecoder, TellsOfTheFilesBelowOneOfAnOverlay) {
    using namespace std::string_view_literals;
    gyr_object o{};
    o.ino = 0x8000'0000'0000'0063; // with the layer in the upper bits
    o.mode = 0100644;
    o.flags = GYR_OBJECT_PRESENT | GYR_OBJECT_OVERLAY | GYR_OBJECT_BELOW;
    gyr_below below{};
    below.files[0] = {.ino = 100, .dev = (8U << 20) | 1, .reserved = 0};
    below.files[1] = {.ino = 99, .dev = (8U << 20) | 3, .reserved = 0};
    const std::string head = std::string(reinterpret_cast<const char*>(&o), sizeof o);
    const std::string middle(reinterpret_cast<const char*>(&below), sizeof below);
    Record r(307);
    r.header().result = 5;
    r.item(GYR_FETCH_OBJECT, 0, head + middle + std::string("c\0b\0a\0"sv));
    EventDecoder decoder;
    RawEvent e;
    ASSERT_EQ(decoder.decode(r.bytes(), e), Outcome::event);
    ASSERT_NE(e.fd, nullptr);
    EXPECT_EQ(e.fd->name, "/a/b/c");
    ASSERT_EQ(e.below.size(), 1u);
    EXPECT_EQ(e.below[0], (FileNumbers{(8U << 8) | 3, 99}));

    Record cut(307);
    cut.header().result = 5;
    cut.item(GYR_FETCH_OBJECT, 0, head + middle.substr(1));
    ASSERT_EQ(decoder.decode(cut.bytes(), e), Outcome::event);
    EXPECT_EQ(e.fd, nullptr);
    EXPECT_TRUE(e.below.empty());
}

std::string socket_bytes(const gyr_endpoints& e) {
    gyr_object o{};
    o.flags = GYR_OBJECT_PRESENT | GYR_OBJECT_SOCKET;
    return std::string(reinterpret_cast<const char*>(&o), sizeof o) +
           std::string(reinterpret_cast<const char*>(&e), sizeof e);
}

// The kernel has forgotten the port of a connection that was refused; the rule is about where it was to go.
TEST(EventDecoder, ARefusedConnectionHasTheAddressThatWasAskedFor) {
    EventDecoder decoder;
    gyr_endpoints e{};
    e.family = AF_INET;
    e.type = 1; // a stream
    const gyr_u8 here[4] = {203, 0, 113, 5};
    std::memcpy(e.remote, here, 4);
    Record record(23);
    record.header().result = -111;                                                   // ECONNREFUSED
    const std::string asked("\x02\x00\x0d\x05\xcb\x00\x71\x05\0\0\0\0\0\0\0\0", 16); // 203.0.113.5:3333
    record.item(GYR_FETCH_OBJECT, 0, socket_bytes(e)).item(GYR_FETCH_SOCKADDR, 1, asked);
    RawEvent event;
    ASSERT_EQ(decoder.decode(record.bytes(), event), Outcome::event);
    ASSERT_NE(event.fd, nullptr);
    EXPECT_EQ(event.fd->type, FdType::ipv4);
    EXPECT_EQ(event.fd->destination_port, 3333);
    EXPECT_EQ(event.fd->name, "0.0.0.0:0->203.0.113.5:3333");
}

TEST(EventDecoder, AnOpenThatFailedIsAboutTheFileThatWasAskedFor) {
    using namespace std::string_view_literals;
    Record r(307);
    r.header().result = -13;
    r.item(GYR_FETCH_TEXT, 1, "../x//./y\0"sv).item(GYR_FETCH_BASE, 2, "dir\0srv\0"sv);
    EventDecoder decoder;
    RawEvent e;
    ASSERT_EQ(decoder.decode(r.bytes(), e), Outcome::event);
    ASSERT_NE(e.fd, nullptr);
    EXPECT_EQ(e.fd->name, "/srv/x/y");
    EXPECT_EQ(e.fd->type, FdType::file_v2);
}

// Of each path where it starts, when it is relative; and where the process stands, when that was asked for.
TEST(EventDecoder, TellsWhereRelativePathsStart) {
    using namespace std::string_view_literals;
    Record r(177); // renameat
    r.item(GYR_FETCH_TEXT, 0, "../x\0"sv).item(GYR_FETCH_BASE, 1, "b\0a\0"sv);
    r.item(GYR_FETCH_TEXT, 2, "y\0"sv).item(GYR_FETCH_BASE, 3, ""sv);
    EventDecoder decoder;
    RawEvent e;
    ASSERT_EQ(decoder.decode(r.bytes(), e), Outcome::event);
    ASSERT_NE(e.path, nullptr);
    ASSERT_NE(e.other_path, nullptr);
    EXPECT_EQ(e.path->name, "/a/x");
    EXPECT_EQ(e.base, "/a/b");
    EXPECT_EQ(e.other_path->name, "/y");
    EXPECT_EQ(e.other_base, "/");
    EXPECT_EQ(e.cwd, "");

    Record absolute(177);
    absolute.item(GYR_FETCH_TEXT, 0, "/x\0"sv).item(GYR_FETCH_BASE, 1, ""sv);
    absolute.item(GYR_FETCH_TEXT, 2, "/y\0"sv).item(GYR_FETCH_BASE, 3, ""sv);
    absolute.item(GYR_FETCH_BASE, 4, "c\0home\0"sv);
    ASSERT_EQ(decoder.decode(absolute.bytes(), e), Outcome::event);
    EXPECT_EQ(e.path->name, "/x");
    EXPECT_EQ(e.base, "");
    EXPECT_EQ(e.other_base, "");
    EXPECT_EQ(e.cwd, "/home/c");

    Record open(307); // what was opened has the kernel's name; the text still starts somewhere
    open.header().result = 5;
    open.item(GYR_FETCH_OBJECT, 0, object_bytes(99, 0100644, "c\0b\0"sv)).item(GYR_FETCH_TEXT, 1, "l\0"sv);
    open.item(GYR_FETCH_BASE, 2, "a\0"sv);
    ASSERT_EQ(decoder.decode(open.bytes(), e), Outcome::event);
    EXPECT_EQ(e.path->name, "/b/c");
    EXPECT_EQ(e.base, "/a");
}

// A path below a descriptor that is none leads nowhere; it is not one below the root.
TEST(EventDecoder, AnOpenBelowABadDescriptorIsAboutNoFile) {
    using namespace std::string_view_literals;
    for (const unsigned flags : {0U, unsigned{GYR_BLOB_UNREADABLE}}) {
        Record r(307);
        r.header().args[0] = 99;
        r.header().result = -9; // EBADF
        r.item(GYR_FETCH_TEXT, 1, "etc/shadow\0"sv).item(GYR_FETCH_BASE, 2, "", flags);
        EventDecoder decoder;
        RawEvent e;
        ASSERT_EQ(decoder.decode(r.bytes(), e), Outcome::event);
        EXPECT_EQ(text_of_param(e.params[2]), "etc/shadow");
        if (flags != 0) {
            EXPECT_EQ(e.fd, nullptr);
            EXPECT_EQ(e.path, nullptr);
        } else { // the root folder has no components
            ASSERT_NE(e.fd, nullptr);
            EXPECT_EQ(e.fd->name, "/etc/shadow");
        }
    }
}

// Where the call says that it goes, whatever the socket is connected to.
TEST(EventDecoder, ADatagramToANameHasThatName) {
    using namespace std::string_view_literals;
    for (const std::string_view path : {"/run/there"sv, "\0there"sv}) {
        gyr_endpoints e{};
        e.family = AF_UNIX;
        e.type = 2; // datagrams
        e.self = 0x10, e.peer = 0x20;
        e.remote_length = 6;
        std::memcpy(e.remote_path, "/other", 6);
        Record r(kSendto);
        r.header().result = 1;
        r.item(GYR_FETCH_OBJECT, 0, socket_bytes(e)).item(GYR_FETCH_BUFFER, 1, "x");
        r.item(GYR_FETCH_SOCKADDR, 2, "\x01\0"s + std::string(path));
        EventDecoder decoder;
        RawEvent event;
        ASSERT_EQ(decoder.decode(r.bytes(), event), Outcome::event);
        ASSERT_NE(event.fd, nullptr);
        EXPECT_EQ(event.fd->name, path.front() == '/' ? "10->0 /run/there" : "10->0 @there");
    }
}

TEST(EventDecoder, AnEchoRequestGoesToAnAddressWithoutAPort) {
    gyr_endpoints e{};
    e.family = AF_INET;
    e.type = 3; // raw
    e.protocol = IPPROTO_ICMP;
    e.local_port = htons(IPPROTO_ICMP);
    Record r(kSendto);
    r.header().result = 8;
    r.item(GYR_FETCH_OBJECT, 0, socket_bytes(e)).item(GYR_FETCH_BUFFER, 1, "x");
    r.item(GYR_FETCH_SOCKADDR, 2, "\x02\0\0\0\xcb\x00\x71\x05\0\0\0\0\0\0\0\0"s); // 203.0.113.5
    EventDecoder decoder;
    RawEvent event;
    ASSERT_EQ(decoder.decode(r.bytes(), event), Outcome::event);
    ASSERT_NE(event.fd, nullptr);
    EXPECT_EQ(event.fd->type, FdType::ipv4);
    EXPECT_EQ(event.fd->name, "0.0.0.0:1->203.0.113.5:0");
}

FdInfo described_socket(const gyr_endpoints& e, std::string_view path = {}) {
    const std::string bytes = socket_bytes(e) + std::string(path);
    KernelObject object;
    EXPECT_TRUE(read_object(std::as_bytes(std::span(bytes)), 0, object));
    object.object.ino = 77;
    FdInfo out;
    describe_object(object, SocketSide::unknown, out);
    return out;
}

TEST(EventDecoder, TcpOverSeveralPathsIsTcp) {
    gyr_endpoints e{};
    e.family = AF_INET;
    e.type = SOCK_STREAM;
    e.protocol = IPPROTO_MPTCP;
    EXPECT_EQ(described_socket(e).l4, L4Protocol::tcp);
}

TEST(EventDecoder, WhoConnectedIsKnownByWhatTheKernelKeptAndElseByThePorts) {
    gyr_endpoints e{};
    e.family = AF_INET;
    e.type = SOCK_STREAM;
    e.protocol = IPPROTO_TCP;
    e.local[0] = e.remote[0] = 127;
    const auto server = [&e](unsigned local, unsigned remote, unsigned made) {
        e.local_port = htons(static_cast<std::uint16_t>(local));
        e.remote_port = htons(static_cast<std::uint16_t>(remote));
        e.made = static_cast<gyr_u8>(made);
        return (described_socket(e).marks & kFdRoleServer) != 0;
    };
    EXPECT_TRUE(server(443, 50'000, 0));
    EXPECT_FALSE(server(50'000, 443, 0));
    EXPECT_TRUE(server(50'000, 443, GYR_SOCKET_ACCEPTED));
    EXPECT_FALSE(server(443, 50'000, GYR_SOCKET_BOUND));
}

// What the kernel has as the port of such a socket is the number of its protocol, or of an echo request.
TEST(EventDecoder, ASocketWithoutPortsIsNoServer) {
    struct Case {
        unsigned family, type, protocol;
        FdType described;
        L4Protocol l4;
    };
    static constexpr Case kCases[] = {
        {AF_INET, SOCK_RAW, IPPROTO_ICMP, FdType::ipv4, L4Protocol::raw},
        {AF_INET, SOCK_RAW, IPPROTO_TCP, FdType::ipv4, L4Protocol::raw},
        {AF_INET6, SOCK_RAW, IPPROTO_ICMPV6, FdType::ipv6, L4Protocol::raw},
        {AF_INET, SOCK_DGRAM, IPPROTO_ICMP, FdType::ipv4, L4Protocol::icmp},
        {AF_INET6, SOCK_DGRAM, IPPROTO_ICMPV6, FdType::ipv6, L4Protocol::icmp},
        {AF_INET, SOCK_DGRAM, IPPROTO_UDP, FdType::ipv4_server, L4Protocol::udp},
    };
    for (const Case& c : kCases) {
        gyr_endpoints e{};
        e.family = static_cast<gyr_u16>(c.family);
        e.type = static_cast<gyr_u8>(c.type);
        e.protocol = static_cast<gyr_u16>(c.protocol);
        e.local_port = htons(58);
        const FdInfo fd = described_socket(e);
        EXPECT_EQ(fd.type, c.described) << c.family << ' ' << c.protocol;
        EXPECT_EQ(fd.l4, c.l4) << c.family << ' ' << c.protocol;
        EXPECT_EQ(fd.marks, 0);
        EXPECT_EQ(fd.name, is_server(c.described) ? "0.0.0.0:58" : "");
    }
}

TEST(EventDecoder, ASocketOfAnotherFamilyHasANameAllTheSame) {
    gyr_endpoints e{};
    e.family = AF_VSOCK;
    const FdInfo fd = described_socket(e);
    EXPECT_EQ(fd.type, FdType::unsupported);
    EXPECT_EQ(fd.name, "socket:[77]");
}

TEST(EventDecoder, AUnixSocketBoundToARelativeNameHasItsPath) {
    using namespace std::string_view_literals;
    gyr_endpoints server{};
    server.family = AF_UNIX;
    server.type = SOCK_STREAM;
    server.self = 0x10, server.peer = 0x20;
    server.local_length = 4;
    std::memcpy(server.local_path, "rel", 3);
    server.walked = GYR_WALKED_LOCAL;
    EXPECT_EQ(described_socket(server, "rel\0srv\0"sv).name, "20->10 /srv/rel");
    EXPECT_EQ(described_socket(server).name, "20->10 rel") << "as it was given, where the kernel tells no more";

    gyr_endpoints client{};
    client.family = AF_UNIX;
    client.type = SOCK_STREAM;
    client.self = 0x20, client.peer = 0x10;
    client.remote_length = 4;
    std::memcpy(client.remote_path, "rel", 3);
    client.walked = GYR_WALKED_REMOTE;
    EXPECT_EQ(described_socket(client, "rel\0srv\0"sv).name, "/srv/rel");
}

// As rules for captures have it, also of a connection that was refused.
TEST(EventDecoder, AUnixSocketIsKnownByItsPathToWhoBindsOrConnects) {
    using namespace std::string_view_literals;
    const auto name_of = [](EventCode code, std::int64_t result, gyr_endpoints e) {
        e.family = AF_UNIX;
        e.type = SOCK_STREAM;
        e.self = 0x10;
        Record r(code);
        r.header().result = result;
        r.item(GYR_FETCH_OBJECT, 0, socket_bytes(e)).item(GYR_FETCH_SOCKADDR, 1, "\x01\0/run/x.sock"s);
        EventDecoder decoder;
        RawEvent event;
        EXPECT_EQ(decoder.decode(r.bytes(), event), Outcome::event);
        return std::string(event.fd != nullptr ? event.fd->name : "nothing");
    };
    EXPECT_EQ(name_of(kConnect, -ECONNREFUSED, {}), "/run/x.sock");
    gyr_endpoints connected{};
    connected.peer = 0x20, connected.remote_length = 11;
    std::memcpy(connected.remote_path, "/run/x.sock", 11);
    EXPECT_EQ(name_of(kConnect, 0, connected), "/run/x.sock");
    gyr_endpoints bound{};
    bound.local_length = 11;
    std::memcpy(bound.local_path, "/run/x.sock", 11);
    EXPECT_EQ(name_of(21 /* bind */, 0, bound), "/run/x.sock");
    bound.peer = 0x20;
    EXPECT_EQ(name_of(kAccept, 5, bound), "20->10 /run/x.sock");
}

TEST(EventDecoder, AProcessDescriptorHasItsName) {
    gyr_object o{};
    o.flags = GYR_OBJECT_PRESENT;
    o.mode = S_IFREG;
    o.magic = 0x50494446; // pidfs
    Record r(71);
    r.item(GYR_FETCH_OBJECT, 0, std::string(reinterpret_cast<const char*>(&o), sizeof o));
    EventDecoder decoder;
    RawEvent event;
    ASSERT_EQ(decoder.decode(r.bytes(), event), Outcome::event);
    ASSERT_NE(event.fd, nullptr);
    EXPECT_EQ(event.fd->type, FdType::pidfd);
    EXPECT_EQ(event.fd->name, "anon_inode:[pidfd]");
}

TEST(EventDecoder, JoinsWhatWasFetchedWhenACallBeganWithItsEnd) {
    using namespace std::string_view_literals;
    Record begin(5), end(5), other(5);
    for (Record* r : {&begin, &end}) r->header().args[0] = 3;
    other.header().args[0] = 4;
    begin.header().flags = GYR_EVENT_ENTER;
    begin.item(GYR_FETCH_OBJECT, 0, object_bytes(1, 0100644, "f\0"sv));
    EventDecoder decoder;
    RawEvent e;
    EXPECT_EQ(decoder.decode(begin.bytes(), e), Outcome::half);
    ASSERT_EQ(decoder.decode(end.bytes(), e), Outcome::event);
    ASSERT_NE(e.fd, nullptr);
    EXPECT_EQ(e.fd->name, "/f");
    ASSERT_EQ(decoder.decode(end.bytes(), e), Outcome::event);
    EXPECT_EQ(e.fd, nullptr) << "a half serves once";
    EXPECT_EQ(decoder.decode(begin.bytes(), e), Outcome::half);
    ASSERT_EQ(decoder.decode(other.bytes(), e), Outcome::event);
    EXPECT_EQ(e.fd, nullptr) << "the half is of another call";
    EXPECT_EQ(decoder.decode(begin.bytes(), e), Outcome::half);
    end.header().start_boottime_ns = 8;
    ASSERT_EQ(decoder.decode(end.bytes(), e), Outcome::event);
    EXPECT_EQ(e.fd, nullptr) << "the half is of a thread that has ended, whose number this one has";
}

TEST(EventDecoder, RefusesRecordsThatAreCutOrLie) {
    using namespace std::string_view_literals;
    Record r(307);
    r.item(GYR_FETCH_OBJECT, 0, object_bytes(99, 0100644, "c\0"sv)).item(GYR_FETCH_TEXT, 1, "c\0"sv);
    const auto good = r.bytes();
    EventDecoder decoder;
    RawEvent e;
    for (std::size_t n = 0; n < good.size(); ++n) EXPECT_EQ(decoder.decode(good.first(n), e), Outcome::malformed) << n;
    r.header().items = 3;
    EXPECT_EQ(decoder.decode(r.bytes(), e), Outcome::malformed);
    r.header().items = 2;
    r.header().code = 17; // no event
    EXPECT_EQ(decoder.decode(r.bytes(), e), Outcome::malformed);
}

TEST(EventDecoder, AnyBytesMakeAnEventOrNone) {
    std::mt19937 random(1);
    EventDecoder decoder;
    for (const CollectedEvent& event : collected_events()) {
        for (int round = 0; round < 50; ++round) {
            Record r(event.code);
            for (std::uint64_t& a : r.header().args) a = random();
            r.header().result = static_cast<std::int32_t>(random());
            for (unsigned k = 0; k < event.fetch_count; ++k) {
                std::string noise(random() % 400, '\0');
                for (char& c : noise) c = static_cast<char>(random());
                r.item(event.fetches[k].op, k, noise);
            }
            RawEvent e;
            ASSERT_EQ(decoder.decode(r.bytes(), e), Outcome::event) << find_event(event.code)->name;
            EXPECT_EQ(e.params.size(), event.param_count);
        }
    }
}

template <class... T>
std::string packed(T... values) {
    std::string out;
    (out.append(reinterpret_cast<const char*>(&values), sizeof values), ...);
    return out;
}

// Of the event of a record, the parameter of that name.
std::string_view param_of(const RawEvent& e, std::string_view name) {
    const auto& params = find_event(e.code)->params;
    for (std::size_t i = 0; i < params.size() && i < e.params.size(); ++i)
        if (params[i].name == name) return e.params[i];
    ADD_FAILURE() << "no parameter " << name;
    return {};
}

TEST(EventDecoder, WhatPollFoundHasTheNumbersOfTheFormat) {
    Record r(81);
    // struct pollfd: descriptor, what was asked for, what was found: POLLIN|POLLHUP, POLLNVAL, POLLRDHUP|POLLERR
    r.item(GYR_FETCH_BUFFER, 0,
           packed(std::int32_t{3}, std::int16_t{1}, std::int16_t{0x11}) +
               packed(std::int32_t{-1}, std::int16_t{0}, std::int16_t{0x20}) +
               packed(std::int32_t{9}, std::int16_t{0}, std::int16_t{0x2008}));
    EventDecoder decoder;
    RawEvent e;
    ASSERT_EQ(decoder.decode(r.bytes(), e), Outcome::event);
    EXPECT_EQ(param_of(e, "fds"), packed(std::uint16_t{3}) + packed(std::int64_t{3}, std::uint16_t{0x21}) +
                                      packed(std::int64_t{-1}, std::uint16_t{0x40}) +
                                      packed(std::int64_t{9}, std::uint16_t{0x18}));
}

TEST(EventDecoder, ANumberTooLargeForAChoiceIsNoneOfThem) {
    struct Case {
        EventCode code;
        unsigned argument;
        std::uint64_t given;
        const char* param;
        std::uint8_t told;
    };
    for (const Case& c : {Case{87, 2, 256, "whence", 0xff}, Case{87, 2, 2, "whence", 2}, Case{129, 1, 265, "sig", 0xff},
                          Case{129, 1, 9, "sig", 9}, Case{141, 0, 256, "resource", 0xff},
                          Case{141, 0, 16, "resource", 0xff}, Case{141, 0, 15, "resource", 15}}) {
        Record r(c.code);
        r.header().args[c.argument] = c.given;
        EventDecoder decoder;
        RawEvent e;
        ASSERT_EQ(decoder.decode(r.bytes(), e), Outcome::event);
        EXPECT_EQ(load_param<std::uint8_t>(param_of(e, c.param)), c.told) << c.param << ' ' << c.given;
    }
}

TEST(EventDecoder, SocketOptionsHaveTheNumbersAndKindsOfTheFormat) {
    using namespace std::string_view_literals;
    struct Case {
        int level, option;
        std::string value;
        std::uint8_t told;
        std::string as; // the kind, and the value
        bool compat = false;
    };
    const Case cases[] = {
        {1, 2, packed(1), 2, "\2" + packed(1)},                                 // SO_REUSEADDR
        {1, 257, packed(1), 0, "\2" + packed(1)},                               // none there is
        {6, 2, packed(1), 0, "\0"s + packed(1)},                                // of another level
        {1, 51, "", 0, "\0"s},                                                  // SO_ATTACH_REUSEPORT_CBPF: no name
        {1, 53, packed(1), 0, "\2" + packed(1)},                                // SO_CNX_ADVICE: no name
        {1, 59, packed(7), 51, "\0"s + packed(7)},                              // SO_PEERGROUPS, of one group
        {1, 55, packed(1, 2, 3), 52, "\0"s + packed(1, 2, 3)},                  // SO_MEMINFO
        {1, 57, packed(9L), 53, "\3" + packed(9L)},                             // SO_COOKIE
        {1, 13, packed(1, 9), 13, "\0"s + packed(1, 9)},                        // SO_LINGER
        {1, 25, "eth0", 25, "\0eth0"s},                                         // SO_BINDTODEVICE
        {1, 4, packed(111), 4, "\1" + packed(-111L)},                           // SO_ERROR
        {1, 20, packed(5L, 250000L), 20, "\4" + packed(5250000000L)},           // SO_RCVTIMEO
        {1, 21, packed(5, 250000), 21, "\4" + packed(5250000000L), true},       // of a 32-bit program
        {1, 21, packed(5, 250000, 1, 1), 21, "\4" + packed(5250000000L), true}, // with room behind it
        {1, 67, packed(5L, 250000L), 21, "\4" + packed(5250000000L), true},     // SO_SNDTIMEO_NEW
    };
    for (const Case& c : cases) {
        Record r(45);
        r.header().args[1] = static_cast<std::uint64_t>(c.level);
        r.header().args[2] = static_cast<std::uint64_t>(c.option);
        r.header().flags = c.compat ? GYR_EVENT_COMPAT : 0;
        r.item(GYR_FETCH_BUFFER, 1, c.value);
        EventDecoder decoder;
        RawEvent e;
        ASSERT_EQ(decoder.decode(r.bytes(), e), Outcome::event);
        EXPECT_EQ(load_param<std::uint8_t>(param_of(e, "optname")), c.told) << c.level << ' ' << c.option;
        EXPECT_EQ(param_of(e, "val"), c.as) << c.level << ' ' << c.option;
    }
}

TEST(EventDecoder, NumbersWithASignKeepIt) {
    EventDecoder decoder;
    RawEvent e;
    Record seek(87);
    seek.header().args[1] = 0xfffffffdU;
    ASSERT_EQ(decoder.decode(seek.bytes(), e), Outcome::event);
    EXPECT_EQ(load_param<std::int64_t>(param_of(e, "offset")), 0xfffffffdL) << "in 64 bits that is four gigabytes";
    seek.header().flags = GYR_EVENT_COMPAT;
    ASSERT_EQ(decoder.decode(seek.bytes(), e), Outcome::event);
    EXPECT_EQ(load_param<std::int64_t>(param_of(e, "offset")), -3);
    Record wait(79);
    wait.header().args[2] = 0xffffffffU;
    ASSERT_EQ(decoder.decode(wait.bytes(), e), Outcome::event);
    EXPECT_EQ(load_param<std::int64_t>(param_of(e, "maxevents")), -1);
    Record command(171);
    command.header().args[1] = 0xffffffff80045430; // an int of the C library, an unsigned one of the kernel
    ASSERT_EQ(decoder.decode(command.bytes(), e), Outcome::event);
    EXPECT_EQ(load_param<std::uint64_t>(param_of(e, "request")), 0x80045430U);
    Record key(453);
    key.header().args[0] = 8; // KEYCTL_LINK, both of them the caller's own
    key.header().args[1] = 0xfffffffdU;
    key.header().args[2] = 0xfffffffcU;
    ASSERT_EQ(decoder.decode(key.bytes(), e), Outcome::event);
    EXPECT_EQ(param_of(e, "arg2"), "\0"s + packed(-3L));
    EXPECT_EQ(param_of(e, "arg3"), "\0"s + packed(-4L));
    Record limit(145);
    limit.header().args[0] = 0xffffffffU;
    ASSERT_EQ(decoder.decode(limit.bytes(), e), Outcome::event);
    EXPECT_EQ(load_param<std::int64_t>(param_of(e, "pid")), -1);
}

TEST(EventDecoder, AnAddressThatIsTooShortIsNone) {
    EventDecoder decoder;
    RawEvent e;
    Record r(21);
    const std::string six = packed(std::uint16_t{AF_INET6}, std::uint16_t{0x5000}) + std::string(24, '\1');
    r.item(GYR_FETCH_SOCKADDR, 1, six.substr(0, 20));
    ASSERT_EQ(decoder.decode(r.bytes(), e), Outcome::event);
    EXPECT_TRUE(param_of(e, "addr").empty());
    Record whole(21);
    whole.item(GYR_FETCH_SOCKADDR, 1, six);
    ASSERT_EQ(decoder.decode(whole.bytes(), e), Outcome::event);
    EXPECT_EQ(param_of(e, "addr").size(), 19u);
}

TEST(EventDecoder, AQuotaIsToldAsFarAsItIsGiven) {
    const auto decoded = [](std::uint32_t command, std::int64_t result, const std::string& block,
                            EventDecoder& decoder) {
        Record r(191);
        r.header().args[0] = command << 8 | 1; // GRPQUOTA
        r.header().args[2] = 4;
        r.header().result = result;
        for (const unsigned fetch : {2U, 3U, 4U}) r.item(GYR_FETCH_BYTES, fetch, block.substr(0, fetch == 4 ? 4 : 72));
        RawEvent e;
        EXPECT_EQ(decoder.decode(r.bytes(), e), Outcome::event);
        return e;
    };
    const std::string block = packed(1UL, 2UL, 3UL, 4UL, 5UL, 6UL, 7UL, 8UL, 1U | 32U, 0U); // QIF_BLIMITS, QIF_ITIME
    EventDecoder decoder;
    RawEvent e = decoded(0x800008, -3, block, decoder); // Q_SETQUOTA
    EXPECT_EQ(load_param<std::uint64_t>(param_of(e, "dqb_bhardlimit")), 1u);
    EXPECT_EQ(load_param<std::uint64_t>(param_of(e, "dqb_bsoftlimit")), 2u);
    EXPECT_EQ(load_param<std::uint64_t>(param_of(e, "dqb_curspace")), 0u) << "not given";
    EXPECT_EQ(load_param<std::uint64_t>(param_of(e, "dqb_btime")), 0u) << "not given";
    EXPECT_EQ(load_param<std::uint64_t>(param_of(e, "dqb_itime")), 8u);
    EXPECT_EQ(load_param<std::uint32_t>(param_of(e, "id")), 4u);
    EXPECT_EQ(load_param<std::uint8_t>(param_of(e, "quota_fmt")), 1u) << "not used";
    EXPECT_EQ(load_param<std::uint8_t>(param_of(e, "type")), 2u);
    e = decoded(0x800007, -3, block, decoder); // Q_GETQUOTA that failed
    EXPECT_EQ(load_param<std::uint64_t>(param_of(e, "dqb_bhardlimit")), 0u);
    e = decoded(0x800006, 0, packed(604800UL, 3600UL, 1U, 1U | 4U), decoder); // Q_SETINFO
    EXPECT_EQ(load_param<std::uint64_t>(param_of(e, "dqi_bgrace")), 604800u);
    EXPECT_EQ(load_param<std::uint64_t>(param_of(e, "dqi_igrace")), 0u) << "not given";
    EXPECT_EQ(load_param<std::uint8_t>(param_of(e, "dqi_flags")), 2u);
    EXPECT_EQ(load_param<std::uint32_t>(param_of(e, "id")), 0u) << "the id means nothing there";
    e = decoded(0x800004, 0, packed(2U), decoder); // Q_GETFMT
    EXPECT_EQ(load_param<std::uint8_t>(param_of(e, "quota_fmt_out")), 4u) << "QFMT_VFS_V0";
    e = decoded(0x800002, -3, "", decoder); // Q_QUOTAON
    EXPECT_EQ(load_param<std::uint8_t>(param_of(e, "quota_fmt")), 8u) << "QFMT_VFS_V1";
}

TEST(EventDecoder, ProcessOptionsThatGiveBackAreToldWithWhatTheyGave) {
    EventDecoder decoder;
    RawEvent e;
    using namespace std::string_view_literals;
    Record name(401);
    name.header().args[0] = 16; // PR_GET_NAME
    name.header().args[1] = 0x7fff0000;
    name.item(GYR_FETCH_TEXT, 0, "a name\0"sv);
    ASSERT_EQ(decoder.decode(name.bytes(), e), Outcome::event);
    EXPECT_EQ(text_of_param(param_of(e, "arg2_str")), "a name");
    EXPECT_EQ(load_param<std::int64_t>(param_of(e, "arg2_int")), 0);
    Record reaper(401);
    reaper.header().args[0] = 37; // PR_GET_CHILD_SUBREAPER
    reaper.header().args[1] = 0x7fff0000;
    reaper.item(GYR_FETCH_BYTES, 1, packed(1));
    ASSERT_EQ(decoder.decode(reaper.bytes(), e), Outcome::event);
    EXPECT_EQ(load_param<std::int64_t>(param_of(e, "arg2_int")), 1);
}

TEST(EventDecoder, SignalsOfAnExtendedWaitAreNotItsAddress) {
    EventDecoder decoder;
    RawEvent e;
    Record r(341);
    r.item(GYR_FETCH_BYTES, 1, packed(0x812U));
    ASSERT_EQ(decoder.decode(r.bytes(), e), Outcome::event);
    EXPECT_EQ(load_param<std::uint32_t>(param_of(e, "sig")), 0x812u);
    r.header().args[3] = 8; // IORING_ENTER_EXT_ARG
    ASSERT_EQ(decoder.decode(r.bytes(), e), Outcome::event);
    EXPECT_TRUE(param_of(e, "sig").empty());
}

} // namespace
} // namespace gyr
