#include "sources/live_bpf/live_source.h"

#include "base/clock.h"
#include "base/fd.h"
#include "sources/live_bpf/call_plan.h"
#include "sources/live_bpf/decode.h"
#include "sources/live_bpf/describe_object.h"
#include "sources/live_bpf/event_decode.h"
#include "sources/live_bpf/kernel_counters.h"
#include "sources/live_bpf/proc_connector.h"
#include "sources/live_bpf/programs.h"
#include "sources/live_bpf/ring_reader.h"
#include "sources/live_bpf/snapshot_merge.h"

#include <algorithm>
#include <array>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <ctime>
#include <deque>
#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

namespace gyr {
namespace {

constexpr std::size_t kBatch = 4096;  // records a poll() delivers at most
constexpr std::size_t kIterStep = 64; // tasks the iterator may visit before the ring is emptied

// Wall clock minus time since boot. Read again and again, so that it follows a clock that is set.
Nanos boot_offset() { return wall_now() - clock_now(CLOCK_BOOTTIME); }

void store(gyr_u32& word, gyr_u32 value) { __atomic_store_n(&word, value, __ATOMIC_SEQ_CST); }

struct Reread {
    Tid tid = 0;
    gyr_u32 kind = GYR_CHANGE;
    std::uint32_t changes = 0;
    bool image = false;
    bool any_thread = false;
    unsigned attempts = 0;
};

constexpr std::size_t kMostRereads = 4096; // that wait while hints are taken
constexpr unsigned kRereadAttempts = 1000; // each after the ring was emptied; only a flood makes it more than one

} // namespace

struct LiveSource::Impl {
    LiveOptions options;
    std::unique_ptr<Programs> programs;
    std::unique_ptr<CallPlan> calls;
    std::array<std::unique_ptr<RingReader>, GYR_LANES> rings;
    std::unique_ptr<ProcConnector> connector;
    std::string connector_problem;
    UniqueFd epoll;
    UniqueFd pending; // readable while there is work that no kernel event will announce
    RecordDecoder decoder;
    EventDecoder event_decoder;
    RawEvent event;
    ProcessRecord record;
    SnapshotMerge merge;
    UniqueFd iterator; // of the pass over all tasks that is under way
    Reread pass;       // what that pass makes; tid unused
    std::deque<Reread> rereads;
    std::vector<ProcConnector::Hint> hints;
    bool complete = false;
    std::uint64_t offset_read_at = 0;
    std::uint64_t malformed = 0;
    std::uint64_t refresh_failures = 0;
    std::uint64_t overruns = 0; // of the connector, after which everybody has been looked at
    unsigned quiet_turns = 0;   // looks in a row that found nothing
    LossesTaken losses_taken{};

