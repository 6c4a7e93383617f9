#include "sources/live_bpf/event_decode.h"

#include "event/schema.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <type_traits>

namespace gyr {
namespace {

constexpr std::size_t kAreaBytes = 32U << 10; // more than all numbers and addresses of one event
constexpr std::size_t kMaxHalves = 4096;      // threads inside a call whose beginning was told
constexpr std::uint32_t kCreated = 0x100000;  // FMODE_CREATED

std::string_view as_text(std::span<const std::byte> b) { return {reinterpret_cast<const char*>(b.data()), b.size()}; }

// Bytes of a parameter's type; 0: as many as there are.
constexpr std::uint8_t width_of(ParamType type) {
    switch (type) {
    case ParamType::int8:
    case ParamType::uint8:
    case ParamType::sigtype:
    case ParamType::l4proto:
    case ParamType::sockfamily:
    case ParamType::flags8:
    case ParamType::enumflags8: return 1;
    case ParamType::int16:
    case ParamType::uint16:
    case ParamType::syscallid:
    case ParamType::port:
    case ParamType::flags16:
    case ParamType::enumflags16: return 2;
    case ParamType::int32:
    case ParamType::uint32:
    case ParamType::flags32:
    case ParamType::enumflags32:
    case ParamType::uid:
    case ParamType::gid:
    case ParamType::mode:
    case ParamType::boolean:
    case ParamType::sigset: return 4;
    default: return 8;
    }
}

// 32-bit calls of the first days: user and group ids of two bytes, rlimits, times and offsets of four.
int compat_number(const gyr_event_header& h) {
    const bool compat = h.slot >= GYR_COMPAT_BASE && h.slot < GYR_SOCKETCALL_BASE;
    return compat ? h.slot - static_cast<int>(GYR_COMPAT_BASE) : -1;
}
bool has_short_ids(const gyr_event_header& h) {
    // lchown, setuid, setgid, setreuid, setregid, fchown, setresuid, getresuid, setresgid, getresgid, chown
    static constexpr int kCalls[] = {16, 23, 46, 70, 71, 95, 164, 165, 170, 171, 182};
    return std::ranges::find(kCalls, compat_number(h)) != std::end(kCalls);
}
constexpr bool is_id(ParamType type) { return type == ParamType::uid || type == ParamType::gid; }

constexpr bool is_signed_word(ParamType type) { return type == ParamType::fd || type == ParamType::pid; }

} // namespace

// Appends values to the area that parameters point into.
class EventDecoder::Writer {
  public:
    Writer(std::vector<char>& area, std::span<std::string_view> params) : area_(area), params_(params) {}

    void number(std::uint64_t value, std::size_t width) {
        char* at = room(width);
        if (at == nullptr) return none();
        std::memcpy(at, &value, width); // little-endian
        view({at, width});
    }
    void none() { view({}); }
    void view(std::string_view v) {
        if (count_ < params_.size()) params_[count_++] = v;
    }
    // A value of several parts.
    void begin() { start_ = used_; }
    template <class T>
    void part(const T& value) {
        static_assert(std::is_trivially_copyable_v<T>);
        if (char* at = room(sizeof value)) std::memcpy(at, &value, sizeof value);
    }
    void part(std::string_view bytes) {
        if (char* at = room(bytes.size()); at != nullptr && !bytes.empty()) std::memcpy(at, bytes.data(), bytes.size());
    }
    void end() { view({area_.data() + start_, used_ - start_}); }
    [[nodiscard]] std::size_t count() const { return count_; }

