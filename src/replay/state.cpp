#include "replay/state.h"

#include "base/path.h"
#include "event/schema.h"
#include "replay/sockets.h"

#include <algorithm>
#include <utility>

namespace gyr::replay {

namespace {

enum class Lookup : std::uint8_t {
    none, // the event is nobody's
    find, // of a thread, if it is known
    make, // of a thread; one that is not known becomes known by its number
};

// What is asked of the schema for every event, decided once.
struct Traits {
    Lookup lookup = Lookup::none;
    std::uint8_t result_bytes = 0; // of the first parameter when it is the call's result, else 0
    FdParams fds;                  // the descriptors acted on
};

constexpr std::size_t kCodes = 454;
// Falco does not look at the descriptor of these two, and rules are written for that.
constexpr EventCode kSetSockOpt = 45, kGetSockOpt = 47;
constexpr EventCode kSwitch = 152, kScapEvent = 196, kProcInfo = 234;
constexpr std::string_view kDeleted = " (deleted)"; // after the path of an executable without a name any more
constexpr std::size_t kMaxName = 255;

std::uint8_t result_bytes(ParamType type) {
    switch (type) {
    case ParamType::errno_code:
    case ParamType::fd:
    case ParamType::pid:
    case ParamType::int64:
    case ParamType::uint64: return 8;
    case ParamType::uid: // getuid and its kin
    case ParamType::gid: return 4;
    default: return 0;
    }
}

FdParams fd_params_of(const EventInfo& info) {
    const bool acts = (info.flags & kUsesFd) != 0 && info.code != kSetSockOpt && info.code != kGetSockOpt;
    return acts ? fd_params(info.code, {}) : FdParams{};
}

Lookup lookup_of(const EventInfo& info) {
    if (info.code == kProcInfo || info.code == kScapEvent) return Lookup::find;
    if ((info.flags & kSkipparsereset) != 0) return Lookup::none;
    if (info.code == kSwitch || info.code == kClone || info.code == kFork || info.code == kVfork ||
        info.code == kClone3)
        return Lookup::find;
    if (info.kind == EventKind::metaevent || info.kind == EventKind::plugin || info.kind == EventKind::unused)
        return Lookup::none;
    return Lookup::make;
}

std::array<Traits, kCodes> make_traits() {
    std::array<Traits, kCodes> all;
    for (const EventInfo& info : event_schema()) {
        if (info.code >= kCodes) continue;
        Traits& t = all[info.code];
        t.lookup = lookup_of(info);
        t.fds = fd_params_of(info);
        if (info.direction == EventDirection::exit && info.kind == EventKind::syscall && !info.params.empty())
            t.result_bytes = result_bytes(info.params[0].type);
    }
    return all;
}

UserEntry user_of(const capfile::UserRecord& r) {
    return {.uid = r.uid,
            .gid = r.gid,
            .name = std::string(r.name),
            .home = std::string(r.home),
            .shell = std::string(r.shell)};
}

} // namespace

class ReplayState::Impl final : public FdView {
  public:
    explicit Impl(Options options) : tables_(options.max_threads, options.fd_budget_bytes, options.image_budget_bytes) {
        event_.fds = this;
        event_.thread = &facts_;
    }

    void on_section();
    void on_thread(const capfile::ThreadRecord& r);
    void on_fd(const capfile::FdRecord& r);
    const Event* on_event(const RawEvent& raw, bool looked_at);

    [[nodiscard]] const FdInfo* find_fd(std::int64_t number) const override {
        const FdEntry* entry = current_ ? current_->owner().fds.find(number) : nullptr;
        return entry ? &entry->info : nullptr;
    }
    void fd_types(std::vector<FdType>& out) const override;
    [[nodiscard]] Stats stats() const;

    Tables tables_;
    std::string hostname_;
    Nanos boot_time_ = 0;

