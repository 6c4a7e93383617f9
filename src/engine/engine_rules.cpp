// Rules of the moment: what the kernel tells for them, and new ones in the place of old ones.

#include "engine/engine.h"

#include "base/clock.h"
#include "event/schema.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace gyr {

namespace {

constexpr int kMostTurns = 64;                       // of reading what is there before rules are swapped
constexpr std::chrono::milliseconds kFirstLook{100}; // for the files that rules name

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

void clear_event(int fd) {
    std::uint64_t value = 0;
    while (::read(fd, &value, sizeof value) < 0 && errno == EINTR) {
    }
}

} // namespace

// What the rules of the moment want of system calls; none: their tracepoints go away.
Result<> Engine::follow_plan() {
    const auto ok = carry_out_plan();
    const std::lock_guard lock(latest_mutex_);
    if (source_) hooks_ = source_->hooks();
    return ok;
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
    if (identities_ == nullptr) {
        identities_ = std::make_unique<IdentityTable>(
            IdentityTable::Options{.host_root = options_.resolver.host_root},
            [this](int fd) { return source_->identify(fd); },
            [this] {
                const std::uint64_t one = 1;
                [[maybe_unused]] const auto written = ::write(wake_fd_, &one, sizeof one);
            });
        // Containers that are there already, in which nothing may ever start again.
        pipeline_->processes().for_each_living([this](const Process& process) {
            const ProcessImage& image = *process.image;
            if (image.container != nullptr) identities_->see_container(image.container->full_id, image.key.pid);
        });
    }
    identities_->set_paths(std::move(paths));
    identities_->wait(kFirstLook);
    take_identities();
}

void Engine::take_identities() {
    const IdentityTable::Found* found = identities_ ? identities_->take() : nullptr;
    if (found == nullptr) return;
    if (auto ok = source_->set_files(*found); !ok) spdlog::warn("files that rules name: {}", ok.error().message);
}

void Engine::report_plan_error(std::string_view rule, const Event& event) {
    const EventInfo* info = find_event(event.code);
    // As much of it as another needs to see the same again.
    std::string about(info != nullptr ? info->name : "");
    if (event.fd != nullptr && !event.fd->name.empty()) about += fmt::format(" of '{}'", event.fd->name);
    if (event.has_result) about += fmt::format(", result {}", event.result);
    if (event.process) about += fmt::format(", by '{}' (pid {})", event.process->comm, event.process->key.pid);
    std::string what =
        fmt::format("the kernel's plan would have left out an event that a rule matches: rule '{}', event {}; "
                    "run with plan.enabled=false until this is mended",
                    rule, about);
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

Result<> Engine::prepare_rules(const Matcher& matcher) {
    if (!source_) return {};
    const EventPlan plan = plan::plan_events(matcher, nullptr, options_.plan);
    const bool everything = options_.captures && may_capture(matcher.rules(), *options_.captures);
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

} // namespace gyr
