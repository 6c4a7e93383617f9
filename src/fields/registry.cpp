#include "fields/registry.h"

#include "fields/static_fields.h"
#include "lang/diagnostic.h"

#include <algorithm>
#include <charconv>
#include <unordered_map>

namespace gyr::fields {

using lang::ArgKind;
using lang::FieldType;

namespace {

constexpr Alias kAliases[] = {
    {"user.id", "user.uid"},
    {"user.gid", "group.gid"},
    {"group.id", "group.gid"},
    {"proc.id", "proc.pid"},
    {"proc.unique_id", "proc.key"},
    {"proc.uid", "proc.key"},
    {"proc.path", "proc.exepath"},
    {"proc.parent.id", "proc.ppid"},
    {"proc.parent.pid", "proc.ppid"},
    {"proc.parent.name", "proc.pname"},
    {"proc.parent.exe", "proc.pexe"},
    {"proc.parent.exepath", "proc.pexepath"},
    {"proc.parent.path", "proc.pexepath"},
    {"proc.parent.cmdline", "proc.pcmdline"},
    {"proc.parent.vpid", "proc.pvpid"},
    {"proc.parent.key", "proc.pkey"},
    {"proc.parent.duration", "proc.ppid.duration"},
    {"proc.parent.ts", "proc.ppid.ts"},
    {"thread.id", "thread.tid"},
    {"container.runtime", "container.type"},
    {"container.image.name", "container.image.repository"},
    {"k8s.namespace", "k8s.ns.name"},
    {"k8s.pod", "k8s.pod.name"},
};

using Index = std::unordered_map<std::string_view, const Field*>;

const Index& index() {
    static const Index map = [] {
        Index m;
        for (const Field* f : all_fields()) m.emplace(f->info.name, f);
        for (const Alias& a : kAliases) m.emplace(a.name, m.at(a.stands_for));
        return m;
    }();
    return map;
}

class RegistryCatalog final : public lang::FieldCatalog {
  public:
    lang::FieldMatch find(std::string_view name) const override {
        if (const Field* f = find_field(name)) return {&f->info, {}};
        // The longest known name that takes its argument behind a dot.
        for (std::size_t dot = name.rfind('.'); dot != std::string_view::npos && dot > 0;
             dot = name.rfind('.', dot - 1)) {
            const Field* f = find_field(name.substr(0, dot));
            if (f && f->info.suffix_arg) return {&f->info, name.substr(dot + 1)};
        }
        return {};
    }
    bool takes(const lang::Field& field) const override { return bind_field(field.name, field.arg).has_value(); }
    std::vector<std::string_view> names() const override {
        std::vector<std::string_view> v;
        for (const auto& [name, field] : index()) v.push_back(name);
        std::ranges::sort(v);
        return v;
    }
};

Result<> parse_argument(const Field& field, Argument& a) {
    std::uint64_t n = 0;
    const char* end = a.text.data() + a.text.size();
    const auto [stop, error] = std::from_chars(a.text.data(), end, n);
    const bool number = error == std::errc() && stop == end && !a.text.empty();
    switch (field.arg_form) {
    case ArgForm::index:
        if (!number)
            return fail(ErrorKind::invalid, "the argument of " + std::string(field.info.name) + " must be a number");
        a.is_index = true, a.index = n;
        break;
    case ArgForm::index_or_key:
    case ArgForm::index_or_name:
        if (number) a.is_index = true, a.index = n;
        break;
    case ArgForm::none:
    case ArgForm::key:
    case ArgForm::name: break;
    }
    return {};
}

} // namespace

std::string_view to_string(Scope scope) {
    switch (scope) {
    case Scope::constant: return "constant";
    case Scope::image:
    case Scope::container:
    case Scope::world: return "process";
    case Scope::event: return "event";
    case Scope::time: return "time";
    }
    return "event";
}

Field make_field(std::string_view name, FieldType type, Scope scope, std::string_view doc, Extractor extract) {
    Field f;
    f.info.name = name;
    f.info.type = type;
    f.info.source = "syscall";
    f.scope = scope;
    f.doc = doc;
    f.extract = extract;
    return f;
}

Field Field::arg(ArgKind kind, ArgForm form, Prepare p) const {
    Field f = *this;
    f.info.arg = kind;
    f.arg_form = form;
    f.prepare = p;
    return f;
}
Field Field::suffix(ArgKind kind, Prepare p, bool bracket) const {
    Field f = arg(kind, ArgForm::index_or_name, p);
    f.info.suffix_arg = true;
    f.info.bracket_arg = bracket;
    return f;
}
Field Field::any() const {
    Field f = plain();
    f.any_of = true;
    return f;
}
Field Field::list() const {
    Field f = *this;
    f.info.is_list = true;
    return f;
}
Field Field::as(Format x) const {
    Field f = *this;
    f.format = x;
    return f;
}
Field Field::hide() const {
    Field f = *this;
    f.hidden = true;
    return f;
}
Field Field::ours() const {
    Field f = *this;
    f.own = true;
    return f;
}
Field Field::old() const {
    Field f = *this;
    f.info.deprecated = true;
    return f;
}
Field Field::plain() const {
    Field f = *this;
    f.info.no_transformer = f.info.no_rhs = true;
    return f;
}
Field Field::printing() const {
    Field f = *this;
    f.info.print_only = true;
    return f;
}
Field Field::filtering() const {
    Field f = *this;
    f.info.filter_only = true;
    return f;
}
Field Field::everywhere() const {
    Field f = *this;
    f.info.source = {};
    return f;
}

Field Field::printed_as(std::string_view other, std::optional<std::string> arg) const {
    Field f = *this;
    f.prints = other;
    f.prints_arg = std::move(arg);
    return f;
}
Field Field::of_audit() const {
    Field f = *this;
    f.info.source = "k8s_audit";
    return f;
}
Field Field::captures() const {
    Field f = *this;
    f.captures_only = true;
    return f;
}

Field Field::up_to() const {
    Field f = *this;
    f.at_most = true;
    return f;
}

std::span<const Alias> aliases() { return kAliases; }

const std::vector<const Field*>& all_fields() {
    static const std::vector<const Field*> all = [] {
        std::vector<const Field*> v;
        for (const auto family :
             {evt_fields(), evt_io_fields(), fd_fields(), fd_socket_fields(), fs_path_fields(), proc_fields(),
              proc_state_fields(), thread_fields(), user_fields(), group_fields(), container_fields(), k8s_fields(),
              kube_audit_fields(), kube_audit_pod_fields(), json_event_fields(), static_fields()})
            for (const Field& f : family) v.push_back(&f);
        return v;
    }();
    return all;
}

const Field* find_field(std::string_view name) {
    const auto it = index().find(name);
    return it == index().end() ? nullptr : it->second;
}

std::string_view removed_field(std::string_view name) {
    for (const std::string_view gone : {"syslog.", "evtin.", "span.", "mesos.", "marathon."})
        if (name.starts_with(gone)) return "it was dropped from the language and nothing took its place";
    return {};
}

const lang::FieldCatalog& catalog() {
    static const RegistryCatalog instance;
    return instance;
}

std::expected<BoundField, BindError> bind_field(std::string_view name, const std::optional<std::string>& arg) {
    const lang::FieldMatch match = catalog().find(name);
    const auto error = [](std::string message, std::string hint = {}) {
        return std::unexpected(BindError{std::move(message), std::move(hint), false});
    };
    if (!match.info) {
        BindError e{"nonexistent field " + std::string(name), {}, true};
        if (const std::string_view gone = removed_field(name); !gone.empty()) {
            e.hint = gone;
        } else {
            const auto names = catalog().names();
            if (const std::string_view near = closest(name, names); !near.empty())
                e.hint = "did you mean " + std::string(near) + "?";
        }
        return std::unexpected(std::move(e));
    }
    const Field* field = find_field(match.info->name);
    BoundField bound;
    bound.field = field;
    bound.type = field->info.type;
    bound.scope = field->scope;
    bound.text = field->info.name;
    if (!match.suffix.empty()) {
        if (arg) return error("field " + std::string(field->info.name) + " takes one argument, not two");
        bound.arg.present = true;
        bound.arg.text = match.suffix;
        bound.text = bound.text + "." + bound.arg.text;
    } else if (arg) {
        if (field->info.arg == ArgKind::none) return error("field " + bound.text + " takes no argument");
        if (!field->info.bracket_arg)
            return error("the argument of " + bound.text + " stands behind a dot, not in brackets");
        bound.arg.present = true;
        bound.arg.text = *arg;
        bound.text = bound.text + "[" + bound.arg.text + "]";
    } else if (field->info.arg == ArgKind::required) {
        return error("field " + bound.text + " needs an argument");
    }
    if (bound.arg.present) {
        if (auto ok = parse_argument(*field, bound.arg); !ok) return error(ok.error().message);
        if (field->prepare)
            if (auto ok = field->prepare(bound.arg, bound.type); !ok) return error(ok.error().message);
    }
    // An ancestor field with its index has one value.
    bound.any_of = field->any_of && !(bound.arg.present && bound.arg.is_index) &&
                   !(bound.arg.present && field->info.name == "proc.aenv");
    bound.is_list = field->info.is_list;
    bound.format = bound.arg.hex ? Format::hex : field->format;
    return bound;
}

} // namespace gyr::fields
