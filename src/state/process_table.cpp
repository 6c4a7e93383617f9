#include "state/process_table.h"

#include <algorithm>
#include <utility>

namespace gyr {

namespace {

constexpr std::size_t kShortArgv = 256; // bytes of argv kept when memory is short
constexpr std::size_t kCgroupCacheMax = 8192;

std::size_t heap_bytes(const std::string& s) { return s.capacity() > 15 ? s.capacity() + 1 : 0; }

std::size_t heap_bytes(const ItemList& list) {
    return heap_bytes(list.bytes) + list.offsets.capacity() * sizeof(std::uint32_t);
}

std::size_t cost(const ExecImage& e) {
    return sizeof e + heap_bytes(e.exe_path) + heap_bytes(e.script_path) + heap_bytes(e.argv) + sizeof(ItemList) +
           heap_bytes(e.env);
}

std::size_t cost(const ProcessImage& p) {
    std::size_t n =
        sizeof p + p.groups.capacity() * sizeof(Gid) + heap_bytes(p.comm) + heap_bytes(p.cwd) + heap_bytes(p.root);
    for (const StdioInfo& s : p.stdio) n += heap_bytes(s.name);
    return n;
}

// An image whose bytes are counted for as long as anyone holds it.
template <class T>
std::shared_ptr<const T> metered(T&& value, const std::shared_ptr<std::atomic<std::uint64_t>>& meter) {
    const std::uint64_t bytes = cost(value);
    meter->fetch_add(bytes, std::memory_order_relaxed);
    return std::shared_ptr<const T>(new T(std::forward<T>(value)), [meter, bytes](const T* p) {
        delete p;
        meter->fetch_sub(bytes, std::memory_order_relaxed);
    });
}

ItemList items_of(const StringBlock& block, std::size_t keep) {
    ItemList list;
    std::string_view bytes = block.bytes;
    list.total_bytes = block.total_bytes != 0 ? block.total_bytes : bytes.size();
    list.hash = block.hash;
    list.truncated = block.truncated;
    list.unreadable = block.unreadable;
    if (bytes.size() > keep) {
        bytes = bytes.substr(0, keep);
        list.truncated = true;
    }
    if (!bytes.empty() && bytes.back() == '\0')
        bytes.remove_suffix(1);
    else if (bytes.empty())
        return list;
    list.bytes.assign(bytes);
    list.offsets.reserve(static_cast<std::size_t>(std::ranges::count(bytes, '\0')) + 1);
    list.offsets.push_back(0);
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        if (bytes[i] == '\0') list.offsets.push_back(static_cast<std::uint32_t>(i + 1));
    }
    return list;
}

bool same_for_rules(const ProcessImage& a, const ProcessImage& b) {
    return a.exec == b.exec && a.credentials == b.credentials && a.groups == b.groups && a.tty == b.tty &&
           a.sid == b.sid && a.pgid == b.pgid && a.comm == b.comm && a.cgroups == b.cgroups &&
           a.namespaces == b.namespaces && a.cwd == b.cwd && a.parent == b.parent && a.container == b.container;
}

// Credentials change without a tracepoint: what tells of it may come too late, or not at all, for a process that ends
// or forks at once. Its next record carries them.
bool other_credentials(const ProcessImage& image, const ProcessRecord& record) {
    return image.credentials != record.credentials || !std::ranges::equal(image.groups, record.groups);
}

} // namespace

ProcessTable::ProcessTable(Options options, Classifier classify)
    : options_(options), classify_(std::move(classify)), bytes_(std::make_shared<std::atomic<std::uint64_t>>(0)),
      no_exec_(std::make_shared<const ExecImage>()) {}

