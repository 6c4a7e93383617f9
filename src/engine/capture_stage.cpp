#include "engine/capture_stage.h"

#include "recording/table_threads.h"

#include <algorithm>
#include <filesystem>
#include <memory>
#include <unistd.h>
#include <utility>

namespace gyr {
namespace {

constexpr Nanos kMillisecond = 1'000'000;
constexpr int kMostAncestors = 64;

} // namespace

bool may_capture(std::span<const Rule> rules, const CaptureStageOptions& options) {
    return options.all_rules || options.files.recorder.span > 0 ||
           std::ranges::any_of(rules, [](const Rule& rule) { return rule.enabled && rule.capture; });
}

CaptureStage::CaptureStage(CaptureStageOptions options, const ProcessTable& processes, const UserView* users)
    : options_(std::move(options)), processes_(processes), users_(users),
      live_({.for_old_readers = options_.files.writer.enter_events, .metadata_wait = 0, .held_bytes = 0}),
      captures_(options_.files, [this](capfile::Writer& writer) { return describe(writer); }) {}

void CaptureStage::note(const Result<>& result) {
    if (!result && options_.on_problem) options_.on_problem("capture: " + result.error().message);
}

Result<> CaptureStage::describe(capfile::Writer& writer) {
    const Nanos oldest = captures_.recorder().oldest();
    const Nanos since = oldest > 0 ? std::min(oldest, alert_time_) : alert_time_;
    // Events wait in the kernel meanwhile: of /proc only what the alert is near to is read.
    const auto near = [this](const ProcessImage& image) {
        return std::ranges::find(around_, image.key) != around_.end() || (container_ && image.container == container_);
    };
    const recording::TableDescription what{
        .ended_since = since, .threads = false, .with_descriptors = near, .places = options_.places};
    if (auto done = recording::describe_host(writer, processes_, what); !done) return done;
    return live_.containers(processes_, users_, [&writer](const RawEvent& event) { return writer.write_event(event); });
}

void CaptureStage::see(const Event& event, const EvalWorld& world) {
    static const pid_t self = ::getpid();
    if (!wants_everything() || (event.process && event.process->key.pid == self)) return;
    note(live_.take(event, {world.processes, users_}, 0, [this](const RawEvent& raw) { return captures_.take(raw); }));
}

// The alert's container, or on the host its process and all above it.
void CaptureStage::look_around(const Event& event) {
    around_.clear();
    container_ = event.process ? event.process->container : nullptr;
    const ProcessImage* p = event.process.get();
    for (int level = 0; p != nullptr && level < kMostAncestors; ++level) {
        around_.push_back(p->key);
        p = p->parent == p->key ? nullptr : processes_.find(p->parent);
    }
}

void CaptureStage::matched(const Rule& rule, const Event& event, const EvalWorld& world) {
    if (!rule.capture && !options_.all_rules) return;
    const bool fresh = !captures_.writing();
    if (fresh) {
        alert_time_ = event.time;
        look_around(event);
        std::error_code ignored; // when it fails, so will the file
        const std::filesystem::path folder = std::filesystem::path(options_.files.path_prefix).parent_path();
        if (std::filesystem::create_directories(folder, ignored))
            std::filesystem::permissions(folder, std::filesystem::perms::owner_all, ignored);
    }
    const Nanos duration = static_cast<Nanos>(rule.capture_duration_ms) * kMillisecond;
    const auto begin = [&](const RawEvent& raw) -> Result<> {
        const std::shared_ptr<Container> container = event.process ? event.process->container : nullptr;
        auto path =
            captures_.begin(raw, event.number, duration, [container] { return !container || !container->pending(); });
        if (!path) return std::unexpected(path.error());
        if (fresh && options_.on_begin) options_.on_begin(*path);
        return {};
    };
    // The event itself again, for a file that begins with it as nothing before it was kept.
    bool begun = false;
    recording::LiveEvents once(
        {.for_old_readers = options_.files.writer.enter_events, .metadata_wait = 0, .held_bytes = 0});
    note(once.take(event, {world.processes, users_}, 0, [&](const RawEvent& raw) -> Result<> {
        if (raw.code != event.code) return {};
        if (!std::exchange(begun, true)) return begin(raw);
        return fresh && !captures_.recorder().on() ? captures_.take(raw) : Result<>{};
    }));
    if (begun) return;
    RawEvent raw; // what captures have no event for
    raw.code = event.code, raw.time = event.time;
    note(begin(raw));
}

void CaptureStage::tick(Nanos now) { note(captures_.tick(now)); }
void CaptureStage::end() { note(captures_.end()); }

} // namespace gyr
