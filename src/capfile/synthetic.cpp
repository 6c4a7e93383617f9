#include "capfile/synthetic.h"

#include "event/schema.h"

#include <array>
#include <fmt/format.h>
#include <string>
#include <vector>

namespace gyr::capfile {
namespace {

constexpr EventCode kCloseExit = 5, kFcntlExit = 151, kOpenatExit = 307, kReadExit = 7;
constexpr std::int64_t kProcesses = 200;
constexpr Nanos kStart = 1'700'000'000'000'000'000;

// The parameters of one event, packed one behind the other.
class Packer {
  public:
    void begin(EventCode code, std::int64_t tid) {
        event_.code = code;
        event_.tid = tid;
        bytes_.clear();
        ends_.clear();
    }
    template <class T>
    void num(T value) {
        const void* raw = &value;
        bytes_.append(static_cast<const char*>(raw), sizeof value);
        ends_.push_back(bytes_.size());
    }
    void i64(std::int64_t value) { num(value); }
    void u32(std::uint32_t value) { num(value); }
    void u64(std::uint64_t value) { num(value); }
    void text(std::string_view value) { // with its NUL
        bytes_ += value;
        bytes_ += '\0';
        ends_.push_back(bytes_.size());
    }
    void bytes(std::string_view value) {
        bytes_ += value;
        ends_.push_back(bytes_.size());
    }
    RawEvent& event() {
        params_.clear();
        std::size_t at = 0;
        for (const std::size_t end : ends_) {
            params_.push_back(std::string_view(bytes_).substr(at, end - at));
            at = end;
        }
        event_.params = params_;
        return event_;
    }

  private:
    RawEvent event_;
    std::string bytes_;
    std::vector<std::size_t> ends_;
    std::vector<std::string_view> params_;
};

class Workload {
  public:
    explicit Workload(Writer& writer) : writer_(writer) {}
    Result<> describe_host();
    Result<> run(std::uint64_t events);

  private:
    void clone(std::int64_t result, std::int64_t tid, std::int64_t parent);
    void execve(std::int64_t tid, std::int64_t parent);
    Result<> write();
    Result<> touch_a_file();
    Result<> start_a_process();
    std::uint64_t random() {
        state_ ^= state_ << 13;
        state_ ^= state_ >> 7;
        state_ ^= state_ << 17;
        return state_;
    }
    [[nodiscard]] bool done() const { return written_ >= wanted_; }