std::shared_ptr<const std::vector<CgroupInfo>> ProcessTable::intern_cgroups(std::span<const CgroupRecord> cgroups) {
    cgroup_key_.clear();
    for (const CgroupRecord& c : cgroups) {
        cgroup_key_ += c.subsystem;
        cgroup_key_ += '=';
        cgroup_key_ += c.path;
        cgroup_key_ += '\0';
    }
    if (const auto found = cgroups_.find(cgroup_key_); found != cgroups_.end()) return found->second;
    if (cgroups_.size() >= kCgroupCacheMax) {
        std::erase_if(cgroups_, [](const auto& kv) { return kv.second.use_count() == 1; });
    }
    auto made = std::make_shared<std::vector<CgroupInfo>>();
    for (const CgroupRecord& c : cgroups) made->push_back({std::string(c.subsystem), std::string(c.path)});
    return cgroups_.emplace(cgroup_key_, std::move(made)).first->second;
}

std::shared_ptr<const ExecImage> ProcessTable::make_exec(const ProcessRecord& record, bool by_exec) {
    const bool tight = bytes_->load(std::memory_order_relaxed) > options_.budget_bytes;
    if (tight) ++stats_.trimmed;
    ExecImage e;
    e.exe_path = record.exe_path;
    e.exe_file = record.exe_file;
    e.script_path = record.script_path;
    e.argv = items_of(record.argv, tight ? kShortArgv : std::string_view::npos);
    e.env = items_of(record.env, tight ? 0 : std::string_view::npos);
    e.exec_id = record.exec_id;
    e.exec_time = by_exec ? record.time : 0;
    e.mnt_ns = by_exec ? record.namespaces.mnt : 0;
    e.compat = record.compat;
    return metered(std::move(e), bytes_);
}

ProcessImagePtr ProcessTable::make_image(const ProcessRecord& record, const ProcessImage* previous,
                                         std::shared_ptr<const ExecImage> exec) {
    ProcessImage p;
    p.exec = std::move(exec);
    p.key = record.key;
    p.generation = ++generation_;
    const Nanos offset = record.time - static_cast<Nanos>(record.boottime_ns);
    p.start_time = offset + static_cast<Nanos>(record.key.start_boottime_ns);
    p.tid = record.tid;
    p.parent = record.real_parent;
    p.tracer = record.tracer;
    p.pgid = record.pgid;
    p.sid = record.sid;
    p.vpid = record.vpid;
    p.vtid = record.vtid;
    p.vppid = record.vppid;
    p.vpgid = record.vpgid;
    p.vsid = record.vsid;
    if (record.pidns_init_start_boottime_ns != 0) {
        p.pidns_init_start = offset + static_cast<Nanos>(record.pidns_init_start_boottime_ns);
        p.pidns_number = record.pidns_init_start_boottime_ns;
    }
    p.credentials = record.credentials;
    p.groups.assign(record.groups.begin(), record.groups.end());
    p.namespaces = record.namespaces;
    p.tty = record.tty;
    p.cgroup_id = record.cgroup_id;
    p.cgroup_set = record.cgroup_set;
    p.cgroups = intern_cgroups(record.cgroups);
    // A change that does not tell the name leaves it.
    const bool names = record.kind != RecordKind::change || !record.comm.empty() || (record.changes & kChangeComm) != 0;
    p.comm = names || previous == nullptr ? record.comm : std::string_view(previous->comm);
    p.threads = record.threads;
    p.fd_limit = record.fd_limit;
    p.vm_size_kb = record.vm_size_kb;
    p.vm_rss_kb = record.vm_rss_kb;
    p.vm_swap_kb = record.vm_swap_kb;
    p.major_faults = record.major_faults;
    p.minor_faults = record.minor_faults;
    p.kernel_thread = record.kernel_thread;
    if (!record.has_image && previous != nullptr) { // a fork's child stands where its parent stood
        p.cwd = previous->cwd;
        p.root = previous->root;
        p.stdio = previous->stdio;
    } else {
        p.cwd = record.cwd;
        p.root = record.root;
        for (std::size_t i = 0; i < p.stdio.size(); ++i)
            p.stdio[i] = {record.stdio[i].kind, std::string(record.stdio[i].name), record.stdio[i].ino};
    }
    p.incomplete = !record.has_image && previous == nullptr && !record.kernel_thread;
    if (record.kind == RecordKind::exec && record.has_before) {
        p.gained.uid = p.credentials.euid != record.before_euid;
        p.gained.gid = p.credentials.egid != record.before_egid;
        // For who is not root an exec of an ordinary file leaves the ambient ones only, whatever the caller (a
        // container's runtime, on its way to being an unprivileged user) still held.
        const bool root = p.credentials.uid == 0 || p.credentials.euid == 0;
        p.gained.caps = p.credentials.cap_effective & ~(root ? record.before_cap_effective : p.credentials.cap_ambient);
    } else if (record.kind == RecordKind::exec && previous != nullptr) {
        p.gained.uid = p.credentials.euid != previous->credentials.euid;
        p.gained.gid = p.credentials.egid != previous->credentials.egid;
        p.gained.caps = p.credentials.cap_effective & ~previous->credentials.cap_effective;
    } else if (previous != nullptr && previous->exec == p.exec) {
        p.gained = previous->gained;
    }
    // An exec is asked anew: a runtime's helper becomes the container's program by it.
    if (record.kind != RecordKind::exec && previous != nullptr && previous->cgroups == p.cgroups &&
        previous->namespaces == p.namespaces) {
        p.container = previous->container;
    } else if (classify_) {
        p.container = classify_(p);
    }
    p.origin = first_container(previous != nullptr ? previous->origin : nullptr, p.container);
    if (previous != nullptr && previous->session && p.container) p.session = previous->session;
    const bool begins = record.kind == RecordKind::exec || (record.kind == RecordKind::snapshot && previous == nullptr);
    if (begins && p.container && !p.session && open_session_) p.session = open_session_(p, previous);
    return metered(std::move(p), bytes_);
}

