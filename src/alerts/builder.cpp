#include "alerts/builder.h"

#include "audit/audit_event.h"
#include "event/schema.h"
#include "fields/fd_text.h"
#include "fields/process_text.h"
#include "match/output.h"

#include <utility>

namespace gyr {

namespace {

constexpr int kAncestors = 8; // named in an alert; the rest of the chain can be asked for by proc.aname[n]

std::string_view cause_of(const Event& event) {
    if (event.code == kGenericExit) {
        const std::string_view call = syscall_name(generic_call(event.params));
        if (!call.empty()) return call;
    }
    const EventInfo* info = find_event(event.code);
    return info != nullptr ? info->name : "unknown";
}

AlertValue text(std::string_view s) { return {std::string(s)}; }
AlertValue number(std::int64_t n) { return {n}; }
AlertValue unsigned_number(std::uint64_t n) { return {n}; }

AlertValue value_of(const match::OutputValue& v) {
    return std::visit(
        [](const auto& x) -> AlertValue {
            if constexpr (std::is_same_v<std::decay_t<decltype(x)>, std::vector<std::string>>) {
                AlertValue::List list;
                for (const std::string& item : x) list.push_back({item});
                return {std::move(list)};
            } else {
                return {x};
            }
        },
        v.value);
}

class Builder {
  public:
    Builder(const Event& event, const EvalWorld& world) : event_(event), world_(world) {}

    void context(Alert& alert) {
        if (event_.audit) request(alert, *event_.audit);
        if (!event_.process) return;
        const ProcessImage& p = *event_.process;
        if (p.container) container(alert, *p.container, p.session.get());
        if (has_moved(p)) origin(alert, *p.origin);
        user(alert, p);
        process(alert, p);
        if (event_.fd != nullptr) descriptor(alert, *event_.fd);
    }
    [[nodiscard]] bool pending() const { return pending_; }

  private:
    // Adds text that may be missing; an empty one is.
    void add(Alert& alert, AlertBlock& block, std::string_view field, std::string_view name, std::string_view value,
             Missing why) {
        if (!value.empty()) {
            block.members.push_back({std::string(name), text(value)});
            return;
        }
        if (why == Missing::none) return; // the runtime has no such thing to say
        pending_ = pending_ || why == Missing::pending;
        alert.missing.push_back({std::string(field), why});
    }

    // What was asked of the Kubernetes API server, by whom, from where.
    void request(Alert& alert, const AuditEvent& audit) {
        AlertBlock block{.name = "audit", .members = {}, .lists = {}};
        const auto put = [&](const char* name, std::initializer_list<const char*> keys) {
            if (const std::string_view value = audit.text(keys); !value.empty())
                block.members.push_back({name, text(value)});
        };
        const auto put_all = [&](const char* name, std::initializer_list<const char*> keys) {
            AlertValue::List list;
            for (const std::string& value : audit.texts(keys)) list.push_back(text(value));
            if (!list.empty()) block.members.push_back({name, {std::move(list)}});
        };
        put("id", {"auditID"});
        put("stage", {"stage"});
        put("user", {"user", "username"});
        put_all("groups", {"user", "groups"});
        put("impersonated", {"impersonatedUser", "username"});
        put_all("source_ips", {"sourceIPs"});
        put("verb", {"verb"});
        put("uri", {"requestURI"});
        put("namespace", {"objectRef", "namespace"});
        put("resource", {"objectRef", "resource"});
        put("subresource", {"objectRef", "subresource"});
        put("name", {"objectRef", "name"});
        alert.blocks.push_back(std::move(block));
    }

    // Where a process that has left its container came from, beside where it is.
    static void origin(Alert& alert, const Container& from) {
        AlertBlock block{.name = "origin", .members = {}, .lists = {}};
        block.members.push_back({"id", text(from.id)});
        block.members.push_back({"full_id", text(from.full_id)});
        if (from.info) block.members.push_back({"name", text(from.info->name)});
        if (from.info) block.members.push_back({"image", text(from.info->image)});
        alert.blocks.push_back(std::move(block));
    }

