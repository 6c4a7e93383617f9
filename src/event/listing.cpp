#include "event/listing.h"

#include "event/schema.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <iterator>

namespace gyr {
namespace {

constexpr std::array<std::string_view, 4> kFormats = {"na", "dec", "hex", "oct"};
constexpr std::array<std::string_view, 6> kKinds = {"unused", "syscall", "tracepoint", "metaevent", "plugin", "iter"};

std::string_view direction_of(const EventInfo& e) { return e.direction == EventDirection::enter ? "enter" : "exit"; }

// Of reads, writes and other uses of a descriptor the category is that of the descriptor, event by event.
std::string_view category_of(const EventInfo& e) {
    using enum EventCategory;
    return e.category == io_read || e.category == io_write || e.category == io_other ? "io" : to_string(e.category);
}

bool is_listed(const EventInfo& e, bool with_old) {
    if (e.kind == EventKind::unused) return false;
    return with_old || (e.flags & kOldVersion) == 0;
}

// "res:errno fd:fd flags:flags32(file_flags)"
std::string written_params(const EventInfo& e) {
    std::string out;
    for (const ParamInfo& p : e.params) {
        if (!out.empty()) out += ' ';
        fmt::format_to(std::back_inserter(out), "{}:{}", p.name, to_string(p.type));
        if (!p.info.empty()) fmt::format_to(std::back_inserter(out), "({})", p.info);
    }
    return out;
}

nlohmann::ordered_json event_json(const EventInfo& e) {
    nlohmann::ordered_json j;
    j["code"] = e.code;
    j["name"] = e.name;
    j["direction"] = direction_of(e);
    j["category"] = category_of(e);
    j["kind"] = kKinds[static_cast<std::size_t>(e.kind)];
    j["old"] = (e.flags & kOldVersion) != 0;
    j["large"] = (e.flags & kLargePayload) != 0;
    j["live"] = is_live_event(e.code);
    j["params"] = nlohmann::ordered_json::array();
    for (const ParamInfo& p : e.params) {
        nlohmann::ordered_json param;
        param["name"] = p.name;
        param["type"] = to_string(p.type);
        param["format"] = kFormats[static_cast<std::size_t>(p.format)];
        if (!p.info.empty()) param["info"] = p.info;
        j["params"].push_back(std::move(param));
    }
    return j;
}

// The events of a system call that are not generic, by name; empty when it has none.
std::string_view event_name(const SyscallInfo& s) { return s.generic ? "syscall" : s.name; }

} // namespace

std::string list_events(std::string_view format, bool with_old) {
    std::string out;
    auto to = std::back_inserter(out);
    if (format == "json") {
        auto all = nlohmann::ordered_json::array();
        for (const EventInfo& e : event_schema())
            if (is_listed(e, with_old)) all.push_back(event_json(e));
        return all.dump(2) + "\n";
    }
    const bool markdown = format == "markdown";
    if (markdown) out += "| code | event | direction | category | live | parameters |\n|---|---|---|---|---|---|\n";
    for (const EventInfo& e : event_schema()) {
        if (!is_listed(e, with_old)) continue;
        const std::string_view live = is_live_event(e.code) ? "yes" : "";
        if (markdown)
            fmt::format_to(to, "| {} | `{}` | {} | {} | {} | {} |\n", e.code, e.name, direction_of(e), category_of(e),
                           live, written_params(e));
        else
            fmt::format_to(to, "{:>3}  {:<24} {:<5}  {:<10} {:<4} {}\n", e.code, e.name, direction_of(e),
                           category_of(e), live.empty() ? "" : "live", written_params(e));
    }
    return out;
}

std::string list_syscalls(std::string_view format) {
    std::string out;
    auto to = std::back_inserter(out);
    if (format == "json") {
        auto all = nlohmann::ordered_json::array();
        for (const SyscallInfo& s : syscall_table()) {
            nlohmann::ordered_json j;
            j["number"] = s.number;
            j["name"] = s.name;
            j["event"] = event_name(s);
            j["generic"] = s.generic;
            j["keeps_state"] = s.in_state_set;
            all.push_back(std::move(j));
        }
        return all.dump(2) + "\n";
    }
    const bool markdown = format == "markdown";
    if (markdown) out += "| number | system call | parameters | keeps state |\n|---|---|---|---|\n";
    for (const SyscallInfo& s : syscall_table()) {
        const std::string_view has = s.generic ? "no" : "yes", state = s.in_state_set ? "yes" : "";
        if (markdown)
            fmt::format_to(to, "| {} | `{}` | {} | {} |\n", s.number, s.name, has, state);
        else
            fmt::format_to(to, "{:>3}  {:<28} {:<10} {}\n", s.number, s.name, s.generic ? "generic" : "event",
                           s.in_state_set ? "state" : "");
    }
    return out;
}

} // namespace gyr