ProcessImagePtr ProcessTable::with_ids(const ProcessImagePtr& image, Uid uid, Uid euid, Gid gid, Gid egid) {
    const auto fits = [&](const ProcessImage& p) {
        const Credentials& c = p.credentials;
        return c.uid == uid && c.euid == euid && c.gid == gid && c.egid == egid;
    };
    if (image == nullptr || fits(*image)) return image;
    if (ids_from_ == image && fits(*ids_made_)) return ids_made_;
    ProcessImage p = *image;
    p.generation = ++generation_;
    p.credentials.uid = uid;
    p.credentials.euid = euid;
    p.credentials.gid = gid;
    p.credentials.egid = egid;
    ids_from_ = image;
    ids_made_ = metered(std::move(p), bytes_);
    return ids_made_;
}

bool ProcessTable::set_cwd(Process& process, std::string_view cwd) {
    if (process.image == nullptr || process.image->cwd == cwd) return false;
    ProcessImage p = *process.image;
    p.cwd = cwd;
    p.generation = ++generation_;
    process.image = metered(std::move(p), bytes_);
    return true;
}

void ProcessTable::set_image(Process& process, ProcessImagePtr image) {
    const ProcessKey& key = image->key;
    // A pid is that of the latest to have it: the end of the one before may be told after the beginning of the next.
    const auto point_to = [&key](auto& index, const auto& id) {
        const auto [at, added] = index.try_emplace(id, key);
        if (!added && at->second.start_boottime_ns <= key.start_boottime_ns) at->second = key;
    };
    if (!process.dead) point_to(by_pid_, key.pid);
    if (image->vpid != 0) point_to(by_vpid_, VpidKey{image->namespaces.pid, image->vpid});
    process.image = std::move(image);
}

Process& ProcessTable::insert(const ProcessRecord& record) {
    if (const auto old = by_pid_.find(record.key.pid);
        old != by_pid_.end() && old->second.start_boottime_ns < record.key.start_boottime_ns) {
        if (Process* p = entry(old->second); p != nullptr && !p->dead) {
            ++stats_.missed_exits;
            mark_dead(*p, record.time);
        }
    }
    Process& process = processes_[record.key];
    process.creator = record.real_parent;
    hold(process.creator);
    return process;
}

// One more child of it is a reason to keep it, and so those it descends from.
void ProcessTable::hold(ProcessKey creator) {
    while (creator) {
        if (++descendants_[creator] > 1) return;
        const Process* p = entry(creator);
        if (p == nullptr || !p->dead) return; // who lives has said so itself
        creator = p->creator;
    }
}

