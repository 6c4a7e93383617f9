#pragma once
// For tests: captures put together by hand, byte by byte as the format has them, and whole captures read and written.

#include "capfile/reader.h"
#include "capfile/writer.h"

#include <cstdint>
#include <cstring>
#include <deque>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace gyr::capfile {

// Packs little-endian values.
class Bytes {
  public:
    template <class T>
    Bytes& num(T value) {
        char raw[sizeof value];
        std::memcpy(raw, &value, sizeof value);
        out.append(raw, sizeof value);
        return *this;
    }
    Bytes& u8(unsigned v) { return num(static_cast<std::uint8_t>(v)); }
    Bytes& u16(unsigned v) { return num(static_cast<std::uint16_t>(v)); }
    Bytes& u32(std::uint32_t v) { return num(v); }
    Bytes& u64(std::uint64_t v) { return num(v); }
    Bytes& raw(std::string_view bytes) {
        out += bytes;
        return *this;
    }
    Bytes& text(std::string_view bytes) { return u16(static_cast<unsigned>(bytes.size())).raw(bytes); }

    std::string out;
};

inline std::string block(std::uint32_t type, std::string_view body) {
    const std::size_t padding = (4 - body.size() % 4) % 4;
    const auto length = static_cast<std::uint32_t>(12 + body.size() + padding);
    return Bytes().u32(type).u32(length).raw(body).raw(std::string(padding, '\0')).u32(length).out;
}

inline std::string section(unsigned major = 1, unsigned minor = 2) {
    return block(0x0a0d0d0a, Bytes().u32(0x1a2b3c4d).u16(major).u16(minor).u64(~0ull).out);
}

// The body of an event block without flags: version 2 says how many parameters there are, version 1 does not.
template <class Length = std::uint16_t>
std::string event_body(int version, EventCode code, std::vector<std::string> params, std::uint64_t time = 1,
                       std::int64_t tid = 100, unsigned cpu = 0) {
    std::size_t data = 0;
    for (const std::string& p : params) data += p.size() + sizeof(Length);
    Bytes b;
    b.u16(cpu).u64(time).num(tid);
    b.u32(static_cast<std::uint32_t>((version == 1 ? 22 : 26) + data)).u16(code);
    if (version == 2) b.u32(static_cast<std::uint32_t>(params.size()));
    for (const std::string& p : params) b.num(static_cast<Length>(p.size()));
    for (const std::string& p : params) b.raw(p);
    return b.out;
}

template <class T>
std::string packed(T value) {
    return Bytes().num(value).out;
}

inline std::string c_text(std::string_view text) { return std::string(text) + '\0'; }

inline std::span<const std::byte> as_bytes(std::string_view text) { return std::as_bytes(std::span(text)); }

// Everything of a capture up to its end or damage, kept.
struct Whole {
    struct Event {
        EventCode code;
        std::int16_t cpu;
        Nanos time;
        std::int64_t tid;
        std::uint32_t dump_flags;
        std::vector<std::string> params;
        friend bool operator==(const Event&, const Event&) = default;
    };

    explicit Whole(Reader& reader) {
        for (;;) {
            const Item item = reader.next();
            ++items;
            switch (item) {
            case Item::section: ++sections; break;
            case Item::machine:
                machine = reader.machine();
                machine.hostname = keep(machine.hostname);
                break;
            case Item::interface:
                interfaces.push_back(reader.interface());
                interfaces.back().name = keep(interfaces.back().name);
                break;
            case Item::user: {
                UserRecord u = reader.user();
                for (auto* text : {&u.name, &u.home, &u.shell}) *text = keep(*text);
                users.push_back(u);
                break;
            }
            case Item::group: groups.push_back({reader.group().gid, keep(reader.group().name)}); break;
            case Item::thread: {
                ThreadRecord t = reader.thread();
                for (auto* text : {&t.comm, &t.exe, &t.exepath, &t.args, &t.cwd, &t.env, &t.cgroups, &t.root})
                    *text = keep(*text);
                threads.push_back(t);
                break;
            }
            case Item::fd: {
                FdRecord r = reader.fd();
                infos.push_back(*r.info);
                r.info = &infos.back();
                if (fds.empty() || fds.back().front().tid != r.tid) fds.emplace_back();
                fds.back().push_back(r);
                break;
            }
            case Item::event: {
                const RawEvent& e = reader.event();
                events.push_back({e.code, e.cpu, e.time, e.tid, e.dump_flags, {}});
                for (const std::string_view p : e.params) events.back().params.emplace_back(p);
                break;
            }
            case Item::unknown_block: unknown.push_back(reader.unknown_block()); break;
            case Item::damage: damages.push_back(reader.damage()); break;
            case Item::end: return;
            }
        }
    }
    Whole(const Whole&) = delete;
    Whole& operator=(const Whole&) = delete;

    [[nodiscard]] std::string written(WriterOptions options) const {
        std::string out;
        auto writer = Writer::to_string(out, options).value();
        if (machine.max_pid != 0) (void)writer.write_machine(machine);
        (void)writer.write_interfaces(interfaces);
        (void)writer.write_users(users, groups);
        (void)writer.write_threads(threads);
        for (const auto& list : fds) (void)writer.write_fds(list.front().tid, list);
        for (const Event& e : events) {
            const std::vector<std::string_view> params(e.params.begin(), e.params.end());
            RawEvent raw;
            raw.code = e.code;
            raw.cpu = e.cpu;
            raw.time = e.time;
            raw.tid = e.tid;
            raw.dump_flags = e.dump_flags;
            raw.params = params;
            if (!writer.write_event(raw)) return {};
        }
        if (!writer.close()) return {};
        return out;
    }

    std::size_t items = 0, sections = 0;
    MachineInfo machine;
    std::vector<Interface> interfaces;
    std::vector<UserRecord> users;
    std::vector<GroupRecord> groups;
    std::vector<ThreadRecord> threads;
    std::vector<std::vector<FdRecord>> fds; // a list a block
    std::deque<FdInfo> infos;
    std::vector<Event> events;
    std::vector<UnknownBlock> unknown;
    std::vector<Damage> damages;

  private:
    std::string_view keep(std::string_view text) { return texts_.emplace_back(text); }
    std::deque<std::string> texts_;
};

} // namespace gyr::capfile
