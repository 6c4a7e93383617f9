#pragma once
// How each event is made of its system call: what the kernel fetches for it, and where every parameter comes from. The
// tables themselves are event/schema_collect.inc and schema_generic.inc.

#include "abi/syscall_wire.h"
#include "event/event_type.h"

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace gyr {

// Kernel numbers into those of the capture format (schema_flags.inc); same: they are the same numbers.
enum class Flags : std::uint8_t {
    same,
    open,
    descriptor,
    clone,
    map,
    protection,
    fcntl,
    at,
    resolve,
    epoll,
    nonblock,
    uring_setup,
    ptrace,
    socket_level,
    socket_option,
    resource,
    poll,
    quota_format,
    quota_info,
    semop,
    semctl,
    semget,
    mount,
    module_removal,
    fault,
};
[[nodiscard]] std::uint64_t translate(Flags table, std::uint64_t value);

enum class ParamFrom : std::uint8_t {
    call_id,
    call_number,
    result,
    raw_result,
    arg,
    arg_int,
    arg_long,
    arg_word,
    arg_pair,
    constant,
    number,
    text,
    data,
    device,
    inode,
    open_flags,
    open_mode,
    creat_flags,
    how_flags,
    how_mode,
    object_path,
    poll_list,
    file_offset,
    vector_offset,
    vector_size,
    vector_data,
    socket_address,
    tuple,
    tuple_from,
    message_tuple,
    message_tuple_from,
    message_data,
    message_size,
    message_control,
    endpoint_self,
    endpoint_peer,
    socket_option,
    option_value,
    queue_percent,
    queue_length,
    queue_max,
    interval,
    id,
    offset_before,
    size_kb,
    limit,
    capability,
    ptrace_address,
    ptrace_data,
    prctl_text,
    prctl_number,
    quota_file,
    quota_command,
    quota_type,
    quota_id,
    quota_format,
    quota_format_out,
    quota_member,
    config_bytes,
    ring_signals,
    config_text,
    key_argument,
};

struct ParamSource {
    ParamFrom from = ParamFrom::constant;
    std::uint8_t index = 0;  // argument or fetch
    std::uint8_t second = 0; // another of either
    std::uint16_t offset = 0;
    std::uint8_t size = 0;
    Flags flags = Flags::same;
};

struct CollectedEvent {
    EventCode code = kEventNone;
    std::uint8_t lane = 0;
    std::array<gyr_fetch, GYR_FETCHES> fetches{};
    std::array<ParamSource, 20> params{};
    std::uint8_t fetch_count = 0, param_count = 0;

    [[nodiscard]] std::span<const gyr_fetch> all_fetches() const { return {fetches.data(), fetch_count}; }
    // Whether bytes go from one descriptor to another: the first two fetches.
    [[nodiscard]] bool has_two_sides() const {
        const auto given = [](const gyr_fetch& f) { return f.op == GYR_FETCH_OBJECT && f.arg < GYR_FROM_RESULT; };
        return fetch_count > 1 && given(fetches[0]) && given(fetches[1]);
    }
    [[nodiscard]] std::span<const ParamSource> all_params() const { return {params.data(), param_count}; }
};

[[nodiscard]] std::span<const CollectedEvent> collected_events();
[[nodiscard]] const CollectedEvent* find_collected(EventCode code);
// The same of one call: the generic event tells more of some.
[[nodiscard]] const CollectedEvent* find_collected(EventCode code, std::uint16_t call_id);

} // namespace gyr