    std::size_t drain(RecordSink sink, EventSink events);
    bool take(std::span<const std::byte> bytes, RecordSink sink, EventSink events);
    [[nodiscard]] bool has_data() const;
    bool visit(int fd, const Reread& what);
    void set_pending(bool on) const;
    [[nodiscard]] Result<> wait_for(int fd) const;
    void run_rereads(RecordSink sink, EventSink events, std::size_t& delivered);
    void end_pass(RecordSink sink, EventSink events, std::size_t& delivered);
    void read_hints();
    Result<> begin_pass(const Reread& what);
    std::size_t turn(RecordSink sink, EventSink events);
};

namespace {

constexpr unsigned kQuietTurns = 4; // then it is quiet

// Both kinds of records have their time at the same place.
std::uint64_t time_of(std::span<const std::byte> bytes) {
    static_assert(offsetof(gyr_process_record, boottime_ns) == offsetof(gyr_event_header, boottime_ns));
    std::uint64_t time = 0;
    constexpr std::size_t kAt = offsetof(gyr_event_header, boottime_ns);
    if (bytes.size() >= kAt + sizeof time) std::memcpy(&time, bytes.data() + kAt, sizeof time);
    return time;
}

std::uint32_t magic_of(std::span<const std::byte> bytes) {
    std::uint32_t magic = 0;
    if (bytes.size() >= sizeof magic) std::memcpy(&magic, bytes.data(), sizeof magic);
    return magic;
}

} // namespace

// True when something was delivered.
bool LiveSource::Impl::take(std::span<const std::byte> bytes, RecordSink sink, EventSink events) {
    if (magic_of(bytes) == GYR_EVENT_MAGIC) {
        switch (event_decoder.decode(bytes, event)) {
        case EventDecoder::Outcome::half: return false;
        case EventDecoder::Outcome::malformed: ++malformed; return false;
        case EventDecoder::Outcome::event: break;
        }
        events(event);
        return true;
    }
    if (!decoder.decode(bytes, record)) {
        ++malformed;
        return false;
    }
    if (!merge.idle() && !merge.accept(record)) return false;
    sink(record);
    return true;
}

// The oldest record of all lanes first. The critical lane is looked at last: whatever a thread wrote there before the
// record that was found in another lane is then seen, so an event never comes before the exec that it follows.
std::size_t LiveSource::Impl::drain(RecordSink sink, EventSink events) {
    std::size_t delivered = 0;
    for (std::size_t looked = 0; looked < kBatch; ++looked) {
        RingReader* oldest = nullptr;
        std::span<const std::byte> bytes;
        for (const std::size_t lane : {GYR_LANE_BULK, GYR_LANE_NETWORK, GYR_LANE_CRITICAL}) {
            const auto head = rings[lane]->peek();
            if (head.empty() || (oldest != nullptr && time_of(head) > time_of(bytes))) continue;
            oldest = rings[lane].get();
            bytes = head;
        }
        if (oldest == nullptr) break;
        if (take(bytes, sink, events)) ++delivered;
        oldest->pop();
    }
    return delivered;
}

bool LiveSource::Impl::has_data() const {
    return std::ranges::any_of(rings, [](const auto& r) { return r->has_data(); });
}

void LiveSource::Impl::set_pending(bool on) const {
    std::uint64_t n = 1;
    if (on)
        (void)!::write(pending.get(), &n, sizeof n);
    else
        (void)!::read(pending.get(), &n, sizeof n);
}

Result<> LiveSource::Impl::wait_for(int fd) const {
    epoll_event ev{};
    ev.events = EPOLLIN;
    if (::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, fd, &ev) != 0) return fail_errno("wait for kernel events", errno);
    return {};
}

// Lets the iterator visit up to kIterStep tasks. False when it is through.
bool LiveSource::Impl::visit(int fd, const Reread& what) {
    gyr_control& c = programs->control();
    c.iter_kind = what.kind;
    c.iter_changes = what.changes;
    c.iter_image = what.image ? 1 : 0;
    store(c.iter_any_thread, what.any_thread ? 1 : 0);
    std::array<gyr_iter_item, kIterStep> items;
    const ssize_t n = ::read(fd, items.data(), sizeof items);
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) return true;
    if (n < 0) ++refresh_failures;
    if (n <= 0) return false;
    for (std::size_t i = 0; i < static_cast<std::size_t>(n) / sizeof(gyr_iter_item); ++i) {
        if (items[i].outcome == GYR_ITER_SENT) continue;
        Reread again = what;
        again.tid = items[i].tid;
        ++again.attempts;
        if (again.attempts < kRereadAttempts)
            rereads.push_back(again);
        else
            ++refresh_failures;
    }
    return true;
}

Result<> LiveSource::Impl::begin_pass(const Reread& what) {
    complete = false;
    if (!programs->has_iterator()) return {};
    auto fd = programs->open_iterator();
    if (!fd) return std::unexpected(fd.error());
    iterator = UniqueFd(*fd);
    pass = what;
    return {};
}

void LiveSource::Impl::run_rereads(RecordSink sink, EventSink events, std::size_t& delivered) {
    // Only those that are here now: one that finds no room comes again after the ring was emptied.
    for (std::size_t n = rereads.size(); n > 0 && delivered < kBatch; --n) {
        const Reread r = rereads.front();
        rereads.pop_front();
        auto fd = programs->open_iterator(r.tid);
        if (!fd) { // not that it is gone: then there is nothing to read
            ++refresh_failures;
            continue;
        }
        const UniqueFd owned(*fd);
        while (visit(owned.get(), r)) {
        }
        delivered += drain(sink, events);
    }
}