  private:
    char* room(std::size_t bytes) {
        if (used_ + bytes > area_.size()) return nullptr;
        char* at = area_.data() + used_;
        used_ += bytes;
        return at;
    }
    std::vector<char>& area_;
    std::span<std::string_view> params_;
    std::size_t used_ = 0, start_ = 0, count_ = 0;
};

EventDecoder::EventDecoder() : area_(kAreaBytes) {}
EventDecoder::~EventDecoder() = default;

bool EventDecoder::read_items(const gyr_event_header& header, std::span<const std::byte> rest) {
    for (std::uint32_t i = 0; i < header.items; ++i) {
        gyr_item item{};
        if (rest.size() < sizeof item) return false;
        std::memcpy(&item, rest.data(), sizeof item);
        rest = rest.subspan(sizeof item);
        if (item.fetch >= items_.size() || item.length > rest.size()) return false;
        items_[item.fetch] = {rest.first(item.length), static_cast<std::uint8_t>(item.op), item.flags, true};
        const std::size_t padded = (std::size_t{item.length} + 7) & ~std::size_t{7};
        rest = rest.subspan(std::min(padded, rest.size()));
    }
    return true;
}

void EventDecoder::keep_half(const gyr_event_header& header, std::span<const std::byte> bytes) {
    // A thread that never came back (killed in its call) leaves its half behind; there are never many.
    if (halves_.size() >= kMaxHalves && !halves_.contains(header.tid)) halves_.erase(halves_.begin());
    halves_[header.tid].assign(as_text(bytes));
}

void EventDecoder::take_half(const gyr_event_header& header) {
    const auto found = halves_.find(header.tid);
    if (found == halves_.end()) return;
    half_ = std::move(found->second);
    halves_.erase(found);
    gyr_event_header begin{};
    std::memcpy(&begin, half_.data(), sizeof begin);
    if (begin.slot != header.slot || std::memcmp(begin.args, header.args, sizeof begin.args) != 0)
        return; // of another call
    const auto bytes = std::as_bytes(std::span(half_.data(), half_.size()));
    if (!read_items(begin, bytes.subspan(sizeof begin))) items_ = {};
}

EventDecoder::Outcome EventDecoder::decode(std::span<const std::byte> bytes, RawEvent& out) {
    gyr_event_header header{};
    if (bytes.size() < sizeof header) return Outcome::malformed;
    std::memcpy(&header, bytes.data(), sizeof header);
    if (header.magic != GYR_EVENT_MAGIC || header.size != bytes.size()) return Outcome::malformed;
    const CollectedEvent* event = find_collected(header.code, header.call_id);
    const EventInfo* info = find_event(header.code);
    if (event == nullptr || info == nullptr || info->params.size() < event->param_count) return Outcome::malformed;
    if (header.flags & GYR_EVENT_ENTER) {
        keep_half(header, bytes);
        return Outcome::half;
    }
    items_ = {};
    if (std::ranges::any_of(event->all_fetches(), [](const gyr_fetch& f) { return (f.flags & GYR_FETCH_ENTER) != 0; }))
        take_half(header);
    if (!read_items(header, bytes.subspan(sizeof header))) return Outcome::malformed;
    compat_ = (header.flags & GYR_EVENT_COMPAT) != 0;

    out = RawEvent{};
    out.code = header.code;
    out.cpu = static_cast<std::int16_t>(header.cpu);
    out.time = boot_offset_ + static_cast<Nanos>(header.boottime_ns);
    out.tid = header.tid;
    out.process = {.pid = header.tgid, .start_boottime_ns = header.start_boottime_ns};
    out.unwanted = (header.flags & GYR_EVENT_UNWANTED) != 0;
    out.ids = RawEvent::Ids{header.uid, header.euid, header.gid, header.egid};
    read_objects(*event, header);
    resolve_path(*event, header);
    if (objects_[0].present && items_[0].present) out.fd = &fd_;
    if (!path_.name.empty()) out.path = &path_;
    // An open that failed, or whose end io_uring does not tell, is still about the file that was asked for.
    const bool untold = header.result < 0 || (header.flags & GYR_EVENT_URING) != 0;
    if (out.fd == nullptr && out.path != nullptr && untold && event->fetches[0].arg == GYR_FROM_RESULT &&
        event->fetches[0].op == GYR_FETCH_OBJECT) {
        path_.type = FdType::file_v2;
        out.fd = &path_;
    }

    Writer writer(area_, params_);
    const bool short_ids = has_short_ids(header);
    for (std::size_t i = 0; i < event->param_count; ++i) {
        const ParamType type = info->params[i].type;
        const ParamSource& p = event->params[i];
        if (p.from == ParamFrom::arg && is_signed_word(type)) // an int in the call, eight bytes in a capture
            writer.number(static_cast<std::uint64_t>(static_cast<std::int32_t>(header.args[p.index])), 8);
        else if (p.from == ParamFrom::number && is_signed_word(type))
            writer.number(static_cast<std::uint64_t>(static_cast<std::int32_t>(item_number(p.index, p.offset, p.size))),
                          8);
        else if (p.from == ParamFrom::arg && short_ids && (is_id(type) || type == ParamType::uint32))
            writer.number((header.args[p.index] & 0xffff) == 0xffff ? 0xffffffff : header.args[p.index] & 0xffff, 4);
        else
            write_param(p, width_of(type), header, writer);
    }
    out.params = std::span(params_.data(), writer.count());
    return Outcome::event;
}

// What the first path argument leads to: the object itself where the call gave one, else its text below the directory
// it starts from.
void EventDecoder::resolve_path(const CollectedEvent& event, const gyr_event_header& header) {
    path_.name.clear();
    path_.name_raw.clear();
    const auto fetches = event.all_fetches();
    const auto base = std::ranges::find(fetches, GYR_FETCH_BASE, &gyr_fetch::op);
    if (base == fetches.end()) return;
    const auto text =
        std::ranges::find_if(fetches, [&](const gyr_fetch& f) { return f.op == GYR_FETCH_TEXT && f.arg == base->len; });
    if (text == fetches.end()) return;
    const std::string_view given = item_text(static_cast<std::uint8_t>(text - fetches.begin()));
    if (objects_[0].present) {
        fd_.name_raw = given;
        path_ = fd_;
        return;
    }
    const Item& from = items_[static_cast<std::size_t>(base - fetches.begin())];
    std::string name = std::move(path_.name), raw = std::move(path_.name_raw);
    path_ = FdInfo{};
    path_.name = std::move(name);
    path_.name_raw = std::move(raw);
    if (given.empty()) return;
    path_.name_raw = given;
    if (given.front() != '/') {
        if ((from.flags & GYR_BLOB_UNREADABLE) != 0) return; // below what is no folder, there is nothing to name
        append_reversed_path(as_text(from.bytes), from.flags, path_.name);
        if (path_.name.empty() || path_.name.back() != '/') path_.name += '/';
    }
    // Component by component: "." and empty ones say nothing, ".." takes one away. When the call failed, only what the
    // kernel itself named: what the text names before ".." may be a link, and nothing was found that could tell.
    const bool failed = header.result < 0;
    bool named = false; // by the text
    std::size_t at = 0;
    if (given.front() == '/') path_.name = "/";
    while (at < given.size()) {
        const std::size_t end = std::min(given.find('/', at), given.size());
        const std::string_view part = given.substr(at, end - at);
        at = end + 1;
        if (part.empty() || part == ".") continue;
        if (part == ".." && !(failed && named)) {
            while (path_.name.size() > 1 && path_.name.back() == '/') path_.name.pop_back();
            path_.name.resize(path_.name.rfind('/') + 1);
            continue;
        }
        if (path_.name.back() != '/') path_.name += '/';
        path_.name += part;
        named = true;
    }
    while (path_.name.size() > 1 && path_.name.back() == '/') path_.name.pop_back();
}

std::string_view EventDecoder::item_text(std::uint8_t fetch) const {
    if (fetch >= items_.size()) return {};
    std::string_view text = as_text(items_[fetch].bytes);
    if (!text.empty() && text.back() == '\0') text.remove_suffix(1);
    return text;
}

std::uint64_t EventDecoder::item_number(std::uint8_t fetch, std::size_t offset, std::size_t size) const {
    std::uint64_t value = 0;
    if (fetch >= items_.size() || offset + size > items_[fetch].bytes.size() || size > sizeof value) return 0;
    std::memcpy(&value, items_[fetch].bytes.data() + offset, size);
    return value;
}

gyr_message EventDecoder::message(std::uint8_t fetch) const {
    gyr_message m{};
    const auto bytes = items_[fetch].bytes;
    if (bytes.size() < sizeof m) return {};
    std::memcpy(&m, bytes.data(), sizeof m);
    if (std::uint64_t{m.address} + m.data + m.control > bytes.size() - sizeof m) return {};
    return m;
}

void EventDecoder::write_param(const ParamSource& p, std::uint8_t width, const gyr_event_header& h, Writer& w) {
    switch (p.from) {
    case ParamFrom::call_id: return w.number(h.call_id, width);
    case ParamFrom::call_number: return w.number(h.slot % GYR_CALLS, width);
    case ParamFrom::result: return w.number(static_cast<std::uint64_t>(h.result), width);
    case ParamFrom::raw_result: // an address, of which 32-bit programs see a half
        return w.number(static_cast<std::uint64_t>(h.result) & (compat_ ? 0xffffffff : ~std::uint64_t{0}), width);
    case ParamFrom::arg:
        return w.number(translate(p.flags, p.flags == Flags::same ? h.args[p.index] : h.args[p.index] & 0xffffffffU),
                        width);
    case ParamFrom::arg_int:
        return w.number(static_cast<std::uint64_t>(static_cast<std::int32_t>(h.args[p.index])), width);
    case ParamFrom::arg_pair: return w.number((h.args[p.second] << 32) | (h.args[p.index] & 0xffffffffU), width);
    case ParamFrom::constant: return w.number(p.offset, width);
    case ParamFrom::number: return w.number(translate(p.flags, item_number(p.index, p.offset, p.size)), width);
    case ParamFrom::text:
    case ParamFrom::data: return w.view(as_text(items_[p.index].bytes));
    case ParamFrom::file_offset:
        return w.number(compat_ ? (h.args[4] << 32) | (h.args[3] & 0xffffffffU) : h.args[p.index], width);
    case ParamFrom::vector_offset:
        return w.number(compat_ ? (h.args[4] << 32) | (h.args[3] & 0xffffffffU) : h.args[p.index], width);
    case ParamFrom::vector_size: return w.number(item_number(p.index, 0, 8), width);
    case ParamFrom::vector_data: {
        const auto bytes = items_[p.index].bytes;
        return w.view(as_text(bytes.size() > 8 ? bytes.subspan(8) : bytes.first(0)));
    }
    case ParamFrom::size_kb:
        return w.number(item_number(p.index, std::size_t{p.offset} * 4, 4) *
                            (static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE)) / 1024),
                        width);
    case ParamFrom::capability: {
        const std::uint64_t low = item_number(p.index, std::size_t{p.offset} * 4, 4);
        return w.number(low | (item_number(p.index, 12 + std::size_t{p.offset} * 4, 4) << 32), width);
    }
    case ParamFrom::interval: {
        if (items_[p.index].bytes.empty()) return w.number(~std::uint64_t{0}, width);
        const std::size_t word = compat_ && compat_number(h) < 403 ? 4 : 8; // the time64 calls begin there
        return w.number(item_number(p.index, 0, word) * 1'000'000'000 + item_number(p.index, word, word), width);
    }
    case ParamFrom::limit: {
        if (items_[p.index].bytes.empty()) return w.number(~std::uint64_t{0}, width);
        if (!compat_ || compat_number(h) == 340) // prlimit64
            return w.number(item_number(p.index, std::size_t{p.offset} * 8, 8), width);
        const std::uint64_t value = item_number(p.index, std::size_t{p.offset} * 4, 4);
        return w.number(value == 0xffffffff ? ~std::uint64_t{0} : value, width);
    }
    case ParamFrom::id: return w.number(item_number(p.index, 0, has_short_ids(h) ? 2 : 4), width);
    case ParamFrom::offset_before: {
        // The kernel moved it by what it copied.
        const bool given = !items_[p.index].bytes.empty();
        const std::uint64_t now = item_number(p.index, 0, compat_number(h) == 187 ? 4 : 8); // sendfile
        return w.number(given && h.result > 0 ? now - static_cast<std::uint64_t>(h.result) : now, width);
    }
    case ParamFrom::device:
    case ParamFrom::inode:
    case ParamFrom::open_flags:
    case ParamFrom::open_mode:
    case ParamFrom::creat_flags:
    case ParamFrom::how_flags:
    case ParamFrom::how_mode:
    case ParamFrom::object_path:
    case ParamFrom::poll_list: return write_path_param(p, h, w);
    case ParamFrom::socket_address:
    case ParamFrom::tuple:
    case ParamFrom::tuple_from:
    case ParamFrom::message_tuple:
    case ParamFrom::message_tuple_from:
    case ParamFrom::message_data:
    case ParamFrom::message_size:
    case ParamFrom::message_control:
    case ParamFrom::endpoint_self:
    case ParamFrom::endpoint_peer:
    case ParamFrom::socket_option:
    case ParamFrom::option_value:
    case ParamFrom::queue_percent:
    case ParamFrom::queue_length:
    case ParamFrom::queue_max: return write_socket_param(p, h, w);
    default: return write_other_param(p, h, w);
    }
}