  private:
    void begin_events();
    void turn_connections(Thread& thread);
    void take_from_leader(Thread& thread, const Thread& leader);
    void finish_last();
    [[nodiscard]] Thread* thread_of(const RawEvent& raw, Lookup lookup);
    void take_shared(Thread& thread);
    void settle(Step& s, const Traits& traits);
    void unsettle();
    void read_facts(const Thread& thread);

    const std::array<Traits, kCodes> traits_ = make_traits();
    const std::array<Apply, kCodes>& appliers_ = appliers();
    Event event_;
    ThreadFacts facts_;
    bool told_facts_ = false;   // facts_ are of a thread
    Thread* current_ = nullptr; // of the event
    std::uint64_t events_ = 0, unknown_threads_ = 0;
    std::vector<std::int64_t> listed_; // threads that lists told of since the last event
};

void ReplayState::Impl::on_section() {
    current_ = nullptr;
    event_.process.reset();
    event_.before.reset();
    event_.container.reset();
    event_.fd = nullptr;
    tables_.close_in = nullptr;
    tables_.exit_tid = -1;
    listed_.clear();
    tables_.threads.clear();
    tables_.users.clear();
    tables_.addresses.clear();
    tables_.server_ports.reset();
    tables_.asked = {};
    hostname_.clear();
    boot_time_ = 0;
}

void ReplayState::Impl::on_thread(const capfile::ThreadRecord& r) {
    finish_last();
    if (r.tid < 0) return;
    if (Thread* old = tables_.threads.find_tid(r.tid)) tables_.threads.discard(*old);
    Thread* t = tables_.threads.add(r.tid);
    if (!t) return;
    t->pid = r.pid, t->ptid = r.ptid;
    t->vm_size_kb = r.vmsize_kb, t->vm_rss_kb = r.vmrss_kb, t->vm_swap_kb = r.vmswap_kb;
    t->major_faults = r.pfmajor, t->minor_faults = r.pfminor;
    const std::shared_ptr<ProcessImage> image = tables_.images.copy(*t->image);
    image->key = {static_cast<Pid>(r.pid), 0};
    image->parent = {static_cast<Pid>(r.ptid), 0};
    image->sid = image->vsid = static_cast<Pid>(r.sid);
    image->vpgid = static_cast<Pid>(r.vpgid), image->pgid = static_cast<Pid>(r.pgid);
    image->vtid = static_cast<Pid>(r.vtid), image->vpid = static_cast<Pid>(r.vpid);
    image->comm = r.comm.substr(0, kMaxName);
    image->cwd = r.cwd.substr(0, kMaxPath);
    if (!image->cwd.empty() && !image->cwd.ends_with('/')) image->cwd += '/';
    image->root = r.root.substr(0, kMaxPath);
    image->fd_limit = static_cast<std::uint64_t>(r.fdlimit);
    image->tty = r.tty;
    image->pidns_init_start = static_cast<Nanos>(r.pidns_init_start);
    image->pidns_number = r.pidns_init_start;
    image->incomplete = false;
    Credentials& c = image->credentials;
    c.uid = c.euid = c.suid = c.fsuid = r.uid;
    c.gid = c.egid = c.sgid = c.fsgid = r.gid;
    c.login_uid = r.loginuid;
    c.cap_inheritable = r.cap_inheritable, c.cap_permitted = r.cap_permitted, c.cap_effective = r.cap_effective;
    FileIdentity file;
    file.ino = r.exe_ino;
    file.ctime = static_cast<Nanos>(r.exe_ino_ctime), file.mtime = static_cast<Nanos>(r.exe_ino_mtime);
    file.marks = (r.exe_writable ? kFileWritable : 0U) | (r.exe_upper_layer ? kFileUpperLayer : 0U) |
                 (r.exe_lower_layer ? kFileLowerLayer : 0U) | (r.exe_from_memfd ? kFileMemfd : 0U);
    std::string_view exe_path = r.exepath;
    if (exe_path.ends_with(kDeleted)) {
        exe_path.remove_suffix(kDeleted.size());
        file.marks |= kFileDeleted;
    }
    image->exec =
        tables_.images.make_exec({.exe = r.exe, .args = r.args, .env = r.env, .exe_path = exe_path, .file = file}, 0);
    tables_.images.set_cgroups(*image, r.cgroups);
    t->image = image;
    tables_.threads.link(*t);
    listed_.push_back(r.tid);
}

void ReplayState::Impl::on_fd(const capfile::FdRecord& r) {
    finish_last();
    Thread* t = tables_.threads.find_tid(r.tid);
    if (!t || !r.info) return;
    if (listed_.empty() || listed_.back() != r.tid) listed_.push_back(r.tid);
    FdPool& pool = tables_.threads.fd_pool();
    FdEntry* entry = pool.take_copy(*r.info);
    if (!entry) return;
    FdInfo& info = entry->info;
    info.marks |= kFdFromProc;
    info.creator_pid = static_cast<std::int32_t>(t->pid);
    if ((info.open_flags & (1u << 12)) != 0) info.marks |= kFdCloseOnExec;
    if (info.type == FdType::ipv6 && is_mapped_ipv4(info.source_address) && is_mapped_ipv4(info.destination_address)) {
        info.type = FdType::ipv4;
        unmap_ipv4(info.source_address), unmap_ipv4(info.destination_address);
    }
    if (is_server(info.type)) tables_.server_ports.set(info.destination_port);
    // Of a unix socket the name is that of who listens.
    if (info.type == FdType::unix_socket) info.marks |= info.name.empty() ? kFdRoleClient : kFdRoleServer;
    if (is_ipv4(info.type) || is_ipv6(info.type)) {
        info.name.clear();
        if (has_destination(info)) socket_name(info, info.name);
        pool.recount(*entry);
    }
    t->fds.set(r.fd, *entry, pool);
}

// Threads have their process's environment and cgroups, which lists may tell of the main thread alone.
void ReplayState::Impl::take_from_leader(Thread& t, const Thread& leader) {
    t.shared_version = leader.shared_version - 1;
    const ProcessImage& main = *leader.image;
    tables_.threads.change(t, [&](ProcessImage& image) {
        image.cgroups = main.cgroups, image.container = main.container, image.origin = main.origin;
        image.exec = tables_.images.exec_with_env(image.exec, main.exec);
    });
}

// Lists have the own end of a connection first. Of one that came in that is the server's.
void ReplayState::Impl::turn_connections(Thread& t) {
    t.fds.for_each([&](std::int64_t, FdEntry& entry) {
        FdInfo& info = entry.info;
        if (info.type != FdType::ipv4 || (info.marks & (kFdRoleClient | kFdRoleServer)) != 0) return;
        if (!has_destination(info)) return;
        info.marks |= kFdConnected;
        if (!tables_.server_ports.test(info.source_port)) {
            info.marks |= kFdRoleClient;
            return;
        }
        info.marks |= kFdRoleServer;
        std::swap(info.source_address, info.destination_address);
        std::swap(info.source_port, info.destination_port);
        socket_name(info, info.name);
    });
}

// The lists are complete: parents are known whatever the order, and so is who listens where.
void ReplayState::Impl::begin_events() {
    for (const std::int64_t tid : listed_) {
        Thread* t = tables_.threads.find_tid(tid);
        if (!t) continue;
        tables_.threads.link_parent(*t);
        turn_connections(*t);
        if (Thread* leader = t->leader(); leader && leader != t) take_from_leader(*t, *leader);
    }
    listed_.clear();
}

void ReplayState::Impl::finish_last() {
    if (tables_.close_in) {
        tables_.close_in->fds.erase(tables_.close_fd, tables_.threads.fd_pool());
        tables_.close_in = nullptr;
    }
    if (tables_.exit_tid >= 0) {
        if (Thread* t = tables_.threads.find_tid(tables_.exit_tid); t && t->dead) tables_.threads.remove(*t);
        tables_.exit_tid = -1;
    }
}

Thread* ReplayState::Impl::thread_of(const RawEvent& raw, Lookup lookup) {
    if (lookup == Lookup::none || raw.tid < 0) return nullptr;
    Thread* t = tables_.threads.find_tid(raw.tid);
    if (t || lookup == Lookup::find) return t;
    ++unknown_threads_;
    return tables_.threads.add(raw.tid);
}

// A thread's working directory and limits are its process's.
void ReplayState::Impl::take_shared(Thread& thread) {
    if (thread.is_main()) return;
    Thread& owner = thread.owner();
    if (&owner == &thread || owner.shared_version == thread.shared_version) return;
    thread.shared_version = owner.shared_version;
    if (thread.image->cwd == owner.image->cwd && thread.image->fd_limit == owner.image->fd_limit) return;
    tables_.threads.change(thread, [&](ProcessImage& image) {
        image.cwd = owner.image->cwd;
        image.fd_limit = owner.image->fd_limit;
    });
}

void ReplayState::Impl::read_facts(const Thread& t) {
    facts_.is_main = t.is_main();
    facts_.threads = t.group ? t.group->alive : 0;
    facts_.other_threads = facts_.threads;
    if (t.group && t.group->leader && !t.group->leader->dead && facts_.threads > 0) --facts_.other_threads;
    facts_.children = t.children;
    facts_.open_fds = t.group && t.group->leader ? t.group->leader->fds.size() : 0;
    facts_.vm_size_kb = t.vm_size_kb, facts_.vm_rss_kb = t.vm_rss_kb, facts_.vm_swap_kb = t.vm_swap_kb;
    facts_.vm_size_bytes = facts_.is_main ? t.vm_size_kb * 1024 : 0;
    facts_.vm_rss_bytes = facts_.is_main ? t.vm_rss_kb * 1024 : 0;
    facts_.major_faults = t.major_faults, facts_.minor_faults = t.minor_faults;
}

void ReplayState::Impl::settle(Step& s, const Traits& traits) {
    current_ = s.thread;
    event_.fd = s.fd ? &s.fd->info : nullptr;
    event_.fd_number = s.fd_number;
    event_.fd_name_changed = s.fd_name_changed;
    event_.has_result = traits.result_bytes != 0 && s.bytes(0).size() >= traits.result_bytes;
    event_.result = !event_.has_result ? 0 : traits.result_bytes == 8 ? s.result() : s.number<std::uint32_t>(0);
    if (!s.thread) {
        if (event_.process) event_.process.reset();
        if (std::exchange(told_facts_, false)) facts_ = {};
        return;
    }
    take_shared(*s.thread);
    const ProcessImagePtr& image = tables_.threads.image_of(*s.thread);
    if (event_.process != image) event_.process = image;
    read_facts(*s.thread);
    told_facts_ = true;
}

// As for an event of nobody; the process stays in hand for the next event, which is its most often.
void ReplayState::Impl::unsettle() {
    current_ = nullptr;
    event_.fd = nullptr;
    event_.fd_number = -1;
}

const Event* ReplayState::Impl::on_event(const RawEvent& raw, bool looked_at) {
    finish_last();
    if (!listed_.empty()) begin_events();
    event_.code = raw.code;
    event_.number = ++events_;
    event_.previous_time = events_ > 1 ? event_.time : 0;
    event_.time = raw.time;
    event_.tid = static_cast<Tid>(raw.tid);
    event_.cpu = raw.cpu;
    event_.params = raw.params;
    event_.exit_code = 0;
    event_.clone_flags = 0;
    if (event_.before) event_.before.reset();
    if (event_.container) event_.container.reset();
    static constexpr Traits kNobody{};
    const Traits& traits = raw.code < kCodes ? traits_[raw.code] : kNobody;
    const Apply apply = raw.code < kCodes ? appliers_[raw.code] : nullptr;
    Step step(tables_, raw, event_);
    step.thread = thread_of(raw, traits.lookup);
    if (!looked_at && !apply) {
        unsettle();
        return &event_;
    }
    const auto descriptor = [&step](int param, std::int64_t& number) -> FdEntry* {
        if (!step.thread || param < 0 || !step.has(static_cast<std::size_t>(param))) return nullptr;
        number = step.number<std::int64_t>(static_cast<std::size_t>(param));
        return step.fds().find(number);
    };
    step.fd = descriptor(traits.fds.fd, step.fd_number);
    event_.other_fd_number = -1;
    const FdEntry* other = descriptor(traits.fds.other, event_.other_fd_number);
    event_.other_fd = other ? &other->info : nullptr;
    if (apply) apply(step);
    if (looked_at)
        settle(step, traits);
    else
        unsettle();
    return &event_;
}

void ReplayState::Impl::fd_types(std::vector<FdType>& out) const {
    out.clear();
    if (!current_) return;
    std::uint32_t seen = 0;
    current_->owner().fds.for_each([&](std::int64_t, const FdEntry& entry) {
        const std::uint32_t bit = 1u << (static_cast<unsigned>(entry.info.type) & 31u);
        if ((seen & bit) == 0) out.push_back(entry.info.type);
        seen |= bit;
    });
}

ReplayState::Stats ReplayState::Impl::stats() const {
    Stats s;
    s.events = events_;
    s.threads = tables_.threads.size(), s.groups = tables_.threads.groups();
    s.fd_bytes = const_cast<Tables&>(tables_).threads.fd_pool().bytes();
    s.image_bytes = tables_.images.bytes();
    s.unknown_threads = unknown_threads_;
    s.refused_threads = tables_.threads.refused();
    s.refused_fds = const_cast<Tables&>(tables_).threads.fd_pool().refused();
    s.refused_users = tables_.users.refused();
    s.refused_containers = tables_.containers.refused();
    s.trimmed_images = tables_.images.trimmed();
    s.bad_containers = tables_.bad_containers;
    return s;
}

ReplayState::ReplayState() : ReplayState(Options{}) {}
ReplayState::ReplayState(Options options) : impl_(std::make_unique<Impl>(options)) {}
ReplayState::~ReplayState() = default;

void ReplayState::on_section() { impl_->on_section(); }
void ReplayState::on_machine(const capfile::MachineInfo& machine) {
    impl_->hostname_ = machine.hostname;
    impl_->boot_time_ = machine.boot_time;
}
void ReplayState::on_interface(const capfile::Interface& i) {
    impl_->tables_.addresses.add({.ipv6 = i.ipv6, .address = i.address, .netmask = i.netmask});
}
void ReplayState::on_user(const capfile::UserRecord& user) { impl_->tables_.users.add_user({}, user_of(user)); }
void ReplayState::on_group(const capfile::GroupRecord& group) {
    impl_->tables_.users.add_group({}, {.gid = group.gid, .name = std::string(group.name)});
}
void ReplayState::on_thread(const capfile::ThreadRecord& thread) { impl_->on_thread(thread); }
void ReplayState::on_fd(const capfile::FdRecord& fd) { impl_->on_fd(fd); }
const Event* ReplayState::on_event(const RawEvent& raw, bool looked_at) { return impl_->on_event(raw, looked_at); }

const ProcessView& ReplayState::processes() const { return impl_->tables_.threads; }
const UserView& ReplayState::users() const { return impl_->tables_.users; }
const HostAddresses& ReplayState::addresses() const { return impl_->tables_.addresses; }
const std::string& ReplayState::hostname() const { return impl_->hostname_; }
Nanos ReplayState::boot_time() const { return impl_->boot_time_; }
ReplayState::Stats ReplayState::stats() const { return impl_->stats(); }

} // namespace gyr::replay
