#include "engine/pipeline.h"

#include "event/schema.h"

#include <algorithm>
#include <array>
#include <unordered_map>
#include <utility>

namespace gyr {

namespace {

constexpr Nanos kExpireEvery = 1'000'000'000;

// What an alert may say more of later: its container, and who began its session.
bool may_change(const Event& event) {
    if (!event.process) return false;
    const ProcessImage& p = *event.process;
    return (p.container && p.container->pending()) ||
           (p.session && !p.session->settled && p.session->why != Missing::not_kubernetes);
}
// A container's own process that reads what somebody else may write.
bool can_be_attached_to(const ProcessImage& p) {
    const StdioKind in = p.stdio[0].kind;
    return p.vpid == 1 && (p.tty != 0 || in == StdioKind::pipe || in == StdioKind::unix_socket);
}
// Of a container that somebody could attach to: nobody has. It says nothing, but what belongs to it is looked at again
// when the log, which is late, tells of somebody.
std::shared_ptr<KubeSession> nobodys_session() {
    auto session = std::make_shared<KubeSession>();
    session->why = Missing::not_applicable;
    return session;
}
bool is_nobodys(const Event& event) {
    return event.process && event.process->session && event.process->session->why == Missing::not_applicable;
}
// Another number whenever one of the two has changed.
std::uint32_t state_of(const Event& event) {
    const ProcessImage& p = *event.process;
    return (p.container ? p.container->generation : 0) + (p.session ? p.session->generation : 0);
}

// Numbers of the calls that make processes, native (x86-64) and 32-bit (i386) entry.
EventCode fork_code(std::int32_t syscall_nr, bool compat) {
    switch (syscall_nr) {
    case 57: return compat ? kClone : kFork;
    case 58: return compat ? kClone : kVfork;
    case 2: return compat ? kFork : kClone;
    case 190: return compat ? kVfork : kClone;
    case 435: return kClone3;
    default: return kClone;
    }
}

EventCode exec_code(std::int32_t syscall_nr, bool compat) {
    return syscall_nr == (compat ? 358 : 322) ? kExecveat : kExecve;
}

// The call's result, which by convention is the first parameter of an event that tells of its end.
bool read_result(const EventInfo& info, std::span<const std::string_view> params, std::int64_t& result) {
    if (info.direction != EventDirection::exit || info.params.empty() || params.empty() || params[0].size() != 8)
        return false;
    const ParamType type = info.params[0].type;
    if (type != ParamType::errno_code && type != ParamType::fd && type != ParamType::pid &&
        info.params[0].name != "res")
        return false;
    result = load_param<std::int64_t>(params[0]);
    return true;
}

// The descriptor an event made or acted on.
std::int64_t read_fd_number(const EventInfo& info, const RawEvent& raw, const Event& event) {
    if ((info.flags & kCreatesFd) != 0 && event.has_result) return event.result >= 0 ? event.result : -1;
    const int at = fd_params(raw.code, raw.params).fd;
    const bool told = at >= 0 && static_cast<std::size_t>(at) < raw.params.size();
    return told ? load_param<std::int64_t>(raw.params[static_cast<std::size_t>(at)]) : -1;
}

} // namespace

Pipeline::Pipeline(Options options, Surroundings surroundings, std::shared_ptr<const Matcher> matcher)
    : options_(std::move(options)), around_(std::move(surroundings)), matcher_(std::move(matcher)),
      scratch_(matcher_->make_scratch()), table_(options_.processes, around_.classify) {
    costs_.begin(*matcher_);
    if (!options_.join) return;
    join_.emplace(*options_.join);
    table_.set_open_session([this](const ProcessImage& image, const ProcessImage* before) {
        if (can_be_attached_to(image)) return nobodys_session();
        return join_->open(image, before, table_.find(image.parent), image.exec->exec_time, around_.steady_now());
    });
}

EvalWorld Pipeline::world() const {
    return {.processes = &table_,
            .users = around_.users,
            .hostname = &options_.hostname,
            .first_event_time = first_event_time_};
}

void Pipeline::count(Event& event) {
    event.number = ++event_number_;
    event.previous_time = std::exchange(previous_event_time_, event.time);
    if (first_event_time_ == 0) first_event_time_ = event.time;
}

Event Pipeline::event_of(const ProcessRecord& record, const ProcessTable::Applied& applied) {
    Event event;
    event.time = record.time;
    count(event);
    event.tid = record.tid;
    event.cpu = record.cpu;
    event.record = record.kind;
    event.process = applied.image;
    event.before = applied.before;
    switch (record.kind) {
    case RecordKind::fork: {
        event.code = fork_code(record.syscall_nr, record.compat);
        event.child = record.key;
        event.clone_flags = record.clone_flags;
        event.has_result = true;
        event.result = record.key.pid;
        // The call is the parent's; the child is what it made.
        if (Process* parent = table_.entry(applied.process->creator)) {
            event.process = parent->image;
            event.tid = parent->image->key.pid;
        }
        break;
    }
    case RecordKind::exec:
        event.code = exec_code(record.syscall_nr, record.compat);
        event.has_result = true;
        event.result = 0;
        break;
    case RecordKind::exit:
        event.code = kProcExit;
        event.exit_code = record.exit_code;
        event.reaper = record.reaper;
        break;
    case RecordKind::snapshot: event.code = kSnapshot; break;
    case RecordKind::change:
        // Another image without an exec: read again after a loss, so it is news of what is there.
        event.code = applied.new_exec_image ? kSnapshot : kProcChange;
        break;
    }
    return event;
}

void Pipeline::on_record(const ProcessRecord& record) {
    const ProcessTable::Applied applied = table_.apply(record);
    last_time_ = std::max(last_time_, record.time);
    if (applied.process == nullptr) return;
    if (around_.image) around_.image(record.kind, applied.image);
    if (applied.incomplete && around_.refresh) around_.refresh(record.tid);
    ++stats_.events;
    if (applied.new_exec_image && applied.image->container != nullptr && around_.prefetch_names)
        around_.prefetch_names(*applied.image);

    const bool is_fork = record.kind == RecordKind::fork;
    const bool process_rules = !is_fork && (applied.new_exec_image || applied.changed) && matcher_->has_process_rules();
    if (is_fork && applied.changed && matcher_->has_process_rules()) {
        // The call is the parent's, but it is the child that is not what it was taken for.
        Event event = event_of(record, applied);
        event.code = kProcChange;
        event.process = applied.image;
        event.tid = applied.image->key.pid;
        event.has_result = false;
        if (armed_)
            judge(event, applied.process, false, true);
        else
            early_.push_back({std::move(event), true, false});
    }
    EventCode code = kEventNone;
    switch (record.kind) {
    case RecordKind::fork: code = fork_code(record.syscall_nr, record.compat); break;
    case RecordKind::exec: code = exec_code(record.syscall_nr, record.compat); break;
    case RecordKind::exit: code = kProcExit; break;
    case RecordKind::snapshot: code = kSnapshot; break;
    case RecordKind::change: code = applied.new_exec_image ? kSnapshot : kProcChange; break;
    }
    const bool snapshot_again = record.kind == RecordKind::snapshot && !applied.new_exec_image;
    const bool event_rules = matcher_->wants(code) && !snapshot_again;
    const bool observed = around_.observe && observing_;
    if (!process_rules && !event_rules && !observed) return;

    const Event event = event_of(record, applied);
    if (observed && armed_) around_.observe(event, world());
    if (!process_rules && !event_rules) return;
    if (!armed_) {
        early_.push_back({event, process_rules, event_rules});
        return;
    }
    judge(event, applied.process, event_rules, process_rules);
}

void Pipeline::on_event(const RawEvent& raw) {
    last_time_ = std::max(last_time_, raw.time);
    ++stats_.events;
    const EventInfo* info = find_event(raw.code, raw.params);
    if (info == nullptr || !armed_) return;
    Process* process = raw.process ? table_.entry(raw.process) : nullptr;
    if (process != nullptr && !raw.cwd.empty() && table_.set_cwd(*process, raw.cwd))
        ask_again(*process, kProcChange, RecordKind::change, raw.time);
    Event event;
    event.code = raw.code;
    event.params = raw.params;
    const bool wanted = matcher_->wants(event);
    const bool observed = around_.observe && observing_;
    if (!wanted && !observed) return;
    event.time = raw.time;
    count(event);
    event.tid = static_cast<Tid>(raw.tid);
    event.cpu = raw.cpu;
    event.fd = raw.fd;
    event.other_fd = raw.other_fd;
    event.other_fd_number = raw.other_fd_number;
    event.path = raw.path;
    event.other_path = raw.other_path;
    event.base = raw.base;
    event.other_base = raw.other_base;
    event.unwanted = raw.unwanted;
    event.has_result = raw.result || read_result(*info, raw.params, event.result);
    if (raw.result) event.result = *raw.result;
    event.fd_number = read_fd_number(*info, raw, event);
    if (process != nullptr) event.process = process->image;
    if (raw.ids)
        event.process = table_.with_ids(event.process, raw.ids->uid, raw.ids->euid, raw.ids->gid, raw.ids->egid);
    if (observed) around_.observe(event, world());
    if (!wanted) return;
    judge(event, nullptr, true, false);
    if (around_.true_paths && event.path != nullptr && (!event.has_result || event.result >= 0))
        if (const PathCall* call = find_path_call(event.code, event.params)) judge_true_paths(event, *info, *call);
    if (around_.other_names) {
        judge_other_names(event, &Event::fd, raw.below);
        judge_other_names(event, &Event::other_fd, raw.other_below);
    }
}

void Pipeline::keep_failed_exec_rules() {
    const auto other = [this](std::uint32_t r) {
        return std::ranges::find(failed_exec_rules_, r) == failed_exec_rules_.end();
    };
    std::erase_if(verdicts_.matched, other);
    std::erase_if(verdicts_.undecided, other);
}

// A call that only named its files, once more with the paths that links among their folders led to. Its parameters have
// them too, as rules ask for these as well; what the program gave is in FdInfo::name_raw.
void Pipeline::judge_true_paths(const Event& event, const EventInfo& info, const PathCall& call) {
    const auto [path, other_path] = around_.true_paths(event, call);
    if (path.empty() && other_path.empty()) return;
    Event again = event;
    const std::size_t count = std::min(event.params.size(), info.params.size());
    std::vector<std::string_view> params(event.params.begin(), event.params.end());
    std::array<FdInfo, 2> led_to;
    std::array<std::string, 2> text; // with a NUL, as a parameter has it
    std::size_t nth = 0;
    for (std::size_t i = 0; i < count && nth < led_to.size(); ++i) {
        if (info.params[i].type != ParamType::fspath && info.params[i].type != ParamType::fsrelpath) continue;
        const std::string_view found = nth == 0 ? path : other_path;
        const FdInfo*& which = nth == 0 ? again.path : again.other_path;
        if (!found.empty()) {
            led_to[nth] = *which;
            led_to[nth].name = found;
            which = &led_to[nth];
            text[nth].assign(found).push_back('\0');
            params[i] = text[nth];
        }
        ++nth;
    }
    again.params = params;
    std::vector<std::uint32_t> before = std::move(verdicts_.matched);
    judge(again, nullptr, true, false, before);
    verdicts_.matched.insert(verdicts_.matched.end(), before.begin(), before.end());
}

// The same file under the names that rules know it by: those that have matched it already are not asked again.
void Pipeline::judge_other_names(const Event& event, const FdInfo* Event::*which, std::span<const FileNumbers> below) {
    const FdInfo* file = event.*which;
    if (file == nullptr || !is_file(file->type)) return;
    for (const std::string_view name : around_.other_names(event, *file, below)) {
        if (name == file->name) continue;
        std::vector<std::uint32_t> before = std::move(verdicts_.matched);
        FdInfo fd = *file;
        fd.real_path = std::exchange(fd.name, name);
        Event again = event;
        again.*which = &fd;
        if (event.path == file) again.path = &fd;
        judge(again, nullptr, true, false, before);
        verdicts_.matched.insert(verdicts_.matched.end(), before.begin(), before.end());
    }
}

void Pipeline::judge(const Event& event, Process* process, bool event_rules, bool process_rules,
                     std::span<const std::uint32_t> but) {
    verdicts_.clear();
    if (event_rules) matcher_->evaluate(event, world(), *scratch_, verdicts_);
    if (process_rules) {
        no_bits_.clear();
        matcher_->evaluate_process(event, world(), *scratch_, process != nullptr ? process->fired : no_bits_,
                                   verdicts_);
    }
    costs_.sample(*matcher_, event, world(), *scratch_, event_rules, process_rules);
    if (event.record != RecordKind::exec && (event.code == kExecve || event.code == kExecveat))
        keep_failed_exec_rules();
    if (!but.empty())
        std::erase_if(verdicts_.matched, [&](std::uint32_t r) { return std::ranges::find(but, r) != but.end(); });
    if (verdicts_.matched.empty() && verdicts_.undecided.empty()) return;

    if (options_.first_match_only && verdicts_.matched.size() > 1) {
        std::swap(verdicts_.matched.front(), *std::ranges::min_element(verdicts_.matched));
        verdicts_.matched.resize(1);
    }
    const Nanos deadline = around_.steady_now() + options_.metadata_wait;
    for (const std::uint32_t rule : verdicts_.matched) deliver(event, matcher_, rule);
    for (const std::uint32_t rule : verdicts_.undecided) {
        // Counted as fired while it waits, so that a second look at the same image does not ask twice.
        if (process != nullptr && matcher_->is_process_rule(rule)) matcher_->set_fired(rule, process->fired);
        hold(event, matcher_, rule, false, deadline);
    }
}

void Pipeline::tell_match(const Event& event, const Rule& rule) {
    if (around_.matched) around_.matched(rule, event);
    if (event.unwanted && around_.plan_error) around_.plan_error(rule.name, event);
}

void Pipeline::deliver(const Event& event, const std::shared_ptr<const Matcher>& matcher, std::uint32_t rule) {
    tell_match(event, matcher->rules()[rule]);
    Built built = around_.build(*matcher, rule, event, world());
    if (built.pending)
        hold(event, matcher, rule, true, around_.steady_now() + options_.metadata_wait);
    else
        send({event, matcher, rule, true, 0}, std::move(built));
}

void Pipeline::hold(const Event& event, const std::shared_ptr<const Matcher>& matcher, std::uint32_t rule, bool matched,
                    Nanos deadline) {
    ++stats_.waited;
    held_.push_back({event, matcher, rule, matched, deadline});
    held_.back().event.keep(); // it outlives its source's buffer
    if (held_.size() > options_.held_max) {
        finish(held_.front(), true);
        held_.pop_front();
    }
}

bool Pipeline::finish(Held& held, bool last_chance) {
    // The event keeps the image of its moment; the container it points to may know more by now.
    if (!held.matched) {
        const Matcher::ScratchPtr own = held.matcher == matcher_ ? nullptr : held.matcher->make_scratch();
        const Decision decision =
            held.matcher->evaluate_rule(held.rule, held.event, world(), own ? *own : *scratch_, last_chance);
        if (decision == Decision::undecided && !last_chance) return false;
        if (decision != Decision::yes) {
            // What it depends on may come later still: then it is sent late rather than never.
            if (last_chance && may_change(held.event)) keep_for_later(held, {});
            // It did not fire after all, and may yet when the process changes.
            Process* process = held.event.process ? table_.entry(held.event.process->key) : nullptr;
            if (process != nullptr && held.matcher == matcher_ && matcher_->is_process_rule(held.rule) &&
                process->image->exec == held.event.process->exec)
                matcher_->clear_fired(held.rule, process->fired);
            return true;
        }
        held.matched = true;
        tell_match(held.event, held.matcher->rules()[held.rule]);
    }
    Built built = around_.build(*held.matcher, held.rule, held.event, world());
    if (built.pending && !last_chance) return false;
    if (built.pending) ++stats_.timed_out;
    send(held, std::move(built));
    return true;
}

void Pipeline::send(const Held& held, Built built) {
    if (may_change(held.event)) keep_for_later(held, built.alert.uuid);
    send(std::move(built.alert));
}

void Pipeline::keep_for_later(const Held& held, std::string uuid) {
    const Nanos now = around_.steady_now();
    const Nanos patience = is_nobodys(held.event) ? options_.join->wait : options_.amend_for;
    sent_.push_back({held, std::move(uuid), 0, state_of(held.event), now + patience});
    sent_.back().held.event.keep();
    while (sent_.size() > options_.amended_max || (!sent_.empty() && sent_.front().until <= now)) sent_.pop_front();
}

bool Pipeline::amend(Sent& sent) {
    const bool over = is_nobodys(sent.held.event) && sent.until <= around_.steady_now();
    const bool last = over || !may_change(sent.held.event);
    const std::uint32_t state = state_of(sent.held.event);
    if (state == sent.state) return last;
    const std::uint32_t told = std::exchange(sent.state, state);
    const Held& held = sent.held;
    if (sent.uuid.empty()) {
        const Matcher::ScratchPtr own = held.matcher == matcher_ ? nullptr : held.matcher->make_scratch();
        if (held.matcher->evaluate_rule(held.rule, held.event, world(), own ? *own : *scratch_, false) != Decision::yes)
            return last;
    }
    Built built = around_.build(*held.matcher, held.rule, held.event, world());
    if (built.pending) { // a part is no news: the whole will come
        // Not with the container, of which all is known, but with a name of a user, say: looked at again whatever
        // comes.
        if (last) sent.state = told;
        return over;
    }
    if (sent.uuid.empty()) {
        sent.uuid = built.alert.uuid;
    } else {
        built.alert.uuid = sent.uuid;
        built.alert.revision = ++sent.revision;
        ++stats_.amended;
    }
    send(std::move(built.alert));
    return last;
}

void Pipeline::look_again() {
    for (auto it = held_.begin(); it != held_.end();) it = finish(*it, false) ? held_.erase(it) : std::next(it);
    for (auto it = sent_.begin(); it != sent_.end();) it = amend(*it) ? sent_.erase(it) : std::next(it);
}

void Pipeline::on_audit(AuditEventPtr audit) {
    last_time_ = std::max(last_time_, audit->time);
    ++stats_.events;
    const AuditEvent& about = *audit;
    Event event = event_of_audit(audit, 0);
    if (!about.shared && matcher_->wants(event.code) && armed_) {
        count(event);
        judge(event, nullptr, true, false);
    }
    if (!join_) return;
    if (join_->on_audit(about)) look_again();
    if (const auto attached = ExecJoin::attach_of(about)) attach(*attached, about);
}

// Of a container's own process, and of what it has started since they attached.
void Pipeline::attach(const ExecJoin::Attach& attach, const AuditEvent& audit) {
    std::vector<std::pair<std::shared_ptr<KubeSession>, std::shared_ptr<KubeSession>>> changed; // before, after
    table_.for_each_living([&](Process& process) {
        const ProcessImage& image = *process.image;
        if (image.vpid != 1 || !image.container || !image.container->info || !attach.is_for(*image.container->info))
            return;
        const std::shared_ptr<KubeSession> before = image.session;
        std::shared_ptr<KubeSession> after = ExecJoin::attach(before.get(), attach);
        if (!after && can_be_attached_to(image)) after = nobodys_session();
        if (before && !attach.ends) changed.emplace_back(before, after);
        set_session(process, std::move(after), audit.time, !attach.ends);
    });
    if (changed.empty()) return;
    const auto session_of = [&](const ProcessImage& image) -> std::shared_ptr<KubeSession> {
        const auto found = std::ranges::find(changed, image.session, [](const auto& pair) { return pair.first; });
        return found == changed.end() ? nullptr : found->second;
    };
    table_.for_each_living([&](Process& process) {
        if (std::max(process.image->start_time, process.image->exec->exec_time) < audit.received) return;
        if (auto session = session_of(*process.image)) set_session(process, std::move(session), audit.time, true);
    });
    const auto tell = [&](Event& event) {
        if (!event.process || event.time < audit.received) return;
        if (auto session = session_of(*event.process)) event.process = table_.with_session(event.process, session);
    };
    for (Held& held : held_) tell(held.event);
    for (Sent& sent : sent_) {
        const ProcessImagePtr before = sent.held.event.process;
        tell(sent.held.event);
        if (sent.held.event.process != before) --sent.state; // it is not what was told
    }
    look_again();
}

void Pipeline::set_session(Process& process, std::shared_ptr<KubeSession> session, Nanos time, bool ask) {
    process.image = table_.with_session(process.image, std::move(session));
    if (ask) ask_again(process, kProcChange, RecordKind::change, time);
}

void Pipeline::ask_again(Process& process, EventCode code, RecordKind kind, Nanos time) {
    if (!armed_ || !matcher_->has_process_rules()) return;
    Event event;
    event.time = time;
    count(event);
    event.code = code;
    event.record = kind;
    event.tid = process.image->key.pid;
    event.process = process.image;
    judge(event, &process, false, true);
}

void Pipeline::on_metadata() {
    if (join_) static_cast<void>(join_->on_metadata());
    look_again();
}

void Pipeline::on_time() {
    const Nanos now = around_.steady_now();
    if (join_ && join_->on_time(now)) look_again();
    while (!held_.empty() && held_.front().deadline <= now) {
        finish(held_.front(), true);
        held_.pop_front();
    }
    if (now - last_expiry_ >= kExpireEvery) {
        last_expiry_ = now;
        table_.expire(last_time_);
    }
}

Nanos Pipeline::next_deadline() const {
    const Nanos held = held_.empty() ? 0 : held_.front().deadline;
    const Nanos session = join_ ? join_->next_deadline() : 0;
    return held == 0 || (session != 0 && session < held) ? session : held;
}

void Pipeline::on_snapshot_complete() {
    if (armed_) return;
    armed_ = true;
    std::ranges::stable_sort(early_, {}, [](const Early& e) { return e.event.time; });
    for (const Early& e : early_) {
        Process* process = e.event.process ? table_.entry(e.event.process->key) : nullptr;
        // Another image since: the later event speaks for itself, and its bits are not this one's.
        if (process != nullptr && process->image->exec != e.event.process->exec) process = nullptr;
        judge(e.event, process, e.ask_event_rules, e.ask_process_rules);
    }
    early_.clear();
    early_.shrink_to_fit();
}

void Pipeline::swap_rules(std::shared_ptr<const Matcher> matcher) {
    const std::shared_ptr<const Matcher> old = std::exchange(matcher_, std::move(matcher));
    scratch_ = matcher_->make_scratch();
    costs_.begin(*matcher_);
    std::unordered_map<std::string_view, std::uint32_t> same;
    for (std::uint32_t i = 0; i < matcher_->rules().size(); ++i) {
        if (matcher_->is_process_rule(i)) same.emplace(matcher_->rules()[i].name, i);
    }
    std::vector<std::pair<std::uint32_t, std::uint32_t>> kept; // old rule → new rule
    for (std::uint32_t i = 0; i < old->rules().size(); ++i) {
        if (!old->is_process_rule(i)) continue;
        const auto found = same.find(old->rules()[i].name);
        if (found != same.end() && old->rules()[i].condition && matcher_->rules()[found->second].condition &&
            lang::equal(*old->rules()[i].condition, *matcher_->rules()[found->second].condition))
            kept.emplace_back(i, found->second);
    }
    table_.for_each_living([&](Process& process) {
        RuleBits fired;
        for (const auto& [from, to] : kept) {
            if (old->is_fired(from, process.fired)) matcher_->set_fired(to, fired);
        }
        process.fired = std::move(fired);
        ask_again(process, kSnapshot, RecordKind::snapshot, last_time_);
    });
}

void Pipeline::flush() {
    on_snapshot_complete();
    while (!held_.empty()) {
        finish(held_.front(), true);
        held_.pop_front();
    }
}

void Pipeline::send(Alert alert) {
    ++stats_.alerts;
    around_.emit(std::move(alert));
}

Pipeline::Stats Pipeline::stats() const {
    Stats s = stats_;
    s.held = held_.size();
    return s;
}

} // namespace gyr
