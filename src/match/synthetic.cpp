#include "match/synthetic.h"

#include "event/schema.h"
#include "lang/parser.h"

#include <cstdlib>

namespace gyr::match {
namespace {

constexpr std::array kPrograms = {"nginx", "postgres", "java", "node",    "python3",
                                  "bash",  "sshd",     "cron", "kubelet", "redis-server"};
constexpr std::array kFiles = {"/usr/lib/x86_64-linux-gnu/libc.so.6",
                               "/var/lib/postgresql/base/1/2",
                               "/proc/self/stat",
                               "/etc/ld.so.cache",
                               "/var/log/nginx/access.log",
                               "/tmp/sess_12345",
                               "/dev/null",
                               "/usr/share/zoneinfo/UTC",
                               "/app/node_modules/a/index.js",
                               "/sys/fs/cgroup/cpu.stat"};

// Open flags of the capture format.
constexpr std::uint32_t kRead = 1, kWrite = 2;

std::string condition(std::size_t i) {
    const std::string n = std::to_string(i);
    const std::string host = i % 3 == 0 ? "container.id != host and " : "";
    const std::string open = "evt.type in (open, openat, openat2) and fd.typechar = 'f' and fd.num >= 0 and ";
    switch (i % 8) {
    case 0:
        return open + "evt.is_open_write = true and fd.directory in (/bin, /sbin, /usr/bin" + n +
               ") and not proc.name in (dpkg, rpm" + n + ")";
    case 1:
        return open + "evt.is_open_read = true and " + host + "fd.name startswith /etc/secret" + n +
               " and not proc.name in (sshd, login" + n + ") and not proc.pname = cron";
    case 2:
        return open + "evt.is_open_write = true and (fd.name endswith .service" + n + " or fd.name contains /.ssh/" +
               n + ") and proc.name exists";
    case 3:
        return "evt.type in (execve, execveat) and evt.res = SUCCESS and proc.name in (tool" + n + ", nc, ncat) and " +
               host + "proc.tty != 0";
    case 4:
        return "evt.type in (execve, execveat) and (proc.cmdline contains \"--evil" + n +
               "\" or proc.args icontains miner" + n + ") and proc.pname in (java, node, nginx)";
    case 5:
        return "evt.type = connect and fd.sport in (" + std::to_string(4000 + i) + ", 4444, 5555) and " + host +
               "not proc.name = app" + n;
    case 6:
        return "evt.type in (unlink, unlinkat, rename, renameat, renameat2) and " + host +
               "fs.path.name pmatch (/var/log" + n + ", /root)";
    default:
        return "evt.type = setuid and user.uid != 0 and proc.exepath glob \"/opt/*/bin/x" + n + "\" and " + host +
               "proc.aname[2] != init" + n;
    }
}

} // namespace

std::vector<Rule> make_rules(std::size_t count) {
    std::vector<Rule> rules(count);
    for (std::size_t i = 0; i < count; ++i) {
        Rule& r = rules[i];
        r.name = "rule " + std::to_string(i);
        r.index = i;
        r.output = "%proc.name %evt.type";
        r.condition_text = condition(i);
        r.condition = lang::parse(r.condition_text).value();
    }
    return rules;
}

EventMix::Body& EventMix::parameters(Event& event, const std::string& path, bool writes, std::uint64_t number) {
    Body& body = bodies_.emplace_back();
    for (const ParamInfo& p : find_event(event.code)->params) {
        const bool text = p.type == ParamType::fspath || p.type == ParamType::fsrelpath || p.type == ParamType::charbuf;
        std::uint64_t value = p.name == "flags" ? (writes ? kWrite : kRead) : p.name == "fd" ? number : 0;
        body.bytes.push_back(text ? path + '\0' : std::string(reinterpret_cast<const char*>(&value), sizeof value));
    }
    body.params.assign(body.bytes.begin(), body.bytes.end());
    body.fd.type = FdType::file_v2;
    body.fd.name = body.fd.name_raw = path;
    body.fd.open_flags = writes ? kWrite : kRead;
    event.params = body.params;
    event.fd = &body.fd;
    event.fd_number = static_cast<std::int64_t>(number);
    return body;
}

EventMix::EventMix(std::size_t count) {
    std::vector<std::shared_ptr<ProcessImage>> processes;
    const auto init = world_.process(1, "/sbin/init", {"init"});
    for (int i = 0; i < 300; ++i) {
        const std::string name = kPrograms[static_cast<std::size_t>(i) % kPrograms.size()];
        const auto parent = i % 3 == 0 || processes.empty() ? init : processes[static_cast<std::size_t>(i) / 2];
        auto p = world_.process(100 + i, "/usr/bin/" + name, {name, "--serve", std::to_string(i)}, parent.get());
        if (i % 2 == 0) p->container = test::make_container(true);
        processes.push_back(std::move(p));
    }
    const auto code = [](std::string_view name) { return event_codes(name).back(); };
    const EventCode openat = code("openat"), close = code("close"), read = code("read"), write = code("write"),
                    connect = code("connect"), futex = code("futex"), unlink = code("unlinkat"), fstat = code("fstat");
    std::uint32_t random = 12345;
    const auto below = [&](std::uint32_t n) {
        random = random * 1664525U + 1013904223U;
        return (random >> 8) % n;
    };
    events_.reserve(count);
    // A process makes several calls in a row before another one runs.
    std::shared_ptr<ProcessImage> process = processes[0];
    for (std::size_t i = 0; i < count; ++i) {
        if (below(8) == 0) process = processes[below(300)];
        Event event = test::exec_event(process);
        event.number = i + 1;
        const std::uint32_t kind = below(1000);
        const bool exec = kind < 5;
        event.code = exec         ? kExecve
                     : kind < 15  ? connect
                     : kind < 20  ? unlink
                     : kind < 270 ? openat
                     : kind < 520 ? close
                     : kind < 720 ? read
                     : kind < 870 ? write
                     : kind < 920 ? fstat
                                  : futex;
        const std::string path = kFiles[below(kFiles.size())];
        Body& body = parameters(event, path, below(10) == 0, 3 + below(40));
        if (event.code == connect) {
            body.fd.type = FdType::ipv4;
            body.fd.l4 = L4Protocol::tcp;
            body.fd.destination_address = {10, 1, 2, 3};
            body.fd.destination_port = 5432;
        }
        if (exec) event.params = {}, event.fd = nullptr;
        events_.push_back(event);
    }
}

} // namespace gyr::match
