// ka.* and jevt.* fields of audit events: what Kubernetes' own documents say a request asks for.

#include "audit/audit_event.h"
#include "fields/registry.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>

namespace gyr::fields {
namespace {

// A field's value as output prints it; <NA> when it has none.
std::string value_of(const std::string& json, const std::string& name, std::optional<std::string> arg = {}) {
    auto batch = parse_audit(json);
    if (!batch || batch->events.empty()) return "no event";
    const auto bound = bind_field(name, arg);
    if (!bound) return bound.error().message;
    const Event event = event_of_audit(batch->events[0], 1);
    const EvalWorld world;
    Arena arena;
    std::string out;
    append_text(out, bound->field->extract(Context{event, world, arena}, bound->arg), bound->type,
                bound->field->format);
    return out;
}

const std::string kExec = R"({"kind":"Event","auditID":"ca1e","stage":"ResponseStarted","verb":"create",
 "stageTimestamp":"2018-10-26T13:38:34.902914Z","user":{"username":"alice@example.com","groups":["dev","system:authenticated"]},
 "requestURI":"/api/v1/namespaces/default/pods/web/exec?command=sh&command=-c&command=echo+%2Fetc%2f&container=web&bad=%zz",
 "objectRef":{"resource":"pods","namespace":"default","name":"web","subresource":"exec"},
 "sourceIPs":["192.168.99.1","10.0.0.1"],"responseStatus":{"metadata":{},"code":101},
 "annotations":{"authorization.k8s.io/decision":"allow","authorization.k8s.io/reason":""}})";

TEST(AuditFields, OfARequest) {
    EXPECT_EQ(value_of(kExec, "ka.auditid"), "ca1e");
    EXPECT_EQ(value_of(kExec, "ka.user.name"), "alice@example.com");
    EXPECT_EQ(value_of(kExec, "ka.user.groups"), "(dev,system:authenticated)");
    EXPECT_EQ(value_of(kExec, "ka.sourceips"), "(192.168.99.1,10.0.0.1)");
    EXPECT_EQ(value_of(kExec, "ka.target.subresource"), "exec");
    EXPECT_EQ(value_of(kExec, "ka.target.pod.name"), "web");
    EXPECT_EQ(value_of(kExec, "ka.response.code"), "101");
    EXPECT_EQ(value_of(kExec, "ka.auth.decision"), "allow");
    EXPECT_EQ(value_of(kExec, "ka.auth.reason"), ""); // there, and empty
    EXPECT_EQ(value_of(kExec, "ka.impuser.name"), "<NA>");
    EXPECT_EQ(value_of(kExec, "ka.uri.param", "command"), "sh"); // the first of several
    EXPECT_EQ(value_of(kExec, "ka.uri.param", "container"), "web");
    EXPECT_EQ(value_of(kExec, "ka.uri.param", "bad"), "<NA>");
    EXPECT_EQ(value_of(kExec, "ka.uri.param", "absent"), "<NA>");
    EXPECT_EQ(value_of(kExec, "evt.source"), "k8s_audit");
    EXPECT_EQ(value_of(kExec, "jevt.rawtime"), "1540561114902914000");
    EXPECT_EQ(value_of(kExec, "jevt.value", "/stage"), "ResponseStarted");
    EXPECT_EQ(value_of(kExec, "jevt.value", "/annotations/authorization.k8s.io~1decision"), "allow");
    EXPECT_EQ(value_of(kExec, "jevt.value", "/sourceIPs/1"), "10.0.0.1");
    EXPECT_EQ(value_of(kExec, "jevt.value", "/sourceIPs/2"), "<NA>");
    EXPECT_EQ(value_of(kExec, "jevt.value", "/responseStatus"), R"({"metadata":{},"code":101})");
}

