#pragma once
// The schema of events: which there are, what each carries. One table, written down once in schema_events.inc,
// schema_flags.inc, schema_syscalls.inc and schema_generic.inc. All functions are pure look-ups in static data and
// thread safe.

#include "event/event_type.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace gyr {

// Types of event parameters. The numbers are those of the capture format.
enum class ParamType : std::uint8_t {
    none,
    int8,
    int16,
    int32,
    int64,
    uint8,
    uint16,
    uint32,
    uint64,
    charbuf,
    bytebuf,
    errno_code,
    sockaddr,
    socktuple,
    fd,
    pid,
    fdlist,
    fspath,
    syscallid,
    sigtype,
    reltime,
    abstime,
    port,
    l4proto,
    sockfamily,
    boolean,
    ipv4addr,
    dyn,
    flags8,
    flags16,
    flags32,
    uid,
    gid,
    floating,
    sigset,
    charbufarray,
    charbuf_pair_array,
    ipv4net,
    ipv6addr,
    ipv6net,
    ipaddr,
    ipnet,
    mode,
    fsrelpath,
    enumflags8,
    enumflags16,
    enumflags32,
    fd32,
    pid32,
};
enum class ParamFormat : std::uint8_t { na, dec, hex, oct };
enum class EventDirection : std::uint8_t { enter, exit };
enum class EventCategory : std::uint8_t {
    unknown,
    other,
    file,
    net,
    ipc,
    wait,
    signal,
    sleep,
    time,
    process,
    scheduler,
    memory,
    user,
    io_read,
    io_write,
    io_other,
    system,
    internal,
};
enum class EventKind : std::uint8_t { unused, syscall, tracepoint, metaevent, plugin, iter };

enum EventFlag : std::uint16_t {
    kCreatesFd = 1u << 0,
    kDestroysFd = 1u << 1,
    kUsesFd = 1u << 2,
    kReadsFromFd = 1u << 3,
    kWritesToFd = 1u << 4,
    kModifiesState = 1u << 5,
    kUnused = 1u << 6,
    kWaits = 1u << 7,
    kSkipparsereset = 1u << 8,
    kOldVersion = 1u << 9, // of older captures; converted to the current form when read
    kLargePayload = 1u << 11,
    kConverterManaged = 1u << 12,
};

struct ParamInfo {
    std::string_view name;
    ParamType type = ParamType::none;
    ParamFormat format = ParamFormat::na;
    std::string_view info; // flag table, or "dirfd=paramN" of a relative path
};

struct EventInfo {
    EventCode code = kEventNone;
    std::string_view name; // "execve"; "NA" for codes that no event has
    EventDirection direction = EventDirection::enter;
    EventCategory category = EventCategory::unknown;
    EventKind kind = EventKind::unused;
    std::uint16_t flags = 0; // EventFlag
    std::span<const ParamInfo> params;
};

// All events, sorted by code, codes dense from 0; the engine's own come after, see find_event.
[[nodiscard]] std::span<const EventInfo> event_schema();
// One event, also snapshot and procchange; null for a number that is no event.
[[nodiscard]] const EventInfo* find_event(EventCode code);
// The same of an event that has these parameters: live, the generic event of some calls has more than in captures.
[[nodiscard]] const EventInfo* find_event(EventCode code, std::span<const std::string_view> params);
// The generic event as it is live, by its call's architecture-neutral number and named as the call; null for a call
// that it has no more parameters of.
[[nodiscard]] const EventInfo* find_generic(std::uint16_t call);
[[nodiscard]] std::span<const EventInfo> generic_schema();
// Where in generic_schema() such an event is; -1: it is another, or of a capture.
[[nodiscard]] int generic_index(EventCode code, std::span<const std::string_view> params);
// Which parameters are the descriptor that an event acts on and, of a call that moves bytes from one to another, the
// other one; -1: none.
struct FdParams {
    int fd = -1, other = -1;
};
[[nodiscard]] FdParams fd_params(EventCode code, std::span<const std::string_view> params);
// Codes of a name as evt.type spells it: every version, enter and exit. A system call without an event of its own
// gives the generic codes. Empty: no such name.
[[nodiscard]] std::vector<EventCode> event_codes(std::string_view name);
// Every name that evt.type may have, sorted, without duplicates.
[[nodiscard]] const std::vector<std::string_view>& event_names();
// Whether some event has a parameter of this name.
[[nodiscard]] bool is_param_name(std::string_view name);
[[nodiscard]] const std::vector<std::string_view>& param_names(); // sorted, without duplicates

[[nodiscard]] std::string_view to_string(ParamType type); // "charbuf", "flags32" …
// Bytes that a parameter of this type has in captures; 0: as many as there are.
[[nodiscard]] constexpr std::uint8_t width_of(ParamType type) {
    using enum ParamType;
    switch (type) {
    case int8:
    case uint8:
    case sigtype:
    case l4proto:
    case sockfamily:
    case flags8:
    case enumflags8: return 1;
    case int16:
    case uint16:
    case syscallid:
    case port:
    case flags16:
    case enumflags16: return 2;
    case int32:
    case uint32:
    case boolean:
    case ipv4addr:
    case flags32:
    case uid:
    case gid:
    case sigset:
    case mode:
    case enumflags32:
    case fd32:
    case pid32: return 4;
    case int64:
    case uint64:
    case errno_code:
    case fd:
    case pid:
    case reltime:
    case abstime:
    case floating: return 8;
    case ipv6addr: return 16;
    default: return 0;
    }
}
[[nodiscard]] std::string_view
to_string(EventCategory category); // "file", "IPC", "processing" … as evt.category has it

struct FlagInfo {
    std::string_view table, name;
    std::uint32_t value = 0;
};
[[nodiscard]] std::span<const FlagInfo> flag_table(std::string_view table); // empty when there is none

// A parameter of type dyn: its first byte is the number of the variant that follows. By the parameter's info, as
// "sockopt_dynamic_param[5]"; empty when there is none. Only type and format of a variant mean something.
[[nodiscard]] std::span<const ParamInfo> dynamic_variants(std::string_view info);

struct SyscallInfo {
    std::uint16_t number = 0; // architecture-neutral, as in captures
    std::string_view name;
    bool generic = false; // has no event of its own
    bool in_state_set = false;
};
[[nodiscard]] std::span<const SyscallInfo> syscall_table();
[[nodiscard]] std::string_view syscall_name(std::uint16_t number); // empty: no such call
// The call that a generic event tells of, from its parameters: one that the writer of a capture had no number for
// (0, unknown) by its native number, as of x86-64. Greater than every number without parameters.
[[nodiscard]] std::uint16_t generic_call(std::span<const std::string_view> params);

// What the live source of this build delivers, by evt.type: the only place that says so.
[[nodiscard]] std::span<const EventCode> live_event_codes();
[[nodiscard]] bool is_live_event(EventCode code);

} // namespace gyr
