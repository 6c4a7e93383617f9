#include "recording/live_events.h"

#include "event/schema.h"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

namespace gyr::recording {
namespace {

constexpr std::size_t kMostWaiting = 64; // images
constexpr std::size_t kMostGivenUp = 4096;
// The newest system call that sysdig 0.29 and readers of its age know by number; they break on any beyond.
constexpr std::uint16_t kOldReadersLastCall = 328;

FlightRecorderOptions held_options(const LiveEventOptions& options) {
    // What is held goes by the clock of settled(), never by age.
    return {.span = options.metadata_wait > 0 ? std::numeric_limits<Nanos>::max() / 2 : 0,
            .max_bytes = options.held_bytes};
}

} // namespace

LiveEvents::LiveEvents(LiveEventOptions options) : options_(options), held_(held_options(options)) {}

Result<> LiveEvents::see_container(const Event& event, const UserView* users, Tell tell) {
    if (!event.process || !event.process->container) return {};
    const ProcessImagePtr& image = event.process;
    if (auto done = facts_.tell(*image, users, event.time, tell); !done) return done;
    if (options_.metadata_wait == 0 || waiting_.size() >= kMostWaiting || !ContainerFacts::pending(*image, users) ||
        given_up_.contains(image->container->id) ||
        std::ranges::any_of(waiting_, [&](const Waiting& w) { return w.image == image; }))
        return {};
    // Others of its processes do not make a container's time longer.
    const auto first =
        std::ranges::find_if(waiting_, [&](const Waiting& w) { return w.image->container == image->container; });
    waiting_.push_back({image, first != waiting_.end() ? first->since : event.time});
    return {};
}

bool LiveEvents::settled(const UserView* users, Nanos now) {
    return std::ranges::none_of(waiting_, [&](const Waiting& w) {
        if (!ContainerFacts::pending(*w.image, users)) return false;
        if (now - w.since < options_.metadata_wait) return true;
        if (given_up_.size() >= kMostGivenUp) given_up_.clear();
        given_up_.insert(w.image->container->id);
        return false;
    });
}

Result<> LiveEvents::release(const UserView* users, Tell tell) {
    const std::vector<Waiting> waited = std::exchange(waiting_, {});
    for (const Waiting& w : waited) {
        if (auto done = facts_.tell(*w.image, users, w.since, tell); !done) return done;
    }
    auto done = held_.for_each([&](const RawEvent& event) { return tell(event); });
    held_.clear();
    return done;
}

Result<> LiveEvents::containers(const ProcessTable& processes, const UserView* users, Tell tell) {
    return facts_.tell_all(processes, users, newest_, tell);
}

Result<> LiveEvents::put(const RawEvent& event, const UserView* users, Tell tell) {
    if (waiting_.empty()) return tell(event);
    if (held_.has_room(event)) {
        held_.keep(event);
        return {};
    }
    if (auto done = release(users, tell); !done) return done;
    return tell(event);
}

Result<> LiveEvents::put_system_call(const Event& event, std::uint32_t dump_flags, const UserView* users, Tell tell) {
    RawEvent raw;
    if (led_path_.begin_of(event, raw)) {
        raw.dump_flags = dump_flags;
        if (auto done = put(raw, users, tell); !done) return done;
    }
    raw.code = event.code;
    raw.cpu = event.cpu;
    raw.time = event.time;
    raw.tid = event.tid;
    raw.dump_flags = dump_flags;
    raw.params = event.params;
    if (event.code == kGenericExit) raw.params = raw.params.first(std::min<std::size_t>(raw.params.size(), 2));
    std::array<std::string_view, 2> generic{};
    if (options_.for_old_readers && event.code == kGenericExit && raw.params.size() == 2 &&
        load_param<std::uint16_t>(event.params[0]) > kOldReadersLastCall) {
        generic = {std::string_view("\0\0", 2), event.params[1]}; // "unknown"; the native number stays
        raw.params = generic;
    }
    return put(raw, users, tell);
}

Result<> LiveEvents::take(const Event& event, const World& world, std::uint32_t dump_flags, Tell tell) {
    newest_ = std::max(newest_, event.time);
    if (auto done = see_container(event, world.users, tell); !done) return done;
    if (!waiting_.empty() && settled(world.users, event.time)) {
        if (auto done = release(world.users, tell); !done) return done;
    }
    RawEvent raw;
    const auto put_process = [&]() -> Result<> {
        raw.dump_flags = dump_flags;
        return put(raw, world.users, tell);
    };
    while (process_events_.encode_thread_exit(event, raw)) {
        if (auto done = put_process(); !done) return done;
    }
    if (process_events_.encode(event, raw)) {
        if (auto done = put_process(); !done) return done;
        if (!event.child || world.processes == nullptr || !process_events_.encode_child(event, *world.processes, raw))
            return {};
        return put_process();
    }
    if (event.code >= kSnapshot) return {}; // captures have no such events
    if (process_events_.encode_thread(event, raw)) {
        if (auto done = put_process(); !done) return done;
    }
    return put_system_call(event, dump_flags, world.users, tell);
}

} // namespace gyr::recording
