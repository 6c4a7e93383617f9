#include "recording/table_threads.h"

#include "recording/image_text.h"
#include "recording/proc_text.h"
#include "recording/proc_thread.h"

#include <algorithm>
#include <deque>
#include <vector>

namespace gyr::recording {
namespace {

constexpr std::size_t kMostText = 4096;     // what the lists hold of one text
constexpr std::size_t kThreadsAtOnce = 512; // of the list, so that a host with many costs no more memory

std::uint32_t size_of(std::uint64_t kilobytes) {
    return static_cast<std::uint32_t>(std::min<std::uint64_t>(kilobytes, 0xffffffffu));
}
std::uint64_t time_of(Nanos time) { return time > 0 ? static_cast<std::uint64_t>(time) : 0; }

} // namespace

ImageThread::ImageThread(const ProcessImage& p)
    : args_(items(p.exec->argv, 1, kMostText)), env_(items(p.exec->env, 0, kMostText)), cgroups_(cgroups(p, kMostText)),
      cwd_(p.cwd) {
    capfile::ThreadRecord& r = record_;
    r.tid = r.pid = p.key.pid;
    r.ptid = p.parent.pid;
    r.sid = p.sid, r.pgid = p.pgid, r.vpgid = p.vpgid;
    r.vtid = r.vpid = p.vpid;
    r.comm = p.comm;
    r.exe = p.exec->argv.size() > 0 ? argv0(p) : std::string_view(p.comm); // a kernel thread has no arguments
    r.exepath = p.exec->exe_path;
    r.args = args_, r.env = env_, r.cgroups = cgroups_;
    r.cwd = cwd_, r.root = p.root;
    r.fdlimit = static_cast<std::int64_t>(p.fd_limit);
    const Credentials& c = p.credentials;
    r.uid = c.uid, r.gid = c.gid, r.loginuid = c.login_uid;
    r.cap_inheritable = c.cap_inheritable, r.cap_permitted = c.cap_permitted, r.cap_effective = c.cap_effective;
    r.vmsize_kb = size_of(p.vm_size_kb), r.vmrss_kb = size_of(p.vm_rss_kb), r.vmswap_kb = size_of(p.vm_swap_kb);
    r.pfmajor = p.major_faults, r.pfminor = p.minor_faults;
    r.pidns_init_start = time_of(p.pidns_init_start);
    r.tty = p.tty;
    const FileIdentity& file = p.exec->exe_file;
    r.exe_writable = (file.marks & kFileWritable) != 0;
    r.exe_upper_layer = (file.marks & kFileUpperLayer) != 0;
    r.exe_lower_layer = (file.marks & kFileLowerLayer) != 0;
    r.exe_from_memfd = (file.marks & kFileMemfd) != 0;
    r.exe_ino = file.ino, r.exe_ino_ctime = time_of(file.ctime), r.exe_ino_mtime = time_of(file.mtime);
}

namespace {

// Gives the processes whose descriptors are to be told.
Result<std::vector<std::int64_t>> describe_table(capfile::Writer& writer, const ProcessTable& table,
                                                 const TableDescription& what) {
    std::vector<std::int64_t> told;
    std::deque<ImageThread> processes;
    std::deque<ProcThread> threads;
    std::vector<capfile::ThreadRecord> records;
    Result<> result;
    const auto write_out = [&] {
        records.clear();
        for (const ImageThread& process : processes) records.push_back(process.record());
        for (const ProcThread& thread : threads) records.push_back(thread.record());
        if (result && !records.empty()) result = writer.write_threads(records);
        processes.clear(), threads.clear(); // only now: the records point into them
    };
    table.for_each([&](const Process& process) {
        const ProcessImage& image = *process.image;
        if (!result || image.incomplete || image.key.pid <= 0) return;
        if (process.dead) {
            const ProcessImage* heir = table.find_pid(image.key.pid); // of its number
            if (process.death_time < what.ended_since || (heir != nullptr && heir != &image)) return;
        }
        processes.emplace_back(image);
        if (!process.dead && (!what.with_descriptors || what.with_descriptors(image))) told.push_back(image.key.pid);
        if (what.threads && !process.dead && !image.kernel_thread) {
            const std::string folder = what.places.proc + "/" + std::to_string(image.key.pid) + "/task";
            for (const std::int64_t tid : numbers_in(folder)) {
                if (tid == image.key.pid) continue;
                if (!threads.emplace_back().read(folder + "/" + std::to_string(tid), false)) threads.pop_back();
            }
        }
        if (processes.size() + threads.size() >= kThreadsAtOnce) write_out();
    });
    write_out();
    if (!result) return std::unexpected(result.error());
    return told;
}

} // namespace

Result<> describe_host(capfile::Writer& writer, const ProcessTable& table, const TableDescription& what) {
    if (auto done = describe_machine(writer, what.places); !done) return done;
    if (auto done = describe_interfaces(writer); !done) return done;
    if (auto done = describe_users(writer, what.places); !done) return done;
    const auto told = describe_table(writer, table, what);
    if (!told) return std::unexpected(told.error());
    return describe_descriptors(writer, *told, what.places);
}

} // namespace gyr::recording