void EventDecoder::write_path_param(const ParamSource& p, const gyr_event_header& h, Writer& w) {
    const auto object_bits = [this](std::uint8_t k) {
        const KernelObject& o = objects_[k];
        if (!o.present) return std::uint64_t{0};
        return std::uint64_t{o.object.file_mode & kCreated ? 0x4000U : 0U} |
               (o.object.flags & GYR_OBJECT_UPPER ? 0x8000U : 0U) | (o.object.flags & GYR_OBJECT_LOWER ? 0x10000U : 0U);
    };
    const auto mode_of = [](std::uint64_t flags, std::uint64_t mode) {
        return (flags & 0100) != 0 || (flags & 020000000) != 0 ? mode & 07777 : 0; // only when a file may be made
    };
    switch (p.from) {
    case ParamFrom::device:
        return w.number(objects_[p.index].present ? capture_device(objects_[p.index].object.dev) : 0, 4);
    case ParamFrom::inode: return w.number(objects_[p.index].present ? objects_[p.index].object.ino : 0, 8);
    case ParamFrom::open_flags: return w.number(translate(Flags::open, h.args[p.index]) | object_bits(p.second), 4);
    case ParamFrom::open_mode: return w.number(mode_of(h.args[p.index], h.args[p.second]), 4);
    case ParamFrom::creat_flags: return w.number(object_bits(p.index) >> 15, 2);
    case ParamFrom::how_flags: {
        // They are in memory, which may have changed by now: how the file is open, it says itself.
        std::uint64_t flags = item_number(p.index, 0, 8);
        if (const KernelObject& o = objects_[p.second]; o.present)
            flags = (flags & ~std::uint64_t{O_ACCMODE}) | (o.object.open_flags & O_ACCMODE);
        return w.number(translate(Flags::open, flags) | object_bits(p.second), 4);
    }
    case ParamFrom::how_mode: return w.number(mode_of(item_number(p.index, 0, 8), item_number(p.index, 8, 8)), 4);
    case ParamFrom::object_path:
        if (!objects_[p.index].present || p.index != 0) return w.none();
        w.begin();
        w.part(std::string_view(fd_.name));
        w.part('\0');
        return w.end();
    case ParamFrom::poll_list: {
        const auto bytes = items_[p.index].bytes;
        const auto count = static_cast<std::uint16_t>(bytes.size() / 8);
        w.begin();
        w.part(count);
        for (std::uint16_t i = 0; i < count; ++i) { // struct pollfd; what happened, when something did
            const auto fd = static_cast<std::int32_t>(item_number(p.index, std::size_t{i} * 8, 4));
            const auto flags = static_cast<std::uint16_t>(item_number(p.index, std::size_t{i} * 8 + 6, 2));
            w.part(static_cast<std::int64_t>(fd));
            w.part(flags);
        }
        return w.end();
    }
    default: return w.none();
    }
}

