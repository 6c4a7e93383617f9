#include "capfile/event_block.h"

#include "capfile/conversion.h"
#include "capfile/cursor.h"
#include "event/schema.h"

#include <algorithm>

namespace gyr::capfile {
namespace {

// What the decoder must know of an event's schema, in two bytes.
struct Shape {
    std::uint8_t params = 0;
    bool large = false;
};

const auto kShapes = [] {
    std::array<Shape, 512> shapes{};
    for (const EventInfo& e : event_schema())
        shapes[e.code] = {static_cast<std::uint8_t>(e.params.size()), (e.flags & kLargePayload) != 0};
    return shapes;
}();

// Views of the parameters: lengths at `lengths`, data behind all of them. False when they do not fit before `end`.
template <class Length>
bool view_params(const char* lengths, std::uint32_t count, std::size_t wanted, const char* end,
                 std::string_view* params) {
    const std::size_t room = static_cast<std::size_t>(end - lengths);
    if (count > room / sizeof(Length)) return false;
    const char* data = lengths + count * sizeof(Length);
    for (std::size_t i = 0; i < wanted; ++i) {
        const std::size_t length = load<Length>(lengths + i * sizeof(Length));
        if (length > static_cast<std::size_t>(end - data)) return false;
        params[i] = {data, length};
        data += length;
    }
    for (std::size_t i = wanted; i < count; ++i) { // of a newer writer: not used, but must fit too
        const std::size_t length = load<Length>(lengths + i * sizeof(Length));
        if (length > static_cast<std::size_t>(end - data)) return false;
        data += length;
    }
    return true;
}

// The old header does not say how many parameters there are: the highest number whose lengths add up to the event's.
template <class Length>
int count_params(const char* lengths, const char* end, std::size_t most, std::size_t length) {
    int found = -1;
    std::size_t sum = 0;
    for (std::size_t n = 0; n <= most; ++n) {
        if (sum + n * sizeof(Length) == length) found = static_cast<int>(n);
        if (n == most || static_cast<std::size_t>(end - lengths) < (n + 1) * sizeof(Length)) break;
        sum += load<Length>(lengths + n * sizeof(Length));
        if (sum > length) break;
    }
    return found;
}

constexpr EventCode kNotificationEvent = 280, kInfrastructureEvent = 286;

} // namespace

EventOutcome decode_event(const BlockType& type, const char* body, std::size_t size,
                          std::array<std::string_view, kMaxParams>& params, RawEvent& out, std::string_view& why) {
    const std::size_t before = type.flags ? sizeof(std::uint16_t) + sizeof(std::uint32_t) : sizeof(std::uint16_t);
    const std::size_t head = type.version == 1 ? kEventHeadV1 : kEventHeadV2;
    if (size < before + head) {
        why = "an event is shorter than its header";
        return EventOutcome::damaged;
    }
    const char* at = body + before;
    const EventCode code = load<std::uint16_t>(at + 20);
    if (code >= kEventCodes) return EventOutcome::unknown_code;
    const Shape shape = kShapes[code];
    out.cpu = load<std::int16_t>(body);
    out.dump_flags = type.flags ? load<std::uint32_t>(body + 2) : 0;
    out.time = load<std::int64_t>(at);
    out.tid = load<std::int64_t>(at + 8);
    out.code = code;
    std::size_t length = load<std::uint32_t>(at + 16);
    std::uint32_t count = 0;
    if (type.version == 1) {
        // Writers of these two counted three bytes too many.
        if ((code == kNotificationEvent || code == kInfrastructureEvent) && length >= 3) length -= 3;
        if (length < head || length > size - before) {
            why = "an event's length does not fit its block";
            return EventOutcome::damaged;
        }
        const int found = shape.large
                              ? count_params<std::uint32_t>(at + head, at + length, shape.params, length - head)
                              : count_params<std::uint16_t>(at + head, at + length, shape.params, length - head);
        if (found < 0) {
            why = "an event's parameters do not add up to its length";
            return EventOutcome::damaged;
        }
        count = static_cast<std::uint32_t>(found);
    } else {
        if (length < head || length > size - before) {
            why = "an event's length does not fit its block";
            return EventOutcome::damaged;
        }
        count = load<std::uint32_t>(at + 22);
    }
    const std::size_t wanted = std::min<std::size_t>(count, shape.params);
    const bool fits = shape.large ? view_params<std::uint32_t>(at + head, count, wanted, at + length, params.data())
                                  : view_params<std::uint16_t>(at + head, count, wanted, at + length, params.data());
    if (!fits) {
        why = "an event's parameters do not fit its length";
        return EventOutcome::damaged;
    }
    out.params = {params.data(), wanted};
    return EventOutcome::ok;
}

} // namespace gyr::capfile