TEST(AuditFields, OfAClusterThatWhoeverPassesItOnNames) {
    const std::string event = R"({"kind":"Event","auditID":"a","stageTimestamp":"2018-10-26T13:38:34Z")";
    EXPECT_EQ(value_of(event + "}", "ka.cluster.name"), "<NA>");
    EXPECT_EQ(value_of(event + R"(,"annotations":{"cluster_name":"prod"}})", "ka.cluster.name"), "prod");
    EXPECT_EQ(value_of(event + R"(,"cluster_name":"stage"})", "ka.cluster.name"), "stage");
    EXPECT_EQ(value_of(event + R"(,"cluster_name":{"a":1}})", "ka.cluster.name"), "<NA>");
}

TEST(AuditFields, OfOtherJson) {
    const std::string other = R"({"kind":"Event","stageTimestamp":"2018-10-26T13:38:34Z","verb":"get"})"; // no auditID
    EXPECT_EQ(value_of(other, "ka.verb"), "<NA>");
    EXPECT_EQ(value_of(other, "jevt.value", "/verb"), "get");
}

const std::string kPod =
    R"({"kind":"Event","auditID":"a","stageTimestamp":"2018-10-26T13:38:34Z","requestObject":{"spec":{
 "hostNetwork":true,"securityContext":{"runAsUser":1000,"supplementalGroups":[5,6]},
 "containers":[{"name":"one","image":"registry:5000/shop/web:1.2@sha256:00","securityContext":{"privileged":true,"runAsUser":7},
                "ports":[{"containerPort":80,"hostPort":8080},{"containerPort":443}]},
               {"name":"two","image":"nginx","securityContext":{"capabilities":{"add":["NET_ADMIN","SYS_TIME"]}}}],
 "initContainers":[{"name":"init","image":"busybox:1","command":["sh","-c","true"]}],
 "volumes":[{"name":"a","hostPath":{"path":"/proc/1"}},{"name":"b","secret":{"secretName":"s"}},
            {"name":"c","hostPath":{"path":"/etc"}}]}}})";

TEST(AuditFields, OfAPod) {
    EXPECT_EQ(value_of(kPod, "ka.req.pod.containers.image"), "(registry:5000/shop/web:1.2@sha256:00,nginx)");
    EXPECT_EQ(value_of(kPod, "ka.req.pod.containers.image", "1"), "(nginx)");
    EXPECT_EQ(value_of(kPod, "ka.req.pod.containers.image", "2"), "<NA>");
    EXPECT_EQ(value_of(kPod, "ka.req.pod.containers.image.repository"), "(registry:5000/shop/web,nginx)");
    EXPECT_EQ(value_of(kPod, "ka.req.container.image.repository"), "registry:5000/shop/web");
    EXPECT_EQ(value_of(kPod, "ka.req.pod.initContainers.image.repository"), "(busybox)");
    EXPECT_EQ(value_of(kPod, "ka.req.pod.initContainers.command"), "(sh,-c,true)");
    EXPECT_EQ(value_of(kPod, "ka.req.pod.ephemeralContainers.image"), "<NA>");
    EXPECT_EQ(value_of(kPod, "ka.req.pod.containers.privileged"), "(true)");
    EXPECT_EQ(value_of(kPod, "ka.req.pod.containers.privileged", "1"), "<NA>");
    EXPECT_EQ(value_of(kPod, "ka.req.container.privileged"), "true");
    EXPECT_EQ(value_of(kPod, "ka.req.pod.containers.host_port"), "(8080,443)");
    EXPECT_EQ(value_of(kPod, "ka.req.pod.containers.add_capabilities"), "(NET_ADMIN,SYS_TIME)");
    EXPECT_EQ(value_of(kPod, "ka.req.pod.run_as_user"), "1000");
    EXPECT_EQ(value_of(kPod, "ka.req.pod.containers.run_as_user"), "(7)");
    EXPECT_EQ(value_of(kPod, "ka.req.pod.containers.eff_run_as_user"), "(7,1000)");
    EXPECT_EQ(value_of(kPod, "ka.req.pod.containers.eff_run_as_group"), "(0,0)");
    EXPECT_EQ(value_of(kPod, "ka.req.pod.supplemental_groups"), "(5,6)");
    EXPECT_EQ(value_of(kPod, "ka.req.pod.host_network"), "true");
    EXPECT_EQ(value_of(kPod, "ka.req.pod.host_pid"), "<NA>");
    EXPECT_EQ(value_of(kPod, "ka.req.pod.volumes.hostpath"), "(/proc/1,/etc)");
    EXPECT_EQ(value_of(kPod, "ka.req.volume.hostpath", "/proc*"), "true");
    EXPECT_EQ(value_of(kPod, "ka.req.volume.hostpath", "/proc"), "false");
    EXPECT_EQ(value_of(kPod, "ka.req.volume.hostpath", "/etc"), "true");
    EXPECT_EQ(value_of(kPod, "ka.req.pod.volumes.volume_type"), "(hostPath,secret,hostPath)");
}

