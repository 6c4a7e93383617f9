#include "playback/script.h"

#include "event/schema.h"

#include <array>
#include <string>
#include <utility>

namespace gyr::playback {

namespace {

constexpr Nanos kStart = 1'767'225'600'000'000'000; // 2026-01-01T00:00:00Z
constexpr Nanos kStep = 1'000'000;
constexpr EventCode kOpenat = 307, kCloseExit = 5, kContainerJson = 324, kSetsid = 275;
constexpr std::int64_t kWorkingDirectory = -100;
// Flags of the capture format.
constexpr std::uint32_t kReadOnly = 1, kWriteOnly = 2, kCreate = 4, kExeUpperLayer = 2;

std::string joined(const std::vector<std::string>& items) {
    std::string out;
    for (const std::string& item : items) out += item + '\0';
    return out;
}

std::string cgroups_of(const ScriptProcess& p) {
    return script_text("=" + (p.cgroup.empty() ? std::string("/") : p.cgroup));
}

} // namespace

std::string script_text(std::string_view text) { return std::string(text) + '\0'; }

Script::Script(std::string hostname, bool compress)
    : hostname_(std::move(hostname)), writer_(capfile::Writer::to_string(bytes_, {.compress = compress, .level = 9})),
      time_(kStart) {
    if (!writer_) return;
    capfile::MachineInfo machine;
    machine.cpus = 1;
    machine.memory_bytes = 1U << 30;
    machine.max_pid = 1U << 15;
    machine.hostname = hostname_;
    machine.boot_time = kStart - 3'600'000'000'000;
    note(writer_->write_machine(machine));
}

void Script::note(const Result<>& result) {
    if (!result && failure_) failure_ = result;
}

void Script::process(ScriptProcess process) { processes_[process.pid] = std::move(process); }

void Script::begin_events() {
    if (begun_) return;
    begun_ = true;
    struct Texts {
        std::string args, cgroups;
    };
    std::vector<Texts> texts;
    texts.reserve(processes_.size());
    std::vector<capfile::ThreadRecord> threads;
    for (const auto& [pid, p] : processes_) {
        texts.push_back({joined(p.arguments), cgroups_of(p)});
        capfile::ThreadRecord t;
        t.tid = t.pid = t.vtid = t.vpid = t.vpgid = t.pgid = pid;
        t.ptid = p.parent;
        t.sid = p.sid;
        t.comm = p.comm, t.exe = t.exepath = p.exe, t.cwd = p.cwd, t.root = "/";
        t.args = texts.back().args, t.cgroups = texts.back().cgroups;
        t.uid = p.uid, t.gid = p.uid;
        t.tty = p.tty;
        threads.push_back(t);
    }
    if (writer_) note(writer_->write_threads(threads));
}

void Script::event(EventCode code, std::int64_t tid,
                   const std::vector<std::pair<std::string_view, std::string>>& params) {
    begin_events();
    const EventInfo* info = find_event(code);
    if (info == nullptr || !writer_) return note(fail(ErrorKind::invalid, "no such event"));
    std::array<std::string_view, kMaxParams> values{};
    for (const auto& [name, value] : params) {
        std::size_t at = 0;
        while (at < info->params.size() && info->params[at].name != name) ++at;
        if (at == info->params.size())
            return note(fail(ErrorKind::invalid, std::string(info->name) + " has no parameter " + std::string(name)));
        values[at] = value;
    }
    RawEvent raw;
    raw.code = code;
    raw.cpu = 0;
    raw.time = time_;
    raw.tid = tid;
    raw.params = std::span(values).first(info->params.size());
    note(writer_->write_event(raw));
    time_ += kStep;
}

void Script::clone(std::int64_t parent, std::int64_t child) {
    begin_events();
    ScriptProcess made = processes_[parent];
    made.pid = child;
    made.parent = parent;
    const auto tell = [&](const ScriptProcess& p, std::int64_t result) {
        event(kClone, p.pid,
              {{"res", script_number(result)},
               {"exe", script_text(p.exe)},
               {"args", joined(p.arguments)},
               {"tid", script_number(p.pid)},
               {"pid", script_number(p.pid)},
               {"ptid", script_number(p.parent)},
               {"cwd", script_text("")},
               {"comm", script_text(p.comm)},
               {"cgroups", cgroups_of(p)},
               {"flags", script_number(std::uint32_t{0})},
               {"uid", script_number(p.uid)},
               {"gid", script_number(p.uid)},
               {"vtid", script_number(p.pid)},
               {"vpid", script_number(p.pid)}});
    };
    tell(processes_[parent], child);
    tell(made, 0);
    processes_[child] = std::move(made);
}

void Script::exec(std::int64_t pid, const ScriptExec& exec) {
    ScriptProcess& p = processes_[pid];
    p.comm = exec.comm;
    p.exe = exec.exe;
    p.arguments = exec.arguments;
    p.tty = exec.tty;
    event(kExecve, pid,
          {{"res", script_number(std::int64_t{0})},
           {"exe", script_text(exec.comm)},
           {"args", joined(exec.arguments)},
           {"tid", script_number(pid)},
           {"pid", script_number(pid)},
           {"ptid", script_number(p.parent)},
           {"cwd", script_text(p.cwd)},
           {"comm", script_text(exec.comm)},
           {"cgroups", cgroups_of(p)},
           {"tty", script_number(exec.tty)},
           {"vpgid", script_number(pid)},
           {"loginuid", script_number(std::uint32_t{0xffffffff})},
           {"flags", script_number(exec.upper_layer ? kExeUpperLayer : std::uint32_t{0})},
           {"uid", script_number(p.uid)},
           {"trusted_exepath", script_text(exec.exe)},
           {"pgid", script_number(pid)},
           {"gid", script_number(p.uid)},
           {"filename", script_text(exec.exe)}});
}

void Script::lead_session(std::int64_t pid) {
    processes_[pid].sid = pid;
    event(kSetsid, pid, {{"res", script_number(pid)}});
}

void Script::exit(std::int64_t pid, int status, std::int64_t reaper) {
    event(kProcExit, pid,
          {{"status", script_number(std::int64_t{status} << 8)},
           {"ret", script_number(std::int64_t{status})},
           {"sig", script_number(std::uint8_t{0})},
           {"core", script_number(std::uint8_t{0})},
           {"reaper_tid", script_number(reaper)}});
}

void Script::open(std::int64_t pid, std::string_view path, std::int64_t fd, bool write, bool create) {
    const std::uint32_t flags = (write ? kWriteOnly : kReadOnly) | (create ? kCreate : 0U);
    event(kOpenat, pid,
          {{"fd", script_number(fd)},
           {"dirfd", script_number(kWorkingDirectory)},
           {"name", script_text(path)},
           {"flags", script_number(flags)},
           {"mode", script_number(std::uint32_t{create ? 0644U : 0U})},
           {"dev", script_number(std::uint32_t{1})},
           {"ino", script_number(std::uint64_t{2})}});
}

void Script::close(std::int64_t pid, std::int64_t fd) {
    event(kCloseExit, pid, {{"res", script_number(std::int64_t{0})}, {"fd", script_number(fd)}});
}

void Script::container(std::string_view json) { event(kContainerJson, -1, {{"json", script_text(json)}}); }

Result<std::string> Script::finish() {
    begin_events();
    if (!writer_) return std::unexpected(writer_.error());
    note(writer_->close());
    if (!failure_) return std::unexpected(failure_.error());
    return std::move(bytes_);
}

} // namespace gyr::playback
