// Records as bytes: what is decoded of good ones, and that any others are refused.

#include "sources/live_bpf/event_decode.h"

#include "event/schema.h"

#include <gtest/gtest.h>

#include <cstring>
#include <netinet/in.h>
#include <random>
#include <vector>

namespace gyr {
namespace {

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

} // namespace
} // namespace gyr
