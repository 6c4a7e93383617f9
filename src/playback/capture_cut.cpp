#include "playback/capture_cut.h"

#include "event/raw_event.h"
#include "event/schema.h"
#include "playback/capture_walk.h"
#include "replay/state.h"
#include "replay/tell.h"

#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace gyr::playback {
namespace {

using capfile::Item;

constexpr std::uint32_t kForTheState = 1;

// What the first reading finds.
struct Chosen {
    std::unordered_set<std::uint64_t> events;   // by number
    std::unordered_set<std::int64_t> processes; // by pid, and threads by tid
    std::unordered_set<std::int64_t> matched;   // of these the ones whose events match, by pid
    std::optional<capfile::Damage> damage;

    [[nodiscard]] bool has(std::int64_t id) const { return processes.contains(id); }
};

void choose_process(Chosen& chosen, const Event& event, const EvalWorld& world, std::uint32_t ancestors) {
    chosen.processes.insert(event.tid);
    const ProcessImage* image = event.process.get();
    if (image == nullptr) return;
    chosen.processes.insert(image->key.pid);
    chosen.matched.insert(image->key.pid);
    std::unordered_set<std::int64_t> seen{image->key.pid}; // numbers that come again may make a circle
    for (std::uint32_t i = 0; i < ancestors; ++i) {
        image = world.processes->find(image->parent);
        if (image == nullptr || !seen.insert(image->key.pid).second) return;
        chosen.processes.insert(image->key.pid);
    }
}

// Of a session and groups the leaders, and whom the event's parameters name: fields give their names.
void choose_named(Chosen& chosen, const Event& event) {
    if (const ProcessImage* image = event.process.get())
        for (const Pid leader : {image->sid, image->vsid, image->pgid, image->vpgid}) chosen.processes.insert(leader);
    const EventInfo* info = find_event(event.code);
    for (std::size_t i = 0; info != nullptr && i < info->params.size() && i < event.params.size(); ++i)
        if (info->params[i].type == ParamType::pid) chosen.processes.insert(load_param<std::int64_t>(event.params[i]));
}

bool tells_birth(const Event& event) {
    const EventCode code = event.code;
    return (code == kClone || code == kFork || code == kVfork || code == kClone3) && event.has_result &&
           event.result > 0 && event.process;
}

// Who made a process need not be its parent any more when it does what is looked for; but others adopt it only where
// its maker's end is told.
void choose_makers(Chosen& chosen, const std::unordered_map<std::int64_t, std::int64_t>& makers, std::uint32_t most) {
    for (const std::int64_t matched : chosen.matched) {
        std::unordered_set<std::int64_t> seen{matched}; // numbers that come again may make a circle
        auto maker = makers.find(matched);
        for (std::uint32_t i = 0; i < most && maker != makers.end() && seen.insert(maker->second).second; ++i) {
            chosen.processes.insert(maker->second);
            maker = makers.find(maker->second);
        }
    }
}

Chosen choose(capfile::Reader& reader, EventPrinter& filter, const CutOptions& options) {
    Chosen chosen;
    replay::ReplayState state;
    std::unordered_map<std::int64_t, std::int64_t> makers; // by pid: who made the process
    const auto visit = [&](const Event& event, const EvalWorld& world) {
        if (tells_birth(event)) makers.insert_or_assign(event.result, event.process->key.pid);
        if (!filter.matches(event, world)) return true;
        chosen.events.insert(event.number);
        choose_process(chosen, event, world, options.ancestors);
        choose_named(chosen, event);
        return true;
    };
    chosen.damage = walk(reader, state, visit, {.until = options.until}).damage;
    choose_makers(chosen, makers, options.ancestors);
    return chosen;
}

// What a capture begins with, in as few blocks as it had: older readers take one list of users and one of interfaces.
class Description {
  public:
    Description(const Chosen& chosen, capfile::Writer& out) : chosen_(chosen), out_(out) {}

    Result<> take(const capfile::Reader& reader, Item item) {
        if (item != kind_) {
            const Result<> done = write_out();
            if (!done) return done;
            kind_ = item == Item::group ? Item::user : item;
        }
        switch (item) {
        case Item::machine: return out_.write_machine(reader.machine());
        case Item::interface: take(reader.interface()); break;
        case Item::user: take(reader.user()); break;
        case Item::group: groups_.push_back({reader.group().gid, own(reader.group().name)}); break;
        case Item::thread: return take(reader.thread());
        case Item::fd: return take(reader.fd());
        default: break;
        }
        return {};
    }