void LiveSource::Impl::end_pass(RecordSink sink, EventSink events, std::size_t& delivered) {
    delivered += drain(sink, events); // what the iterator wrote last
    if (has_data() || !rereads.empty()) return;
    if (!merge.finished()) {
        for (const Pid pid : merge.finish(static_cast<std::uint64_t>(clock_now(CLOCK_BOOTTIME))))
            rereads.push_back({.tid = pid, .kind = GYR_CHANGE, .changes = GYR_CHANGE_REFRESH, .image = true});
    }
    store(programs->control().in_snapshot, 0);
    complete = true;
}

void LiveSource::Impl::read_hints() {
    // In a flood they wait in the kernel until those before them have been followed.
    if (!connector || rereads.size() > kMostRereads) return;
    hints.clear();
    connector->read(hints);
    for (const auto& h : hints)
        rereads.push_back({.tid = h.tid, .kind = GYR_CHANGE, .changes = h.changes, .any_thread = true});
    // Hints were lost: look at everybody. A pass that is under way may have been past them already.
    if (const std::uint64_t now = connector->overruns();
        now != overruns && !iterator && begin_pass({.kind = GYR_CHANGE, .changes = GYR_CHANGE_REFRESH, .image = true}))
        overruns = now;
}

// One round: what waits in the ring, the next piece of a pass, hints.
std::size_t LiveSource::Impl::turn(RecordSink sink, EventSink events) {
    const auto now = static_cast<std::uint64_t>(steady_now());
    if (now - offset_read_at > 100'000'000) {
        const Nanos offset = boot_offset();
        decoder.set_boot_offset(offset);
        event_decoder.set_boot_offset(offset);
        offset_read_at = now;
    }
    std::size_t delivered = drain(sink, events);
    read_hints();
    if (iterator && !visit(iterator.get(), pass)) iterator = UniqueFd();
    run_rereads(sink, events, delivered);
    if (!complete && !iterator) end_pass(sink, events, delivered);
    return delivered;
}

LiveSource::LiveSource(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
LiveSource::~LiveSource() = default;

Result<std::unique_ptr<LiveSource>> LiveSource::create(const LiveOptions& options, const EventPlan& first) {
    auto impl = std::make_unique<Impl>();
    impl->options = options;
    auto programs = Programs::load({.ring_bytes = options.ring_bytes,
                                    .network_ring_bytes = options.network_ring_bytes,
                                    .bulk_ring_bytes = options.bulk_ring_bytes,
                                    .buffer_bytes = options.buffer_bytes,
                                    .env_bytes = options.env_bytes,
                                    .exit_by_count = options.exit_by_count},
                                   lower_plan(first, 0, options.every_one_is_judged).hooks);
    if (!programs) return std::unexpected(programs.error());
    impl->programs = std::move(*programs);
    for (std::size_t lane = 0; lane < impl->rings.size(); ++lane) {
        auto ring = RingReader::create(impl->programs->ring_fd(lane), impl->programs->ring_bytes(lane));
        if (!ring) return std::unexpected(ring.error());
        impl->rings[lane] = std::move(*ring);
    }
    impl->calls = std::make_unique<CallPlan>(*impl->programs, options.every_one_is_judged);
    impl->epoll = UniqueFd(::epoll_create1(EPOLL_CLOEXEC));
    impl->pending = UniqueFd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!impl->epoll || !impl->pending) return fail_errno("make an event descriptor", errno);
    for (const int fd : {impl->programs->ring_fd(GYR_LANE_CRITICAL), impl->programs->ring_fd(GYR_LANE_NETWORK),
                         impl->programs->ring_fd(GYR_LANE_BULK), impl->pending.get()})
        if (auto r = impl->wait_for(fd); !r) return std::unexpected(r.error());
    return std::unique_ptr<LiveSource>(new LiveSource(std::move(impl)));
}

Result<> LiveSource::start() {
    if (impl_->options.connector) {
        auto connector = ProcConnector::create();
        if (connector) {
            if (auto r = impl_->wait_for((*connector)->fd()); !r) return r;
            impl_->connector = std::move(*connector);
        } else {
            impl_->connector_problem = connector.error().message;
        }
    } else {
        impl_->connector_problem = "switched off";
    }
    store(impl_->programs->control().in_snapshot, 1);
    if (auto r = impl_->programs->attach(); !r) return r;
    return impl_->begin_pass({.kind = GYR_SNAPSHOT, .image = true});
}

