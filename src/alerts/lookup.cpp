#include "alerts/lookup.h"

#include "alerts/format.h"
#include "lang/diagnostic.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace gyr {
namespace {

constexpr std::array<std::string_view, 12> kPlain = {"kind", "priority", "rule", "source",   "output", "message",
                                                     "tags", "hostname", "uuid", "revision", "time",   "cause"};
// First parts of names that context blocks and output fields have.
constexpr std::array<std::string_view, 13> kFamilies = {"container", "k8s",    "user", "group",  "proc",   "fd", "evt",
                                                        "fs",        "thread", "ka",   "syslog", "rollup", "gap"};

struct Alias {
    std::string_view field, block, member;
};
// Names of the rule language whose value stands in a block under another name.
constexpr std::array kAliases = {
    Alias{"k8s.ns.name", "k8s", "namespace"},
    Alias{"k8s.pod.name", "k8s", "pod"},
    Alias{"k8s.pod.uid", "k8s", "pod_uid"},
    Alias{"k8s.pod.sandbox_id", "k8s", "sandbox_id"},
    Alias{"container.type", "container", "runtime"},
    Alias{"user.uid", "user", "id"},
    Alias{"user.loginuid", "user", "login_id"},
    Alias{"proc.exepath", "proc", "exe"},
    Alias{"proc.id", "proc", "pid"},
    Alias{"proc.parent.name", "proc", "pname"},
    Alias{"evt.type", "", "cause"},
    Alias{"evt.source", "", "source"},
    Alias{"evt.hostname", "", "hostname"},
};

AlertValue text(std::string_view value) { return {std::string(value)}; }

const AlertValue* in_block(const Alert& alert, std::string_view block_name, std::string_view member) {
    const AlertBlock* block = alert.find_block(block_name);
    return block == nullptr ? nullptr : block->find(member);
}

AlertValue plain(const Alert& a, std::string_view name) {
    if (name == "output" || name == "message") return text(a.message);
    if (name == "source") return text(a.source);
    if (name == "cause") return text(a.cause);
    if (name == "hostname") return text(a.hostname);
    if (name == "uuid") return text(a.uuid);
    if (name == "revision") return {std::uint64_t{a.revision}};
    if (name != "tags") return {};
    AlertValue::List tags;
    for (const std::string& tag : a.tags) tags.push_back(text(tag));
    return {std::move(tags)};
}

AlertValue find_value(const Alert& a, std::string_view name) {
    if (std::ranges::find(kPlain, name) != kPlain.end()) return plain(a, name);
    for (const AlertMember& field : a.output_fields) {
        if (field.name == name && !field.value.is_null()) return field.value;
    }
    if (const std::size_t dot = name.find('.'); dot != std::string_view::npos) {
        if (const AlertValue* value = in_block(a, name.substr(0, dot), name.substr(dot + 1))) return *value;
    }
    for (const Alias& alias : kAliases) {
        if (alias.field != name) continue;
        if (alias.block.empty()) return plain(a, alias.member);
        if (const AlertValue* value = in_block(a, alias.block, alias.member)) return *value;
    }
    return {};
}

AlertValue find_value(const GapRecord& g, std::string_view name) {
    if (name == "source") return text("internal");
    if (name == "hostname") return text(g.hostname);
    if (name == "output" || name == "message") return text(g.reason);
    if (name == "container.id" && !g.container.empty()) return text(g.container);
    if (name == "gap.stage") return text(g.stage);
    if (name == "gap.class") return text(g.event_class);
    if (name == "gap.count") return {g.count};
    return {};
}

AlertValue find_value(const Notice& n, std::string_view name) {
    if (name == "source") return text("internal");
    if (name == "hostname") return text(n.hostname);
    if (name == "output" || name == "message") return text(n.message);
    if (name == "cause") return text(n.kind);
    return {};
}

} // namespace

Priority priority_of(const AlertRecord& record) {
    if (const auto* alert = std::get_if<Alert>(&record)) return alert->priority;
    return std::holds_alternative<GapRecord>(record) ? Priority::warning : Priority::notice;
}

Nanos time_of(const AlertRecord& record) {
    if (const auto* alert = std::get_if<Alert>(&record)) return alert->time;
    if (const auto* gap = std::get_if<GapRecord>(&record)) return gap->to;
    return std::get<Notice>(record).time;
}

std::string_view kind_of(const AlertRecord& record) {
    constexpr std::array<std::string_view, 3> kNames = {"alert", "gap", "notice"};
    return kNames[record.index()];
}

std::string_view rule_of(const AlertRecord& record) {
    if (const auto* alert = std::get_if<Alert>(&record)) return alert->rule;
    return std::holds_alternative<GapRecord>(record) ? "Gyr internal: gap" : "Gyr internal: notice";
}

AlertValue lookup(const AlertRecord& record, std::string_view name) {
    if (name == "kind") return text(kind_of(record));
    if (name == "priority") return text(to_string(priority_of(record)));
    if (name == "rule") return text(rule_of(record));
    if (name == "time") return {time_of(record)};
    return std::visit([name](const auto& r) { return find_value(r, name); }, record);
}

std::string value_text(const AlertValue& value) {
    struct Visitor {
        std::string operator()(std::monostate) const { return {}; }
        std::string operator()(bool v) const { return v ? "true" : "false"; }
        std::string operator()(std::int64_t v) const { return fmt::to_string(v); }
        std::string operator()(std::uint64_t v) const { return fmt::to_string(v); }
        std::string operator()(double v) const { return fmt::to_string(v); }
        std::string operator()(const std::string& v) const { return v; }
        std::string operator()(const AlertValue::List& list) const {
            std::string out;
            for (const AlertValue& item : list) {
                if (!out.empty()) out += ", ";
                out += value_text(item);
            }
            return out;
        }
    };
    return std::visit(Visitor{}, value.data);
}

std::string check_record_field(std::string_view name) {
    const std::string_view first = name.substr(0, name.find('.'));
    if (std::ranges::find(kPlain, name) != kPlain.end()) return {};
    if (first.size() < name.size() && std::ranges::find(kFamilies, first) != kFamilies.end()) return {};
    std::vector<std::string_view> known(kPlain.begin(), kPlain.end());
    known.insert(known.end(), kFamilies.begin(), kFamilies.end());
    const std::string hint = suggestion(first, known);
    return fmt::format("a record has no field '{}'{}", name, hint.empty() ? "" : "; " + hint);
}

} // namespace gyr