    void container(Alert& alert, const Container& c, const KubeSession* session) {
        const ContainerInfo* info = c.info.get();
        const ContainerInfo nothing;
        const ContainerInfo& i = info != nullptr ? *info : nothing;
        AlertBlock block{.name = "container", .members = {}, .lists = {}};
        block.members.push_back({"id", text(c.id)});
        block.members.push_back({"full_id", text(c.full_id)});
        add(alert, block, "container.name", "name", i.name, c.why);
        add(alert, block, "container.image", "image", i.image, c.why);
        const ContainerType type = info != nullptr ? i.type : c.guess;
        add(alert, block, "container.runtime", "runtime", to_string(type), c.why);
        if (!i.image_digest.empty()) block.members.push_back({"image_digest", text(i.image_digest)});
        if (i.privileged) block.members.push_back({"privileged", {*i.privileged}});
        if (c.chain.size() > 1) {
            AlertValue::List chain;
            for (const std::string& id : c.chain) chain.push_back(text(id));
            block.members.push_back({"chain", {std::move(chain)}});
        }
        alert.blocks.push_back(std::move(block));
        if (i.pod_name.empty() && i.pod_uid.empty()) return;
        AlertBlock pod{.name = "k8s", .members = {}, .lists = {}};
        add(alert, pod, "k8s.ns.name", "namespace", i.pod_namespace, c.why);
        add(alert, pod, "k8s.pod.name", "pod", i.pod_name, c.why);
        add(alert, pod, "k8s.pod.uid", "pod_uid", i.pod_uid, c.why);
        add(alert, pod, "k8s.pod.sandbox_id", "sandbox_id", i.pod_sandbox_id, Missing::none);
        if (!i.pod_labels.empty()) {
            std::string labels;
            for (const auto& [key, value] : i.pod_labels) labels += (labels.empty() ? "" : ", ") + key + ":" + value;
            pod.members.push_back({"labels", {std::move(labels)}});
        }
        if (session) user_of(alert, pod, *session);
        alert.blocks.push_back(std::move(pod));
    }

    // Who began the session over the Kubernetes API.
    void user_of(Alert& alert, AlertBlock& pod, const KubeSession& session) {
        if (session.why != Missing::none) return add(alert, pod, "k8s.user.name", "user", {}, session.why);
        const auto list_of = [](const std::vector<std::string>& words) {
            AlertValue::List list;
            for (const std::string& word : words) list.push_back(text(word));
            return AlertValue{std::move(list)};
        };
        pod.members.push_back({"confidence", text(to_string(session.confidence))});
        if (const KubeRequest* request = session.exact()) {
            pod.members.push_back({"user", text(request->user)});
            pod.members.push_back({"groups", list_of(request->groups)});
            pod.members.push_back({"source_ip", text(request->source_ip)});
            pod.members.push_back({"audit_id", text(request->audit_id)});
        } else if (!session.candidates.empty()) {
            AlertBlock::ObjectList list{.name = "candidates", .objects = {}};
            for (const KubeRequest& r : session.candidates)
                list.objects.push_back({.name = {},
                                        .members = {{"user", text(r.user)},
                                                    {"groups", list_of(r.groups)},
                                                    {"source_ip", text(r.source_ip)},
                                                    {"audit_id", text(r.audit_id)}},
                                        .lists = {}});
            pod.lists.push_back(std::move(list));
        }
    }

    void user(Alert& alert, const ProcessImage& p) {
        AlertBlock block{.name = "user", .members = {}, .lists = {}};
        const Credentials& c = p.credentials;
        UserAnswer answer;
        if (world_.users != nullptr) answer = world_.users->user(p, c.uid);
        std::string_view name;
        if (answer.entry != nullptr)
            name = answer.entry->name;
        else if (c.uid == 0 && answer.why != Missing::pending)
            name = "root";
        add(alert, block, "user.name", "name", name, answer.entry != nullptr ? Missing::none : answer.why);
        block.members.push_back({"id", unsigned_number(c.uid)});
        AlertValue::List groups;
        groups.push_back(unsigned_number(c.gid));
        for (const Gid gid : p.groups) {
            if (gid != c.gid) groups.push_back(unsigned_number(gid));
        }
        block.members.push_back({"idgroups", {std::move(groups)}});
        if (c.euid != c.uid) block.members.push_back({"effective_id", unsigned_number(c.euid)});
        if (c.login_uid != kNoId) block.members.push_back({"login_id", unsigned_number(c.login_uid)});
        if (!answer.source.empty()) block.members.push_back({"name_source", text(answer.source)});
        alert.blocks.push_back(std::move(block));
    }