std::size_t LiveSource::poll(std::chrono::milliseconds timeout, RecordSink sink) {
    return poll(timeout, sink, [](const RawEvent&) {});
}

std::size_t LiveSource::poll(std::chrono::milliseconds timeout, RecordSink sink, EventSink events) {
    gyr_control& control = impl_->programs->control();
    const auto turn = [&] {
        store(control.consumer_sleeps, 0);
        const std::size_t delivered = impl_->turn(sink, events);
        impl_->quiet_turns = delivered != 0 ? 0 : std::min(impl_->quiet_turns + 1, kQuietTurns);
        // From here on an exec wakes fd(). What came before the kernel saw the flag is found by looking once more.
        if (delivered == 0)
            store(control.consumer_sleeps, impl_->quiet_turns < kQuietTurns ? GYR_SLEEPS_LIGHTLY : GYR_SLEEPS_DEEPLY);
        const bool busy = impl_->iterator || !impl_->rereads.empty() || !impl_->complete || impl_->has_data();
        impl_->set_pending(busy);
        return delivered;
    };
    std::size_t delivered = turn();
    if (delivered != 0 || timeout.count() <= 0) return delivered;
    epoll_event ev{};
    if (::epoll_wait(impl_->epoll.get(), &ev, 1, static_cast<int>(timeout.count())) >= 0) delivered = turn();
    return delivered;
}

std::chrono::milliseconds LiveSource::most_wait() const {
    if (impl_->quiet_turns == 0) return kLinger;
    return impl_->quiet_turns < kQuietTurns ? kMaxQuiet : kMaxIdle;
}

int LiveSource::fd() const { return impl_->epoll.get(); }
bool LiveSource::snapshot_complete() const { return impl_->complete; }

Result<> LiveSource::refresh(Tid tid) {
    if (!impl_->programs->has_iterator()) return fail(ErrorKind::unsupported, "this kernel has no task iterator");
    impl_->rereads.push_back({.tid = tid, .kind = GYR_CHANGE, .changes = GYR_CHANGE_REFRESH, .image = true});
    impl_->set_pending(true);
    return {};
}

Result<> LiveSource::refresh_all() {
    if (!impl_->programs->has_iterator()) return fail(ErrorKind::unsupported, "this kernel has no task iterator");
    if (impl_->iterator) return {}; // a pass is under way
    impl_->set_pending(true);
    return impl_->begin_pass({.kind = GYR_CHANGE, .changes = GYR_CHANGE_REFRESH, .image = true});
}

Result<> LiveSource::prepare_events(const EventPlan& plan) {
    if (plan.demands.empty() || !impl_->programs->can_trace_calls()) return {};
    return impl_->programs->load_beforehand(lower_plan(plan, 0, impl_->options.every_one_is_judged).hooks);
}

Result<> LiveSource::set_events(const EventPlan& plan) {
    if (!plan.demands.empty() && !impl_->programs->can_trace_calls())
        return fail(ErrorKind::unsupported, "this kernel lets us see no system calls");
    return impl_->calls->apply(plan);
}

void LiveSource::set_host_namespace(std::uint32_t mnt_inode) {
    store(impl_->programs->control().host_mnt_ns, mnt_inode);
}

void LiveSource::set_host_cgroups(std::uint64_t cgroup_set, bool host, bool by_namespaces) {
    const std::uint8_t how = by_namespaces ? GYR_HOST_BY_NAMESPACES : GYR_HOST_ALL;
    // A full map only makes the kernel's answer "perhaps a container".
    if (host)
        bpf_map_update_elem(impl_->programs->host_cgroups_fd(), &cgroup_set, &how, BPF_ANY);
    else
        bpf_map_delete_elem(impl_->programs->host_cgroups_fd(), &cgroup_set);
}