void ProcessTable::release(ProcessKey creator) {
    while (creator) {
        const auto count = descendants_.find(creator);
        if (count == descendants_.end() || --count->second > 0) return;
        descendants_.erase(count);
        const Process* p = entry(creator);
        if (p == nullptr || !p->dead) return;
        creator = p->creator;
    }
}

void ProcessTable::mark_dead(Process& process, Nanos time) {
    if (process.dead) return;
    process.dead = true;
    process.death_time = time;
    const ProcessKey key = process.image->key;
    if (!descendants_.contains(key)) release(process.creator);
    ended_.emplace_back(time, key);
    if (const auto it = by_pid_.find(key.pid); it != by_pid_.end() && it->second == key) by_pid_.erase(it);
}

void ProcessTable::drop(const ProcessKey& key) {
    const auto it = processes_.find(key);
    if (it == processes_.end()) return;
    const ProcessImage& image = *it->second.image;
    if (const auto v = by_vpid_.find({image.namespaces.pid, image.vpid}); v != by_vpid_.end() && v->second == key)
        by_vpid_.erase(v);
    const ProcessKey creator = it->second.creator;
    processes_.erase(it);
    if (descendants_.contains(key)) release(creator); // nobody can follow the line beyond it any more
}

void ProcessTable::make_room() {
    while (!ended_.empty() &&
           (ended_.size() > options_.lineage_max || bytes_->load(std::memory_order_relaxed) > options_.budget_bytes)) {
        const ProcessKey key = ended_.front().second;
        ended_.pop_front();
        ++stats_.evicted;
        drop(key);
    }
}

void ProcessTable::expire(Nanos now) {
    const std::size_t looked_at = ended_.size();
    for (std::size_t i = 0; i < looked_at && !ended_.empty(); ++i) {
        const auto [time, key] = ended_.front();
        if (time + options_.lineage_keep > now) break;
        ended_.pop_front();
        // An ancestor of something alive is worth keeping for another round.
        if (descendants_.contains(key))
            ended_.emplace_back(now, key);
        else
            drop(key);
    }
    make_room();
}

ProcessTable::Applied ProcessTable::apply(const ProcessRecord& record) {
    ++stats_.records;
    Applied out;
    Process* process = entry(record.key);
    if (process != nullptr && process->dead && record.kind != RecordKind::exit) {
        ++stats_.stale; // a snapshot or refresh that was read before the exit and arrived after it
        return out;
    }
    // The ring keeps per-process order; only what was read aside (snapshot, refresh) can be older than the table.
    if (process != nullptr && record.boottime_ns < process->last_boottime_ns &&
        (record.kind == RecordKind::snapshot || record.kind == RecordKind::change)) {
        ++stats_.stale;
        return out;
    }
    const bool known = process != nullptr;
    if (!known) {
        process = &insert(record);
        if (record.kind == RecordKind::exec || record.kind == RecordKind::exit || record.kind == RecordKind::change)
            ++stats_.missed_forks;
    }
    process->last_boottime_ns = std::max(process->last_boottime_ns, record.boottime_ns);
    const ProcessImagePtr previous = process->image;

    switch (record.kind) {
    case RecordKind::fork: {
        if (known) { // the snapshot saw the child first and knows more
            ++stats_.stale;
            return out;
        }
        const Process* parent = entry(record.real_parent);
        if (parent == nullptr || parent->image == nullptr) {
            set_image(*process, make_image(record, nullptr, no_exec_));
            out.incomplete = !record.kernel_thread;
        } else {
            process->fired = parent->fired;
            ProcessImagePtr image = make_image(record, parent->image.get(), parent->image->exec);
            set_image(*process, std::move(image));
            out.changed = !parent->image->incomplete && other_credentials(*parent->image, record);
        }
        break;
    }
    case RecordKind::exec:
        process->fired.clear();
        set_image(*process, make_image(record, previous.get(), make_exec(record, true)));
        out.before = previous;
        out.new_exec_image = true;
        out.changed = true;
        break;
    case RecordKind::snapshot:
    case RecordKind::change: {
        if (!record.has_image && !known) {
            set_image(*process, make_image(record, nullptr, no_exec_));
            out.incomplete = true;
            break;
        }
        const bool other_exec =
            record.has_image && (!known || previous->incomplete || previous->exec->exec_id != record.exec_id);
        if (known && other_exec && !previous->incomplete) ++stats_.missed_execs;
        if (other_exec) process->fired.clear();
        set_image(*process, make_image(record, previous.get(), other_exec ? make_exec(record, false) : previous->exec));
        out.before = previous;
        out.new_exec_image = other_exec;
        out.changed = other_exec || !known || !same_for_rules(*previous, *process->image);
        break;
    }
    case RecordKind::exit: {
        if (!known || previous == nullptr) {
            set_image(*process, make_image(record, nullptr, no_exec_));
        } else if (!previous->incomplete && !record.kernel_thread && other_credentials(*previous, record)) {
            set_image(*process, make_image(record, previous.get(), previous->exec));
            out.changed = true;
        }
        out.image = process->image;
        out.before = previous;
        mark_dead(*process, record.time);
        make_room();
        process = entry(record.key);
        out.process = process;
        return out;
    }
    }
    make_room();
    out.process = process;
    out.image = process->image;
    return out;
}

