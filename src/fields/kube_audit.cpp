// ka.*: requests to the Kubernetes API server as its audit log tells them; all but the pods that they ask for, which
// are in kube_audit_pods.cpp.

#include "audit/request_uri.h"
#include "fields/audit_values.h"

namespace gyr::fields {
namespace {

using lang::ArgKind;

// The first value of a parameter.
Value uri_param(const Context& c, const Argument& a) {
    const AuditJson* json = audit_document(c);
    const AuditJson* uri = json ? json_member(*json, "requestURI") : nullptr;
    if (!uri || !uri->is_string()) return no_value();
    const std::vector<std::string> values = uri_parameters(uri->get_ref<const std::string&>(), a.text);
    return values.empty() ? no_value() : Value::of_text(c.arena.copy(values.front()));
}

Value target_pod(const Context& c, const Argument&) {
    const AuditJson* json = audit_document(c);
    if (!json) return no_value();
    const AuditJson* resource = json_value(*json, "objectRef|resource");
    if (!resource || *resource != "pods") return no_value();
    const AuditJson* name = json_value(*json, "objectRef|name");
    return json_text_or_missing(name ? name : json_value(*json, "responseObject|metadata|name"), c.arena);
}

enum class SubjectPart { name, with_namespace };

Value subjects(const Context& c, std::string_view kind, SubjectPart part) {
    const AuditJson* json = audit_document(c);
    const AuditJson* all = json ? json_value(*json, "requestObject|subjects") : nullptr;
    if (!all || !all->is_array()) return no_value();
    std::vector<Value> items;
    for (const AuditJson& subject : *all) {
        const AuditJson* its_kind = json_member(subject, "kind");
        const AuditJson* name = json_member(subject, "name");
        if (!its_kind || !its_kind->is_string() || its_kind->get_ref<const std::string&>() != kind || !name) continue;
        const Value text = json_text_value(*name, c.arena);
        if (part == SubjectPart::name) {
            items.push_back(text);
            continue;
        }
        const AuditJson* space = json_member(subject, "namespace");
        std::string full(space ? json_text_value(*space, c.arena).text() : std::string_view());
        full += ':';
        full += text.text();
        items.push_back(Value::of_text(c.arena.copy(full)));
    }
    return list_value(items, c.arena);
}
Value subject_users(const Context& c, const Argument&) { return subjects(c, "User", SubjectPart::name); }
Value subject_groups(const Context& c, const Argument&) { return subjects(c, "Group", SubjectPart::name); }
Value subject_accounts(const Context& c, const Argument&) { return subjects(c, "ServiceAccount", SubjectPart::name); }
Value subject_full_accounts(const Context& c, const Argument&) {
    return subjects(c, "ServiceAccount", SubjectPart::with_namespace);
}

Value always_true(const Context& c, const Argument&) { return audit_document(c) ? Value::of_text("true") : no_value(); }

// The API server does not tell it; a provider that passes events on may (GKE's annotation), or a proxy on the way.
Value cluster(const Context& c, const Argument&) {
    const AuditJson* json = audit_document(c);
    if (!json) return no_value();
    const AuditJson* name = json_value(*json, "annotations|cluster_name");
    if (!name) name = json_member(*json, "cluster_name");
    return name && name->is_string() ? json_text_value(*name, c.arena) : Value::missing(Missing::unsupported);
}

} // namespace

std::span<const Field> kube_audit_fields() {
    static const Field table[] = {
        audit_field("ka.auditid", "Id of the request; its stages have the same", audit_text<"auditID">),
        audit_field("ka.stage", "RequestReceived, ResponseStarted, ResponseComplete or Panic", audit_text<"stage">),
        audit_field("ka.auth.decision", "allow or forbid", audit_text<"annotations|authorization.k8s.io/decision">),
        audit_field("ka.auth.reason", "Why it was decided so", audit_text<"annotations|authorization.k8s.io/reason">),
        audit_field("ka.auth.openshift.decision", "Decision of OpenShift's authentication",
                    audit_text<"annotations|authentication.openshift.io/decision">),
        audit_field("ka.auth.openshift.username", "User of OpenShift's authentication",
                    audit_text<"annotations|authentication.openshift.io/username">),
        audit_field("ka.validations.admission.policy.failure", "Why a validating admission policy refused it",
                    audit_text<"annotations|validation.policy.admission.k8s.io/validation_failure">),
        audit_field("ka.user.name", "User who asks", audit_text<"user|username">),
        audit_list("ka.user.groups", "Groups of the user", audit_texts<"user|groups">),
        audit_field("ka.impuser.name", "User in whose name is asked", audit_text<"impersonatedUser|username">),
        audit_field("ka.verb", "What is asked: create, get, patch …", audit_text<"verb">),
        audit_field("ka.uri", "Request URI", audit_text<"requestURI">),
        audit_field("ka.uri.param", "One parameter of the URI: ka.uri.param[command]", uri_param)
            .arg(ArgKind::required, ArgForm::key),
        audit_field("ka.target.name", "Name of the object", audit_text<"objectRef|name">),
        audit_field("ka.target.namespace", "Namespace of the object", audit_text<"objectRef|namespace">),
        audit_field("ka.target.resource", "Kind of the object: pods, secrets …", audit_text<"objectRef|resource">),
        audit_field("ka.target.subresource", "Part of the object: exec, attach, log …",
                    audit_text<"objectRef|subresource">),
        audit_field("ka.target.pod.name", "Name of the pod, when the object is one", target_pod),
        audit_list("ka.req.binding.subjects", "Who gets the role, as JSON", audit_texts<"requestObject|subjects">),
        audit_list("ka.req.binding.subjects.user_names", "Users who get the role", subject_users),
        audit_list("ka.req.binding.subjects.serviceaccount_names", "Service accounts that get the role",
                   subject_accounts),
        audit_list("ka.req.binding.subjects.serviceaccount_ns_names",
                   "Service accounts that get the role, as namespace:name", subject_full_accounts),
        audit_list("ka.req.binding.subjects.group_names", "Groups that get the role", subject_groups),
        audit_field("ka.req.binding.role", "Role that is given", audit_text<"requestObject|roleRef|name">),
        audit_field("ka.req.binding.subject.has_name", "Always true; kept so that old rules load", always_true)
            .arg(ArgKind::required, ArgForm::key)
            .old(),
        audit_field("ka.req.configmap.name", "Name of the config map", audit_text<"objectRef|name">),
        audit_field("ka.req.configmap.obj", "Data of the config map as JSON", audit_text<"requestObject|data">),
        audit_list("ka.req.role.rules", "Rules of the role, as JSON", audit_texts<"requestObject|rules">),
        audit_items("ka.req.role.rules.apiGroups", "API groups of the role's rules",
                    audit_texts<"requestObject|rules|apiGroups">),
        audit_items("ka.req.role.rules.nonResourceURLs", "Paths of the role's rules that are no objects",
                    audit_texts<"requestObject|rules|nonResourceURLs">),
        audit_items("ka.req.role.rules.verbs", "Verbs of the role's rules", audit_texts<"requestObject|rules|verbs">),
        audit_items("ka.req.role.rules.resources", "Resources of the role's rules",
                    audit_texts<"requestObject|rules|resources">),
        audit_field("ka.req.service.type", "Type of the service", audit_text<"requestObject|spec|type">),
        audit_items("ka.req.service.ports", "Ports of the service, as JSON", audit_texts<"requestObject|spec|ports">),
        audit_field("ka.resp.name", "Name of the object in the answer", audit_text<"responseObject|metadata|name">),
        audit_field("ka.response.code", "Status of the answer", audit_text<"responseStatus|code">),
        audit_field("ka.response.reason", "Reason of the answer, mostly of failures",
                    audit_text<"responseStatus|reason">),
        audit_field("ka.useragent", "Program of the client", audit_text<"userAgent">),
        audit_items("ka.sourceips", "Addresses of the client and of proxies between", audit_texts<"sourceIPs">),
        audit_field("ka.cluster.name", "Name of the cluster, where who passes the audit log on adds a cluster_name",
                    cluster),
    };
    return table;
}

} // namespace gyr::fields
