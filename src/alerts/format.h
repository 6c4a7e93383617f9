#pragma once
// Records as text: always exactly one line without its newline, always valid UTF-8 (bytes that are not become U+FFFD),
// and never a control character a terminal would obey, whatever the monitored programs called themselves.
//
//   text   HH:MM:SS.nnnnnnnnn: Priority message
//   json   Gyr's own record, described in docs/alerts.md; gaps are {"gap": {…}}, notices {"notice": {…}}
//   falco  the keys, order, casing and time format of Falco's JSON; gaps and notices as its internal messages are
//   ecs    Elastic Common Schema 8
//   ocsf   Open Cybersecurity Schema Framework 1.1, class Detection Finding
//
// Pure functions of their arguments (and the time zone): safe on any thread.

#include "alerts/alert.h"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace gyr {

enum class AlertFormat : std::uint8_t { text, json, falco, ecs, ocsf };
inline constexpr std::array<std::string_view, 5> kAlertFormats = {"text", "json", "falco", "ecs", "ocsf"}; // by value
[[nodiscard]] std::optional<AlertFormat> parse_alert_format(std::string_view name);

// How text lines, and the "output" of falco, show the time: local time of day, or ISO 8601 in UTC.
enum class TimeFormat : std::uint8_t { local, iso8601 };

// Keys of falco that can be left out, or taken in.
struct FalcoKeys {
    bool output = true, message = false, fields = true, tags = true;

    friend bool operator==(const FalcoKeys&, const FalcoKeys&) = default;
};

struct FormatOptions {
    AlertFormat format = AlertFormat::text;
    TimeFormat time = TimeFormat::local;
    FalcoKeys falco = {};

    friend bool operator==(const FormatOptions&, const FormatOptions&) = default;
};

[[nodiscard]] std::string format_record(const AlertRecord& record, const FormatOptions& options);

// "2026-01-31T10:30:00.123456789Z"
[[nodiscard]] std::string format_utc(Nanos time);
// Text for one terminal line: control characters, quotes and backslashes escaped as in JSON, U+FFFD for bad bytes.
[[nodiscard]] std::string escape_line(std::string_view text);

} // namespace gyr
