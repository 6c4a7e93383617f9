#include "engine/engine.h"

#include "base/clock.h"
#include "containers/hints.h"
#include "event/schema.h"
#include "match/program.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <ctime>
#include <utility>

namespace gyr {

namespace {

constexpr Nanos kMillisecond = 1'000'000;
constexpr Nanos kPublishEvery = 500'000'000;
constexpr std::size_t kMostCgroups = 65'536;
constexpr int kMostTurns = 64;                       // of reading what is there before rules are swapped
constexpr std::chrono::milliseconds kFirstLook{100}; // for the files that rules name
constexpr Nanos kCollectEvery = 5'000'000'000;
// By RecordKind.
constexpr std::array<std::string_view, kRecordKinds> kClassNames = {"fork", "exec", "exit", "snapshot", "change"};
constexpr const char* kRecordsLost = "the ring buffer of the process lane was full";
constexpr const char* kEventsLost = "the ring buffer of its lane was full";
constexpr const char* kEventsShed = "the agent used more than its share of the processor";

std::string_view class_name(EventCode code) {
    const EventInfo* info = find_event(code);
    return info != nullptr ? info->name : "event";
}

void clear_event(int fd) {
    std::uint64_t value = 0;
    while (::read(fd, &value, sizeof value) < 0 && errno == EINTR) {
    }
}

// What the rules want, and everything else as well.
EventPlan with_everything(EventPlan plan) {
    for (EventDemand& all : plan::plan_everything().demands) {
        const auto same = std::ranges::find(plan.demands, all.code, &EventDemand::code);
        if (same != plan.demands.end())
            *same = std::move(all);
        else
            plan.demands.push_back(std::move(all));
    }
    return plan;
}

bool may_capture(const Matcher& matcher, const CaptureStageOptions& options) {
    return options.all_rules || options.files.recorder.span > 0 ||
           std::ranges::any_of(matcher.rules(), [](const Rule& rule) { return rule.enabled && rule.capture; });
}

} // namespace

Engine::Engine(Options options, AlertSink& sink)
    : options_(std::move(options)), sink_(sink),
      containers_(options_.containers,
                  [this](const CgroupMatch& match, const ProcessImage& image) { return ask_about(match, image); }),
      host_cgroups_([this](std::uint64_t id, HostCgroup what) {
          source_->set_host_cgroups(id, what != HostCgroup::unknown, what == HostCgroup::in_host_namespaces);
      }),
      gaps_(options_.pipeline.hostname, options_.gap_quiet) {}

Engine::~Engine() {
    identities_.reset(); // its thread wakes us
    if (epoll_fd_ >= 0) ::close(epoll_fd_);
    if (wake_fd_ >= 0) ::close(wake_fd_);
}

Result<std::unique_ptr<Engine>> Engine::create(Options options, std::shared_ptr<const Matcher> matcher, Build build,
                                               AlertSink& sink) {
    std::unique_ptr<Engine> engine(new Engine(std::move(options), sink));
    engine->wake_fd_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    engine->epoll_fd_ = ::epoll_create1(EPOLL_CLOEXEC);
    if (engine->wake_fd_ < 0 || engine->epoll_fd_ < 0) return fail_errno("create event descriptors", errno);

    if (engine->options_.watch_host) {
        auto source = LiveSource::create(
            engine->options_.live, engine->options_.events ? *engine->options_.events
                                   : engine->options_.captures && may_capture(*matcher, *engine->options_.captures)
                                       ? plan::plan_everything()
                                       : plan::plan_events(*matcher, nullptr, engine->options_.plan));
        if (!source) return std::unexpected(source.error());
        engine->source_ = std::move(*source);
    }

    auto resolver = Resolver::create(engine->options_.resolver);
    if (!resolver) return std::unexpected(resolver.error());
    engine->resolver_ = std::move(*resolver);
    auto users = UserDirectory::create(engine->options_.users);
    if (!users) return std::unexpected(users.error());
    engine->users_ = std::move(*users);

    if (engine->options_.audit.any()) {
        auto audit = AuditInput::create(engine->options_.audit,
                                        [tell = engine->options_.on_audit_problem](const std::string& problem) {
                                            if (tell) tell(problem);
                                        });
        if (!audit) return std::unexpected(audit.error());
        engine->audit_ = std::move(*audit);
    }

    Engine* const self = engine.get();
    engine->pipeline_ = std::make_unique<Pipeline>(
        engine->options_.pipeline,
        Pipeline::Surroundings{
            .classify =
                [self](const ProcessImage& image) {
                    auto container = self->containers_.classify(image);
                    self->host_cgroups_.see(image, container.get(), self->containers_.names_container(image));
                    if (container != nullptr && image.cgroup_set != 0) self->remember(image.cgroup_set, container->id);
                    if (container != nullptr && self->identities_ != nullptr)
                        self->identities_->see_container(container->full_id, image.key.pid);
                    return container;
                },
            .users = engine->users_.get(),
            .build = std::move(build),
            .emit =
                [self](AlertRecord record) {
                    self->sink_.push(std::make_shared<const AlertRecord>(std::move(record)));
                },
            .prefetch_names = [self](const ProcessImage& image) { self->users_->prefetch(image); },
            .refresh = [self](Tid tid) { self->to_refresh_.push_back(tid); },
            .steady_now = steady_now,
            .image =
                [self](RecordKind kind, const ProcessImagePtr& image) {
                    if (self->masks_ == nullptr) return;
                    if (kind == RecordKind::exit)
                        self->source_->drop_process_mask(image->key.pid);
                    else
                        self->tell_mask(image);
                },
            .other_names =
                [self](const FdInfo& fd) {
                    return self->identities_ ? self->identities_->names_of(fd) : std::span<const std::string>{};
                },
            .plan_error = [self](std::string_view rule, const Event& event) { self->report_plan_error(rule, event); },
            .observe =
                [self](const Event& event, const EvalWorld& world) {
                    if (self->options_.observe) self->options_.observe(event, world);
                    if (self->captures_) self->captures_->see(event, world);
                },
            .matched =
                [self](const Rule& rule, const Event& event) {
                    if (!self->captures_) return;
                    self->captures_->matched(rule, event, self->pipeline_->world());
                    if (self->captures_->wants_everything()) self->pipeline_->set_observing(true);
                },
        },
        std::move(matcher));
    engine->pipeline_->set_observing(engine->options_.observe != nullptr);
    if (engine->options_.captures) {
        engine->captures_ = std::make_unique<CaptureStage>(*engine->options_.captures, engine->pipeline_->processes(),
                                                           engine->users_.get());
        engine->capturing_ = engine->captures_->wants_everything();
        engine->pipeline_->set_observing(engine->capturing_ || engine->options_.observe);
    }

    for (const int fd : {engine->wake_fd_, engine->source_ ? engine->source_->fd() : -1, engine->resolver_->fd(),
                         engine->users_->fd(), engine->audit_ ? engine->audit_->fd() : -1}) {
        if (fd < 0) continue;
        epoll_event event{};
        event.events = EPOLLIN;
        event.data.fd = fd;
        if (::epoll_ctl(engine->epoll_fd_, EPOLL_CTL_ADD, fd, &event) != 0)
            return fail_errno("watch an event descriptor", errno);
    }
    return engine;
}

std::shared_ptr<const ContainerInfo> Engine::ask_about(const CgroupMatch& match, const ProcessImage& image) {
    const std::string outer = match.chain.size() > 1 ? match.chain[match.chain.size() - 2] : std::string{};
    ResolverHints hints = pipeline_ ? find_hints(image, pipeline_->processes(), outer) : ResolverHints{};
    hints.pid = image.key.pid;
    if (match.spelling == CgroupSpelling::text && hints.containerd_namespace.empty())
        hints.containerd_namespace = match.containerd_namespace;
    std::shared_ptr<const ContainerInfo> known = resolver_->cached(match.key);
    if (!known || !known->complete) resolver_->request(match.key, match.guess, match.path, std::move(hints));
    return known;
}

Result<> Engine::start() {
    started_ = steady_now();
    if (source_) {
        if (auto ok = source_->start(); !ok) return ok;
    }
    while (source_ && !source_->snapshot_complete() && !stopping_.load(std::memory_order_relaxed))
        drain(std::chrono::milliseconds{10});
    // What came before the host's own namespaces were known is judged again with them.
    pipeline_->processes().reclassify([](const ProcessImage& image) { return !image.kernel_thread; });
    pipeline_->on_snapshot_complete();
    if (auto ok = follow_plan(); !ok) return ok;
    armed_ = steady_now();
    latest_at_ = 0;
    publish_summary();
    return {};
}

// What the rules of the moment want of system calls; none: their tracepoints go away.
Result<> Engine::follow_plan() {
    const auto ok = carry_out_plan();
    const std::lock_guard lock(latest_mutex_);
    if (source_) hooks_ = source_->hooks();
    return ok;
}

std::vector<Hook> Engine::hooks() const {
    const std::lock_guard lock(latest_mutex_);
    return hooks_;
}

Result<> Engine::carry_out_plan() {
    blind_.clear();
    if (!source_) return {};
    source_->verify(options_.plan_verify);
    source_->count_clauses(options_.count_clauses);
    if (options_.events) return source_->set_events(*options_.events);
    const EventPlan plan = plan::plan_events(pipeline_->matcher(), nullptr, options_.plan);
    // What was decided about processes was for the rules before; without it, every rule may match everything.
    masks_.reset();
    source_->drop_process_masks();
    if (auto ok = source_->set_events(capturing_ ? with_everything(plan) : plan); !ok) return ok;
    pipeline_->set_failed_exec_rules(plan.failed_exec_rules);
    follow_identities(plan);
    if (plan.process_nodes.empty()) return {};
    masks_ = std::make_unique<plan::ProcessMasks>(pipeline_->rules(), plan.process_nodes);
    pipeline_->processes().for_each_living([this](Process& process) { tell_mask(process.image); });
    return {};
}

void Engine::follow_identities(const EventPlan& plan) {
    std::vector<std::string> paths;
    for (const PathName& n : plan.names)
        if (!n.path.empty()) paths.push_back(n.path);
    if (paths.empty() && identities_ == nullptr) return;
    if (identities_ == nullptr)
        identities_ = std::make_unique<IdentityTable>(
            IdentityTable::Options{.host_root = options_.resolver.host_root},
            [this](int fd) { return source_->identify(fd); },
            [this] {
                const std::uint64_t one = 1;
                [[maybe_unused]] const auto written = ::write(wake_fd_, &one, sizeof one);
            });
    identities_->set_paths(std::move(paths));
    identities_->wait(kFirstLook);
    take_identities();
}

void Engine::take_identities() {
    const IdentityTable::Found* found = identities_ ? identities_->take() : nullptr;
    if (found == nullptr) return;
    if (auto ok = source_->set_files(*found); !ok) spdlog::warn("files that rules name: {}", ok.error().message);
}

void Engine::remember(std::uint64_t cgroup_set, const std::string& container) {
    if (container_of_.size() >= kMostCgroups) container_of_.clear();
    container_of_.try_emplace(cgroup_set, container);
}

void Engine::report_plan_error(std::string_view rule, const Event& event) {
    const EventInfo* info = find_event(event.code);
    std::string what =
        fmt::format("the kernel's plan would have left out an event that a rule matches: rule '{}', event {}; "
                    "run with plan.enabled=false until this is mended",
                    rule, info != nullptr ? info->name : "");
    spdlog::error("{}", what);
    sink_.push(std::make_shared<const AlertRecord>(Notice{
        .time = wall_now(), .kind = "plan_error", .message = std::move(what), .hostname = options_.pipeline.hostname}));
}

void Engine::tell_mask(const ProcessImagePtr& image) {
    if (image->incomplete || image->kernel_thread) return source_->drop_process_mask(image->key.pid);
    source_->set_process_mask({.process = image->key,
                               .exec_id = image->exec->exec_id,
                               .comm = image->comm,
                               .uid = image->credentials.uid,
                               .bits = masks_->of(image, pipeline_->world())});
}

std::size_t Engine::drain(std::chrono::milliseconds timeout) {
    if (!source_) return 0;
    const std::size_t count = source_->poll(
        timeout,
        [this](const ProcessRecord& record) {
            // The kernel's thread of threads has the namespaces that the system booted with: the host's, where its
            // first process, whose word goes before, is not told of.
            if (record.key.pid == 1 || (record.key.pid == 2 && !host_known_)) {
                host_known_ = true;
                containers_.set_host(record.namespaces);
                host_cgroups_.set_host(record.namespaces);
                source_->set_host_namespace(record.namespaces.mnt);
            }
            pipeline_->on_record(record);
        },
        [this](const RawEvent& event) { pipeline_->on_event(event); });
    // Outside of the callback: reading a process again goes through the same ring.
    for (const Tid tid : to_refresh_) {
        if (const auto ok = source_->refresh(tid); !ok)
            spdlog::debug("cannot read process {} again: {}", tid, ok.error().message);
    }
    to_refresh_.clear();
    return count;
}

Result<> Engine::run() {
    std::array<epoll_event, 8> ready{};
    while (!stopping_.load(std::memory_order_relaxed)) {
        const int n = ::epoll_wait(epoll_fd_, ready.data(), static_cast<int>(ready.size()), wait_ms());
        if (n < 0 && errno != EINTR) return fail_errno("wait for events", errno);
        // Records first: they are what the rest is about.
        drain(std::chrono::milliseconds{0});
        if (options_.pause) options_.pause();
        follow_captures();
        for (int i = 0; i < n; ++i) {
            const int fd = ready[static_cast<std::size_t>(i)].data.fd;
            if (fd == resolver_->fd())
                take_metadata();
            else if (fd == users_->fd())
                take_users();
            else if (audit_ && fd == audit_->fd())
                take_audit();
            else if (fd == wake_fd_)
                take_commands();
        }
        pipeline_->on_time();
        watch_losses();
        keep_budget();
        publish_summary();
        if (const Nanos now = steady_now(); now - collected_ >= kCollectEvery) {
            collected_ = now;
            containers_.collect([this](const std::string& key) { resolver_->forget(key); });
        }
    }
    return {};
}

void Engine::take_metadata() {
    bool news = false;
    resolver_->drain([&](const ResolverAnswer& answer) {
        bool confirmed_now = false;
        if (containers_.update(answer, confirmed_now) == nullptr) return;
        news = true;
        if (confirmed_now)
            pipeline_->processes().reclassify(
                [](const ProcessImage& image) { return image.container == nullptr && !image.kernel_thread; });
    });
    if (news) pipeline_->on_metadata();
}

void Engine::take_users() {
    bool news = false;
    users_->drain([&](std::uint32_t) { news = true; });
    if (news) pipeline_->on_metadata();
}

void Engine::take_audit() {
    for (AuditEventPtr& event : audit_->take()) pipeline_->on_audit(std::move(event));
}

void Engine::take_commands() {
    clear_event(wake_fd_);
    take_identities();
    std::shared_ptr<const Matcher> rules;
    {
        const std::lock_guard lock(commands_mutex_);
        rules = std::exchange(new_rules_, nullptr);
    }
    if (!rules) return;
    // First what the kernel tells, then what is asked about it: in between there may be too much, never too little.
    EventPlan both = plan::plan_events(pipeline_->matcher(), rules.get(), options_.plan);
    // (Without a source the audit log alone is watched.)
    if (source_) {
        if (auto ok = source_->set_events(capturing_ ? with_everything(std::move(both)) : both); !ok)
            spdlog::error("new rules: {}", ok.error().message);
    }
    // What is on its way was chosen, and marked as left out, for the rules before: they are asked about it.
    for (int turn = 0; turn < kMostTurns && drain(std::chrono::milliseconds{0}) != 0; ++turn) {
    }
    pipeline_->swap_rules(std::move(rules));
    if (auto ok = follow_plan(); !ok) spdlog::error("new rules: {}", ok.error().message);
}

void Engine::watch_losses() {
    if (!source_) return;
    const Losses losses = source_->losses();
    const Nanos now = wall_now();
    const Nanos offset = now - clock_now(CLOCK_BOOTTIME);
    std::vector<GapWatch::Loss> seen;
    std::uint64_t total = 0; // of process records
    for (std::size_t kind = 0; kind < losses.size(); ++kind) {
        const LossCounters& loss = losses[kind];
        if (loss.count == 0) continue;
        total += loss.count;
        seen.push_back({.stage = "kernel ring",
                        .event_class = kClassNames[kind],
                        .total = loss.count,
                        .first = offset + static_cast<Nanos>(loss.first_boottime_ns),
                        .last = offset + static_cast<Nanos>(loss.last_boottime_ns),
                        .container = {},
                        .reason = kRecordsLost});
    }
    const std::uint64_t total_events = source_->events_lost();
    if (total + total_events == 0) return;
    if (total_events != 0 && (gaps_open_ || total_events != events_lost_)) add_event_losses(seen, offset);
    if (gaps_open_ || total != lost_records_ || total_events != events_lost_) add_process_losses();
    events_lost_ = total_events;
    lost_records_ = total;
    gaps_open_ = gaps_.update(seen, now, blind_rules(), [this](GapRecord gap) { emit_gap(std::move(gap)); });
    if (!gaps_open_) lost_of_.clear();
    // When the flood is over the kernel is asked again for every process, so that the tree is whole.
    if (!gaps_open_ && total != healed_) {
        healed_ = total;
        if (auto ok = source_->refresh_all(); !ok)
            spdlog::warn("cannot read the processes again after a loss: {}", ok.error().message);
    }
}

void Engine::add_event_losses(std::vector<GapWatch::Loss>& seen, Nanos offset) {
    for (const EventLoss& loss : source_->event_losses()) {
        seen.push_back({.stage = "kernel ring",
                        .event_class = class_name(loss.code),
                        .total = loss.lost.count,
                        .first = offset + static_cast<Nanos>(loss.lost.first_boottime_ns),
                        .last = offset + static_cast<Nanos>(loss.lost.last_boottime_ns),
                        .container = container_named(loss.cgroup_set),
                        .reason = loss.shed ? kEventsShed : kEventsLost,
                        .by_container = true,
                        .rules = &blind_to(loss.code)});
    }
}

void Engine::add_process_losses() {
    for (const ProcessLoss& loss : source_->take_process_losses()) {
        const ProcessImage* image = pipeline_->processes().find(loss.process);
        LossByProcess::What what;
        if (loss.record)
            what = {std::string(kClassNames[static_cast<std::size_t>(*loss.record)]), "", kRecordsLost};
        else
            what = {std::string(class_name(loss.code)), std::string(container_named(loss.cgroup_set)),
                    loss.shed ? kEventsShed : kEventsLost};
        lost_of_.add(what, loss.process, image != nullptr ? image->comm : "", loss.count);
    }
}

// Empty: none, or not known.
std::string_view Engine::container_named(std::uint64_t cgroup_set) const {
    const auto found = container_of_.find(cgroup_set);
    return found != container_of_.end() ? std::string_view(found->second) : std::string_view();
}

// Those that are asked about events of this type.
const std::vector<std::string>& Engine::blind_to(EventCode code) {
    const auto [at, fresh] = blind_.try_emplace(code);
    if (!fresh) return at->second;
    pipeline_->matcher().for_each_event([&](EventKey key, std::span<const match::ProgramRule> rules) {
        if (key.code != code) return;
        for (const match::ProgramRule& r : rules) {
            const std::string& name = pipeline_->matcher().rules()[r.rule].name;
            if (std::ranges::find(at->second, name) == at->second.end()) at->second.push_back(name);
        }
    });
    return at->second;
}

// Over the budget, events of files are given up first, then those of the network; never those of processes and rights.
void Engine::keep_budget() {
    if (options_.cpu_budget_percent == 0 || !source_) return;
    const Nanos wall = clock_now(CLOCK_MONOTONIC), used = clock_now(CLOCK_PROCESS_CPUTIME_ID);
    if (wall - budget_wall_ < kPublishEvery) return;
    const bool first = budget_wall_ == 0;
    const Nanos share = (used - budget_used_) * 100 / std::max<Nanos>(wall - budget_wall_, 1);
    budget_wall_ = wall;
    budget_used_ = used;
    if (first) return;
    const auto budget = static_cast<Nanos>(options_.cpu_budget_percent);
    unsigned shed = shed_;
    if (share > budget && shed < 2)
        ++shed;
    else if (share < budget / 2 && shed > 0)
        --shed;
    if (shed == shed_) return;
    shed_ = shed;
    source_->shed(shed);
    static constexpr std::array<const char*, 3> kWhat{"nothing", "events of files and the like",
                                                      "events of files, of the network and the like"};
    spdlog::warn("the agent uses {} % of a processor, its budget is {} %: given up are {}", share, budget, kWhat[shed]);
}

// Everything is collected as long as a capture is written, or the last seconds are kept for one.
void Engine::follow_captures() {
    if (!captures_) return;
    captures_->tick(wall_now());
    if (captures_->wants_everything() == capturing_) return;
    capturing_ = !capturing_;
    pipeline_->set_observing(capturing_ || options_.observe);
    if (auto ok = follow_plan(); !ok) spdlog::error("capture: {}", ok.error().message);
}

std::vector<std::string> Engine::blind_rules() const {
    std::vector<std::string> names;
    for (const Rule& rule : pipeline_->matcher().rules()) {
        if (rule.enabled && rule.disabled_why.empty()) names.push_back(rule.name);
    }
    return names;
}

void Engine::emit_gap(GapRecord gap) {
    gap.processes = lost_of_.take({gap.event_class, gap.container, gap.reason});
    sink_.push(std::make_shared<const AlertRecord>(std::move(gap)));
}

int Engine::wait_ms() const {
    const Nanos deadline = pipeline_->next_deadline();
    const auto idle = source_ ? source_->most_wait() : LiveSource::kMaxIdle; // the audit log alone needs no kernel
    const int most = static_cast<int>(idle.count());
    if (deadline == 0) return most;
    return static_cast<int>(std::clamp<Nanos>((deadline - steady_now() + kMillisecond - 1) / kMillisecond, 0, most));
}

void Engine::stop() {
    stopping_.store(true, std::memory_order_relaxed);
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(wake_fd_, &one, sizeof one);
}

Result<> Engine::prepare_rules(const Matcher& matcher) {
    if (!source_) return {};
    const EventPlan plan = plan::plan_events(matcher, nullptr, options_.plan);
    const bool everything = options_.captures && may_capture(matcher, *options_.captures);
    return source_->prepare_events(everything ? with_everything(plan) : plan);
}

void Engine::swap_rules(std::shared_ptr<const Matcher> matcher) {
    {
        const std::lock_guard lock(commands_mutex_);
        new_rules_ = std::move(matcher);
    }
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(wake_fd_, &one, sizeof one);
}

void Engine::finish() {
    // What the kernel had already written when the end was asked for still counts.
    if (source_) source_->stop();
    while (drain(std::chrono::milliseconds{0}) > 0) {
    }
    pipeline_->flush();
    if (captures_) captures_->end();
    watch_losses();
    gaps_.close([this](GapRecord gap) { emit_gap(std::move(gap)); });
}

void Engine::publish_summary() {
    const Nanos now = steady_now();
    if (now - latest_at_ < kPublishEvery) return;
    latest_at_ = now;
    const Summary s = summary();
    const std::lock_guard lock(latest_mutex_);
    latest_ = s;
}

Engine::Summary Engine::latest() const {
    const std::lock_guard lock(latest_mutex_);
    return latest_;
}

Engine::Summary Engine::summary() const {
    Summary s;
    s.pipeline = pipeline_->stats();
    s.processes = pipeline_->processes().stats();
    s.containers = containers_.size();
    s.containers_without_image = containers_.without_image();
    s.at = steady_now();
    if (source_) {
        s.losses = source_->losses();
        s.event_losses = source_->event_losses();
        s.events = source_->event_counts();
        s.kernel_errors = source_->kernel_errors();
        s.malformed = source_->malformed();
    }
    s.rule_costs = pipeline_->rule_costs().by_rule();
    s.rules = pipeline_->rules();
    if (captures_) {
        s.captures = captures_->stats();
        s.recorder_starved = captures_->recorder().starved();
    }
    for (const LossCounters& loss : s.losses) s.lost += loss.count;
    for (const EventLoss& loss : s.event_losses) s.lost += loss.lost.count;
    s.running = steady_now() - started_;
    s.armed_after = armed_ == 0 ? 0 : armed_ - started_;
    return s;
}

} // namespace gyr