    Result<> write_out() {
        Result<> done;
        if (!interfaces_.empty()) done = out_.write_interfaces(interfaces_);
        if (done && !(users_.empty() && groups_.empty())) done = out_.write_users(users_, groups_);
        if (done && !fds_.empty()) done = out_.write_fds(fds_.front().tid, fds_);
        interfaces_.clear(), users_.clear(), groups_.clear(), fds_.clear();
        infos_.clear(), texts_.clear();
        return done;
    }

  private:
    std::string_view own(std::string_view text) { return texts_.emplace_back(text); }
    void take(capfile::Interface interface) {
        interface.name = own(interface.name);
        interfaces_.push_back(interface);
    }
    void take(capfile::UserRecord user) {
        user.name = own(user.name), user.home = own(user.home), user.shell = own(user.shell);
        users_.push_back(user);
    }
    Result<> take(const capfile::ThreadRecord& thread) {
        if (!chosen_.has(thread.pid) && !chosen_.has(thread.tid)) return {};
        told_.insert(thread.tid);
        return out_.write_threads({&thread, 1});
    }
    Result<> take(const capfile::FdRecord& fd) {
        if (!told_.contains(fd.tid)) return {}; // readers refuse descriptors of whom the lists did not tell
        Result<> done;
        if (!fds_.empty() && fds_.front().tid != fd.tid) done = write_out();
        fds_.push_back({fd.tid, fd.fd, &infos_.emplace_back(*fd.info)});
        return done;
    }

    const Chosen& chosen_;
    capfile::Writer& out_;
    Item kind_ = Item::section;
    std::unordered_set<std::int64_t> told_;
    std::vector<capfile::Interface> interfaces_;
    std::vector<capfile::UserRecord> users_;
    std::vector<capfile::GroupRecord> groups_;
    std::vector<capfile::FdRecord> fds_;
    std::deque<FdInfo> infos_;
    std::deque<std::string> texts_;
};

// The second reading.
class Cutter {
  public:
    Cutter(const Chosen& chosen, capfile::Writer& out, CutEnd& end) : chosen_(chosen), out_(out), end_(end) {}

    Result<> copy_event(RawEvent raw, const Event& event) {
        const EventInfo* info = find_event(raw.code);
        if (info == nullptr) return {};
        if (chosen_.events.contains(event.number)) {
            ++end_.matched;
            return out_.write_event(raw);
        }
        // The begin of a call is written anew before its end.
        if (info->kind == EventKind::syscall && info->direction == EventDirection::enter) return {};
        if (!is_needed(raw, event, *info)) return {};
        ++end_.state_only;
        raw.dump_flags |= kForTheState;
        return out_.write_event(raw);
    }

  private:
    [[nodiscard]] bool is_needed(const RawEvent& raw, const Event& event, const EventInfo& info) const {
        if ((info.flags & kModifiesState) == 0 && raw.code != kAsync) return false;
        if (info.kind == EventKind::metaevent) return true; // containers, users
        if (chosen_.has(raw.tid) || (event.process && chosen_.has(event.process->key.pid))) return true;
        // Whose birth it tells: of its parent nothing else may be needed.
        return event.has_result && event.result > 0 && info.category == EventCategory::process &&
               chosen_.has(event.result);
    }

    const Chosen& chosen_;
    capfile::Writer& out_;
    CutEnd& end_;
};

} // namespace

Result<CutEnd> cut_capture(capfile::Reader& once, capfile::Reader& again, EventPrinter& filter,
                           const CutOptions& options, capfile::Writer& out) {
    const Chosen chosen = choose(once, filter, options);
    CutEnd end;
    end.damage = chosen.damage;
    Description description(chosen, out);
    Cutter cutter(chosen, out, end);
    replay::ReplayState state;
    for (;;) {
        const Item item = again.next();
        const bool over = item == Item::end || item == Item::damage;
        Result<> done;
        if (over || item == Item::event) done = description.write_out();
        if (over && done) break;
        if (item == Item::event) {
            const Event* event = state.on_event(again.event());
            if (event->number > options.until) break;
            if (done) done = cutter.copy_event(again.event(), *event);
        } else {
            static_cast<void>(replay::tell(state, again, item));
            if (done) done = description.take(again, item);
        }
        // What is too long to be written again is left out.
        if (!done && done.error().kind != ErrorKind::invalid) return std::unexpected(done.error());
    }
    end.state = state.stats();
    return end;
}

} // namespace gyr::playback
