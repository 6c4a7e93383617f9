// ka.req.pod.*: the pod that a request asks for, with its containers of the three kinds and its volumes.

#include "fields/audit_values.h"

namespace gyr::fields {
namespace {

using lang::ArgKind;

constexpr std::string_view kPodSpec = "requestObject|spec";

constexpr const char kContainers[] = "containers", kInit[] = "initContainers", kEphemeral[] = "ephemeralContainers";

// The containers of one kind, or the one that arg chooses. False: the request asks for no such.
bool containers_of(const Context& c, std::string_view kind, const Argument& arg, JsonValues& out) {
    const AuditJson* json = audit_document(c);
    const AuditJson* spec = json ? json_value(*json, kPodSpec) : nullptr;
    const AuditJson* all = spec ? json_member(*spec, kind) : nullptr;
    if (!all || !all->is_array() || (arg.is_index && arg.index >= all->size())) return false;
    for (std::size_t i = 0; i < all->size(); ++i)
        if (!arg.is_index || arg.index == i) out.push_back(&(*all)[i]);
    return true;
}

// What each container has below a path.
template <const char* kKind, JsonPath kPath>
Value each(const Context& c, const Argument& arg) {
    JsonValues containers, values;
    if (!containers_of(c, kKind, arg, containers)) return no_value();
    for (const AuditJson* container : containers) values.push_back(json_value(*container, kPath.view()));
    return list_of_texts(values, c.arena);
}

// The name of an image without tag and digest. The last colon is the tag's unless a slash follows: then a port's.
std::string_view repository_of(std::string_view image) {
    image = image.substr(0, image.find('@'));
    const std::size_t colon = image.rfind(':');
    if (colon == std::string_view::npos || image.find('/', colon) != std::string_view::npos) return image;
    return image.substr(0, colon);
}

// A container without an image is a request that cannot be judged by its images.
bool images_of(const Context& c, std::string_view kind, const Argument& arg, std::vector<Value>& out) {
    JsonValues containers;
    if (!containers_of(c, kind, arg, containers)) return false;
    for (const AuditJson* container : containers) {
        const AuditJson* image = json_member(*container, "image");
        if (!image || !image->is_string()) return false;
        out.push_back(Value::of_text(image->get_ref<const std::string&>()));
    }
    return true;
}
template <const char* kKind>
Value images(const Context& c, const Argument& arg) {
    std::vector<Value> values;
    return images_of(c, kKind, arg, values) ? list_value(values, c.arena) : no_value();
}
template <const char* kKind>
Value repositories(const Context& c, const Argument& arg) {
    std::vector<Value> values;
    if (!images_of(c, kKind, arg, values)) return no_value();
    for (Value& v : values) v = Value::of_text(repository_of(v.text()));
    return list_value(values, c.arena);
}
Argument first_one() {
    Argument a;
    a.is_index = true;
    return a;
}
Value first_image(const Context& c, const Argument&) {
    std::vector<Value> values;
    return images_of(c, kContainers, first_one(), values) ? values.front() : no_value();
}
Value first_repository(const Context& c, const Argument&) {
    const Value image = first_image(c, {});
    return image.is_missing() ? image : Value::of_text(repository_of(image.text()));
}

Value any_privileged(const Context& c, const Argument&) {
    JsonValues containers;
    if (!containers_of(c, kContainers, {}, containers)) return no_value();
    const bool any = std::ranges::any_of(containers, [](const AuditJson* container) {
        const AuditJson* flag = json_value(*container, "securityContext|privileged");
        return flag && flag->is_boolean() && flag->get<bool>();
    });
    return Value::of_text(any ? "true" : "false");
}

// The port on the host; of a pod in the host's network the container's own.
template <const char* kKind>
Value host_ports(const Context& c, const Argument& arg) {
    JsonValues containers, values;
    if (!containers_of(c, kKind, arg, containers)) return no_value();
    for (const AuditJson* container : containers) {
        const AuditJson* ports = json_member(*container, "ports");
        if (!ports || !ports->is_array()) continue;
        for (const AuditJson& port : *ports) {
            const AuditJson* on_host = json_member(port, "hostPort");
            values.push_back(on_host ? on_host : json_member(port, "containerPort"));
        }
    }
    return list_of_texts(values, c.arena);
}

// A property of the security context: the container's own, else the pod's, else 0.
template <const char* kKind, JsonPath kKey>
Value effective(const Context& c, const Argument& arg) {
    JsonValues containers;
    if (!containers_of(c, kKind, arg, containers)) return no_value();
    const AuditJson* spec = json_value(*audit_document(c), kPodSpec);
    const auto own = [&](const AuditJson& of) {
        const AuditJson* context = json_member(of, "securityContext");
        const AuditJson* value = context ? json_member(*context, kKey.view()) : nullptr;
        return value && !value->is_null() ? value : nullptr;
    };
    const AuditJson* of_pod = own(*spec);
    std::vector<Value> values;
    for (const AuditJson* container : containers) {
        const AuditJson* value = own(*container);
        if (!value) value = of_pod;
        values.push_back(value ? json_text_value(*value, c.arena) : Value::of_text("0"));
    }
    return list_value(values, c.arena);
}

// "true" when a volume is exactly that path of the host, or with a star at the end, begins with it.
Value has_host_path(const Context& c, const Argument& arg) {
    const AuditJson* json = audit_document(c);
    JsonValues paths;
    if (!json || !collect_values(*json, "requestObject|spec|volumes|hostPath|path", {}, paths)) return no_value();
    const std::string_view wanted = arg.text;
    const bool prefix = wanted.ends_with('*');
    const bool any = std::ranges::any_of(paths, [&](const AuditJson* path) {
        if (!path || !path->is_string()) return false;
        const std::string_view text = path->get_ref<const std::string&>();
        return text == wanted || (prefix && text.starts_with(wanted.substr(0, wanted.size() - 1)));
    });
    return Value::of_text(any ? "true" : "false");
}

Value volume_types(const Context& c, const Argument& arg) {
    const AuditJson* json = audit_document(c);
    const AuditJson* volumes = json ? json_value(*json, "requestObject|spec|volumes") : nullptr;
    if (!volumes || !volumes->is_array()) return no_value();
    std::vector<Value> values;
    for (std::size_t i = 0; i < volumes->size(); ++i) {
        const AuditJson& volume = (*volumes)[i];
        if (!volume.is_object() || (arg.is_index && arg.index != i)) continue;
        for (auto member = volume.begin(); member != volume.end(); ++member)
            if (member.key() != "name") values.push_back(Value::of_text(member.key()));
    }
    return list_value(values, c.arena);
}

// What is the same for containers, init containers and ephemeral containers; names are ka.req.pod.<kind>.<property>.
template <const char* kKind>
void add_containers(std::vector<Field>& out, const char* prefix) {
    static std::vector<std::string> names; // the fields' names point into it
    const auto add = [&](std::string_view property, std::string_view doc, Extractor extract) {
        names.push_back(std::string(prefix) + std::string(property));
        out.push_back(audit_items(names.back(), doc, extract));
    };
    names.reserve(32);
    add("name", "Names of these containers of the pod", each<kKind, "name">);
    add("image", "Images of these containers", images<kKind>);
    add("image.repository", "Images of these containers without tag and digest", repositories<kKind>);
    add("command", "Commands of these containers, word by word", each<kKind, "command">);
    add("args", "Arguments of these containers", each<kKind, "args">);
    add("privileged", "Whether these containers are privileged, where it is said",
        each<kKind, "securityContext|privileged">);
    add("allow_privilege_escalation", "Whether these containers may gain privileges, where it is said",
        each<kKind, "securityContext|allowPrivilegeEscalation">);
    add("read_only_fs", "Whether the root of these containers is read-only, where it is said",
        each<kKind, "securityContext|readOnlyRootFilesystem">);
    add("run_as_user", "User ids of these containers, where they are said", each<kKind, "securityContext|runAsUser">);
    add("eff_run_as_user", "User ids of these containers: their own, else the pod's, else 0",
        effective<kKind, "runAsUser">);
    add("run_as_group", "Group ids of these containers, where they are said",
        each<kKind, "securityContext|runAsGroup">);
    add("eff_run_as_group", "Group ids of these containers: their own, else the pod's, else 0",
        effective<kKind, "runAsGroup">);
    add("proc_mount", "How these containers see /proc, where it is said", each<kKind, "securityContext|procMount">);
    add("add_capabilities", "Capabilities that these containers get besides",
        each<kKind, "securityContext|capabilities|add">);
    add("host_port", "Ports on the host, or of the containers where none is named", host_ports<kKind>);
}

} // namespace

std::span<const Field> kube_audit_pod_fields() {
    static const std::vector<Field> table = [] {
        std::vector<Field> t;
        add_containers<kContainers>(t, "ka.req.pod.containers.");
        add_containers<kInit>(t, "ka.req.pod.initContainers.");
        add_containers<kEphemeral>(t, "ka.req.pod.ephemeralContainers.");
        const Field others[] = {
            audit_field("ka.req.container.image", "Image of the pod's first container", first_image).old(),
            audit_field("ka.req.container.image.repository", "The same without tag and digest", first_repository).old(),
            audit_field("ka.req.container.privileged", "Whether any container of the pod is privileged", any_privileged)
                .old(),
            audit_field("ka.req.container.host_network", "Same as ka.req.pod.host_network",
                        audit_text<"requestObject|spec|hostNetwork">)
                .old(),
            audit_field("ka.req.pod.host_ipc", "The pod uses the host's IPC namespace",
                        audit_text<"requestObject|spec|hostIPC">),
            audit_field("ka.req.pod.host_network", "The pod uses the host's network",
                        audit_text<"requestObject|spec|hostNetwork">),
            audit_field("ka.req.pod.host_pid", "The pod sees the host's processes",
                        audit_text<"requestObject|spec|hostPID">),
            audit_field("ka.req.pod.run_as_user", "User id of the pod",
                        audit_text<"requestObject|spec|securityContext|runAsUser">),
            audit_field("ka.req.pod.run_as_group", "Group id of the pod",
                        audit_text<"requestObject|spec|securityContext|runAsGroup">),
            audit_field("ka.req.pod.fs_group", "Group id that owns the pod's volumes",
                        audit_text<"requestObject|spec|securityContext|fsGroup">),
            audit_list("ka.req.pod.supplemental_groups", "Further group ids of the pod",
                       audit_texts<"requestObject|spec|securityContext|supplementalGroups">),
            audit_items("ka.req.pod.volumes.hostpath", "Paths of the host that the pod mounts",
                        audit_texts<"requestObject|spec|volumes|hostPath|path">),
            audit_field("ka.req.volume.hostpath",
                        "true when the pod mounts that path of the host; a star ends a prefix", has_host_path)
                .arg(ArgKind::required, ArgForm::key)
                .old(),
            audit_items("ka.req.pod.volumes.flexvolume_driver", "Drivers of the pod's flex volumes",
                        audit_texts<"requestObject|spec|volumes|flexVolume|driver">),
            audit_items("ka.req.pod.volumes.volume_type", "Types of the pod's volumes: hostPath, secret …",
                        volume_types),
        };
        t.insert(t.end(), std::begin(others), std::end(others));
        return t;
    }();
    return table;
}

} // namespace gyr::fields
