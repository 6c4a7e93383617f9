// k8s.*: the pod a container belongs to.

#include "fields/container_access.h"
#include "fields/registry.h"

#include <algorithm>

namespace gyr::fields {
namespace {

using lang::ArgKind;
using lang::FieldType;
using enum Scope;

// Why a property of the pod is missing: on its way, or the container is in no pod.
Value no_pod(const ContainerAccess& a) {
    if (!a.container) return Value::missing(a.why());
    if (a.container->pending() || !a.info) return Value::missing(a.why());
    return Value::missing(a.info->pod_uid.empty() && a.info->pod_name.empty() ? Missing::not_kubernetes
                                                                              : Missing::not_applicable);
}

template <auto kMember>
Value text(const Context& c, const Argument&) {
    const ContainerAccess a(c);
    if (a.info && !(a.info->*kMember).empty()) return Value::of_text(a.info->*kMember);
    return no_pod(a);
}

Value sandbox_short(const Context& c, const Argument&) {
    const ContainerAccess a(c);
    if (a.info && !a.info->pod_sandbox_id.empty())
        return Value::of_text(std::string_view(a.info->pod_sandbox_id).substr(0, 12));
    return no_pod(a);
}

Value label(const Context& c, const Argument& arg) {
    const ContainerAccess a(c);
    if (a.info) {
        const auto it = a.info->pod_labels.find(arg.text);
        if (it != a.info->pod_labels.end()) return Value::of_text(it->second);
    }
    return no_pod(a);
}

Value labels(const Context& c, const Argument&) {
    const ContainerAccess a(c);
    if (!a.info || a.info->pod_labels.empty()) return no_pod(a);
    std::size_t bytes = 0;
    for (const auto& [key, value] : a.info->pod_labels) bytes += key.size() + value.size() + 3;
    char* out = c.arena.allocate(bytes);
    char* at = out;
    const auto put = [&](std::string_view s) { at = std::copy(s.begin(), s.end(), at); };
    for (const auto& [key, value] : a.info->pod_labels) {
        if (at != out) put(", ");
        put(key), put(":"), put(value);
    }
    return Value::of_text({out, static_cast<std::size_t>(at - out)});
}

// Who began the session that the process belongs to; null with the reason in why.
const KubeSession* session_of(const Context& c, Missing& why) {
    const ProcessImage* p = c.process();
    if (!p) return why = Missing::lost, nullptr;
    if (!p->container) return why = Missing::not_container, nullptr;
    why = p->session ? p->session->why : Missing::not_applicable;
    return why == Missing::none ? p->session.get() : nullptr;
}
// What only an exact answer has.
template <class Get>
Value of_request(const Context& c, Get get) {
    Missing why = Missing::none;
    const KubeSession* session = session_of(c, why);
    if (!session) return Value::missing(why);
    if (const KubeRequest* request = session->exact()) return get(*request);
    return Value::missing(session->confidence == KubeConfidence::ambiguous ? Missing::ambiguous
                                                                           : Missing::not_applicable);
}
template <auto kMember>
Value request_text(const Context& c, const Argument&) {
    return of_request(c, [](const KubeRequest& r) {
        return (r.*kMember).empty() ? Value::missing(Missing::not_applicable) : Value::of_text(r.*kMember);
    });
}
Value text_list(Arena& arena, std::size_t n, const auto& get) {
    const auto items = arena.make_array<Value>(n);
    for (std::size_t i = 0; i < n; ++i) items[i] = Value::of_text(get(i));
    return n > 0 ? Value::of_list(items) : Value::missing(Missing::not_applicable);
}
Value request_groups(const Context& c, const Argument&) {
    return of_request(c, [&](const KubeRequest& r) {
        return text_list(c.arena, r.groups.size(), [&](std::size_t i) -> std::string_view { return r.groups[i]; });
    });
}
Value confidence(const Context& c, const Argument&) {
    Missing why = Missing::none;
    const KubeSession* session = session_of(c, why);
    return session ? Value::of_text(to_string(session->confidence)) : Value::missing(why);
}
Value candidates(const Context& c, const Argument&) {
    Missing why = Missing::none;
    const KubeSession* session = session_of(c, why);
    if (!session) return Value::missing(why);
    return text_list(c.arena, session->candidates.size(),
                     [&](std::size_t i) -> std::string_view { return session->candidates[i].user; });
}

Value never(const Context&, const Argument&) { return Value::missing(Missing::unsupported); }

constexpr auto kText = FieldType::charbuf;
constexpr std::string_view kNever = "Never had a value; kept so that old rules load";

Field old(std::string_view name) { return make_field(name, kText, image, kNever, never).old(); }
Field old_keyed(std::string_view name) { return old(name).arg(ArgKind::required, ArgForm::key); }

} // namespace

std::span<const Field> k8s_fields() {
    static const Field table[] = {
        make_field("k8s.pod.name", kText, container, "Name of the pod", text<&ContainerInfo::pod_name>),
        make_field("k8s.ns.name", kText, container, "Namespace of the pod", text<&ContainerInfo::pod_namespace>),
        make_field("k8s.pod.id", kText, container, "Same as k8s.pod.uid", text<&ContainerInfo::pod_uid>),
        make_field("k8s.pod.uid", kText, container, "Unique id of the pod", text<&ContainerInfo::pod_uid>),
        make_field("k8s.pod.sandbox_id", kText, container, "First 12 characters of the pod's sandbox container",
                   sandbox_short),
        make_field("k8s.pod.full_sandbox_id", kText, container, "Id of the pod's sandbox container",
                   text<&ContainerInfo::pod_sandbox_id>),
        make_field("k8s.pod.label", kText, container, "One label of the pod", label)
            .arg(ArgKind::required, ArgForm::key),
        make_field("k8s.pod.labels", kText, container, "Labels of the pod as key:value joined by commas", labels),
        make_field("k8s.pod.ip", kText, container, "Address of the pod", text<&ContainerInfo::pod_ip>),
        make_field("k8s.pod.cni.json", kText, container, "Network set-up of the pod as the CNI plugin reported it",
                   text<&ContainerInfo::cni_json>),
        make_field("k8s.user.name", kText, container,
                   "User of the Kubernetes API who began the session (kubectl exec) that the process belongs to",
                   request_text<&KubeRequest::user>)
            .ours(),
        make_field("k8s.user.groups", kText, container, "Groups of that user", request_groups).list().ours(),
        make_field("k8s.user.source_ip", kText, container, "Address that the user's request came from",
                   request_text<&KubeRequest::source_ip>)
            .ours(),
        make_field("k8s.audit_id", kText, container, "Id of that request in the audit log",
                   request_text<&KubeRequest::audit_id>)
            .ours(),
        make_field("k8s.user.confidence", kText, container,
                   "exact, ambiguous (requests of several users fit) or none (no request fits); missing outside such "
                   "sessions",
                   confidence)
            .ours(),
        make_field("k8s.user.candidates", kText, container, "The users whose requests fit; one when it is exact",
                   candidates)
            .list()
            .ours(),
        old("k8s.rc.name"),
        old("k8s.rc.id"),
        old_keyed("k8s.rc.label"),
        old("k8s.rc.labels"),
        old("k8s.svc.name"),
        old("k8s.svc.id"),
        old_keyed("k8s.svc.label"),
        old("k8s.svc.labels"),
        old("k8s.ns.id"),
        old_keyed("k8s.ns.label"),
        old("k8s.ns.labels"),
        old("k8s.rs.name"),
        old("k8s.rs.id"),
        old_keyed("k8s.rs.label"),
        old("k8s.rs.labels"),
        old("k8s.deployment.name"),
        old("k8s.deployment.id"),
        old_keyed("k8s.deployment.label"),
        old("k8s.deployment.labels"),
    };
    return table;
}

} // namespace gyr::fields
