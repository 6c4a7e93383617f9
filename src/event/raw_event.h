#pragma once
// An event as a source tells it: its type and parameters, before anything is known about the process behind it. A
// capture file and the live system-call collector give the same thing, so state, fields and the writer have one form to
// know.
//
// Parameters are in the capture format's encoding (reference/param-types.tsv): little-endian numbers, text with its
// NUL, an empty view for an absent or empty value. All views point into the source's buffer and are valid only during
// the call that delivers the event.

#include "base/ids.h"
#include "event/event_type.h"
#include "event/fd_info.h"

#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>

namespace gyr {

inline constexpr std::size_t kMaxParams = 32;

struct RawEvent {
    EventCode code = kEventNone;
    std::int16_t cpu = -1;
    Nanos time = 0;                           // wall clock
    std::int64_t tid = 0;                     // of the host's pid namespace
    std::uint32_t dump_flags = 0;             // of the capture block: bit 0, only for the state
    std::span<const std::string_view> params; // as many as the schema names, or fewer
    // Live only.
    ProcessKey process;               // the thread's process; empty when the source cannot tell
    const FdInfo* fd = nullptr;       // the descriptor the call acted on, as the kernel had it
    const FdInfo* other_fd = nullptr; // of a call that moves bytes from one descriptor to another: the other one
    std::int64_t other_fd_number = -1;
    std::span<const FileNumbers> below,
        other_below;                    // the files that fd and other_fd, of overlays, show or are copies of
    const FdInfo* path = nullptr;       // the object a path argument led to, as the kernel resolved it
    const FdInfo* other_path = nullptr; // of a call with two paths: what the second one led to
    std::string_view base, other_base;  // the folders that path and other_path start from when they are relative
    std::string_view cwd;               // the working directory when the call ended; empty: not asked for
    std::optional<std::int64_t> result; // of an event that has no parameter for it: the generic one
    // The thread's ids at that moment: what is known of its process may be older.
    struct Ids {
        std::uint32_t uid = 0, euid = 0, gid = 0, egid = 0;
        friend bool operator==(const Ids&, const Ids&) = default;
    };
    std::optional<Ids> ids;
    bool unwanted = false; // the plan would have left it out: sent to check the plan
};

// A number at the start of a parameter; 0 when the parameter is shorter.
template <class T>
[[nodiscard]] T load_param(std::string_view bytes) {
    T value{};
    if (bytes.size() >= sizeof value) std::memcpy(&value, bytes.data(), sizeof value);
    return value;
}

// A notification of a plugin: it has the plugin's source. Number 0 stands for the system calls' own.
[[nodiscard]] inline bool is_of_plugin(EventCode code, std::span<const std::string_view> params) {
    return code == kAsync && !params.empty() && load_param<std::uint32_t>(params[0]) != 0;
}

// A text parameter without its NUL.
[[nodiscard]] inline std::string_view text_of_param(std::string_view bytes) {
    if (!bytes.empty() && bytes.back() == '\0') bytes.remove_suffix(1);
    return bytes;
}

} // namespace gyr
