// container.*: what the process's cgroup and the container runtime tell. The id never waits; the rest may be pending.

#include "fields/container_access.h"
#include "fields/process_text.h"
#include "fields/registry.h"

#include <re2/re2.h>

#include <algorithm>

namespace gyr::fields {
namespace {

using lang::ArgKind;
using lang::FieldType;
using enum Scope;

Value id(const Context& c, const Argument&) {
    const ContainerAccess a(c);
    if (!a.process && !a.container) return Value::missing(Missing::lost);
    return Value::of_text(a.container ? std::string_view(a.container->id) : std::string_view("host"));
}
Value full_id(const Context& c, const Argument&) {
    const ContainerAccess a(c);
    if (a.host()) return Value::of_text("host");
    if (!a.container) return Value::missing(Missing::lost);
    if (a.info && !a.info->full_id.empty()) return Value::of_text(a.info->full_id);
    return a.container->full_id.empty() ? Value::missing(a.why()) : Value::of_text(a.container->full_id);
}

// A text of the metadata; of_host is what a process of the host has.
template <auto kMember>
Value meta(const Context& c, std::string_view of_host) {
    const ContainerAccess a(c);
    if (a.host()) return Value::of_text(of_host, of_host.empty() ? Missing::not_container : Missing::none);
    return a.info ? a.text(a.info->*kMember) : Value::missing(a.why());
}
template <auto kMember>
Value text(const Context& c, const Argument&) {
    return meta<kMember>(c, "");
}
Value name(const Context& c, const Argument&) { return meta<&ContainerInfo::name>(c, "host"); }

Value type(const Context& c, const Argument&) {
    const ContainerAccess a(c);
    if (a.host()) return Value::of_text("host");
    if (a.info && a.info->type != ContainerType::unknown) return Value::of_text(to_string(a.info->type));
    if (!a.container || a.container->pending()) return Value::missing(a.why());
    if (a.container->guess != ContainerType::unknown) return Value::of_text(to_string(a.container->guess));
    return Value::missing(a.why());
}

template <auto kMember>
Value flag(const Context& c, const Argument&) {
    const ContainerAccess a(c);
    if (a.host()) {
        Value v = Value::of_bool(false);
        v.why = Missing::not_container;
        return v;
    }
    if (a.info && (a.info->*kMember).has_value()) return Value::of_bool(*(a.info->*kMember));
    return Value::missing(a.why());
}

std::string_view mount_text(const ContainerMount& m, Arena& arena) {
    const std::string_view parts[] = {m.source, m.destination, m.mode, m.writable ? "true" : "false", m.propagation};
    return join_items(arena, std::size(parts), ':', [&](std::size_t i) { return parts[i]; });
}

Value mounts(const Context& c, const Argument&) {
    const ContainerAccess a(c);
    if (a.host()) return Value::of_text("", Missing::not_container);
    if (!a.info) return Value::missing(a.why());
    if (a.info->mounts.empty() && a.container->pending()) return Value::missing(Missing::pending);
    const std::span<Value> parts = c.arena.make_array<Value>(a.info->mounts.size());
    for (std::size_t i = 0; i < parts.size(); ++i) parts[i] = Value::of_text(mount_text(a.info->mounts[i], c.arena));
    return Value::of_text(join_items(c.arena, parts.size(), ',', [&](std::size_t i) { return parts[i].text(); }));
}

enum class MountPart { all, source, destination, mode, writable, propagation };

// [n] is an index, anything else a regular expression looked for in the sources (for .source: in the destinations).
template <MountPart kPart>
Value mount(const Context& c, const Argument& arg) {
    const ContainerAccess a(c);
    if (!a.info) return Value::missing(a.host() ? Missing::not_container : a.why());
    const ContainerMount* found = nullptr;
    const std::vector<ContainerMount>& all = a.info->mounts;
    if (arg.is_index) {
        if (arg.index < all.size()) found = &all[arg.index];
    } else {
        const RE2& pattern = *static_cast<const RE2*>(arg.prepared.get());
        const auto it = std::ranges::find_if(all, [&](const ContainerMount& m) {
            return RE2::PartialMatch(kPart == MountPart::source ? m.destination : m.source, pattern);
        });
        if (it != all.end()) found = &*it;
    }
    if (!found) return Value::missing(a.container->pending() ? Missing::pending : Missing::not_applicable);
    switch (kPart) {
    case MountPart::all: return Value::of_text(mount_text(*found, c.arena));
    case MountPart::source: return Value::of_text(found->source);
    case MountPart::destination: return Value::of_text(found->destination);
    case MountPart::mode: return Value::of_text(found->mode);
    case MountPart::writable: return Value::of_text(found->writable ? "true" : "false");
    case MountPart::propagation: return Value::of_text(found->propagation);
    }
    return Value();
}

Result<> mount_key(Argument& a, FieldType&) {
    if (a.is_index) return {};
    RE2::Options options(RE2::Quiet);
    // A path with a shell wildcard is common in rules ("/root*") and is a valid expression too.
    auto pattern = std::make_shared<const RE2>(a.text, options);
    if (!pattern->ok())
        return fail(ErrorKind::invalid, "invalid regular expression '" + a.text + "': " + pattern->error());
    a.prepared = std::move(pattern);
    return {};
}

Value start_ts(const Context& c, const Argument&) {
    const ContainerAccess a(c);
    if (!a.process) return Value::missing(Missing::lost);
    if (a.process->pidns_init_start <= 0) return Value::missing(Missing::not_applicable);
    return Value::of_u64(static_cast<std::uint64_t>(a.process->pidns_init_start));
}
// A pid namespace made inside the container, as for a container in it, has a first process too.
Value is_init(const Context& c, const Argument&) {
    const ContainerAccess a(c);
    if (!a.process) return Value::missing(Missing::lost);
    return Value::of_bool(a.container && a.process->vpid == 1 &&
                          (a.container->pidns_number == 0 || a.container->pidns_number == a.process->pidns_number));
}
Value duration(const Context& c, const Argument&) {
    const ContainerAccess a(c);
    if (!a.process) return Value::missing(Missing::lost);
    if (a.process->pidns_init_start <= 0) return Value::missing(Missing::not_applicable);
    return Value::of_u64(static_cast<std::uint64_t>(std::max<Nanos>(0, c.event.time - a.process->pidns_init_start)));
}

Value label(const Context& c, const Argument& arg) {
    const ContainerAccess a(c);
    if (a.info) {
        const auto it = a.info->labels.find(arg.text);
        if (it != a.info->labels.end()) return Value::of_text(it->second);
        return Value::missing(a.container->pending() ? Missing::pending : Missing::not_applicable);
    }
    return Value::missing(a.host() ? Missing::not_container : a.why());
}
Value labels(const Context& c, const Argument&) {
    const ContainerAccess a(c);
    if (a.host()) return Value::of_text("", Missing::not_container);
    if (!a.info) return Value::missing(a.why());
    if (a.info->labels.empty() && a.container->pending()) return Value::missing(Missing::pending);
    std::size_t bytes = 0;
    const auto shown = [](const auto& kv) {
        return !kv.first.starts_with("annotation.") && !kv.first.starts_with("io.kubernetes.");
    };
    for (const auto& kv : a.info->labels)
        if (shown(kv)) bytes += kv.first.size() + kv.second.size() + 3;
    char* out = c.arena.allocate(bytes);
    char* at = out;
    const auto put = [&](std::string_view s) { at = std::copy(s.begin(), s.end(), at); };
    for (const auto& kv : a.info->labels) {
        if (!shown(kv)) continue;
        if (at != out) put(", ");
        put(kv.first), put(":"), put(kv.second);
    }
    return Value::of_text({out, static_cast<std::size_t>(at - out)});
}

Value never(const Context&, const Argument&) { return Value::missing(Missing::unsupported); }

// Our own.
Value chain(const Context& c, const Argument&) {
    const ContainerAccess a(c);
    if (!a.container) return Value::missing(a.why());
    const std::vector<std::string>& ids = a.container->chain;
    const std::span<Value> out = c.arena.make_array<Value>(ids.size());
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = Value::of_text(ids[i]);
    return Value::of_list(out);
}
Value origin(const Context& c, const Argument&) {
    const ProcessImage* p = c.process();
    if (!p) return Value::missing(Missing::lost);
    return Value::of_text(p->origin ? std::string_view(p->origin->id) : std::string_view("host"));
}
Value moved(const Context& c, const Argument&) {
    const ProcessImage* p = c.process();
    return p ? Value::of_bool(has_moved(*p)) : Value::missing(Missing::lost);
}
Value created(const Context& c, const Argument&) {
    const ContainerAccess a(c);
    if (a.info && a.info->created_time > 0) return Value::of_u64(static_cast<std::uint64_t>(a.info->created_time));
    return Value::missing(a.why());
}
Value missing_why(const Context& c, const Argument&) {
    const ContainerAccess a(c);
    if (!a.container || a.container->why == Missing::none) return Value::missing(Missing::not_applicable);
    return a.container->pending() ? Value::missing(Missing::pending) : Value::of_text(to_string(a.container->why));
}

Field never_field(std::string_view name_, FieldType t, std::string_view doc) {
    return make_field(name_, t, image, doc, never).old();
}

} // namespace

std::span<const Field> container_fields() {
    constexpr auto kText = FieldType::charbuf;
    const auto mount_field = [](std::string_view n, std::string_view doc, Extractor e) {
        return make_field(n, kText, container, doc, e).arg(ArgKind::required, ArgForm::index_or_key, mount_key);
    };
    static const Field table[] = {
        make_field("container.id", kText, image,
                   "Container id as in the cgroup (12 characters of the usual 64), host outside containers", id),
        make_field("container.full_id", kText, container, "Container id in full, host outside containers", full_id),
        make_field("container.name", kText, container, "Name of the container, host outside containers", name),
        make_field("container.image", kText, container, "Image the container was made from, as it was named then",
                   text<&ContainerInfo::image>),
        make_field("container.image.id", kText, container, "Id of the image", text<&ContainerInfo::image_id>),
        make_field("container.type", kText, container,
                   "Runtime: docker, containerd, cri-o, podman …, host outside containers", type),
        make_field("container.privileged", FieldType::boolean, container, "The container runs privileged",
                   flag<&ContainerInfo::privileged>),
        make_field("container.mounts", kText, container,
                   "All mounts as source:destination:mode:writable:propagation, joined by commas", mounts),
        mount_field("container.mount", "One mount, by index or by a regular expression found in its source",
                    mount<MountPart::all>),
        mount_field("container.mount.source",
                    "Source of a mount, by index or by a regular expression found in its destination",
                    mount<MountPart::source>),
        mount_field("container.mount.dest",
                    "Destination of a mount, by index or by a regular expression found in its source",
                    mount<MountPart::destination>),
        mount_field("container.mount.mode", "Mode of a mount, chosen as container.mount does", mount<MountPart::mode>),
        mount_field("container.mount.rdwr",
                    "Whether a mount is writable (true or false), chosen as container.mount does",
                    mount<MountPart::writable>),
        mount_field("container.mount.propagation", "Propagation of a mount, chosen as container.mount does",
                    mount<MountPart::propagation>),
        make_field("container.image.repository", kText, container, "Image name without tag",
                   text<&ContainerInfo::image_repository>),
        make_field("container.image.tag", kText, container, "Tag of the image", text<&ContainerInfo::image_tag>),
        make_field("container.image.digest", kText, container, "Digest of the image in its registry",
                   text<&ContainerInfo::image_digest>),
        never_field("container.healthcheck", kText, "Never had a value; kept so that old rules load"),
        never_field("container.liveness_probe", kText, "Never had a value; kept so that old rules load"),
        never_field("container.readiness_probe", kText, "Never had a value; kept so that old rules load"),
        make_field("container.start_ts", FieldType::abstime, image,
                   "When the first process of the container's pid namespace started, nanoseconds since the epoch",
                   start_ts)
            .as(Format::decimal),
        make_field("container.duration", FieldType::reltime, time, "Nanoseconds since container.start_ts", duration)
            .as(Format::decimal),
        make_field("container.ip", kText, container, "Address of the container", text<&ContainerInfo::ip>),
        make_field("container.cni.json", kText, container, "Network set-up as the CNI plugin reported it",
                   text<&ContainerInfo::cni_json>),
        make_field("container.host_pid", FieldType::boolean, container, "The container shares the host's pid namespace",
                   flag<&ContainerInfo::host_pid>),
        make_field("container.host_network", FieldType::boolean, container,
                   "The container shares the host's network namespace", flag<&ContainerInfo::host_network>),
        make_field("container.host_ipc", FieldType::boolean, container, "The container shares the host's IPC namespace",
                   flag<&ContainerInfo::host_ipc>),
        own_field("container.image_build", FieldType::boolean, container,
                  "The container is a step of an image's build by Docker's own builder",
                  flag<&ContainerInfo::image_build>),
        make_field("container.label", kText, container, "One label of the container", label)
            .arg(ArgKind::required, ArgForm::key),
        make_field("container.labels", kText, container,
                   "Labels as key:value joined by commas, without those of Kubernetes", labels),
        never_field("proc.is_container_healthcheck", FieldType::boolean,
                    "Never had a value; kept so that old rules load"),
        never_field("proc.is_container_liveness_probe", FieldType::boolean,
                    "Never had a value; kept so that old rules load"),
        never_field("proc.is_container_readiness_probe", FieldType::boolean,
                    "Never had a value; kept so that old rules load"),
        make_field("proc.is_container_init", FieldType::boolean, image, "The first process of its container", is_init)
            .ours(),
        make_field("container.chain", kText, image, "Ids of nested containers, outermost first", chain).list().ours(),
        make_field(
            "container.origin", kText, image,
            "Id of the first container that the process, or who it descends from, was seen in; of one made inside "
            "of that, the inner one; host when there was none",
            origin)
            .ours(),
        make_field("container.moved", FieldType::boolean, image,
                   "The process is neither in container.origin nor in a container made inside of it", moved)
            .ours(),
        make_field("container.user", kText, container, "User the container's first process was configured with",
                   text<&ContainerInfo::user>)
            .ours(),
        make_field("container.rootfs", kText, container, "Host path of the container's root file system",
                   text<&ContainerInfo::rootfs>)
            .ours(),
        make_field("container.created_ts", FieldType::abstime, container,
                   "When the runtime made the container, nanoseconds since the epoch", created)
            .as(Format::decimal)
            .ours(),
        make_field("container.source", kText, container, "Where the metadata comes from", text<&ContainerInfo::source>)
            .ours(),
        make_field("container.missing", kText, container, "Why the metadata is missing or incomplete, when it is",
                   missing_why)
            .ours(),
    };
    return table;
}

} // namespace gyr::fields