    Writer& writer_;
    Packer packer_;
    Nanos time_ = kStart;
    std::uint64_t state_ = 0x9e3779b97f4a7c15ULL, written_ = 0, wanted_ = 0;
    std::int64_t next_tid_ = 10'000;
};

Result<> Workload::describe_host() {
    MachineInfo machine;
    machine.cpus = 4;
    machine.memory_bytes = 8ULL << 30;
    machine.max_pid = 4'194'304;
    machine.hostname = "synthetic";
    machine.boot_time = kStart - 1'000'000'000'000;
    if (auto done = writer_.write_machine(machine); !done) return done;
    UserRecord root{0, 0, "root", "/root", "/bin/bash"};
    const GroupRecord group{0, "root"};
    if (auto done = writer_.write_users({&root, 1}, {&group, 1}); !done) return done;
    std::vector<ThreadRecord> threads;
    for (std::int64_t i = 0; i < kProcesses; ++i) {
        ThreadRecord t;
        t.tid = t.pid = t.vtid = t.vpid = i == 0 ? 1 : 1000 + i;
        t.ptid = i == 0 ? 0 : 1;
        t.comm = i == 0 ? "systemd" : "worker";
        t.exe = t.exepath = i == 0 ? "/usr/lib/systemd/systemd" : "/usr/bin/worker";
        t.cwd = t.root = "/";
        t.cgroups = std::string_view("cpuset=/\0cpu=/system.slice\0", 27);
        t.fdlimit = 1024;
        threads.push_back(t);
    }
    if (auto done = writer_.write_threads(threads); !done) return done;
    FdInfo terminal;
    terminal.type = FdType::file_v2;
    terminal.name = "/dev/pts/0";
    for (const ThreadRecord& t : threads) {
        const std::array<FdRecord, 3> fds{FdRecord{t.tid, 0, &terminal}, {t.tid, 1, &terminal}, {t.tid, 2, &terminal}};
        if (auto done = writer_.write_fds(t.tid, fds); !done) return done;
    }
    return {};
}

Result<> Workload::write() {
    RawEvent& event = packer_.event();
    time_ += 200 + static_cast<Nanos>(random() % 4000);
    event.time = time_;
    event.cpu = static_cast<std::int16_t>(event.tid % 4);
    ++written_;
    return writer_.write_event(event);
}

// open, look at the descriptor, read, close: the bulk of a busy host.
Result<> Workload::touch_a_file() {
    const std::uint64_t r = random();
    const std::int64_t tid = 1001 + static_cast<std::int64_t>(r % (kProcesses - 1));
    const std::int64_t fd = 3 + static_cast<std::int64_t>((r >> 10) % 20);
    const bool found = (r >> 20) % 8 != 0;
    std::array<char, 96> name{};
    const auto end = fmt::format_to_n(name.data(), name.size() - 1, "/usr/share/app/{}/module-{:03}/data.{}",
                                      (r >> 24) % 40, (r >> 32) % 900, (r >> 48) % 2 != 0 ? "json" : "so");
    packer_.begin(kOpenatExit, tid);
    packer_.i64(found ? fd : -2);
    packer_.i64(-100);
    packer_.text({name.data(), end.size});
    packer_.u32(0x1001);
    packer_.u32(0);
    packer_.u32(found ? 0xfd01 : 0);
    packer_.u64(found ? 1'000'000 + (r >> 30) % 100'000 : 0);
    if (auto done = write(); !done || !found) return done;
    if ((r >> 50) % 3 == 0 && !done()) {
        packer_.begin(kFcntlExit, tid);
        packer_.i64(0);
        packer_.i64(fd);
        packer_.num(std::uint8_t{4});
        packer_.i64(0);
        if (auto done = write(); !done) return done;
    }
    if ((r >> 52) % 8 == 0 && !done()) {
        packer_.begin(kReadExit, tid);
        packer_.i64(64);
        packer_.bytes("{\"name\": \"some text that a program reads from a file of its own\"}");
        packer_.i64(fd);
        packer_.u32(4096);
        if (auto done = write(); !done) return done;
    }
    if (done()) return {};
    packer_.begin(kCloseExit, tid);
    packer_.i64(0);
    packer_.i64(fd);
    return write();
}

void Workload::clone(std::int64_t result, std::int64_t tid, std::int64_t parent) {
    packer_.begin(kClone, tid);
    packer_.i64(result);
    packer_.text("/usr/bin/worker");
    packer_.bytes(std::string_view("--jobs\0004\0", 9));
    packer_.i64(tid);
    packer_.i64(tid);
    packer_.i64(parent);
    packer_.text("");
    packer_.i64(1024);
    packer_.u64(0);
    packer_.u64(300);
    for (const std::uint32_t kb : {10'000u, 4'000u, 0u}) packer_.u32(kb);
    packer_.text("worker");
    packer_.bytes(std::string_view("cpuset=/\0cpu=/system.slice/app.service\0", 39));
    packer_.u32(0x1200000);
    packer_.u32(0);
    packer_.u32(0);
    packer_.i64(tid);
    packer_.i64(tid);
    packer_.u64(0);
}

void Workload::execve(std::int64_t tid, std::int64_t parent) {
    packer_.begin(kExecve, tid);
    packer_.i64(0);
    packer_.text("/usr/bin/git");
    packer_.bytes(std::string_view("status\0--short\0", 15));
    packer_.i64(tid);
    packer_.i64(tid);
    packer_.i64(parent);
    packer_.text("");
    packer_.u64(1024);
    packer_.u64(0);
    packer_.u64(30);
    for (const std::uint32_t kb : {900u, 300u, 0u}) packer_.u32(kb);
    packer_.text("git");
    packer_.bytes(std::string_view("cpuset=/\0cpu=/system.slice/app.service\0", 39));
    packer_.bytes(std::string_view("HOME=/root\0PATH=/usr/bin:/bin\0LANG=C.UTF-8\0SHELL=/bin/bash\0", 59));
    packer_.u32(0);
    packer_.i64(parent);
    packer_.u32(0xffffffff);
    packer_.u32(1);
    for (int i = 0; i < 3; ++i) packer_.u64(0x1ffffffffff);
    for (const std::uint64_t exe : {123'456ULL, 1'690'000'000'000'000'000ULL, 1'690'000'000'000'000'000ULL})
        packer_.u64(exe);
    packer_.u32(0);
    packer_.text("/usr/bin/git");
    packer_.i64(parent);
    packer_.u32(0);
    packer_.text("/usr/bin/git");
}

Result<> Workload::start_a_process() {
    const std::int64_t parent = 1001 + static_cast<std::int64_t>(random() % (kProcesses - 1));
    const std::int64_t tid = next_tid_++;
    clone(tid, parent, 1);
    if (auto done = write(); !done) return done;
    clone(0, tid, parent);
    if (auto done = write(); !done) return done;
    execve(tid, parent);
    if (auto done = write(); !done) return done;
    packer_.begin(kProcExit, tid);
    packer_.i64(0);
    packer_.i64(0);
    packer_.num(std::uint8_t{0});
    packer_.num(std::uint8_t{0});
    packer_.i64(1);
    return write();
}

Result<> Workload::run(std::uint64_t events) {
    wanted_ = events;
    while (!done()) {
        const bool process = random() % 64 == 0 && written_ + 4 <= wanted_;
        if (auto done = process ? start_a_process() : touch_a_file(); !done) return done;
    }
    return {};
}

} // namespace

Result<> write_synthetic(Writer& writer, std::uint64_t events) {
    Workload workload(writer);
    if (auto done = workload.describe_host(); !done) return done;
    return workload.run(events);
}

} // namespace gyr::capfile
