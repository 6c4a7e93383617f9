#include "engine/engine.h"

#include "base/clock.h"
#include "containers/classify.h"
#include "containers/hints.h"

#include <spdlog/spdlog.h>

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <utility>

namespace gyr {

namespace {

constexpr Nanos kMillisecond = 1'000'000;
constexpr Nanos kPublishEvery = 500'000'000;
constexpr std::size_t kMostCgroups = 65'536;
constexpr Nanos kCollectEvery = 5'000'000'000;

// A container engine, in a container only one that the image brought.
bool keeps_layers(const ProcessImage& p) {
    const std::uint32_t marks = p.exec->exe_file.marks;
    return is_container_engine(p.exec->exe_path) && (marks & kFileMemfd) == 0 &&
           (p.container == nullptr || (marks & kFileUpperLayer) == 0);
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
        engine->options_.live.every_one_is_judged = engine->options_.count_clauses || engine->options_.plan_verify != 0;
        auto source =
            LiveSource::create(engine->options_.live,
                               engine->options_.events ? *engine->options_.events
                               : engine->options_.captures && may_capture(matcher->rules(), *engine->options_.captures)
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
                [self](const Event& event, const FdInfo& file, std::span<const FileNumbers> below) {
                    if (self->identities_ == nullptr) return std::span<const std::string_view>{};
                    return self->identities_->names_of(file, below,
                                                       event.process != nullptr && keeps_layers(*event.process));
                },
            .true_paths =
                [self](const Event& event, const PathCall& call) {
                    return self->true_paths_.find(event, call, self->pipeline_->processes());
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
    // Also for one that is known: what becomes of it, another name or address, is told to who has asked.
    resolver_->request(match.key, match.guess, match.path, std::move(hints));
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

std::vector<Hook> Engine::hooks() const {
    const std::lock_guard lock(latest_mutex_);
    return hooks_;
}

void Engine::remember(std::uint64_t cgroup_set, const std::string& container) {
    if (container_of_.size() >= kMostCgroups) container_of_.clear();
    container_of_.try_emplace(cgroup_set, container);
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

// Everything is collected as long as a capture is written, or the last seconds are kept for one.
void Engine::follow_captures() {
    if (!captures_) return;
    captures_->tick(wall_now());
    if (captures_->wants_everything() == capturing_) return;
    capturing_ = !capturing_;
    pipeline_->set_observing(capturing_ || options_.observe);
    if (auto ok = follow_plan(); !ok) spdlog::error("capture: {}", ok.error().message);
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
