#include "alerts/format.h"

#include "alerts/format_schema.h"
#include "alerts/json_text.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <ctime>
#include <utility>

namespace gyr {
namespace {

using Json = nlohmann::json;                // keys in alphabetical order, as Falco prints them
using OrderedJson = nlohmann::ordered_json; // keys in the order of design
using json_text::append_block;
using json_text::append_members;
using json_text::append_string;
using json_text::dump_line;

constexpr Nanos kSecond = 1'000'000'000;

struct SplitTime {
    std::time_t seconds;
    long nanos;
};

SplitTime split(Nanos time) {
    Nanos seconds = time / kSecond;
    Nanos rest = time % kSecond;
    if (rest < 0) {
        rest += kSecond;
        --seconds;
    }
    return {static_cast<std::time_t>(seconds), static_cast<long>(rest)};
}

std::string format_prefix_time(Nanos time, TimeFormat format) {
    const SplitTime at = split(time);
    std::tm parts{};
    if (format == TimeFormat::iso8601) {
        ::gmtime_r(&at.seconds, &parts);
        return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:09}+0000", parts.tm_year + 1900, parts.tm_mon + 1,
                           parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec, at.nanos);
    }
    ::localtime_r(&at.seconds, &parts);
    return fmt::format("{:02}:{:02}:{:02}.{:09}", parts.tm_hour, parts.tm_min, parts.tm_sec, at.nanos);
}

std::string upper(std::string_view text) {
    std::string out(text);
    for (char& c : out) {
        if (c >= 'a' && c <= 'z') {
            c = static_cast<char>(c - 'a' + 'A');
        }
    }
    return out;
}

std::string describe(const GapRecord& gap) {
    std::string text = fmt::format("Lost at {}: {} x {}", gap.stage.empty() ? "an unknown stage" : gap.stage, gap.count,
                                   gap.event_class.empty() ? "event" : gap.event_class);
    if (!gap.reason.empty()) {
        text += "; " + gap.reason;
    }
    if (!gap.processes.empty()) {
        const GapProcess& most = gap.processes.front();
        text +=
            fmt::format("; most of it by {} ({}): {}", most.name.empty() ? "process" : most.name, most.pid, most.count);
    }
    return text;
}

template <class J>
J processes_of(const GapRecord& gap) {
    J out = J::array();
    for (const GapProcess& process : gap.processes) {
        J& entry = out.emplace_back(J::object());
        entry["pid"] = process.pid;
        if (!process.name.empty()) entry["name"] = process.name;
        entry["count"] = process.count;
    }
    return out;
}

// The three kinds of record in each format.

// An object written member by member, in the order of the calls.
class ObjectText {
  public:
    ObjectText() { out_.reserve(2048); }
    // Where the value of the member is to be appended.
    std::string& member(std::string_view name) {
        out_ += out_.empty() ? '{' : ',';
        append_string(out_, name);
        out_ += ':';
        return out_;
    }
    void text(std::string_view name, std::string_view value) { append_string(member(name), value); }
    void texts(std::string_view name, const std::vector<std::string>& values) {
        std::string& out = member(name);
        out += '[';
        for (const std::string& value : values) {
            if (&value != &values.front()) out += ',';
            append_string(out, value);
        }
        out += ']';
    }
    std::string take() && {
        out_ += out_.empty() ? "{}" : "}";
        return std::move(out_);
    }

  private:
    std::string out_;
};

std::string native(const Alert& a) {
    ObjectText j;
    j.text("uuid", a.uuid);
    if (a.revision > 0) {
        j.member("revision") += std::to_string(a.revision);
        j.text("amends", a.uuid); // what revision 0 said of it
    }
    j.text("time", format_utc(a.time));
    j.text("rule", a.rule);
    j.text("priority", upper(to_string(a.priority)));
    j.text("output", a.message);
    j.text("source", a.source);
    j.text("scause", a.cause);
    j.text("hostname", a.hostname);
    j.texts("tags", a.tags);
    for (const AlertBlock& block : a.blocks) append_block(j.member(block.name), block);
    append_members(j.member("output_fields"), a.output_fields);
    if (!a.missing.empty()) {
        std::vector<AlertMember> missing;
        missing.reserve(a.missing.size());
        for (const MissingField& field : a.missing)
            missing.push_back({field.name, {std::string(to_string(field.why))}});
        append_members(j.member("missing"), missing);
    }
    return std::move(j).take();
}

std::string native(const GapRecord& g) {
    OrderedJson gap;
    gap["from"] = format_utc(g.from);
    gap["to"] = format_utc(g.to);
    gap["count"] = g.count;
    const auto put = [&gap](const char* key, const std::string& value) {
        if (!value.empty()) {
            gap[key] = value;
        }
    };
    put("stage", g.stage);
    put("class", g.event_class);
    put("container", g.container);
    put("cgroup", g.cgroup);
    put("reason", g.reason);
    if (!g.rules.empty()) {
        OrderedJson& rules = gap["rules"] = OrderedJson::object();
        for (const auto& [rule, count] : g.rules) {
            rules[rule] = count;
        }
    }
    if (!g.processes.empty()) gap["processes"] = processes_of<OrderedJson>(g);
    put("hostname", g.hostname);
    OrderedJson document;
    document["gap"] = std::move(gap);
    return dump_line(document);
}

