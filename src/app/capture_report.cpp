#include "app/capture_report.h"

#include <fmt/format.h>

#include <cstdint>
#include <iterator>
#include <string_view>
#include <utility>

namespace gyr::app {
namespace {

void tell_skipped(const std::string& path, std::uint64_t number, std::string_view what) {
    if (number == 0) return;
    const bool one = number == 1;
    log(LogLevel::warning, fmt::format("{}: {} {}{} of {} this version does not know {} skipped", path, number, what,
                                       one ? "" : "s", one ? "a type that" : "types that", one ? "was" : "were"));
}

void tell_refused(const std::string& path, const replay::ReplayState::Stats& state) {
    const std::pair<std::uint64_t, std::string_view> refused[] = {
        {state.refused_threads, "events of further threads"},
        {state.refused_fds, "descriptors"},
        {state.trimmed_images, "arguments, environments or cgroups of process images"},
        {state.refused_containers, "what is told of containers"},
        {state.refused_users, "users and groups"},
    };
    std::string list;
    for (const auto& [number, what] : refused)
        if (number != 0) fmt::format_to(std::back_inserter(list), "{}{} ({})", list.empty() ? "" : ", ", what, number);
    if (list.empty()) return;
    log(LogLevel::warning,
        fmt::format("{}: no room for {}: rules that ask for them may have missed something", path, list));
}

} // namespace

Exit report_capture(const std::string& path, const capfile::ReaderStats& read, const replay::ReplayState::Stats& state,
                    const std::optional<capfile::Damage>& damage) {
    tell_skipped(path, read.events_unknown, "event");
    tell_skipped(path, read.blocks_unknown, "block");
    tell_refused(path, state);
    return damage ? complain(Exit::bad, fmt::format("{}: {}", path, damage->message)) : Exit::fine;
}

} // namespace gyr::app