namespace {

// A sockaddr as a caller gave it.
struct GivenAddress {
    std::uint16_t family = 0, port = 0; // host order
    gyr_u8 bytes[16] = {};
    std::string_view path;
};

GivenAddress parse_address(std::span<const std::byte> raw) {
    GivenAddress a;
    if (raw.size() < 2) return a;
    std::memcpy(&a.family, raw.data(), 2);
    if (a.family == AF_INET && raw.size() >= 8) {
        std::memcpy(&a.port, raw.data() + 2, 2);
        std::memcpy(a.bytes, raw.data() + 4, 4);
    } else if (a.family == AF_INET6 && raw.size() >= 24) {
        std::memcpy(&a.port, raw.data() + 2, 2);
        std::memcpy(a.bytes, raw.data() + 8, 16);
    } else if (a.family == AF_UNIX) {
        a.path = as_text(raw.subspan(2, std::min<std::size_t>(raw.size() - 2, 108)));
        if (!a.path.empty() && a.path.front() != '\0') a.path = a.path.substr(0, a.path.find('\0'));
    }
    a.port = ntohs(a.port);
    return a;
}

std::string_view unix_text(const gyr_u8* path, std::size_t length) {
    std::string_view text(reinterpret_cast<const char*>(path), std::min<std::size_t>(length, 108));
    if (!text.empty() && text.front() != '\0') return text.substr(0, text.find('\0'));
    return text;
}

// A socket whose connection was refused knows no port any more, and maybe no address: what was asked for says where it
// was to go.
void take_asked(const GivenAddress& asked, gyr_endpoints& e) {
    if (asked.family == AF_INET && e.family == AF_INET6) { // a socket for both: as the kernel writes it there
        std::memset(e.remote, 0, 10);
        std::memset(e.remote + 10, 0xff, 2);
        std::memcpy(e.remote + 12, asked.bytes, 4);
    } else if (asked.family == e.family && (asked.family == AF_INET || asked.family == AF_INET6)) {
        std::memcpy(e.remote, asked.bytes, sizeof e.remote);
    } else {
        return;
    }
    e.remote_port = htons(asked.port);
}

void connection_to(std::span<const std::byte> address, KernelObject& out) {
    const GivenAddress end = parse_address(address);
    out = KernelObject{};
    out.present = true;
    out.object.flags = GYR_OBJECT_PRESENT | GYR_OBJECT_SOCKET;
    out.object.mode = S_IFSOCK;
    out.endpoints.family = end.family;
    out.endpoints.type = SOCK_STREAM;
    out.endpoints.protocol = IPPROTO_TCP;
    take_asked(end, out.endpoints);
}

bool is_datagram(const gyr_endpoints& e) { return e.type == SOCK_DGRAM || e.type == SOCK_RAW; }

} // namespace

