#include "vector_events.h"

#include "event/schema.h"

#include <algorithm>
#include <charconv>
#include <map>

namespace gyr::test {
namespace {

using nlohmann::json;

// Names of variables. "test/EVENT.name" comes before "test.name", and that before "name".
const std::map<std::string, std::int64_t, std::less<>> kNumbers = {
    {"INIT_TID", 1},
    {"INIT_PID", 1},
    {"INIT_PTID", 0},
    {"sinsp_test_input::socket_params::default_fd", 4},
    {"sinsp_test_input::open_params::default_fd", 4},
    {"fd", 3},
    {"mountfd", 5},
    {"dirfd", 3},
    {"fd1", 3},
    {"fd2", 4},
    {"server_fd", 4},
    {"client_fd", 4},
    {"stdin_fd", 0},
    {"stdout_fd", 1},
    {"stderr_fd", 2},
    {"oldfd", 3},
    {"newfd", 123},
    {"res", 1},
    {"dup_dup2_dup3/SYSCALL_DUP2_X.res", 123},
    {"dup_dup2_dup3/SYSCALL_DUP3_X.res", 123},
    {"flags", 0},
    {"test_errno", 0},
    {"return_value", 0},
    {"errno_success", 0},
    {"errno_failure", -13},
    {"size", 5},
    {"read_size", 4},
    {"parent_pid", 1},
    {"parent_tid", 1},
    {"null_pid", 0},
    {"child_pid", 20},
    {"child_tid", 20},
    {"child_vpid", 20},
    {"child_vtid", 20},
    {"pid_over_32bit.child_pid", 0x1'0000'0010},
    {"pid_over_32bit.child_tid", 0x1'0000'0010},
    {"pid_over_32bit.child_vpid", 0x1'0000'0010},
    {"pid_over_32bit.child_vtid", 0x1'0000'0010},
    {"child2_pid", 0x1'0000'0021},
    {"child2_tid", 0x1'0000'0021},
    {"child2_vpid", 0x1'0000'0021},
    {"child2_vtid", 0x1'0000'0021},
    {"fdlimit", 1024},
    {"pgft_maj", 0},
    {"pgft_min", 1},
    {"loginuid", 4294967294},
    {"exe_ino", 242048},
    {"ctime", 1676262698000004588},
    {"mtime", 1676262698000004577},
    {"euid", 2000},
    {"egid", 2000},
    {"p1_t1_tid", 2},
    {"p1_t1_pid", 2},
    {"p1_t1_ptid", 1},
    {"p1_t2_tid", 6},
    {"p1_t2_pid", 2},
    {"p1_t2_ptid", 1},
    {"p2_t1_tid", 25},
    {"p2_t1_pid", 25},
    {"p2_t1_ptid", 2},
    {"p2_t2_tid", 23},
    {"p2_t3_tid", 24},
    {"p3_t1_tid", 72},
    {"p3_t1_pid", 72},
    {"p3_t1_ptid", 25},
    {"p4_t1_tid", 76},
    {"p4_t1_pid", 76},
    {"p4_t1_ptid", 72},
    {"p4_t2_tid", 79},
    {"p5_t1_tid", 82},
    {"p5_t1_pid", 82},
    {"p5_t1_ptid", 79},
    {"p5_t2_tid", 84},
    {"p6_t1_tid", 87},
    {"p6_t1_pid", 87},
    {"p6_t1_ptid", 84},
    {"SE_ENOENT", 2},
    {"SE_EIO", 5},
    {"SE_EBADF", 9},
    {"SE_EACCES", 13},
    {"SE_EINVAL", 22},
    {"SE_EINPROGRESS", 115},
    {"SOCK_STREAM", 1},
    {"SOCK_DGRAM", 2},
};

// Names of buffers and texts, with a NUL where the vector counts one.
const std::map<std::string, std::string, std::less<>> kTexts = {
    {"long_path", "/" + std::string(1100, 'A')},
    {"path", "/tmp/path"},
    {"filename", "/bin/test-exe"},
    {"data", "hello"},
    {"plugindata", "hello world"},
    {"read_buf", "hello"},
    {"bytebuf_matches_nul.read_buf", std::string("a\0b", 3)},
    {"EVT_FILTER_data_buffer_str.read_buf", "gigi"},
    {"cgroupsv", std::string("cpuset=/\0", 9)},
    {"argsv", std::string("-c\0'echo aGVsbG8K | base64 -d'\0", 31)},
    {"envv", std::string("SHELL=/bin/bash\0SHELL_NEW=/bin/sh\0PWD=/home/user\0HOME=/home/user\0", 65)},
};

template <class Map>
const typename Map::mapped_type* look_up(const Map& map, const std::string& test, const std::string& type,
                                         std::string_view name) {
    for (const std::string& key :
         {test + '/' + type + '.' + std::string(name), test + '.' + std::string(name), std::string(name)})
        if (const auto it = map.find(key); it != map.end()) return &it->second;
    return nullptr;
}

std::string_view trimmed(std::string_view s) {
    while (!s.empty() && s.front() == ' ') s.remove_prefix(1);
    while (!s.empty() && s.back() == ' ') s.remove_suffix(1);
    return s;
}

// Casts and parentheses around the whole mean nothing here: the parameter's type decides the width.
std::string_view unwrapped(std::string_view s) {
    for (;;) {
        s = trimmed(s);
        const std::size_t close = s.find(')');
        if (!s.starts_with('(') || close == std::string_view::npos) return s;
        if (s.find("_t)") == close - 2)
            s.remove_prefix(close + 1);
        else if (close == s.size() - 1)
            s = s.substr(1, s.size() - 2);
        else
            return s;
    }
}

bool flag_value(std::string_view name, std::int64_t& out) {
    for (const EventInfo& e : event_schema())
        for (const ParamInfo& p : e.params)
            for (const FlagInfo& f : flag_table(p.info))
                if (name == "PPM_" + std::string(f.name)) return out = f.value, true;
    // The tables have these without the prefix of their kind.
    static const std::map<std::string_view, std::int64_t> kOthers = {{"PPM_CL_CLONE_CHILD_CLEARTID", 1 << 23},
                                                                     {"PPM_CL_CLONE_CHILD_SETTID", 1 << 24},
                                                                     {"PPM_EXE_WRITABLE", 1},
                                                                     {"PPM_FD_LOWER_LAYER", 1 << 16},
                                                                     {"PPM_FD_UPPER_LAYER", 1 << 15},
                                                                     {"PPM_FD_LOWER_LAYER_CREAT", 2},
                                                                     {"PPM_FD_UPPER_LAYER_CREAT", 1},
                                                                     {"PPM_O_NONE", 0},
                                                                     {"PPM_BPF_PROG_LOAD", 5}};
    const auto it = kOthers.find(name);
    if (it == kOthers.end()) return false;
    out = it->second;
    return true;
}

// "SYSCALL_OPENAT_2_X": the event of that name; the newest when the name ends in a number of its own.
const EventInfo* event_of(std::string type) {
    for (const char* prefix : {"SYSCALL_", "SOCKET_"})
        if (type.starts_with(prefix)) type.erase(0, std::string_view(prefix).size());
    if (type.size() < 3) return nullptr;
    const EventDirection direction = type.ends_with("_X") ? EventDirection::exit : EventDirection::enter;
    type.resize(type.size() - 2);
    const std::size_t last = type.find_last_not_of("0123456789");
    const bool numbered = last + 1 < type.size() && type[last] == '_';
    if (numbered) type.resize(last);
    std::ranges::transform(type, type.begin(),
                           [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    std::string joined = type;
    std::erase(joined, '_');
    const EventInfo* found = nullptr;
    const auto old = [](const EventInfo& e) { return (e.flags & kOldVersion) != 0; };
    for (const EventInfo& e : event_schema()) {
        if ((e.name != type && e.name != joined) || e.direction != direction || e.kind == EventKind::unused) continue;
        if (!found || (numbered && (old(*found) || !old(e)))) found = &e;
    }
    return found;
}

std::string little_endian(std::uint64_t value, std::size_t width) {
    std::string out;
    for (std::size_t i = 0; i < width; ++i) out += static_cast<char>(value >> (8 * i));
    return out;
}

// ---- socket addresses ----

struct End {
    std::string address;
    std::uint16_t port;
    [[nodiscard]] std::string bytes() const { return address + little_endian(port, 2); }
};
End ipv4(std::initializer_list<int> address, std::uint16_t port) {
    End e{{}, port};
    for (const int b : address) e.address += static_cast<char>(b);
    return e;
}
End ipv6(std::initializer_list<int> words, std::uint16_t port) {
    End e{{}, port};
    for (const int w : words) e.address += static_cast<char>(w >> 8), e.address += static_cast<char>(w);
    return e;
}
struct Ends {
    End client, server, other_server;
};
Ends ends_of(const std::string& test, bool v6) {
    if (v6)
        return {ipv6({0, 0, 0, 0, 0, 0, 0, 1}, 54321), ipv6({0x2001, 0x4860, 0x4860, 0, 0, 0, 0, 0x8888}, 443),
                ipv6({0x2001, 0x4860, 0x4860, 0, 0, 0, 0, 0x8844}, 443)};
    if (test == "net_connect_enter_event_is_missing")
        return {ipv4({80, 9, 11, 45}, 12), ipv4({152, 40, 111, 222}, 25632), ipv4({152, 40, 111, 222}, 25632)};
    return {ipv4({172, 40, 111, 222}, 54321), ipv4({142, 251, 111, 147}, 443), ipv4({142, 251, 111, 147}, 80)};
}

bool mentions(const json& vector, std::string_view word) {
    return vector["event"].dump().find(word) != std::string::npos ||
           vector["history"].dump().find(word) != std::string::npos;
}

// The processes that the vectors call p1 to p6, each started by the one before; some have several threads.
constexpr struct {
    std::int64_t tid, pid, ptid, vtid, vpid;
} kTree[] = {{2, 2, 1, 2, 2},      {6, 2, 1, 6, 2},      {25, 25, 2, 25, 25}, {23, 25, 2, 23, 25},
             {24, 25, 2, 24, 25},  {72, 72, 25, 72, 72}, {76, 76, 72, 1, 1},  {79, 76, 72, 2, 1},
             {82, 82, 79, 10, 10}, {84, 82, 79, 12, 10}, {87, 87, 84, 17, 17}};

void add_tree(replay::ReplayState& state) {
    for (const auto& t : kTree) {
        capfile::ThreadRecord r;
        r.tid = t.tid, r.pid = t.pid, r.ptid = t.ptid, r.vtid = t.vtid, r.vpid = t.vpid;
        r.sid = r.pgid = 1, r.vpgid = 1;
        r.comm = "bash", r.exe = "bash", r.exepath = "/sbin/init", r.cwd = "/", r.root = "/";
        if (t.tid != t.pid) r.flags = 1 << 13 | 1; // a thread shares descriptors
        state.on_thread(r);
    }
}

} // namespace

std::string bytes_of_text(const std::string& text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto c = static_cast<unsigned char>(text[i]);
        if ((c == 0xc2 || c == 0xc3) && i + 1 < text.size())
            out += static_cast<char>((c & 3) << 6 | (text[++i] & 0x3f));
        else
            out += text[i];
    }
    return out;
}

VectorReplay::VectorReplay(const json& vector, const VectorSetup& setup)
    : vector_(vector), test_(vector.value("test", "")),
      ipv6_(mentions(vector, "AF_INET6") || test_.find("ipv6") != std::string::npos) {
    for (const VectorSetup::User& u : setup.users) {
        capfile::UserRecord r;
        r.uid = u.uid, r.gid = 0, r.name = u.name, r.home = u.home, r.shell = u.shell;
        state_.on_user(r);
    }
    capfile::ThreadRecord init;
    init.tid = init.pid = init.vtid = init.vpid = 1;
    init.ptid = 0, init.sid = 0, init.pgid = 1, init.vpgid = 1;
    init.comm = "init", init.exe = init.exepath = "/sbin/init", init.cwd = "/root/", init.root = "/";
    init.args = std::string_view("context\0ls\0--format\0{{json .}}\0", 31);
    init.env = std::string_view("TEST_ENV_PARENT_LINEAGE=secret\0HOME=/home/user/parent\0", 54);
    init.uid = setup.uid, init.loginuid = 0;
    state_.on_thread(init);
    FdInfo file;
    file.type = FdType::file_v2, file.name = "/test/file";
    capfile::FdRecord open;
    open.tid = 1, open.fd = 0, open.info = &file;
    state_.on_fd(open);
    if (mentions(vector, "_t1_") || mentions(vector, "_t2_") || mentions(vector, "_t3_")) add_tree(state_);
}

EvalWorld VectorReplay::view() const {
    EvalWorld w;
    w.processes = &state_.processes(), w.users = &state_.users(), w.hostname = &hostname_;
    w.addresses = &state_.addresses();
    return w;
}

bool VectorReplay::number(std::string_view text, const std::string& type, std::int64_t& out) const {
    text = unwrapped(text);
    if (text.find('|') != std::string_view::npos) {
        std::int64_t all = 0;
        while (!text.empty()) {
            const std::size_t bar = std::min(text.find('|'), text.size());
            std::int64_t one = 0;
            if (!number(text.substr(0, bar), type, one)) return false;
            all |= one;
            text.remove_prefix(std::min(bar + 1, text.size()));
        }
        out = all;
        return true;
    }
    if (text.starts_with('-') && text.size() > 1 && (text[1] < '0' || text[1] > '9')) {
        if (!number(text.substr(1), type, out)) return false;
        out = -out;
        return true;
    }
    const auto [end, error] = std::from_chars(text.begin(), text.end(), out);
    if (error == std::errc() && end == text.end()) return true;
    if (const auto* value = look_up(kNumbers, test_, type, text)) return out = *value, true;
    return flag_value(text, out);
}

bool VectorReplay::bytes(std::string_view text, std::string& out) const {
    constexpr std::string_view kBuffer = "scap_const_sized_buffer{";
    std::string_view size;
    if (text.starts_with(kBuffer)) {
        text.remove_prefix(kBuffer.size());
        const std::size_t comma = text.find(',');
        if (comma == std::string_view::npos || !text.ends_with('}')) return false;
        size = trimmed(text.substr(comma + 1, text.size() - comma - 2));
        text = text.substr(0, comma);
    }
    if (text.starts_with('&')) text.remove_prefix(1);
    text = text.substr(0, text.find('.'));
    if (text == "empty_bytebuf" || text == "nullptr") return out.clear(), true;
    const Ends ends = ends_of(test_, ipv6_);
    const char family = ipv6_ ? 10 : 2;
    const bool other = vector_["event"].dump().find("server2") != std::string::npos;
    if (text == "socktuple" || text == "st") {
        // Of two connections the second event's is to the other server; the first has been told by then.
        const bool second =
            other && !vector_["history"].empty() && static_cast<std::size_t>(count_) >= vector_["history"].size();
        out = family + ends.client.bytes() + (second ? ends.other_server : ends.server).bytes();
    } else if (text == "server_sockaddr" || text == "server1_sockaddr") {
        out = family + ends.server.bytes();
    } else if (text == "server2_sockaddr") {
        out = family + ends.other_server.bytes();
    } else if (text == "client_sockaddr") {
        out = family + ends.client.bytes();
    } else if (const auto* known = look_up(kTexts, test_, {}, text)) {
        out = *known;
        if (size.ends_with("+ 1") || (size.starts_with("sizeof") && out.find('\0') == std::string::npos)) out += '\0';
    } else {
        return false;
    }
    return true;
}

bool VectorReplay::argument(const json& arg, const std::string& type, const ParamInfo& param, std::string& out) const {
    const std::size_t width = width_of(param.type);
    const bool text =
        param.type == ParamType::charbuf || param.type == ParamType::fspath || param.type == ParamType::fsrelpath;
    out.clear();
    if (arg.is_null()) return true;
    if (arg.is_string() && width == 0) {
        out = bytes_of_text(arg.get<std::string>());
        if (text) out += '\0';
        return true;
    }
    std::int64_t value = 0;
    if (arg.is_number_integer()) {
        value = arg.get<std::int64_t>();
    } else if (arg.is_object() && arg.contains("flags")) {
        for (const json& name : arg["flags"]) {
            std::int64_t one = 0;
            if (!number(name.get<std::string>(), type, one)) return false;
            value |= one;
        }
    } else if (arg.is_object() && arg.contains("cpp")) {
        const std::string source = arg["cpp"];
        if (width == 0) {
            if (!bytes(source, out)) return false;
            if (text) out += '\0';
            return true;
        }
        if (!number(source, type, value)) return false;
    } else {
        return false;
    }
    // A number for a parameter that is none: bytes nobody reads as text.
    out = little_endian(static_cast<std::uint64_t>(value), width == 0 ? 8 : width);
    return true;
}

// Functions of the vectors that make an event, and events that the vectors lost but their test's name tells of.
std::string VectorReplay::expand(const json& event, Call& out) const {
    if (!event.is_object()) {
        if (test_ == "proc_fields_invalid_utf8_match")
            return expand({{"fn", "generate_execve_enter_and_exit_event"},
                           {"raw", {"0", "1", "1", "1", "1", "\"/bin/bad\u00ff\"", "\"bad\u00ff\""}}},
                          out);
        if (test_ == "plugin_syscall_source") {
            out = {"SYSCALL_OPEN_X", 1, json::array({3, "/tmp/the_file", 0, 0, 0, 0})};
            return {};
        }
        if (test_ == "plugin_syscall_async") {
            out = {"ASYNCEVENT_E", 1, json::array({0, "sampleticker", {{"cpp", "plugindata"}}})};
            return {};
        }
        if (test_.starts_with("execveat_absolute_path")) {
            const std::string path = vector_["value"];
            return expand({{"fn", "generate_execve_enter_and_exit_event"},
                           {"raw", {"0", "1", "1", "1", "1", '"' + path + '"', "\"file\""}}},
                          out);
        }
        return "the vector has no event";
    }
    if (test_ == "execveat_invalid_path" && &event == &vector_["event"])
        return expand({{"fn", "generate_execve_enter_and_exit_event"},
                       {"raw", {"0", "1", "1", "1", "1", "\"<NA>\"", "\"file\""}}},
                      out);
    // These stand behind an exec by root, in no group of processes, that the vector does not tell.
    const std::string asked = vector_.value("filter", "");
    if (test_ == "EVT_FILTER_rawarg_madness" && &event == &vector_["event"] &&
        (asked.starts_with("evt.rawarg.uid") || asked.starts_with("evt.rawarg.gid") ||
         asked.starts_with("evt.rawarg.pgid"))) {
        const std::string why = expand({{"fn", "generate_execve_enter_and_exit_event"},
                                        {"raw", {"0", "1", "1", "1", "1", "\"/bin/test\"", "\"test\""}}},
                                       out);
        out.args[28] = 0; // pgid
        return why;
    }
    const std::string fn = event.value("fn", "");
    if (fn.starts_with("add_event")) {
        out.type = event.value("type", "");
        if (out.type.starts_with("PPME_")) out.type.erase(0, 5);
        out.args = event["args"];
        // Descriptors of this test count up; the vectors resolved the counter to its first value.
        static const std::map<std::string, int> kCounted = {
            {"SYSCALL_TIMERFD_CREATE_X", 6}, {"SYSCALL_INOTIFY_INIT_X", 7},    {"SYSCALL_BPF_2_X", 8},
            {"SYSCALL_USERFAULTFD_X", 9},    {"SYSCALL_IO_URING_SETUP_X", 10}, {"SYSCALL_EPOLL_CREATE_X", 11},
            {"SYSCALL_EPOLL_CREATE1_X", 12}};
        if (const auto it = kCounted.find(out.type); test_ == "creates_fd_generic" && it != kCounted.end())
            out.args[0] = it->second;
        const json& tid = event["tid"];
        if (tid.is_number_integer()) return out.tid = tid.get<std::int64_t>(), std::string();
        if (tid.is_object() && number(tid.value("cpp", ""), out.type, out.tid)) return {};
        return "thread " + tid.dump();
    }
    std::vector<std::string> raw;
    for (const json& r : event["raw"]) raw.push_back(r.is_string() ? r.get<std::string>() : r.dump());
    const auto arg = [&](std::size_t i) { return i < raw.size() ? json{{"cpp", raw[i]}} : json(0); };
    const auto word = [&](std::size_t i) {
        return i < raw.size() && raw[i].size() > 1 ? raw[i].substr(1, raw[i].size() - 2) : std::string();
    };
    const auto tid = [&](std::size_t i) { return i >= raw.size() || number(raw[i], {}, out.tid); };
    if (fn == "generate_socket_exit_event") {
        const bool datagram = !raw.empty() && raw[0].find("SOCK_DGRAM") != std::string::npos;
        out = {"SOCKET_SOCKET_X", 1, json::array({4, ipv6_ ? 10 : 2, datagram ? 2 : 1, 0})};
    } else if (fn == "generate_connect_exit_event") {
        out = {"SOCKET_CONNECT_X", 1, json::array({0, {{"cpp", "socktuple"}}, 4, {{"cpp", "server_sockaddr"}}})};
    } else if (fn == "generate_getcwd_failed_entry_event") {
        out = {"SYSCALL_GETCWD_X", 1, json::array({-13, "/test/dir"})};
    } else if (fn == "generate_random_event") {
        out = {"SYSCALL_GETCWD_X", 1, json::array({0, "/test/dir"})};
        if (!tid(0)) return "thread " + raw[0];
    } else if (fn == "generate_open_x_event") {
        out = {"SYSCALL_OPEN_X", 1, json::array({4, "/tmp/the_file", 0, 0, 0, 0})};
    } else if (fn == "generate_proc_exit_event") {
        out = {"PROCEXIT_1_E", 1, json::array({0, 0, 0, 0, arg(1)})};
        if (!tid(0)) return "thread " + raw[0];
    } else if (fn == "generate_execve_exit_event_with_empty_params") {
        out = {"SYSCALL_EXECVE_19_X", 1, json::array()};
        for (int i = 0; i < 31; ++i) out.args.push_back(nullptr);
    } else if (fn == "generate_execve_enter_and_exit_event" && raw.size() >= 7) {
        const std::string path = word(5), exepath = raw.size() > 7 ? word(7) : path;
        out = {"SYSCALL_EXECVE_19_X", 1,
               json::array({arg(0), path, nullptr, arg(2),  arg(3),  arg(4),  "", 1024, 0,   1, 100,
                            10,     0,    word(6), nullptr, nullptr, 0,       1,  0,    0,   0, 0,
                            0,      0,    0,       0,       0,       exepath, 1,  0,    path})};
        if (!tid(2)) return "thread " + raw[2];
    } else {
        return "call of " + fn;
    }
    return {};
}

std::string VectorReplay::add(const json& event) {
    Call call;
    if (std::string why = expand(event, call); !why.empty()) return why;
    const EventInfo* info = event_of(call.type);
    if (!info) return "event " + call.type;
    if (!call.args.is_array() || call.args.size() > info->params.size()) return "number of arguments of " + call.type;
    bytes_.assign(call.args.size(), {});
    for (std::size_t i = 0; i < bytes_.size(); ++i)
        if (!argument(call.args[i], call.type, info->params[i], bytes_[i])) return "argument " + call.args[i].dump();
    views_.assign(bytes_.begin(), bytes_.end());
    RawEvent raw;
    raw.code = info->code;
    raw.cpu = 1;
    raw.time = 1'566'230'400'000'000'000 + count_++;
    raw.tid = call.tid;
    raw.params = views_;
    last_ = state_.on_event(raw);
    return {};
}

std::string VectorReplay::add_all() {
    for (const json& h : vector_["history"])
        if (std::string why = add(h); !why.empty()) return why;
    return add(vector_["event"]);
}

} // namespace gyr::test