std::string native(const Notice& n) {
    OrderedJson document;
    document["notice"] = {
        {"time", format_utc(n.time)}, {"kind", n.kind}, {"message", n.message}, {"hostname", n.hostname}};
    return dump_line(document);
}

// "<time>: <Priority> <message>", before escaping.
std::string text_line(Nanos time, Priority priority, std::string_view message, TimeFormat format) {
    return fmt::format("{}: {} {}", format_prefix_time(time, format), to_string(priority), message);
}

// Key of the integer time among the output fields.
const char* time_key(TimeFormat format) { return format == TimeFormat::iso8601 ? "evt.time.iso8601" : "evt.time"; }

std::string falco(const Alert& a, const FormatOptions& options) {
    ObjectText j;
    j.text("hostname", a.hostname);
    if (options.falco.message) j.text("message", a.message);
    if (options.falco.output) j.text("output", text_line(a.time, a.priority, a.message, options.time));
    if (options.falco.fields) {
        std::vector<AlertMember> fields = a.output_fields;
        fields.push_back({time_key(options.time), {a.time}});
        std::ranges::stable_sort(fields, {}, &AlertMember::name);
        append_members(j.member("output_fields"), fields);
    }
    j.text("priority", to_string(a.priority));
    j.text("rule", a.rule);
    j.text("source", a.source);
    if (options.falco.tags) j.texts("tags", a.tags);
    j.text("time", format_utc(a.time));
    return std::move(j).take();
}

struct Internal {
    const char* rule;
    Priority priority;
    Nanos time;
    std::string message;
    Json fields = Json::object();
    const std::string& hostname;
};

std::string falco(const Internal& m, TimeFormat time) {
    Json j;
    j["hostname"] = m.hostname;
    j["output"] = text_line(m.time, m.priority, m.message, time);
    j["output_fields"] = m.fields;
    j["priority"] = to_string(m.priority);
    j["rule"] = m.rule;
    j["source"] = "internal";
    j["time"] = format_utc(m.time);
    return dump_line(j);
}

Internal internal_message(const GapRecord& g) {
    Internal m{"Gyr internal: gap", Priority::warning, g.to, describe(g), Json::object(), g.hostname};
    m.fields["gap.from"] = g.from;
    m.fields["gap.to"] = g.to;
    m.fields["gap.count"] = g.count;
    m.fields["gap.stage"] = g.stage;
    m.fields["gap.class"] = g.event_class;
    if (!g.container.empty()) {
        m.fields["container.id"] = g.container;
    }
    for (const auto& [rule, count] : g.rules) {
        m.fields["gap.rules"][rule] = count;
    }
    if (!g.processes.empty()) m.fields["gap.processes"] = processes_of<Json>(g);
    return m;
}

Internal internal_message(const Notice& n) {
    return {"Gyr internal: notice", Priority::notice, n.time, n.message, Json{{"kind", n.kind}}, n.hostname};
}

std::string format(const Alert& a, const FormatOptions& options) {
    switch (options.format) {
    case AlertFormat::json: return native(a);
    case AlertFormat::falco: return falco(a, options);
    case AlertFormat::ecs: return format_ecs(a);
    case AlertFormat::ocsf: return format_ocsf(a);
    case AlertFormat::text: break;
    }
    return escape_line(text_line(a.time, a.priority, a.message, options.time));
}

template <class Record>
std::string format_internal(const Record& record, const FormatOptions& options) {
    if (options.format == AlertFormat::json) {
        return native(record);
    }
    const Internal m = internal_message(record);
    if (options.format == AlertFormat::ecs || options.format == AlertFormat::ocsf) {
        Alert alert;
        alert.time = m.time;
        alert.rule = m.rule;
        alert.priority = m.priority;
        alert.message = m.message;
        alert.source = "internal";
        alert.hostname = m.hostname;
        return options.format == AlertFormat::ecs ? format_ecs(alert) : format_ocsf(alert);
    }
    if (options.format == AlertFormat::falco) {
        return falco(m, options.time);
    }
    std::string line = text_line(m.time, m.priority, m.message, options.time);
    std::string_view separator = " (";
    for (const auto& [key, value] : m.fields.items()) {
        line += fmt::format("{}{}={}", separator, key, value.dump(-1, ' ', false, Json::error_handler_t::replace));
        separator = " ";
    }
    if (!m.fields.empty()) {
        line += ")";
    }
    return escape_line(line);
}

std::string format(const GapRecord& g, const FormatOptions& options) { return format_internal(g, options); }
std::string format(const Notice& n, const FormatOptions& options) { return format_internal(n, options); }

} // namespace

std::optional<AlertFormat> parse_alert_format(std::string_view name) {
    for (std::size_t i = 0; i < kAlertFormats.size(); ++i) {
        if (kAlertFormats[i] == name) {
            return static_cast<AlertFormat>(i);
        }
    }
    return std::nullopt;
}

std::string format_record(const AlertRecord& record, const FormatOptions& options) {
    return std::visit([&options](const auto& r) { return format(r, options); }, record);
}

std::string format_utc(Nanos time) {
    const SplitTime at = split(time);
    std::tm parts{};
    ::gmtime_r(&at.seconds, &parts);
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:09}Z", parts.tm_year + 1900, parts.tm_mon + 1,
                       parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec, at.nanos);
}

std::string escape_line(std::string_view text) {
    std::string quoted;
    append_string(quoted, text);
    return quoted.substr(1, quoted.size() - 2);
}

} // namespace gyr
