#include "sources/live_bpf/live_source.h"

#include "base/fd.h"
#include "sources/live_bpf/decode.h"
#include "sources/live_bpf/proc_connector.h"
#include "sources/live_bpf/programs.h"
#include "sources/live_bpf/ring_reader.h"
#include "sources/live_bpf/snapshot_merge.h"

#include <array>
#include <cerrno>
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

std::uint64_t clock_ns(clockid_t clock) {
    timespec t{};
    ::clock_gettime(clock, &t);
    return static_cast<std::uint64_t>(t.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(t.tv_nsec);
}

// Wall clock minus time since boot. Read again and again, so that it follows a clock that is set.
Nanos boot_offset() {
    return static_cast<Nanos>(clock_ns(CLOCK_REALTIME)) - static_cast<Nanos>(clock_ns(CLOCK_BOOTTIME));
}

void store(gyr_u32& word, gyr_u32 value) { __atomic_store_n(&word, value, __ATOMIC_SEQ_CST); }
gyr_u64 load(const gyr_u64& word) { return __atomic_load_n(&word, __ATOMIC_RELAXED); }

struct Reread {
    Tid tid = 0;
    gyr_u32 kind = GYR_CHANGE;
    std::uint32_t changes = 0;
    bool image = false;
    bool any_thread = false;
    unsigned attempts = 0;
};

constexpr unsigned kRereadAttempts = 1000; // each after the ring was emptied; only a flood makes it more than one

} // namespace

struct LiveSource::Impl {
    LiveOptions options;
    std::unique_ptr<Programs> programs;
    std::unique_ptr<RingReader> ring;
    std::unique_ptr<ProcConnector> connector;
    std::string connector_problem;
    UniqueFd epoll;
    UniqueFd pending; // readable while there is work that no kernel event will announce
    RecordDecoder decoder;
    SnapshotMerge merge;
    UniqueFd iterator; // of the pass over all tasks that is under way
    Reread pass;       // what that pass makes; tid unused
    std::deque<Reread> rereads;
    std::vector<ProcConnector::Hint> hints;
    bool complete = false;
    std::uint64_t offset_read_at = 0;
    std::uint64_t malformed = 0;
    std::uint64_t refresh_failures = 0;
    std::array<std::uint64_t, GYR_KINDS> losses_taken{};

    std::size_t drain(RecordSink sink);
    bool visit(int fd, const Reread& what);
    void set_pending(bool on) const;
    [[nodiscard]] Result<> wait_for(int fd) const;
    void run_rereads(RecordSink sink, std::size_t& delivered);
    void end_pass(RecordSink sink, std::size_t& delivered);
    void read_hints();
    Result<> begin_pass(const Reread& what);
    std::size_t turn(RecordSink sink);
};