void EventDecoder::read_objects(const CollectedEvent& event, const gyr_event_header& header) {
    for (std::size_t i = 0; i < objects_.size(); ++i) {
        objects_[i].present = false;
        const unsigned op = items_[i].op;
        if (items_[i].present && (op == GYR_FETCH_OBJECT || op == GYR_FETCH_OBJECT_AT))
            read_object(items_[i].bytes, items_[i].flags, objects_[i]);
    }
    // The descriptor stands for another file by now; where the connection went the kernel knows.
    if (!objects_[0].present && (header.flags & GYR_EVENT_KERNEL_END) != 0) connection_to(items_[1].bytes, objects_[0]);
    if (!objects_[0].present) return;
    SocketSide side = SocketSide::unknown;
    if (header.code == 247 || header.code == 389) side = SocketSide::server; // accept made it
    if (header.code == 23) {                                                 // connect
        side = SocketSide::client;
        if (objects_[0].endpoints.remote_port == 0) take_asked(parse_address(items_[1].bytes), objects_[0].endpoints);
    }
    describe_object(objects_[0], side, fd_);
    describe_datagram(header);
    if (event.fetches[0].arg == GYR_FROM_RESULT) fd_.creator_pid = header.tgid;
}

// A datagram whose other end is in the call, whatever the socket is connected to: that of this datagram alone.
void EventDecoder::describe_datagram(const gyr_event_header& header) {
    const bool to = header.code == 31 || header.code == 49 || header.code == 51,
               from = header.code == 35 || header.code == 53 || header.code == 55;
    if ((!to && !from) || (from && header.result < 0)) return;
    const gyr_endpoints& e = objects_[0].endpoints;
    if ((e.family != AF_INET && e.family != AF_INET6) || !is_datagram(e)) return;
    std::span<const std::byte> address = items_[2].bytes;
    if (header.code != 31 && header.code != 35) {
        const gyr_message m = message(1);
        address = items_[1].bytes.subspan(std::min(sizeof m, items_[1].bytes.size()), m.address);
    }
    const GivenAddress given = parse_address(address);
    if (given.family != AF_INET && given.family != AF_INET6) return;
    KernelObject object = objects_[0];
    take_asked(given, object.endpoints);
    if (object.endpoints.remote_port == 0) return;
    describe_object(object, to ? SocketSide::client : SocketSide::server, fd_);
    fd_.marks = static_cast<std::uint16_t>(fd_.marks & ~kFdConnected);
}

