#pragma once
// For tests: events written down by the names of their parameters, given to a ReplayState.

#include "event/schema.h"
#include "replay/state.h"

#include <concepts>
#include <initializer_list>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace gyr::replay::test {

struct Raw { // bytes as they are
    std::string bytes;
};
struct Param {
    std::string_view name;
    std::variant<std::int64_t, std::string_view, Raw> value;
    template <std::integral T>
    Param(std::string_view n, T v) : name(n), value(static_cast<std::int64_t>(v)) {}
    Param(std::string_view n, const char* v) : name(n), value(std::string_view(v)) {}
    Param(std::string_view n, std::string_view v) : name(n), value(v) {}
    Param(std::string_view n, Raw v) : name(n), value(std::move(v)) {}
};

// "1.2.3.4:80" as the capture has it.
inline std::string ipv4(const std::array<std::uint8_t, 4>& address, std::uint16_t port) {
    std::string out(address.begin(), address.end());
    out += static_cast<char>(port & 0xff);
    out += static_cast<char>(port >> 8);
    return out;
}
inline Raw ipv4_address(const std::array<std::uint8_t, 4>& a, std::uint16_t port) { return {'\x02' + ipv4(a, port)}; }
inline Raw ipv4_tuple(const std::array<std::uint8_t, 4>& a, std::uint16_t ap, const std::array<std::uint8_t, 4>& b,
                      std::uint16_t bp) {
    return {'\x02' + ipv4(a, ap) + ipv4(b, bp)};
}

class Script {
  public:
    ReplayState state;
    Nanos time = 1'000'000'000;

    // A process that is there when the events begin.
    void process(std::int64_t pid, std::int64_t ptid, std::string_view name, std::string_view cwd = "/home") {
        thread(pid, pid, ptid, name, cwd);
    }
    void thread(std::int64_t tid, std::int64_t pid, std::int64_t ptid, std::string_view name,
                std::string_view cwd = "/home") {
        capfile::ThreadRecord r;
        r.tid = r.vtid = tid, r.pid = r.vpid = pid, r.ptid = ptid;
        r.comm = r.exe = name;
        r.cwd = cwd;
        r.fdlimit = 1024;
        state.on_thread(r);
    }
    void file(std::int64_t pid, std::int64_t number, std::string_view name, std::uint32_t open_flags = 0) {
        FdInfo info;
        info.type = FdType::file_v2;
        info.name = name;
        info.open_flags = open_flags;
        state.on_fd({.tid = pid, .fd = number, .info = &info});
    }

    // The exit event of a call unless enter is set; parameters not named are empty.
    const Event& event(std::string_view name, std::int64_t tid, std::initializer_list<Param> params,
                       EventDirection direction = EventDirection::exit) {
        const EventInfo* found = nullptr;
        for (const EventInfo& info : event_schema())
            if (info.name == name && info.direction == direction && (info.flags & kOldVersion) == 0) found = &info;
        if (!found)
            for (const EventInfo& info : event_schema())
                if (info.name == name && (info.flags & (kOldVersion | kUnused)) == 0) found = &info;
        return event(*found, tid, params);
    }
    const Event& event(const EventInfo& info, std::int64_t tid, std::initializer_list<Param> params) {
        storage_.assign(info.params.size(), {});
        views_.assign(info.params.size(), {});
        for (const Param& p : params)
            for (std::size_t i = 0; i < info.params.size(); ++i)
                if (info.params[i].name == p.name) storage_[i] = encode(info.params[i].type, p);
        for (std::size_t i = 0; i < storage_.size(); ++i) views_[i] = storage_[i];
        RawEvent raw;
        raw.code = info.code;
        raw.tid = tid;
        raw.time = time += 1000;
        raw.cpu = 0;
        raw.params = views_;
        return *state.on_event(raw);
    }

    // Common events.
    const Event& open(std::int64_t tid, std::int64_t fd, const char* name, std::int64_t flags = 0) {
        return event("openat", tid, {{"fd", fd}, {"dirfd", -100}, {"name", name}, {"flags", flags}});
    }
    const Event& read(std::int64_t tid, std::int64_t fd) { return event("read", tid, {{"res", 1}, {"fd", fd}}); }
    const Event& fork(std::int64_t parent, std::int64_t child, std::int64_t flags = 0) {
        return event("clone", parent,
                     {{"res", child},
                      {"exe", "sh"},
                      {"comm", "sh"},
                      {"pid", parent},
                      {"ptid", 1},
                      {"flags", flags},
                      {"fdlimit", 1024}});
    }
    const Event& look(std::int64_t tid) { return event("getuid", tid, {{"uid", 0}}); }

  private:
    static std::string encode(ParamType type, const Param& p) {
        if (const auto* number = std::get_if<std::int64_t>(&p.value)) {
            const char* bytes = reinterpret_cast<const char*>(number);
            return {bytes, bytes + width_of(type)}; // little-endian
        }
        if (const auto* text = std::get_if<std::string_view>(&p.value)) return std::string(*text) + '\0';
        return std::get<Raw>(p.value).bytes;
    }
    std::vector<std::string> storage_;
    std::vector<std::string_view> views_;
};

} // namespace gyr::replay::test