    void process(Alert& alert, const ProcessImage& p) {
        arena_.reset();
        AlertBlock block{.name = "proc", .members = {}, .lists = {}};
        const ExecImage& e = *p.exec;
        auto& m = block.members;
        m.push_back({"pid", number(p.key.pid)});
        m.push_back({"ppid", number(p.parent.pid)});
        m.push_back({"name", text(p.comm)});
        m.push_back({"cmdline", text(fields::cmdline_text(p, arena_))});
        m.push_back({"exe", text(e.exe_path)});
        m.push_back({"tty", unsigned_number(p.tty)});
        m.push_back({"vpid", number(p.vpid)});
        m.push_back({"sid", number(p.sid)});
        m.push_back({"cwd", text(p.cwd)});
        m.push_back({"argv0", text(fields::argv0(p))});
        m.push_back({"key", text(fields::key_text(p.key, arena_))});
        if (!e.script_path.empty()) m.push_back({"script", text(e.script_path)});
        if (e.argv.truncated) m.push_back({"args_truncated", {true}});
        if ((e.exe_file.marks & kFileUpperLayer) != 0) m.push_back({"exe_upper_layer", {true}});
        if ((e.exe_file.marks & kFileMemfd) != 0) m.push_back({"exe_memfd", {true}});
        if ((e.exe_file.marks & kFileDeleted) != 0) m.push_back({"exe_deleted", {true}});
        if (event_.code == kProcExit) m.push_back({"exit_status", number(event_.exit_code)});
        if (world_.processes != nullptr) ancestors(block, p);
        alert.blocks.push_back(std::move(block));
    }

    // What the call acted on.
    void descriptor(Alert& alert, const FdInfo& fd) const {
        AlertBlock block{.name = "fd", .members = {}, .lists = {}};
        if (event_.fd_number >= 0) block.members.push_back({"num", number(event_.fd_number)});
        if (const std::string_view type = fields::fd_type_name(fd.type); !type.empty())
            block.members.push_back({"type", text(type)});
        if (!fd.name.empty()) block.members.push_back({"name", text(fd.name)});
        if (const std::string_view l4 = fields::l4_name(fd.l4); !l4.empty())
            block.members.push_back({"l4proto", text(l4)});
        if (!block.members.empty()) alert.blocks.push_back(std::move(block));
    }

    void ancestors(AlertBlock& block, const ProcessImage& p) const {
        AlertBlock::ObjectList list{.name = "ancestors", .objects = {}};
        const ProcessImage* at = world_.processes->find(p.parent);
        if (at != nullptr) block.members.push_back({"pname", text(at->comm)});
        for (int i = 0; at != nullptr && i < kAncestors; ++i) {
            AlertBlock one{.name = {}, .members = {}, .lists = {}};
            one.members.push_back({"pid", number(at->key.pid)});
            one.members.push_back({"name", text(at->comm)});
            one.members.push_back({"exe", text(at->exec->exe_path)});
            list.objects.push_back(std::move(one));
            const ProcessKey up = at->parent;
            at = up && up != at->key ? world_.processes->find(up) : nullptr;
        }
        if (!list.objects.empty()) block.lists.push_back(std::move(list));
    }

    const Event& event_;
    const EvalWorld& world_;
    Arena arena_;
    bool pending_ = false;
};

} // namespace

BuiltAlert build_alert(const Matcher& matcher, std::uint32_t rule_index, const Event& event, const EvalWorld& world,
                       Matcher::Scratch& scratch) {
    const Rule& rule = matcher.rules()[rule_index];
    BuiltAlert built;
    Alert& alert = built.alert;
    alert.uuid = make_uuid(event.time);
    alert.time = event.time;
    alert.event_number = event.number;
    alert.rule = rule.name;
    alert.priority = rule.priority;
    alert.source = rule.source;
    alert.cause = cause_of(event);
    if (world.hostname != nullptr) alert.hostname = *world.hostname;
    alert.tags.assign(rule.tags.begin(), rule.tags.end());

    Builder builder(event, world);
    builder.context(alert);

    match::Rendered rendered = matcher.render(rule_index, event, world, scratch);
    alert.message = std::move(rendered.text);
    for (const match::OutputValue& v : rendered.values) {
        if (v.transformed) continue;
        alert.output_fields.push_back({v.key, value_of(v)});
        if (!alert.output_fields.back().value.is_null() || v.why == Missing::none) continue;
        bool told = false;
        for (const MissingField& m : alert.missing) told = told || m.name == v.key;
        if (!told) alert.missing.push_back({v.key, v.why});
    }
    built.pending = rendered.pending || builder.pending();
    return built;
}

} // namespace gyr