void EventDecoder::write_socket_param(const ParamSource& p, const gyr_event_header& h, Writer& w) {
    const auto put_path = [&w](std::string_view path) {
        // An abstract name begins with NUL; captures show it with an at sign.
        if (!path.empty() && path.front() == '\0') {
            w.part('@');
            path.remove_prefix(1);
            path = path.substr(0, path.find('\0'));
        }
        w.part(path);
        w.part('\0');
    };
    const auto put_address = [&](const GivenAddress& a) {
        if (a.family != AF_INET && a.family != AF_INET6 && a.family != AF_UNIX) return w.none();
        w.begin();
        w.part(static_cast<std::uint8_t>(a.family));
        if (a.family == AF_UNIX) {
            put_path(a.path);
        } else {
            w.part(std::string_view(reinterpret_cast<const char*>(a.bytes), a.family == AF_INET ? 4 : 16));
            w.part(a.port);
        }
        w.end();
    };
    // other: the remote end where the socket itself has none. outgoing: we are the source.
    const auto put_tuple = [&](std::uint8_t k, const GivenAddress& other, bool outgoing) {
        const KernelObject& o = objects_[k];
        if (!o.present || !o.is_socket()) return w.none();
        gyr_endpoints as_asked = o.endpoints;
        if (as_asked.remote_port == 0 || (is_datagram(as_asked) && other.port != 0)) take_asked(other, as_asked);
        const gyr_endpoints e = unmapped(as_asked);
        if (e.family == AF_UNIX) {
            w.begin();
            w.part(static_cast<std::uint8_t>(AF_UNIX));
            w.part(outgoing ? e.self : e.peer);
            w.part(outgoing ? e.peer : e.self);
            if (other.family == AF_UNIX)
                put_path(other.path);
            else
                put_path(outgoing ? unix_text(e.remote_path, e.remote_length)
                                  : unix_text(e.local_path, e.local_length));
            return w.end();
        }
        if (e.family != AF_INET && e.family != AF_INET6) return w.none();
        const std::size_t length = e.family == AF_INET ? 4 : 16;
        const auto* remote = e.remote;
        const std::uint16_t remote_port = ntohs(e.remote_port), local_port = ntohs(e.local_port);
        if (remote_port == 0 && local_port == 0) return w.none();
        const std::string_view local_text(reinterpret_cast<const char*>(e.local), length),
            remote_text(reinterpret_cast<const char*>(remote), length);
        w.begin();
        w.part(static_cast<std::uint8_t>(e.family));
        w.part(outgoing ? local_text : remote_text);
        w.part(outgoing ? local_port : remote_port);
        w.part(outgoing ? remote_text : local_text);
        w.part(outgoing ? remote_port : local_port);
        w.end();
    };
    const auto message_part = [this](std::uint8_t k, std::size_t skip, std::size_t length) {
        return items_[k].bytes.subspan(std::min(sizeof(gyr_message) + skip, items_[k].bytes.size()), length);
    };
    const auto given = [this](std::uint8_t k) {
        return k < items_.size() ? parse_address(items_[k].bytes) : GivenAddress{};
    };
    const auto outgoing = [&](std::uint8_t k) {
        if (h.code == 247 || h.code == 389) return false;
        return h.code == 23 || is_client(objects_[k].endpoints, SocketSide::unknown);
    };
    const auto& end = objects_[p.index].endpoints;
    const bool there = objects_[p.index].present;
    switch (p.from) {
    case ParamFrom::socket_address: return put_address(given(p.index));
    case ParamFrom::tuple: return put_tuple(p.index, given(p.second), outgoing(p.index));
    case ParamFrom::tuple_from: return put_tuple(p.index, given(p.second), false);
    case ParamFrom::message_tuple:
    case ParamFrom::message_tuple_from: {
        const gyr_message m = message(p.second);
        const bool out = p.from == ParamFrom::message_tuple ? outgoing(p.index) : false;
        return put_tuple(p.index, parse_address(message_part(p.second, 0, m.address)), out);
    }
    case ParamFrom::message_size: return w.number(message(p.index).total, 4);
    case ParamFrom::message_data: {
        const gyr_message m = message(p.index);
        return w.view(as_text(message_part(p.index, m.address, m.data)));
    }
    case ParamFrom::message_control: {
        const gyr_message m = message(p.index);
        return w.view(as_text(message_part(p.index, std::size_t{m.address} + m.data, m.control)));
    }
    case ParamFrom::endpoint_self: return w.number(there ? end.self : 0, 8);
    case ParamFrom::endpoint_peer: return w.number(there ? end.peer : 0, 8);
    case ParamFrom::queue_length: return w.number(there ? end.queue_length : 0, 4);
    case ParamFrom::queue_max: return w.number(there ? end.queue_max : 0, 4);
    case ParamFrom::queue_percent:
        return w.number(there && end.queue_max != 0 ? std::uint64_t{end.queue_length} * 100 / end.queue_max : 0, 1);
    case ParamFrom::socket_option: return w.number(h.args[p.index] == SOL_SOCKET ? h.args[p.second] : 0, 1);
    case ParamFrom::option_value: {
        const auto bytes = items_[p.index].bytes;
        const bool socket_level = h.args[1] == SOL_SOCKET;
        w.begin();
        if (socket_level && h.args[2] == SO_ERROR && bytes.size() >= 4) {
            w.part(std::uint8_t{1});
            w.part(-static_cast<std::int64_t>(item_number(p.index, 0, 4)));
        } else if (socket_level && (h.args[2] == SO_RCVTIMEO || h.args[2] == SO_SNDTIMEO) && bytes.size() >= 16) {
            w.part(std::uint8_t{4});
            w.part(item_number(p.index, 0, 8) * 1'000'000'000 + item_number(p.index, 8, 8) * 1000);
        } else if (socket_level && (h.args[2] == SO_RCVTIMEO || h.args[2] == SO_SNDTIMEO) && compat_) {
            w.part(std::uint8_t{4});
            w.part(item_number(p.index, 0, 4) * 1'000'000'000 + item_number(p.index, 4, 4) * 1000);
        } else if (socket_level && bytes.size() == 8) {
            w.part(std::uint8_t{3});
            w.part(item_number(p.index, 0, 8));
        } else if (socket_level && bytes.size() == 4) {
            w.part(std::uint8_t{2});
            w.part(static_cast<std::uint32_t>(item_number(p.index, 0, 4)));
        } else {
            w.part(std::uint8_t{0});
            w.part(as_text(bytes));
        }
        return w.end();
    }
    default: return w.none();
    }
}

void EventDecoder::write_other_param(const ParamSource& p, const gyr_event_header& h, Writer& w) {
    const auto variant = [&w](std::uint8_t index, std::uint64_t value, std::size_t width) {
        w.begin();
        w.part(index);
        w.part(std::string_view(reinterpret_cast<const char*>(&value), width));
        w.end();
    };
    switch (p.from) {
    case ParamFrom::ptrace_address: return variant(0, h.args[2], 8);
    case ParamFrom::ptrace_data:
        switch (h.args[0]) {
        case PTRACE_CONT:
        case PTRACE_SINGLESTEP:
        case PTRACE_DETACH:
        case PTRACE_SYSCALL: return variant(1, h.args[3], 1);
        case PTRACE_PEEKTEXT:
        case PTRACE_PEEKDATA:
        case PTRACE_PEEKUSER: return variant(0, item_number(p.index, 0, 8), 8);
        default: return variant(0, h.args[3], 8);
        }
    case ParamFrom::prctl_text: return h.args[0] == PR_SET_NAME ? w.view(as_text(items_[p.index].bytes)) : w.none();
    case ParamFrom::prctl_number: return w.number(h.args[0] == PR_SET_NAME ? 0 : h.args[1], 8);
    case ParamFrom::config_text: // FSCONFIG_SET_STRING, _PATH, _PATH_EMPTY
        return h.args[1] == 1 || h.args[1] == 3 || h.args[1] == 4 ? w.view(as_text(items_[p.index].bytes)) : w.none();
    case ParamFrom::config_bytes: return h.args[1] == 2 ? w.view(as_text(items_[p.index].bytes)) : w.none();
    case ParamFrom::quota_file: return (h.args[0] >> 8) == 0x800002 ? w.view(as_text(items_[p.index].bytes)) : w.none();
    case ParamFrom::quota_command: {
        struct Command {
            std::uint32_t kernel, ours;
        };
        static constexpr Command kCommands[] = {
            {0x800002, 0x1},  {0x800003, 0x2},  {0x800004, 0x4},  {0x800005, 0x8},  {0x800006, 0x10},
            {0x800007, 0x20}, {0x800008, 0x40}, {0x800001, 0x80}, {0x5801, 0x100},  {0x5802, 0x200},
            {0x5803, 0x400},  {0x5804, 0x800},  {0x5805, 0x1000}, {0x5806, 0x2000}, {0x5807, 0x4000},
        };
        const auto* found = std::ranges::find(kCommands, static_cast<std::uint32_t>(h.args[0]) >> 8, &Command::kernel);
        return w.number(found != std::end(kCommands) ? found->ours : 0, 2);
    }
    case ParamFrom::quota_type: return w.number((h.args[0] & 0xff) == 0 ? 1 : (h.args[0] & 0xff) == 1 ? 2 : 0, 1);
    case ParamFrom::key_argument: {
        // Where an operation takes a text: join (1) and search (2, 3), restrict (2, 3), describe gives none.
        const std::uint64_t operation = h.args[0];
        const bool text = (operation == 1 && p.index == 1) || (operation == 10 && (p.index == 2 || p.index == 3)) ||
                          (operation == 29 && (p.index == 2 || p.index == 3));
        if (!text || p.second >= items_.size()) return variant(0, h.args[p.index], 8);
        w.begin();
        w.part(std::uint8_t{1});
        w.part(as_text(items_[p.second].bytes));
        return w.end();
    }
    default: return w.none();
    }
}

} // namespace gyr
