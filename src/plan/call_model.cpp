#include "plan/call_model.h"

#include "event/raw_event.h"
#include "event/schema.h"
#include "lang/quote.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <iterator>

namespace gyr::plan::model {
namespace {

using match::Random;
using Kind = Object::Kind;

struct Known {
    EventCode code;
    Shape shape;
    bool socket; // of sockets mostly
};
constexpr Known kCalls[] = {
    {3, Shape::opens, false},       {307, Shape::opens, false},     {307, Shape::opens, false},
    {327, Shape::opens, false},     {59, Shape::opens, false},      {337, Shape::makes, false},
    {365, Shape::makes, false},     {367, Shape::makes, false},     {19, Shape::makes, true},
    {kAccept4, Shape::makes, true}, {kAccept, Shape::makes, true},  {7, Shape::acts, false},
    {9, Shape::acts, false},        {71, Shape::acts, false},       {317, Shape::acts, false},
    {151, Shape::acts, false},      {87, Shape::acts, false},       {161, Shape::acts, false},
    {kConnect, Shape::acts, true},  {kConnect, Shape::acts, true},  {21, Shape::acts, true},
    {25, Shape::acts, true},        {37, Shape::acts, true},        {47, Shape::acts, true},
    {kSendto, Shape::acts, true},   {kRecvfrom, Shape::acts, true}, {kSendmsg, Shape::acts, true},
    {kRecvmsg, Shape::acts, true},  {5, Shape::ends, false},        {43, Shape::pair, true},
    {61, Shape::pair, false},       {305, Shape::plain, false},     {285, Shape::plain, false},
    {427, Shape::plain, false},     {169, Shape::plain, false},     {kGenericExit, Shape::acts, false},
};
constexpr EventCode kCreat = 59, kOpenByHandle = 337, kOpenat2 = 327;

bool is_datagram_call(EventCode code) {
    return code == kSendto || code == kRecvfrom || code == kSendmsg || code == kRecvmsg;
}

const std::vector<std::string>& components() {
    static const std::vector<std::string> all = {"etc",
                                                 "ssh",
                                                 "tmp",
                                                 "a",
                                                 "secret",
                                                 "secret",
                                                 "passwd",
                                                 "SECRET",
                                                 "secret (deleted)",
                                                 ".hidden",
                                                 "..a",
                                                 "a b",
                                                 "Gro\xc3\x9f",
                                                 "a\xff",
                                                 "a-name-that-is-longer-than-thirty-one-bytes",
                                                 "a-name-that-is-longer-than-thirty-on",
                                                 "exactly-thirty-one-bytes-long-x",
                                                 "[a]",
                                                 "a*"};
    return all;
}
constexpr std::uint16_t kPorts[] = {0, 9, 22, 443, 1024, 40'000, 50'000};
constexpr std::int64_t kErrors[] = {-1, -1, -2, -11, -13, -104, -111, -115, -512, -4000};

void make_address(Random& r, int family, std::array<std::uint8_t, 16>& out) {
    static constexpr std::array<std::array<std::uint8_t, 4>, 4> kV4 = {
        {{127, 0, 0, 1}, {10, 1, 2, 3}, {198, 51, 100, 7}, {0, 0, 0, 0}}};
    const auto& v4 = r.of(kV4);
    if (family == AF_INET) {
        std::ranges::copy(v4, out.begin());
    } else if (r.one_in(3)) {
        out[10] = out[11] = 0xff;
        std::ranges::copy(v4, out.begin() + 12);
    } else if (r.one_in(2)) {
        out[15] = 1;
    } else {
        out[0] = 0x20, out[1] = 0x01, out[15] = static_cast<std::uint8_t>(r.below(3));
    }
}

bool is_tcp(int protocol) { return protocol == IPPROTO_TCP || protocol == IPPROTO_MPTCP; }

void make_socket(Random& r, Object& o) {
    static constexpr int kFamilies[] = {AF_INET, AF_INET, AF_INET6, AF_INET6, AF_UNIX, AF_NETLINK};
    static constexpr int kProtocols[] = {IPPROTO_TCP,  IPPROTO_TCP,  IPPROTO_UDP,  IPPROTO_UDP,
                                         IPPROTO_ICMP, IPPROTO_SCTP, IPPROTO_MPTCP};
    o.kind = Kind::socket;
    o.family = r.of(kFamilies);
    if (o.family != AF_INET && o.family != AF_INET6) return;
    o.protocol = r.of(kProtocols);
    o.type = r.one_in(8) ? SOCK_RAW : o.protocol == IPPROTO_UDP ? SOCK_DGRAM : SOCK_STREAM;
    make_address(r, o.family, o.ends.local);
    o.ends.local_port = r.of(kPorts);
    if (r.one_in(3)) return; // with one end
    make_address(r, o.family, o.ends.remote);
    // What is connected to IPv4 by a socket of IPv6 is bound to IPv4 as well.
    const bool mapped = o.family == AF_INET6 && o.ends.remote[10] == 0xff;
    if (mapped) o.ends.local = o.ends.remote;
    if (mapped && o.ends.local[12] == 0) o.ends.local[12] = 127;
    o.ends.remote_port = r.one_in(6) ? 0 : r.of(kPorts);
}

Object make_object(Random& r, bool socket) {
    Object o;
    if (socket != r.one_in(8)) {
        make_socket(r, o);
        return o;
    }
    static constexpr Kind kKinds[] = {Kind::file,      Kind::file, Kind::file, Kind::file,      Kind::file,
                                      Kind::directory, Kind::fifo, Kind::pipe, Kind::anonymous, Kind::memory};
    o.kind = r.of(kKinds);
    static constexpr std::uint32_t kAccess[] = {O_RDONLY, O_RDONLY, O_WRONLY, O_RDWR, O_ACCMODE};
    o.flags = r.of(kAccess);
    if (o.kind == Kind::pipe) {
        o.parts = {"pipe:[12]"};
    } else if (o.kind == Kind::anonymous) {
        o.parts = {r.one_in(2) ? "inotify" : "[eventfd]"};
    } else if (o.kind == Kind::memory) {
        o.parts = {r.one_in(2) ? "memfd:" + r.of(components()) : "memfd:/etc/" + r.of(components())};
    } else {
        const std::size_t depth = o.kind == Kind::directory ? r.below(4) : 1 + r.below(4);
        for (std::size_t i = 0; i < depth; ++i) o.parts.push_back(r.of(components()));
        if (r.one_in(10)) o.only_path = true, o.flags = 0;
    }
    return o;
}

std::string joined(const std::vector<std::string>& parts) {
    std::string out;
    for (const std::string& p : parts) out += "/" + p;
    return out.empty() ? "/" : out;
}

// ---- as user space is told ----

bool is_zero(const std::array<std::uint8_t, 16>& a) {
    return std::ranges::all_of(a, [](std::uint8_t b) { return b == 0; });
}
bool is_mapped(const std::array<std::uint8_t, 16>& a) {
    return std::all_of(a.begin(), a.begin() + 10, [](std::uint8_t b) { return b == 0; }) && a[10] == 0xff &&
           a[11] == 0xff;
}

std::string end_text(int family, const std::array<std::uint8_t, 16>& address, std::uint16_t port) {
    char text[INET6_ADDRSTRLEN] = {};
    ::inet_ntop(family, address.data(), text, sizeof text);
    return std::string(text) + ":" + std::to_string(port);
}

void describe_socket(const Object& o, const Call& call, bool client, FdInfo& out) {
    if (o.family == AF_UNIX || o.family == AF_NETLINK) {
        out.type = o.family == AF_UNIX ? FdType::unix_socket : FdType::netlink;
        out.l4 = L4Protocol::not_applicable;
        if (o.family == AF_UNIX) out.name = "1->2 /run/secret";
        return;
    }
    out.l4 = o.type == SOCK_RAW           ? L4Protocol::raw
             : is_tcp(o.protocol)         ? L4Protocol::tcp
             : o.protocol == IPPROTO_UDP  ? L4Protocol::udp
             : o.protocol == IPPROTO_ICMP ? L4Protocol::icmp
                                          : L4Protocol::unknown;
    Ends e = o.ends;
    const bool datagram = is_datagram_call(call.code) && o.type != SOCK_STREAM;
    if (call.given && (datagram ? call.given->remote_port != 0 : call.code == kConnect && e.remote_port == 0))
        e.remote = call.given->remote, e.remote_port = call.given->remote_port;
    int family = o.family;
    if (family == AF_INET6 && is_mapped(e.remote) && (is_mapped(e.local) || is_zero(e.local))) {
        family = AF_INET;
        std::ranges::rotate(e.local, e.local.begin() + 12);
        std::ranges::rotate(e.remote, e.remote.begin() + 12);
        std::fill(e.local.begin() + 4, e.local.end(), 0);
        std::fill(e.remote.begin() + 4, e.remote.end(), 0);
    }
    const bool v4 = family == AF_INET;
    if (e.remote_port == 0 && is_zero(e.remote)) {
        out.type = v4 ? FdType::ipv4 : FdType::ipv6;
        if (e.local_port == 0 || o.type == SOCK_RAW || o.protocol == IPPROTO_ICMP) return;
        out.type = v4 ? FdType::ipv4_server : FdType::ipv6_server;
        out.destination_address = e.local, out.destination_port = e.local_port;
        out.name = end_text(family, e.local, e.local_port);
        return;
    }
    out.type = v4 ? FdType::ipv4 : FdType::ipv6;
    out.marks = static_cast<std::uint16_t>(kFdConnected | (client ? kFdRoleClient : kFdRoleServer));
    out.source_address = client ? e.local : e.remote;
    out.destination_address = client ? e.remote : e.local;
    out.source_port = client ? e.local_port : e.remote_port;
    out.destination_port = client ? e.remote_port : e.local_port;
    out.name = end_text(family, out.source_address, out.source_port) + "->" +
               end_text(family, out.destination_address, out.destination_port);
}

void describe(const Object& o, const Call& call, bool client, FdInfo& out) {
    switch (o.kind) {
    case Kind::socket: return describe_socket(o, call, client, out);
    case Kind::pipe: out.type = FdType::fifo, out.name = o.parts[0]; return;
    case Kind::anonymous:
        out.type = o.parts[0] == "inotify" ? FdType::inotify : FdType::event;
        out.name = "anon_inode:" + o.parts[0];
        return;
    case Kind::memory: out.type = FdType::memfd, out.name = o.parts[0]; return;
    case Kind::directory: out.type = FdType::directory; break;
    case Kind::fifo: out.type = FdType::fifo; break;
    case Kind::file: out.type = FdType::file_v2; break;
    }
    out.name = joined(o.parts);
}

std::uint64_t as_in_captures(std::uint32_t flags) {
    static constexpr std::uint32_t kAccess[] = {1, 2, 3, 0};
    return kAccess[flags & O_ACCMODE] | ((flags & O_CREAT) != 0 ? 4U : 0U);
}

std::string parameter(Random& r, const ParamInfo& p, std::size_t index, const Call& call) {
    std::uint64_t n = r.below(4);
    if (index == 0) n = call.code == kGenericExit ? call.number : static_cast<std::uint64_t>(call.result);
    if (p.name == "flags" && call.shape == Shape::opens) n = as_in_captures(call.flags);
    if (p.name == "flags" && call.code == kOpenByHandle) n = as_in_captures(call.flags);
    switch (p.type) {
    case ParamType::charbuf:
    case ParamType::fspath:
    case ParamType::fsrelpath: return call.text + std::string(1, '\0');
    case ParamType::bytebuf: return "bytes";
    case ParamType::socktuple:
    case ParamType::sockaddr:
    case ParamType::dyn: return {};
    default: return {reinterpret_cast<const char*>(&n), width_of(p.type)};
    }
}

bool tells_result(const EventInfo& e) {
    const ParamType type = e.params.empty() ? ParamType::none : e.params[0].type;
    return type == ParamType::errno_code || type == ParamType::fd || type == ParamType::pid ||
           (!e.params.empty() && e.params[0].name == "res");
}

// ---- as the kernel has it ----

constexpr std::size_t kNameBytes = 31;
constexpr std::uint32_t kAllSets = 0xffffffff;

bool same_name(std::string_view a, std::string_view b) { return a.substr(0, kNameBytes) == b.substr(0, kNameBytes); }

// As a path that was walked: its last components, and its first ones.
std::uint32_t sets_of_parts(const EventPlan& plan, const std::vector<std::string>& parts, bool directory) {
    const auto first = [&](std::size_t i) {
        return i < parts.size() ? std::string_view(parts[i]) : std::string_view();
    };
    const auto last = [&](std::size_t i) {
        return i < parts.size() ? std::string_view(parts[parts.size() - 1 - i]) : std::string_view();
    };
    std::uint32_t sets = 0;
    for (const PathName& n : plan.names) {
        const auto two = [&](std::string_view a, std::string_view b) {
            return same_name(n.first, a) && same_name(n.second, b);
        };
        bool is = false;
        switch (n.kind) {
        case PathName::Kind::base: is = same_name(n.first, last(0)); break;
        case PathName::Kind::pair: is = two(last(1), last(0)); break;
        case PathName::Kind::parent: is = two(last(2), last(1)) || (directory && two(last(1), last(0))); break;
        case PathName::Kind::top: is = same_name(n.first, first(0)); break;
        case PathName::Kind::tops: is = two(first(0), first(1)); break;
        case PathName::Kind::any:
            is = std::ranges::any_of(parts, [&](const std::string& p) { return same_name(n.first, p); });
            break;
        case PathName::Kind::letters: // not looked for in long names
            is = std::ranges::any_of(parts, [&](const std::string& p) {
                return p.size() > kNameBytes || p.find(n.first) != std::string::npos;
            });
            break;
        }
        if (is) sets |= n.sets;
    }
    return sets;
}

std::vector<std::string> split(std::string_view path) {
    std::vector<std::string> out;
    for (std::size_t at = 1; at < path.size();) {
        const std::size_t end = std::min(path.find('/', at), path.size());
        out.emplace_back(path.substr(at, end - at));
        at = end + 1;
    }
    return out;
}

std::uint32_t path_sets(const EventPlan& plan, const Object& o, const std::string& known_as) {
    const std::uint32_t known = known_as.empty() ? 0 : sets_of_parts(plan, split(known_as), false);
    switch (o.kind) {
    case Kind::pipe:
    case Kind::anonymous: {
        std::uint32_t sets = 0;
        for (const PathName& n : plan.names) sets |= n.kind == PathName::Kind::letters ? n.sets : 0;
        return sets;
    }
    case Kind::memory:
    case Kind::socket: return kAllSets;
    case Kind::file:
    case Kind::directory:
    case Kind::fifo: break;
    }
    if (o.parts.empty()) return known;
    return known | sets_of_parts(plan, o.parts, o.kind == Kind::directory);
}

std::array<std::uint8_t, 16> as_v6(int family, const std::array<std::uint8_t, 16>& a) {
    if (family == AF_INET6) return a;
    std::array<std::uint8_t, 16> out{};
    out[10] = out[11] = 0xff;
    std::copy_n(a.begin(), 4, out.begin() + 12);
    return out;
}

std::uint32_t end_sets(const EventPlan& plan, const Call& call) {
    const Object& o = *call.object;
    if (o.family != AF_INET && o.family != AF_INET6) return 0;
    if ((is_datagram_call(call.code) && call.given) || o.ends.remote_port == 0) return kAllSets;
    std::uint32_t sets = 0;
    for (const ConnectionEnd& e : plan.ends) {
        const auto in = [&](const std::array<std::uint8_t, 16>& address) {
            const auto a = as_v6(o.family, address);
            for (unsigned bit = 0; bit < e.prefix; ++bit)
                if (((a[bit / 8] ^ e.address[bit / 8]) >> (7 - bit % 8) & 1) != 0) return false;
            return true;
        };
        const bool is = e.is_port ? e.port == o.ends.local_port || e.port == o.ends.remote_port
                                  : in(o.ends.local) || in(o.ends.remote);
        if (is) sets |= e.sets;
    }
    return sets;
}

// The mask is good for as long as this is what it was decided on.
std::uint64_t process_bits(const Moment& m, std::uint64_t mask) {
    const ProcessImage &a = *m.decided, &b = *m.now;
    const bool same = a.key == b.key && a.exec->exec_id == b.exec->exec_id && a.comm == b.comm &&
                      a.credentials.uid == b.credentials.uid;
    return same ? mask : ~std::uint64_t{0};
}

bool holds(const EventClause& c, const EventPlan& plan, const Moment& m, std::uint64_t mask,
           const std::string& known_as, Ask ignored) {
    const Call& call = m.call;
    const auto asked = [ignored](bool set, Ask what) { return set && ignored != what; };
    if (asked(c.success, Ask::success) && call.result < 0) return false;
    if (asked(c.failure, Ask::failure) && call.result >= 0) return false;
    if (call.object) {
        const Object& o = *call.object;
        const std::uint32_t access = o.flags & O_ACCMODE;
        if (asked(c.read, Ask::read) && !o.only_path && access != O_RDONLY && access != O_RDWR) return false;
        if (asked(c.write, Ask::write) && !o.only_path && access != O_WRONLY && access != O_RDWR) return false;
        const bool internet = o.kind == Kind::socket && (o.family == AF_INET || o.family == AF_INET6);
        if (asked(c.internet, Ask::internet) && !internet) return false;
        const bool raw = o.type == SOCK_RAW;
        const bool tcp = internet && !raw && is_tcp(o.protocol);
        if (asked(c.tcp, Ask::tcp) && !tcp) return false;
        if (asked(c.udp, Ask::udp) && (!internet || raw || o.protocol != IPPROTO_UDP)) return false;
        if (asked(c.not_tcp, Ask::not_tcp) && tcp) return false;
        if (asked(c.end_sets != 0, Ask::ends) && (c.end_sets & end_sets(plan, call)) == 0) return false;
        if (asked(c.path_sets != 0, Ask::paths) && (c.path_sets & path_sets(plan, o, known_as)) == 0) return false;
    }
    if (asked(c.process_bits != 0, Ask::process) && (c.process_bits & process_bits(m, mask)) == 0) return false;
    if (asked(c.upward, Ask::upward) && call.shape == Shape::opens && call.text.find("..") == std::string::npos)
        return false;
    return !asked(c.container, Ask::container) || !m.of_host;
}

// ---- moments ----

// What the kernel does not compare may be another by now.
void change_the_rest(Random& r, ProcessImage& p) {
    if (r.one_in(3)) p.credentials.euid = static_cast<Uid>(r.below(3));
    if (r.one_in(3)) p.credentials.login_uid = static_cast<Uid>(r.below(3));
    if (r.one_in(3)) p.cwd = "/other";
    if (r.one_in(3)) p.tty = static_cast<std::uint32_t>(r.below(3));
    if (r.one_in(3)) p.sid = static_cast<Pid>(r.below(9));
    if (r.one_in(3)) p.vpid = static_cast<Pid>(r.below(9));
    if (r.one_in(3)) p.pgid = p.vpgid = static_cast<Pid>(r.below(9));
    if (r.one_in(3)) p.parent = {};
    if (r.one_in(3)) p.threads = 7;
    if (r.one_in(3)) p.groups = {7};
    if (r.one_in(3)) p.container = r.one_in(2) ? nullptr : test::make_container(r.one_in(2));
}
void change_what_is_compared(Random& r, ProcessImage& p) {
    switch (r.below(4)) {
    case 0: p.comm = r.one_in(2) ? "sh" : "other"; break;
    case 1: p.credentials.uid = static_cast<Uid>(r.below(2)); break;
    case 2: p.key.start_boottime_ns += 1; break;
    default: {
        auto exec = std::make_shared<ExecImage>();
        exec->exec_id = p.exec->exec_id + 1;
        exec->exe_path = "/usr/bin/other";
        exec->argv = test::items({"other", "-c"});
        p.exec = exec;
    }
    }
}

Call make_call(Random& r, std::size_t family) {
    const Known& known = r.one_in(6) ? r.of(kCalls) : kCalls[(family + r.below(4)) % std::size(kCalls)];
    Call call;
    call.code = known.code, call.shape = known.shape;
    call.result = r.one_in(3) ? r.of(kErrors) : static_cast<std::int64_t>(r.below(9));
    call.flags =
        r.of(std::to_array<std::uint32_t>({O_RDONLY, O_WRONLY, O_RDWR, O_ACCMODE})) | (r.one_in(4) ? O_CREAT : 0);
    call.uring = r.one_in(8);
    if (known.code == kGenericExit) {
        static const std::vector<std::uint16_t> generic = [] {
            std::vector<std::uint16_t> out;
            for (const SyscallInfo& s : syscall_table())
                if (s.generic) out.push_back(s.number);
            return out;
        }();
        call.number = generic[r.below(8)];
    }
    Object o = make_object(r, known.socket);
    switch (known.shape) {
    case Shape::opens:
        while (o.kind == Kind::socket) o = make_object(r, false);
        call.text = r.one_in(8) ? "" : joined(o.parts);
        if (r.one_in(3)) call.text = "/a/../" + call.text;
        if (r.one_in(6)) call.text = call.text.substr(std::min<std::size_t>(1, call.text.size()));
        [[fallthrough]];
    case Shape::makes:
        // The flags that were given are those it is open with; creat says nothing of them.
        if (call.code == kOpenByHandle || (known.shape == Shape::opens && call.code != kCreat)) {
            if (o.only_path)
                call.flags |= r.one_in(2) ? O_PATH : O_PATH | O_RDWR;
            else
                o.flags = call.flags & O_ACCMODE;
            // Those of openat2 are in memory, and read from what was opened.
            if (o.only_path && call.code == kOpenat2) call.flags &= ~std::uint32_t{O_ACCMODE};
        }
        if (call.result >= 0 && !(call.uring && r.one_in(2))) call.object = std::move(o);
        break;
    case Shape::acts:
        if (!r.one_in(6)) call.object = std::move(o);
        if ((call.code == kConnect || is_datagram_call(call.code)) && r.one_in(2)) {
            Ends& given = call.given.emplace();
            make_address(r, call.object && call.object->family == AF_INET6 ? AF_INET6 : AF_INET, given.remote);
            given.remote_port = r.of(kPorts);
        }
        if (call.code == kConnect && call.given && r.one_in(6)) call.replaced = true, call.object.reset();
        break;
    case Shape::ends:
    case Shape::pair: call.outlived = std::move(o); break;
    case Shape::plain: call.text = "/a/.." + joined(o.parts); break;
    }
    return call;
}

} // namespace

Moment::Moment(Random& r, std::size_t family) : scene(r), call(make_call(r, family)) {
    decided = scene.processes.back();
    now = std::make_shared<ProcessImage>(*decided);
    if (now->generation != 0)
        now->generation += 1'000'000; // another image: what was found out of the one before is not kept for it
    if (r.one_in(2)) change_the_rest(r, *now);
    if (r.one_in(4)) change_what_is_compared(r, *now);
    of_host = now->container == nullptr && !r.one_in(4);

    event.code = call.code;
    event.number = 1 + r.below(100);
    event.time = 6'000'000'000;
    event.tid = now->key.pid + static_cast<Tid>(r.below(2));
    event.process = now;
    const EventInfo& info = *find_event(call.code);
    event.has_result = tells_result(info);
    event.result = event.has_result ? call.result : 0;
    event.fd_number = (info.flags & kCreatesFd) != 0 ? std::max<std::int64_t>(call.result, -1)
                      : (info.flags & kUsesFd) != 0  ? static_cast<std::int64_t>(r.below(9))
                                                     : -1;
    if (call.result < 0 && (info.flags & kCreatesFd) != 0) event.fd_number = -1;
    bytes.reserve(info.params.size());
    for (std::size_t i = 0; i < info.params.size(); ++i) bytes.push_back(parameter(r, info.params[i], i, call));
    params.assign(bytes.begin(), bytes.end());
    event.params = params;

    const Object* object = call.object ? &*call.object : call.outlived ? &*call.outlived : nullptr;
    Object connection;
    if (call.replaced) { // the kernel knows where it went
        connection.kind = Kind::socket;
        connection.family = is_zero(call.given->remote) || call.given->remote[4] == 0 ? AF_INET : AF_INET6;
        connection.type = SOCK_STREAM, connection.protocol = IPPROTO_TCP;
        object = &connection;
    }
    if (object != nullptr) {
        const bool client = call.code == kConnect || call.code == kSendto || call.code == kSendmsg
                                ? true
                                : call.code != kAccept && call.code != kAccept4 && r.one_in(2);
        describe(*object, call, client, fd);
        fd.open_flags = static_cast<std::uint32_t>(as_in_captures(object->flags));
        event.fd = &fd;
    }
    if (call.shape != Shape::opens || call.text.empty()) return;
    if (object != nullptr) {
        fd.name_raw = call.text;
        path = fd;
    } else {
        path.name_raw = call.text;
        path.name = (call.text.front() == '/' ? "" : "/home/") + call.text;
        path.type = FdType::file_v2;
        if (call.result < 0 || call.uring) event.fd = &path;
    }
    event.path = &path;
}

Event Moment::by_name(const std::string& name, FdInfo& other) const {
    other = fd;
    other.real_path = std::exchange(other.name, name);
    Event out = event;
    out.fd = &other;
    return out;
}

const EventDemand* demand_for(const EventPlan& plan, const Call& call) {
    const auto found = std::ranges::find_if(plan.demands, [&](const EventDemand& d) {
        return d.code == call.code && (d.calls.empty() || std::ranges::find(d.calls, call.number) != d.calls.end());
    });
    return found == plan.demands.end() ? nullptr : &*found;
}

std::vector<std::size_t> holding(const EventDemand& demand, const EventPlan& plan, const Moment& moment,
                                 std::uint64_t mask, const std::string& known_as, Ask ignored) {
    std::vector<std::size_t> out;
    for (std::size_t i = 0; i < demand.clauses.size(); ++i)
        if (holds(demand.clauses[i], plan, moment, mask, known_as, ignored)) out.push_back(i);
    return out;
}

bool tells(const EventPlan& plan, const Moment& moment, std::uint64_t mask, const std::string& known_as, Ask ignored) {
    const EventDemand* demand = demand_for(plan, moment.call);
    if (demand == nullptr) return false;
    return demand->clauses.empty() || !holding(*demand, plan, moment, mask, known_as, ignored).empty();
}

// ---- conditions ----

namespace {

std::string bent(Random& r, const std::string& path) {
    const std::size_t slash = path.rfind('/');
    switch (r.below(12)) {
    case 0: return path + "/";
    case 1: return path.substr(0, r.below(path.size() + 1));
    case 2: return slash == std::string::npos ? path : path.substr(0, slash);
    case 3: return slash == std::string::npos ? path : path.substr(0, slash + 1);
    case 4: return slash == std::string::npos ? path : path.substr(slash);
    case 5: return slash == std::string::npos ? path : path.substr(slash + 1);
    case 6: return path.substr(r.below(path.size() + 1));
    case 7: {
        std::string out = path;
        if (!out.empty()) out[r.below(out.size())] = r.of(std::to_array({'*', '?', '/', 'a', '['}));
        return out;
    }
    case 8: return slash == std::string::npos ? "*" : path.substr(0, slash) + "/*";
    case 9: return slash == std::string::npos ? "*" : "*" + path.substr(slash);
    case 10: return "/" + path;
    default: return path;
    }
}

std::string some_path(Random& r, const Moment& m) {
    const Object* o = m.call.object ? &*m.call.object : m.call.outlived ? &*m.call.outlived : nullptr;
    if (o == nullptr || r.one_in(4)) return joined({r.of(components()), r.of(components())});
    return r.one_in(8) || m.fd.name.empty() ? r.of(components()) : m.fd.name;
}

std::string list_of(const std::vector<std::string>& values) {
    std::string out = "(";
    for (std::size_t i = 0; i < values.size(); ++i) out += (i > 0 ? ", " : "") + lang::quote(values[i]);
    return out + ")";
}

std::string text_check(Random& r, const Moment& m) {
    static const std::vector<std::string> kFields = {
        "fd.name",      "fd.name",     "fd.name",    "fd.name",          "fd.directory",
        "fd.directory", "fd.filename", "fd.nameraw", "tolower(fd.name)", "basename(fd.name)"};
    static const std::vector<std::string> kOps = {"=",          "=",        "startswith", "startswith", "startswith",
                                                  "startswith", "endswith", "endswith",   "glob",       "glob",
                                                  "!=",         "contains", "icontains",  "iglob"};
    const std::string& field = r.of(kFields);
    if (r.one_in(3)) {
        std::vector<std::string> values(1 + r.below(3));
        for (std::string& v : values) v = bent(r, some_path(r, m));
        static const std::vector<std::string> kLists = {"in",         "in",      "pmatch", "pmatch",
                                                        "intersects", "= oneof", "= anyof"};
        return field + " " + r.of(kLists) + " " + list_of(values);
    }
    const std::string& op = r.of(kOps);
    std::string value = bent(r, some_path(r, m));
    if (op == "startswith" && r.one_in(2)) value = some_path(r, m), value.resize(r.below(value.size() + 1));
    if (field == "fd.nameraw") {
        const std::string part = m.call.text.substr(r.below(m.call.text.size() + 1), 4);
        return "fd.nameraw contains " + lang::quote(r.one_in(2) || part.empty() ? "../" : part);
    }
    return field + " " + op + " " + lang::quote(value);
}

// Something that the kernel can ask of every kind of name.
std::string name_check(Random& r, const Moment& m) {
    const Object* o = m.call.object ? &*m.call.object : nullptr;
    std::vector<std::string> parts{r.of(components()), r.of(components()), std::to_string(r.below(40))};
    if (o != nullptr && o->parts.size() > 1 && o->kind == Kind::file && r.one_in(3)) parts = o->parts;
    const std::string file = joined(parts);
    const std::string folder = file.substr(0, file.rfind('/'));
    switch (r.one_in(8) ? 6 + r.below(3) : r.below(6)) {
    case 6: return "fd.name contains " + lang::quote("/" + parts[r.below(parts.size())] + "/");
    case 7: return "fd.directory contains " + lang::quote(parts[r.below(parts.size())].substr(0, 5));
    case 8: return "fd.name endswith " + lang::quote(parts.back());
    case 0: return "fd.name in (" + lang::quote(file) + ", /x/y)";
    case 1: return "fd.directory = " + lang::quote(folder);
    case 2: return "fd.filename = " + lang::quote(parts.back());
    case 3: return "fd.name endswith " + lang::quote("/" + parts.back());
    case 4: return "fd.name startswith " + lang::quote(folder + "/");
    default: return "fd.name = " + lang::quote(file);
    }
}

std::string number_check(Random& r, const std::string& field, std::int64_t near) {
    static const std::vector<std::string> kOps = {"=", "=", ">=", ">=", "<", "<", "<=", ">", "!=", "in"};
    const std::string& op = r.of(kOps);
    const std::int64_t n = r.one_in(3) ? near : static_cast<std::int64_t>(r.below(4)) - 2;
    if (op == "in") return field + " in (" + std::to_string(n) + (r.one_in(2) ? ", -2)" : ")");
    return field + " " + op + " " + std::to_string(n);
}

std::string end_check(Random& r, const Moment& m) {
    static const std::vector<std::string> kRoles = {"", "s", "c", "l", "r"};
    const std::string role = r.of(kRoles);
    const FdInfo& fd = m.fd;
    const bool source = r.one_in(2);
    if (r.one_in(2)) {
        const std::uint16_t port = r.one_in(3) ? r.of(kPorts) : source ? fd.source_port : fd.destination_port;
        static const std::vector<std::string> kOps = {"=", "=", "!=", "<", ">="};
        if (r.one_in(3))
            return "fd." + role + "port in (" + std::to_string(port) + ", " + std::to_string(r.of(kPorts)) + ")";
        return "fd." + role + "port " + r.of(kOps) + " " + std::to_string(port);
    }
    const bool v6 = fd.type == FdType::ipv6 || fd.type == FdType::ipv6_server;
    char text[INET6_ADDRSTRLEN] = {};
    ::inet_ntop(v6 ? AF_INET6 : AF_INET, (source ? fd.source_address : fd.destination_address).data(), text,
                sizeof text);
    static const std::vector<std::string> kOthers = {"127.0.0.1", "::1",     "::ffff:127.0.0.1",
                                                     "10.1.2.3",  "0.0.0.0", "::"};
    const std::string address = r.one_in(3) ? r.of(kOthers) : text;
    static const std::vector<std::string> kOps = {"=", "=", "!="};
    if (r.one_in(2)) {
        if (r.one_in(3)) return "fd." + role + "ip in " + list_of({address, r.of(kOthers)});
        return "fd." + role + "ip " + r.of(kOps) + " " + lang::quote(address);
    }
    const bool long_form = address.find(':') != std::string::npos;
    const std::string net = address + "/" + std::to_string(r.below(long_form ? 129 : 33));
    return "fd." + role + "net " +
           (r.one_in(3) ? "in " + list_of({net, "10.0.0.0/8"}) : r.of(kOps) + " " + lang::quote(net));
}

std::string result_check(Random& r, const Moment& m) {
    static const std::vector<std::string> kNames = {"SUCCESS", "SUCCESS", "ENOENT", "EACCES", "E", "S", "EAGAIN"};
    switch (r.below(6)) {
    case 0:
        return r.of(std::to_array<std::string>({"evt.failed = true", "evt.failed = false", "evt.failed != true",
                                                "evt.failed != false", "evt.failed in (true)"}));
    case 1:
    case 2: return number_check(r, "evt.rawres", m.call.result);
    case 3: return number_check(r, "fd.num", m.event.fd_number);
    case 4: return "evt.res in " + list_of({r.of(kNames), r.of(kNames)});
    default:
        return "evt.res " + r.of(std::to_array<std::string>({"=", "=", "!=", "startswith", "contains", "<", "glob"})) +
               " " + r.of(kNames);
    }
}

std::string process_check(Random& r, const Moment& m) {
    const ProcessImage& p = r.one_in(2) ? *m.decided : *m.now;
    const std::string uid = std::to_string(p.credentials.uid);
    switch (r.below(12)) {
    case 8: return "user.euid = " + std::to_string(p.credentials.euid);
    case 9: return "proc.cwd = " + lang::quote(p.cwd + "/");
    case 10: return "proc.vpid = " + std::to_string(p.vpid);
    case 11: return "proc.tty != " + std::to_string(p.tty);
    case 0: return "proc.name = " + lang::quote(p.comm);
    case 1: return "proc.name != " + lang::quote(p.comm);
    case 2: return "proc.exepath = " + lang::quote(p.exec->exe_path);
    case 3: return "user.uid = " + uid;
    case 4: return "user.uid != " + uid;
    case 5: return "proc.name in (sh, other, bash)";
    case 6: return "proc.pid = " + std::to_string(p.key.pid);
    default: return "proc.cmdline contains " + lang::quote(p.comm);
    }
}

std::string other_check(Random& r) {
    static const std::vector<std::string> kAll = {"evt.is_open_read = true",
                                                  "evt.is_open_read = true",
                                                  "evt.is_open_write = true",
                                                  "evt.is_open_write = true",
                                                  "evt.is_open_read = false",
                                                  "evt.is_open_write in (true)",
                                                  "evt.is_open_write != true",
                                                  "evt.is_open_create = true",
                                                  "fd.typechar in (4, 6)",
                                                  "fd.typechar = 4",
                                                  "fd.typechar = f",
                                                  "fd.typechar != 4",
                                                  "fd.type in (ipv4, ipv6)",
                                                  "fd.type = ipv6",
                                                  "fd.type = unix",
                                                  "fd.type in (ipv4, file)",
                                                  "fd.l4proto = tcp",
                                                  "fd.l4proto = udp",
                                                  "fd.l4proto in (tcp, udp)",
                                                  "fd.l4proto != tcp",
                                                  "container.id != host",
                                                  "container.id != host",
                                                  "container.id = host",
                                                  "container.id in (host)",
                                                  "container.id != 3ad7b26ded6d",
                                                  "container.name = x",
                                                  "fd.nameraw contains ..",
                                                  "fd.name exists",
                                                  "fd.num exists"};
    return r.of(kAll);
}

// Mostly of what the moment's object may be asked.
std::string lone_check(Random& r, const Moment& m) {
    static const std::vector<std::string> kOfFiles = {"evt.is_open_read = true", "evt.is_open_write = true",
                                                      "fd.nameraw contains .."};
    static const std::vector<std::string> kOfSockets = {"fd.l4proto = tcp", "fd.l4proto = udp", "fd.l4proto != tcp",
                                                        "fd.l4proto != tcp", "fd.type in (ipv4, ipv6)"};
    if (!m.call.object || r.one_in(3)) return other_check(r);
    return r.of(m.call.object->kind == Object::Kind::socket ? kOfSockets : kOfFiles);
}

std::string tree(Random& r, const Moment& m, unsigned depth) {
    if (depth == 0 || r.one_in(3)) {
        const std::string no = r.one_in(6) ? "not " : "";
        switch (r.below(12)) {
        case 0:
        case 1:
        case 2: return no + text_check(r, m);
        case 3:
        case 4: return no + end_check(r, m);
        case 5:
        case 6: return no + result_check(r, m);
        case 7: return r.one_in(4) ? "fd.nameraw contains .." : no + process_check(r, m);
        case 9: return no + process_check(r, m);
        case 8: return no + match::make_condition(r, m.scene); // of anything at all
        default: return no + other_check(r);
        }
    }
    std::string out = r.one_in(6) ? "not (" : "(";
    const char* word = r.one_in(3) ? " or " : " and ";
    const std::size_t n = 2 + r.below(2);
    for (std::size_t i = 0; i < n; ++i) out += (i > 0 ? word : "") + tree(r, m, depth - 1);
    return out + ")";
}

} // namespace

std::string make_condition(Random& r, const Moment& m, bool simple) {
    const std::string type = m.call.code == kGenericExit ? std::string(syscall_name(m.call.number))
                                                         : std::string(find_event(m.call.code)->name);
    if (simple)
        return "evt.type = " + type + " and " + name_check(r, m) + (r.one_in(2) ? " and " + process_check(r, m) : "");
    std::string which;
    switch (r.below(8)) {
    case 0: which = "evt.type in (open, openat, openat2, creat)"; break;
    case 1: which = "evt.type in (" + type + ", connect, sendto, read)"; break;
    case 2: which = "evt.type != close and evt.dir = <"; break;
    case 3: which = "not evt.type in (read, execve)"; break;
    default: which = "evt.type = " + type; break;
    }
    // By itself now and then, so that nothing else dismisses the event.
    if (r.one_in(8)) return which + " and " + lone_check(r, m);
    return which + " and " + tree(r, m, static_cast<unsigned>(r.below(3)));
}

} // namespace gyr::plan::model