std::size_t LiveSource::Impl::drain(RecordSink sink) {
    ProcessRecord record;
    std::size_t delivered = 0;
    ring->read(kBatch, [&](std::span<const std::byte> bytes) {
        if (!decoder.decode(bytes, record)) {
            ++malformed;
            return;
        }
        if (!merge.idle() && !merge.accept(record)) return;
        ++delivered;
        sink(record);
    });
    return delivered;
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

void LiveSource::Impl::run_rereads(RecordSink sink, std::size_t& delivered) {
    // Only those that are here now: one that finds no room comes again after the ring was emptied.
    for (std::size_t n = rereads.size(); n > 0 && delivered < kBatch; --n) {
        const Reread r = rereads.front();
        rereads.pop_front();
        auto fd = programs->open_iterator(r.tid);
        if (!fd) continue; // gone
        const UniqueFd owned(*fd);
        while (visit(owned.get(), r)) {
        }
        delivered += drain(sink);
    }
}

void LiveSource::Impl::end_pass(RecordSink sink, std::size_t& delivered) {
    delivered += drain(sink); // what the iterator wrote last
    if (ring->has_data() || !rereads.empty()) return;
    if (!merge.finished()) {
        for (const Pid pid : merge.finish(clock_ns(CLOCK_BOOTTIME)))
            rereads.push_back({.tid = pid, .kind = GYR_CHANGE, .changes = GYR_CHANGE_REFRESH, .image = true});
    }
    store(programs->control().in_snapshot, 0);
    complete = true;
}

void LiveSource::Impl::read_hints() {
    if (!connector) return;
    const std::uint64_t overruns = connector->overruns();
    hints.clear();
    connector->read(hints);
    for (const auto& h : hints)
        rereads.push_back({.tid = h.tid, .kind = GYR_CHANGE, .changes = h.changes, .any_thread = true});
    if (connector->overruns() != overruns && !iterator) // hints were lost: look at everybody
        (void)begin_pass({.kind = GYR_CHANGE, .changes = GYR_CHANGE_REFRESH, .image = true});
}

// One round: what waits in the ring, the next piece of a pass, hints.
std::size_t LiveSource::Impl::turn(RecordSink sink) {
    const std::uint64_t now = clock_ns(CLOCK_MONOTONIC);
    if (now - offset_read_at > 100'000'000) {
        decoder.set_boot_offset(boot_offset());
        offset_read_at = now;
    }
    std::size_t delivered = drain(sink);
    read_hints();
    if (iterator && !visit(iterator.get(), pass)) iterator = UniqueFd();
    run_rereads(sink, delivered);
    if (!complete && !iterator) end_pass(sink, delivered);
    return delivered;
}

LiveSource::LiveSource(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
LiveSource::~LiveSource() = default;

Result<std::unique_ptr<LiveSource>> LiveSource::create(const LiveOptions& options) {
    auto impl = std::make_unique<Impl>();
    impl->options = options;
    auto programs = Programs::load(
        {.ring_bytes = options.ring_bytes, .env_bytes = options.env_bytes, .exit_by_count = options.exit_by_count});
    if (!programs) return std::unexpected(programs.error());
    impl->programs = std::move(*programs);
    auto ring = RingReader::create(impl->programs->ring_fd(), impl->programs->ring_bytes());
    if (!ring) return std::unexpected(ring.error());
    impl->ring = std::move(*ring);
    impl->epoll = UniqueFd(::epoll_create1(EPOLL_CLOEXEC));
    impl->pending = UniqueFd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!impl->epoll || !impl->pending) return fail_errno("make an event descriptor", errno);
    for (const int fd : {impl->programs->ring_fd(), impl->pending.get()})
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
    gyr_control& control = impl_->programs->control();
    const auto turn = [&] {
        store(control.consumer_sleeps, 0);
        const std::size_t delivered = impl_->turn(sink);
        // From here on an exec wakes fd(). What came before the kernel saw the flag is found by looking once more.
        store(control.consumer_sleeps, 1);
        const bool busy = impl_->iterator || !impl_->rereads.empty() || !impl_->complete || impl_->ring->has_data();
        impl_->set_pending(busy);
        return delivered;
    };
    std::size_t delivered = turn();
    if (delivered != 0 || timeout.count() <= 0) return delivered;
    epoll_event ev{};
    if (::epoll_wait(impl_->epoll.get(), &ev, 1, static_cast<int>(timeout.count())) >= 0) delivered = turn();
    return delivered;
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

void LiveSource::stop() {
    impl_->programs->detach();
    if (impl_->connector) ::epoll_ctl(impl_->epoll.get(), EPOLL_CTL_DEL, impl_->connector->fd(), nullptr);
    impl_->connector.reset();
    impl_->iterator = UniqueFd();
    impl_->rereads.clear();
}

Losses LiveSource::losses() const {
    Losses out{};
    const gyr_loss* from = impl_->programs->losses();
    for (std::size_t i = 0; i < out.size(); ++i)
        out[i] = {load(from[i].count), load(from[i].first_boottime_ns), load(from[i].last_boottime_ns),
                  load(from[i].cgroup_id)};
    return out;
}

Losses LiveSource::take_losses() {
    Losses out{};
    gyr_loss* from = impl_->programs->losses();
    for (std::size_t i = 0; i < out.size(); ++i) {
        const std::uint64_t count = load(from[i].count);
        if (count == impl_->losses_taken[i]) continue;
        out[i].count = count - impl_->losses_taken[i];
        out[i].last_boottime_ns = load(from[i].last_boottime_ns);
        out[i].cgroup_id = load(from[i].cgroup_id);
        out[i].first_boottime_ns = __atomic_exchange_n(&from[i].first_boottime_ns, 0, __ATOMIC_RELAXED);
        if (out[i].first_boottime_ns == 0) out[i].first_boottime_ns = out[i].last_boottime_ns;
        impl_->losses_taken[i] = count;
    }
    return out;
}

std::vector<Hook> LiveSource::hooks() const {
    std::vector<Hook> out = impl_->programs->hooks();
    out.push_back({"process connector", "netlink", impl_->connector != nullptr,
                   impl_->connector
                       ? ""
                       : impl_->connector_problem + "; not seen: changes of user, group and session without an exec"});
    return out;
}

std::vector<std::pair<std::string, std::uint64_t>> LiveSource::kernel_errors() const {
    static constexpr std::array<const char*, GYR_ERRORS> kNames{
        "scratch_busy", "ring_full", "ring_reserved", "area_full", "path_depth", "user_memory", "kernel_read"};
    std::vector<std::pair<std::string, std::uint64_t>> out;
    for (std::size_t i = 0; i < kNames.size(); ++i) out.emplace_back(kNames[i], load(impl_->programs->errors()[i]));
    out.emplace_back("refresh_failed", impl_->refresh_failures);
    return out;
}

std::uint64_t LiveSource::malformed() const { return impl_->malformed; }
std::vector<std::pair<std::string, std::uint32_t>> LiveSource::verified_instructions() const {
    return impl_->programs->verified_instructions();
}

} // namespace gyr