TEST(AuditFields, OfRolesAndBindings) {
    const std::string role = R"({"kind":"Event","auditID":"a","stageTimestamp":"2018-10-26T13:38:34Z","requestObject":{
      "rules":[{"verbs":["get","*"],"resources":["pods"]},{"nonResourceURLs":["/x"],"verbs":["create"]}]}})";
    EXPECT_EQ(value_of(role, "ka.req.role.rules.verbs"), "(get,*,create)");
    EXPECT_EQ(value_of(role, "ka.req.role.rules.verbs", "1"), "(create)");
    EXPECT_EQ(value_of(role, "ka.req.role.rules.nonResourceURLs"), "(/x)");
    EXPECT_EQ(value_of(role, "ka.req.role.rules", {}),
              R"(({"verbs":["get","*"],"resources":["pods"]},{"nonResourceURLs":["/x"],"verbs":["create"]}))");
    const std::string binding =
        R"({"kind":"Event","auditID":"a","stageTimestamp":"2018-10-26T13:38:34Z","requestObject":{
      "roleRef":{"name":"cluster-admin"},"subjects":[{"kind":"User","name":"bob"},
      {"kind":"ServiceAccount","name":"runner","namespace":"ci"},{"kind":"Group","name":"ops"},7]}})";
    EXPECT_EQ(value_of(binding, "ka.req.binding.role"), "cluster-admin");
    EXPECT_EQ(value_of(binding, "ka.req.binding.subjects.user_names"), "(bob)");
    EXPECT_EQ(value_of(binding, "ka.req.binding.subjects.group_names"), "(ops)");
    EXPECT_EQ(value_of(binding, "ka.req.binding.subjects.serviceaccount_ns_names"), "(ci:runner)");
}

// Of a wrong type where Kubernetes has another: no value, no crash.
TEST(AuditFields, OfHostileEvents) {
    const std::string stage = R"("auditID":"a","stageTimestamp":"2018-10-26T13:38:34Z")";
    for (const char* object : {"7", "[]", "null", R"({"spec":7})", R"({"spec":{"containers":{"image":"x"}}})",
                               R"({"spec":{"containers":[7,null,{"image":7}],"volumes":[null,7]}})", R"({"rules":"x"})",
                               R"({"subjects":{"a":1},"roleRef":[1]})"}) {
        const std::string json = R"({"kind":"Event","requestURI":7,"objectRef":[],"user":"x","sourceIPs":{},)" + stage +
                                 R"(,"requestObject":)" + object + "}";
        for (const Field* f : all_fields()) {
            if (f->info.source != "k8s_audit") continue;
            for (const char* arg : {"", "0", "9"}) {
                if (*arg != '\0' && f->info.arg == lang::ArgKind::none) continue;
                if (*arg == '\0' && f->info.arg == lang::ArgKind::required) continue;
                EXPECT_NE(
                    value_of(json, std::string(f->info.name), *arg ? std::optional<std::string>(arg) : std::nullopt),
                    "no event");
            }
        }
    }
}

} // namespace
} // namespace gyr::fields
