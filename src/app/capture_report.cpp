#include "app/capture_report.h"

#include <fmt/format.h>

#include <cstdint>
#include <string_view>

namespace gyr::app {
namespace {

void tell_skipped(const std::string& path, std::uint64_t number, std::string_view what) {
    if (number == 0) return;
    const bool one = number == 1;
    log(LogLevel::warning, fmt::format("{}: {} {}{} of {} this version does not know {} skipped", path, number, what,
                                       one ? "" : "s", one ? "a type that" : "types that", one ? "was" : "were"));
}

} // namespace

Exit report_capture(const std::string& path, const capfile::ReaderStats& read,
                    const std::optional<capfile::Damage>& damage) {
    tell_skipped(path, read.events_unknown, "event");
    tell_skipped(path, read.blocks_unknown, "block");
    return damage ? complain(Exit::bad, fmt::format("{}: {}", path, damage->message)) : Exit::fine;
}

} // namespace gyr::app
