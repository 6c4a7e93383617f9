#include "audit/exec_join.h"

#include "audit/request_uri.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <limits>
#include <set>
#include <utility>

namespace gyr {
namespace {

constexpr int kRefused = 400; // HTTP status from which on a request did nothing

std::string_view base_name(std::string_view path) { return path.substr(path.rfind('/') + 1); }

// Whether a process runs a command. A script's process has the interpreter's words before its own.
bool runs(const ExecImage& exec, const std::vector<std::string>& command) {
    const ItemList& argv = exec.argv;
    if (command.empty() || argv.truncated || argv.size() < command.size()) return false;
    const std::size_t before = argv.size() - command.size();
    for (std::size_t i = before == 0 ? 0 : 1; i < command.size(); ++i)
        if (argv[before + i] != command[i]) return false;
    return before == 0 || (!exec.script_path.empty() && base_name(argv[before]) == base_name(command[0]));
}

// Of the host, or of a container around it, as where the node is a container itself.
bool is_outside(const ProcessImage& process, const Container& inner) {
    if (process.container == nullptr) return true;
    if (inner.chain.size() < 2 || process.container->full_id == inner.full_id) return false;
    return std::find(inner.chain.begin(), inner.chain.end() - 1, process.container->id) != inner.chain.end() - 1;
}

// A flag of a request, as the API server reads it: there, and no word for no.
bool is_set(std::string_view uri, std::string_view flag) {
    const auto values = uri_parameters(uri, flag);
    return !values.empty() && values.front() != "0" && values.front() != "false" && values.front() != "False";
}

bool same(const std::vector<KubeRequest>& a, const std::vector<KubeRequest>& b) { return a == b; }

} // namespace

std::shared_ptr<KubeSession> ExecJoin::open(const ProcessImage& image, const ProcessImage* before,
                                            const ProcessImage* parent, Nanos start, Nanos steady) {
    // The runtime starts it: the parent is outside (what runs in a container cannot have such a parent), and the
    // process is not the container's own first one.
    if (!image.container || image.vpid == 1 || !before || !parent || !is_outside(*parent, *image.container))
        return nullptr;
    auto session = std::make_shared<KubeSession>();
    sessions_.push_back({session, image.exec, image.container, start, steady});
    drop_old();
    static_cast<void>(decide(false, steady)); // the request may have been faster
    return session;
}

bool ExecJoin::on_audit(const AuditEvent& audit) {
    if (audit.text({"objectRef", "resource"}) != "pods" || audit.text({"objectRef", "subresource"}) != "exec")
        return false;
    Request request;
    request.who.audit_id = audit.text({"auditID"});
    if (request.who.audit_id.empty()) return false;
    const auto known =
        std::ranges::find(requests_, request.who.audit_id, [](const Request& r) { return r.who.audit_id; });
    const auto& json = *audit.document;
    const auto status = json.find("responseStatus");
    const auto code = status != json.end() && status->is_object() ? status->find("code") : json.end();
    if (status != json.end() && status->is_object() && code != status->end() && code->is_number_integer() &&
        code->get<int>() >= kRefused) {
        if (known == requests_.end()) return false;
        requests_.erase(known);
        return decide(false, 0);
    }
    const std::string_view stage = audit.text({"stage"});
    const Nanos ended = stage == "ResponseComplete" || stage == "Panic" ? audit.time : 0;
    if (known != requests_.end()) { // another stage of it
        if (ended == 0 || known->ended != 0) return false;
        known->ended = ended;
        return decide(false, 0);
    }
    request.who.user = audit.text({"user", "username"});
    request.who.groups = audit.texts({"user", "groups"});
    if (const auto from = audit.texts({"sourceIPs"}); !from.empty()) request.who.source_ip = from.front();
    request.pod_namespace = audit.text({"objectRef", "namespace"});
    request.pod = audit.text({"objectRef", "name"});
    const std::string_view uri = audit.text({"requestURI"});
    request.command = uri_parameters(uri, "command");
    if (auto containers = uri_parameters(uri, "container"); !containers.empty())
        request.container = std::move(containers.front());
    request.received = audit.received;
    request.ended = ended;
    requests_.push_back(std::move(request));
    drop_old();
    return decide(false, 0);
}

std::optional<ExecJoin::Attach> ExecJoin::attach_of(const AuditEvent& audit) {
    if (audit.text({"objectRef", "resource"}) != "pods" || audit.text({"objectRef", "subresource"}) != "attach")
        return std::nullopt;
    const std::string_view uri = audit.text({"requestURI"});
    if (!is_set(uri, "stdin")) return std::nullopt;
    Attach a;
    const std::string_view stage = audit.text({"stage"});
    a.ends = stage == "ResponseComplete" || stage == "Panic";
    if (!a.ends && stage != "ResponseStarted") return std::nullopt;
    a.who.audit_id = audit.text({"auditID"});
    a.who.user = audit.text({"user", "username"});
    a.who.groups = audit.texts({"user", "groups"});
    if (const auto from = audit.texts({"sourceIPs"}); !from.empty()) a.who.source_ip = from.front();
    a.pod_namespace = audit.text({"objectRef", "namespace"});
    a.pod = audit.text({"objectRef", "name"});
    if (auto containers = uri_parameters(uri, "container"); !containers.empty())
        a.container = std::move(containers.front());
    if (a.who.audit_id.empty() || a.pod.empty()) return std::nullopt;
    return a;
}

std::shared_ptr<KubeSession> ExecJoin::attach(const KubeSession* before, const Attach& attach) {
    auto session = std::make_shared<KubeSession>();
    if (before) session->candidates = before->candidates;
    std::erase_if(session->candidates, [&](const KubeRequest& r) { return r.audit_id == attach.who.audit_id; });
    if (!attach.ends) session->candidates.push_back(attach.who);
    if (session->candidates.empty()) return nullptr;
    const bool one_user = std::ranges::all_of(
        session->candidates, [&](const KubeRequest& r) { return r.user == session->candidates.front().user; });
    session->why = Missing::none;
    session->confidence = one_user ? KubeConfidence::exact : KubeConfidence::ambiguous;
    session->settled = true; // another one takes its place when somebody comes or goes
    return session;
}

bool ExecJoin::on_metadata() { return sessions_.empty() ? false : decide(false, 0); }

bool ExecJoin::on_time(Nanos steady) {
    const Nanos due = next_deadline();
    const bool changed = due != 0 && due <= steady && decide(true, steady);
    while (!sessions_.empty() && sessions_.front().steady + options_.settle <= steady) {
        sessions_.front().session->settled = true;
        sessions_.pop_front();
    }
    return changed;
}

Nanos ExecJoin::next_deadline() const {
    Nanos next = 0;
    for (const Started& s : sessions_)
        if (s.session->pending() && (next == 0 || s.steady + options_.wait < next)) next = s.steady + options_.wait;
    return next;
}

bool ExecJoin::fits(const Started& started, const Request& request, Nanos skew) const {
    const ContainerInfo* info = started.container->info.get();
    if (!info || info->pod_name != request.pod || info->pod_namespace != request.pod_namespace) return false;
    if (!request.container.empty() && info->name != request.container) return false;
    if (started.start < request.received - skew || started.start > request.received + options_.latency) return false;
    return runs(*started.exec, request.command);
}

// The first process that fits a request cannot be that of another request which came when the first one was over: then
// the first one would have to be that of a later process. That holds whatever the clocks say, as both times are the API
// server's.
void ExecJoin::drop_later_requests(std::vector<std::vector<std::size_t>>& fitting) const {
    constexpr Nanos kNever = std::numeric_limits<Nanos>::max();
    std::vector<Nanos> first(requests_.size(), kNever); // start of the first process that fits
    for (std::size_t s = 0; s < sessions_.size(); ++s)
        for (const std::size_t r : fitting[s]) first[r] = std::min(first[r], sessions_[s].start);
    for (std::size_t s = 0; s < sessions_.size(); ++s) {
        Nanos end = kNever;
        for (const std::size_t r : fitting[s])
            if (first[r] == sessions_[s].start && requests_[r].ended != 0) end = std::min(end, requests_[r].ended);
        if (end == kNever) continue;
        std::erase_if(fitting[s], [&](std::size_t r) { return requests_[r].received >= end + options_.apart; });
    }
}

// From which requests each session may come, what only one can have taken away from the others; then what that means.
bool ExecJoin::decide(bool time_is_over, Nanos steady) {
    std::vector<std::vector<std::size_t>> fitting(sessions_.size());
    std::vector<std::size_t> wanted(requests_.size(), 0); // by how many sessions
    for (std::size_t s = 0; s < sessions_.size(); ++s)
        for (std::size_t r = 0; r < requests_.size(); ++r)
            if (fits(sessions_[s], requests_[r], options_.skew)) fitting[s].push_back(r), ++wanted[r];
    drop_later_requests(fitting);
    const auto is_late = [&](const Started& s) { return time_is_over && s.steady + options_.wait <= steady; };
    for (std::size_t s = 0; s < sessions_.size(); ++s) {
        if (!fitting[s].empty() || !(is_late(sessions_[s]) || !sessions_[s].session->pending())) continue;
        for (std::size_t r = 0; r < requests_.size(); ++r)
            if (wanted[r] == 0 && fits(sessions_[s], requests_[r], options_.far_skew)) fitting[s].push_back(r);
    }
    // Sessions that want the same single request contend for it: it is nobody's for certain.
    std::vector<std::size_t> only(requests_.size(), 0);
    std::set<std::size_t> taken;
    for (bool again = true; again;) {
        again = false;
        std::ranges::fill(only, 0);
        for (const auto& f : fitting)
            if (f.size() == 1) ++only[f.front()];
        for (auto& f : fitting) {
            if (f.size() != 1 || only[f.front()] != 1 || !taken.insert(f.front()).second) continue;
            for (auto& other : fitting)
                if (&other != &f && std::erase(other, f.front()) > 0) again = true;
        }
    }
    bool changed = false;
    for (std::size_t s = 0; s < sessions_.size(); ++s) {
        KubeSession& session = *sessions_[s].session;
        std::vector<KubeRequest> candidates;
        std::set<std::string_view> users;
        for (const std::size_t r : fitting[s]) {
            candidates.push_back(requests_[r].who);
            users.insert(requests_[r].who.user);
        }
        // As many sessions as requests, all by the same user: whichever is whose, the user is known.
        std::size_t rivals = 0;
        bool open = false; // one of them may yet find a request of its own
        for (std::size_t other = 0; other < fitting.size(); ++other) {
            if (std::ranges::none_of(fitting[other], [&](std::size_t r) {
                    return std::ranges::find(fitting[s], r) != fitting[s].end();
                }))
                continue;
            ++rivals;
            open |= other != s && sessions_[other].session->pending() && !is_late(sessions_[other]);
        }
        const bool contended = rivals > fitting[s].size();
        if (contended && open && users.size() == 1 && session.exact() && *session.exact() == candidates.front())
            continue;
        const bool late = is_late(sessions_[s]);
        const ContainerInfo* info = sessions_[s].container->info.get();
        const bool no_pod = info && info->complete && info->pod_name.empty();
        Missing why = Missing::pending;
        KubeConfidence confidence = KubeConfidence::none;
        if (users.size() == 1 && !contended)
            why = Missing::none, confidence = KubeConfidence::exact;
        else if (users.size() > 1 || (users.size() == 1 && (late || !session.pending())))
            why = Missing::none, confidence = KubeConfidence::ambiguous;
        else if (users.empty() && no_pod)
            why = Missing::not_kubernetes;
        else if (users.empty() && (late || !session.pending()))
            why = Missing::none;
        if (confidence == KubeConfidence::exact) candidates.resize(1);
        if (why == session.why && confidence == session.confidence && same(candidates, session.candidates)) continue;
        session.why = why;
        session.confidence = confidence;
        session.candidates = std::move(candidates);
        ++session.generation;
        changed = true;
    }
    return changed;
}

void ExecJoin::drop_old() {
    while (sessions_.size() > options_.most) {
        sessions_.front().session->settled = true;
        sessions_.pop_front();
    }
    Nanos newest = 0;
    for (const Request& r : requests_) newest = std::max(newest, r.received);
    for (const Started& s : sessions_) newest = std::max(newest, s.start);
    std::erase_if(requests_,
                  [&](const Request& r) { return r.received + options_.settle + options_.latency < newest; });
    while (requests_.size() > options_.most) requests_.pop_front();
}

} // namespace gyr