Process* ProcessTable::entry(const ProcessKey& key) {
    const auto it = processes_.find(key);
    return it == processes_.end() ? nullptr : &it->second;
}

const ProcessImage* ProcessTable::find(const ProcessKey& key) const {
    const auto it = processes_.find(key);
    return it == processes_.end() ? nullptr : it->second.image.get();
}

const ProcessImage* ProcessTable::find_pid(Pid pid) const {
    const auto it = by_pid_.find(pid);
    return it == by_pid_.end() ? nullptr : find(it->second);
}

const ProcessImage* ProcessTable::find_vpid(std::uint32_t pidns_inode, Pid vpid) const {
    const auto it = by_vpid_.find({pidns_inode, vpid});
    return it == by_vpid_.end() ? nullptr : find(it->second);
}

const ProcessImage* ProcessTable::find_creator(const ProcessKey& key) const {
    const auto it = processes_.find(key);
    return it == processes_.end() ? nullptr : find(it->second.creator);
}

const ProcessImage*
ProcessTable::find_in_mount_namespace(std::uint32_t mnt_inode,
                                      const std::function<bool(const ProcessImage&)>& wanted) const {
    for (const auto& [key, process] : processes_)
        if (!process.dead && process.image->namespaces.mnt == mnt_inode && wanted(*process.image))
            return process.image.get();
    return nullptr;
}

void ProcessTable::for_each_living(const std::function<void(Process&)>& visit) {
    for (auto& [key, process] : processes_) {
        if (!process.dead) visit(process);
    }
}

void ProcessTable::for_each(const std::function<void(const Process&)>& visit) const {
    for (const auto& [key, process] : processes_) visit(process);
}

void ProcessTable::reclassify(const std::function<bool(const ProcessImage&)>& pick) {
    if (!classify_) return;
    for (auto& [key, process] : processes_) {
        if (!pick(*process.image)) continue;
        std::shared_ptr<Container> container = classify_(*process.image);
        if (container == process.image->container) continue;
        ProcessImage copy = *process.image;
        if (copy.origin == copy.container) copy.origin = nullptr; // what was thought of it, not where it was
        copy.container = std::move(container);
        copy.origin = first_container(copy.origin, copy.container);
        copy.generation = ++generation_;
        process.image = metered(std::move(copy), bytes_);
    }
}

ProcessImagePtr ProcessTable::with_session(const ProcessImagePtr& image, std::shared_ptr<KubeSession> session) {
    ProcessImage copy = *image;
    copy.session = std::move(session);
    copy.generation = ++generation_;
    return metered(std::move(copy), bytes_);
}

ProcessTable::Stats ProcessTable::stats() const {
    Stats s = stats_;
    s.ended = ended_.size();
    s.living = processes_.size() - std::min(processes_.size(), ended_.size());
    s.bytes = bytes_->load(std::memory_order_relaxed);
    return s;
}

} // namespace gyr
