#pragma once
// Decodes the body of an event block: cpu, dump flags, header, lengths of the parameters, parameters.

#include "capfile/format.h"
#include "event/raw_event.h"

#include <array>
#include <cstddef>
#include <string_view>

namespace gyr::capfile {

enum class EventOutcome : std::uint8_t {
    ok,
    unknown_code, // a newer writer's: to be skipped
    damaged,
};

// body: without block header and trailer, perhaps with padding at its end. params gets the parameters, at most as many
// as the schema has; out.params views them. With damaged, why says what is wrong.
[[nodiscard]] EventOutcome decode_event(const BlockType& type, const char* body, std::size_t size,
                                        std::array<std::string_view, kMaxParams>& params, RawEvent& out,
                                        std::string_view& why);

} // namespace gyr::capfile
