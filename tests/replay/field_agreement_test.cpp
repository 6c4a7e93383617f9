// Every field of every event of real captures against the value that Falco 0.44.1 computed for it: state, parameters
// and fields together.

#include "agreement.h"
#include "expected_fields.h"

#include "base/arena.h"
#include "fields/registry.h"
#include "match/predicate.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <initializer_list>
#include <iostream>
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
    if (bound && !arg && !bound->field->prints.empty())
        bound = fields::bind_field(bound->field->prints, bound->field->prints_arg);
    if (!bound) return std::nullopt;
    return std::move(*bound);
}

// One value, of one event.
struct Compared {
    const std::string& field;
    const json& falco;
    const json& ours;
    const Event& event;
    const EvalWorld& world;
    const json& values; // all of Falco's of the event
};

bool is_type(const Compared& c, std::initializer_list<std::string_view> types) {
    const auto type = c.values.find("evt.type");
    return type != c.values.end() && type->is_string() &&
           std::ranges::find(types, std::string_view(type->get_ref<const std::string&>())) != types.end();
}
// A parameter that is a descriptor which is known: "<f>/etc/passwd".
bool is_descriptor(const Compared& c, const char* arg) {
    return begins(c.values, arg, "<") && !begins(c.values, arg, "<NA>");
}

bool of_unset_memory(const Compared& c) {
    const bool executed = c.event.process && c.event.process->exec->exec_time > 0; // in the capture
    return c.field.starts_with("proc.exe_ino.ctime_duration_") && (c.ours.is_null() || !executed);
}
bool of_podman(const Compared& c) {
    const bool asks =
        c.field.starts_with("user.") || c.field.starts_with("group.") || c.field.starts_with("container.");
    return asks && test::of_podman(c.values);
}
bool of_unknown_user(const Compared& c) {
    if (!c.event.process) return false;
    const ProcessImage& p = *c.event.process;
    if (c.field == "group.name") return c.world.users->group(p, p.credentials.gid).entry == nullptr;
    return (c.field == "user.name" || c.field == "user.homedir" || c.field == "user.shell") &&
           c.world.users->user(p, p.credentials.uid).entry == nullptr;
}
bool of_open_below_descriptor(const Compared& c) {
    return (c.field.starts_with("fd.") || c.field == "fs.path.name") && test::of_open_below_descriptor(c.values);
}
bool of_two_directories(const Compared& c) {
    static const std::set<std::string> kFields{"fs.path.source", "fs.path.target", "evt.count.error.file",
                                               "evt.count.error.other"};
    return kFields.contains(c.field) && is_type(c, {"renameat", "renameat2", "linkat"}) &&
           (is_descriptor(c, "evt.arg[1]") || is_descriptor(c, "evt.arg[3]"));
}
bool of_nothing_read(const Compared& c) { return c.field == "evt.buffer" && begins(c.values, "evt.buffer", "NUL"); }

// Events for which Falco's value of some field is not to be had.
struct Excuse {
    bool (*applies)(const Compared&);
    std::string_view why;
};
constexpr Excuse kExcuses[] = {
    {of_unset_memory,
     "no execution in the capture that tells both times: Falco prints what its memory held, one number "
     "for all processes"},
    {of_podman,
     "a Podman container: the machine that Falco ran on had no Podman, without which it takes these for host"},
    {of_unknown_user, "a user or group that the capture does not list: Falco looks it up on the machine it runs on"},
    {of_open_below_descriptor, "an open below a directory's descriptor: writing evt.args makes the directory what the "
                               "event is about, in the fields that Falco writes after it"},
    {of_two_directories, "a rename or link below a directory's descriptor: Falco puts the path below the working "
                         "directory instead, and counts what evt.args left behind as the event's file"},
    {of_nothing_read, "a read without data: Falco prints NULL and what the read before left in its memory"},
};

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
    Agreement agreement;
    std::map<std::string_view, std::size_t> excused;
    std::set<std::string> all; // fields that Falco has in some event: where it gives none, ours must be missing as well
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
            for (const auto& [name, value] : values.items()) all.insert(name);
            for (const std::string& name : all) {
                if (name == "evt.num") continue; // counts what each reader sees
                const fields::BoundField* f = field_of(name);
                if (!f || !f->field->extract) continue;
                const auto expected = values.find(name);
                const json falco = expected == values.end() ? json() : *expected;
                const json ours = to_json(f->field->extract({e, world, arena}, f->arg), *f);
                const Compared compared{name, falco, ours, e, world, values};
                const auto excuse =
                    std::ranges::find_if(kExcuses, [&](const Excuse& x) { return x.applies(compared); });
                if (excuse == std::end(kExcuses))
                    agreement.compare((falco.is_null() ? "without " : "") + name, falco, ours, where);
                else if (!Agreement::same(falco, ours))
                    ++excused[excuse->why];
            }
        });
    }
    for (const auto& [why, count] : excused) std::cout << count << " values differ: " << why << '\n';
    EXPECT_TRUE(agreement.report(kShare));
}

} // namespace
} // namespace gyr::test
