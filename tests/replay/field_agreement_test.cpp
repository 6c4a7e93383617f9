// Every field of every event of real captures against the value that Falco 0.44.1 computed for it: state, parameters
// and fields together.

#include "agreement.h"
#include "expected_fields.h"

#include "base/arena.h"
#include "fields/registry.h"
#include "match/predicate.h"

#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <set>

namespace gyr::test {
namespace {

using fields::Format;
using fields::Value;
using fields::ValueKind;
using nlohmann::json;

#ifdef GYR_SANITIZED
constexpr std::size_t kStep = 20; // where each access to memory is checked all of them would take too long
constexpr double kShare = 0.99;   // of so few, one event is much
#else
constexpr std::size_t kStep = 1;
constexpr double kShare = 0.999;
#endif

std::string text_of(const Value& v, const fields::BoundField& f) {
    std::string out;
    fields::append_text(out, v, f.type, f.field->format);
    return out;
}

// Falco prints bytes that do not print, and bytes that are no UTF-8, as U+FFFD. Ours are escaped when they are written.
std::string printable(const std::string& text) {
    Arena arena;
    std::string out;
    for (const char c : match::valid_utf8(text, arena)) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x20 || byte == 0x7f)
            out += "\xef\xbf\xbd";
        else
            out += c;
    }
    return out;
}

// As an alert's JSON has it.
json to_json(const Value& v, const fields::BoundField& f) {
    const Format format = f.field->format;
    const bool as_text = format == Format::hex || format == Format::octal;
    switch (v.kind) {
    case ValueKind::missing: return {};
    case ValueKind::boolean: return v.b;
    case ValueKind::i64: return as_text ? json(text_of(v, f)) : json(v.i);
    case ValueKind::u64: return as_text ? json(text_of(v, f)) : json(v.u);
    case ValueKind::f64: return v.d;
    case ValueKind::text: return printable(text_of(v, f));
    case ValueKind::ip: return text_of(v, f);
    case ValueKind::list: break;
    }
    if (f.is_list) {
        json items = json::array();
        for (const Value& item : v.list()) items.push_back(text_of(item, f));
        return items;
    }
    std::string joined;
    for (const Value& item : v.list()) joined += (joined.empty() ? "" : " ") + text_of(item, f);
    return joined;
}

std::optional<fields::BoundField> bind(const std::string& name) {
    const std::size_t bracket = name.find('[');
    const std::string base = name.substr(0, bracket);
    std::optional<std::string> arg;
    if (bracket != std::string::npos) arg = name.substr(bracket + 1, name.size() - bracket - 2);
    auto bound = fields::bind_field(base, arg);
    if (bound && !arg && !bound->field->prints.empty()) bound = fields::bind_field(bound->field->prints, arg);
    if (!bound) return std::nullopt;
    return std::move(*bound);
}

// Where Falco's value is not to be had, and why.
const std::map<std::string, std::string>& excepted() {
    static const std::map<std::string, std::string> fields{
        {"proc.exe_ino.ctime_duration_pidns_start",
         "Falco computes it from memory it has not set: one constant for all"},
        {"proc.exe_ino.ctime_duration_proc_start", "likewise: another number for each capture, whatever the process"},
        {"proc.ppid.duration", "of parents whose start is not known Falco tells what its memory holds"},
        {"evt.buffer", "of a read without data Falco prints NULL over what the event before had in the buffer"},
        {"fs.path.source", "renameat and linkat: Falco leaves out the directory descriptor"},
        {"fs.path.target", "likewise"},
        {"fs.path.name", "openat below a directory descriptor: Falco names the directory instead of the file"},
        {"user.name", "users that a capture does not list Falco takes from the machine it runs on"},
        {"user.homedir", "likewise"},
        {"user.shell", "likewise"},
        {"group.name", "likewise"},
        {"fd.cproto", "of two unix sockets Falco has an empty port"},
    };
    return fields;
}

// Falco knows a Podman container by its cgroup only on a host with Podman's socket, and it ran on one without: the
// container, and whose users are meant, differ.
bool of_podman(const json& values) {
    const auto cgroups = values.find("thread.cgroups");
    return cgroups != values.end() && cgroups->is_string() &&
           cgroups->get_ref<const std::string&>().find("/libpod-") != std::string::npos;
}
bool asks_container(const std::string& field) {
    return field.starts_with("user.") || field.starts_with("group.") || field.starts_with("container.");
}

// Of this capture Falco takes no interface, so that no address is local.
bool without_interfaces(const ExpectedCapture& c, const std::string& field) {
    static const std::set<std::string> kFields{"fd.lip",    "fd.rip",    "fd.lport",    "fd.rport",
                                               "fd.lproto", "fd.rproto", "fd.is_server"};
    return c.name.starts_with("sysdig-inspect-502Error") && kFields.contains(field);
}

TEST(FieldAgreement, WithFalco) {
    const auto captures = expected_captures();
    if (captures.empty()) GTEST_SKIP() << "no captures with expected values";
    std::map<std::string, std::optional<fields::BoundField>> bound;
    const auto field_of = [&](const std::string& name) -> const fields::BoundField* {
        const auto [it, added] = bound.try_emplace(name);
        if (added) {
            it->second = bind(name);
            EXPECT_TRUE(it->second) << name << " is not known";
        }
        return it->second ? &*it->second : nullptr;
    };
    // What Falco gives some value for, somewhere: where it gives none, ours must be missing as well.
    Agreement agreement;
    Arena arena;
    for (const ExpectedCapture& c : captures) {
        (void)walk(c, kStep, [&](const Event& e, const replay::ReplayState& state, const json& values) {
            EvalWorld world;
            world.processes = &state.processes();
            world.users = &state.users();
            world.hostname = &state.hostname();
            world.addresses = &state.addresses();
            arena.reset();
            const std::string where =
                c.name + " " + std::to_string(values.value("evt.num", 0)) + " " + values.value("evt.type", "");
            for (const auto& [name, value] : values.items()) {
                if (name == "evt.num") continue; // counts what each reader sees
                if ((asks_container(name) && of_podman(values)) || without_interfaces(c, name)) continue;
                const fields::BoundField* f = field_of(name);
                if (!f || !f->field->extract) continue;
                agreement.compare(name, value, to_json(f->field->extract({e, world, arena}, f->arg), *f), where);
            }
        });
    }
    EXPECT_TRUE(agreement.report(kShare, excepted()));
}

} // namespace
} // namespace gyr::test