Result<std::vector<FileId>> LiveSource::identify(int fd) {
    const auto identity = impl_->programs->identify(fd);
    if (!identity) return std::unexpected(identity.error());
    const auto id = [](const gyr_file_key& key, bool below) {
        return FileId{.dev = capture_device(key.dev), .kernel_dev = key.dev, .ino = key.ino, .kept = below};
    };
    std::vector<FileId> out{id(identity->file, false)};
    for (const gyr_file_key& key : identity->below.files)
        if (key.ino != 0) out.push_back(id(key, true));
    return out;
}

Result<> LiveSource::set_files(const std::map<std::string, std::vector<FileId>>& files) {
    std::map<std::string, std::vector<gyr_file_key>> keys;
    for (const auto& [path, ids] : files)
        for (const FileId& id : ids) keys[path].push_back({.ino = id.ino, .dev = id.kernel_dev, .reserved = 0});
    return impl_->calls->set_files(std::move(keys));
}

void LiveSource::set_process_mask(const ProcessMask& mask) {
    gyr_process_mask m{.start_boottime_ns = mask.process.start_boottime_ns,
                       .exec_id = mask.exec_id,
                       .comm = {},
                       .bits = mask.bits,
                       .uid = mask.uid,
                       .reserved = 0};
    std::ranges::copy(mask.comm.substr(0, sizeof m.comm - 1), m.comm);
    const auto key = static_cast<std::uint32_t>(mask.process.pid);
    // One that finds no room stands for a process without a mask.
    if (bpf_map_update_elem(impl_->programs->process_masks_fd(), &key, &m, BPF_ANY) != 0)
        drop_process_mask(mask.process.pid);
}

void LiveSource::drop_process_mask(Pid pid) {
    const auto key = static_cast<std::uint32_t>(pid);
    bpf_map_delete_elem(impl_->programs->process_masks_fd(), &key);
}

void LiveSource::drop_process_masks() {
    const int fd = impl_->programs->process_masks_fd();
    std::uint32_t key = 0;
    while (bpf_map_get_next_key(fd, nullptr, &key) == 0) bpf_map_delete_elem(fd, &key);
}

std::uint64_t LiveSource::events_lost() const { return gyr::events_lost(*impl_->programs); }
std::vector<EventLoss> LiveSource::event_losses() const { return gyr::event_losses(*impl_->programs); }
std::vector<ProcessLoss> LiveSource::take_process_losses() { return gyr::take_process_losses(*impl_->programs); }
std::vector<LiveSource::EventCount> LiveSource::event_counts() const { return gyr::event_counts(*impl_->programs); }
Losses LiveSource::losses() const { return gyr::losses(*impl_->programs); }
Losses LiveSource::take_losses() { return gyr::take_losses(*impl_->programs, impl_->losses_taken); }

std::vector<std::pair<std::string, std::uint64_t>> LiveSource::kernel_errors() const {
    auto out = gyr::kernel_errors(*impl_->programs);
    out.emplace_back("refresh_failed", impl_->refresh_failures);
    return out;
}

void LiveSource::count_clauses(bool on) { store(impl_->programs->wanted().count_clauses, on ? 1 : 0); }
void LiveSource::verify(std::uint32_t every) { store(impl_->programs->wanted().verify_every, every); }
void LiveSource::shed(unsigned lanes) { store(impl_->programs->control().shed, lanes); }

void LiveSource::stop() {
    impl_->programs->detach();
    if (impl_->connector) ::epoll_ctl(impl_->epoll.get(), EPOLL_CTL_DEL, impl_->connector->fd(), nullptr);
    impl_->connector.reset();
    impl_->iterator = UniqueFd();
    impl_->rereads.clear();
}

std::vector<Hook> LiveSource::hooks() const {
    std::vector<Hook> out = impl_->programs->hooks();
    out.push_back({"process connector", "netlink", impl_->connector != nullptr,
                   impl_->connector
                       ? ""
                       : impl_->connector_problem + "; not seen: changes of user, group and session without an exec"});
    return out;
}

std::uint64_t LiveSource::malformed() const { return impl_->malformed; }
std::vector<ProgramRuns> LiveSource::program_runs() const { return impl_->programs->program_runs(); }

std::vector<std::pair<std::string, std::uint32_t>> LiveSource::verified_instructions() const {
    return impl_->programs->verified_instructions();
}

} // namespace gyr
