#pragma once
// Parameters as bytes (event/raw_event.h) made into values. Nothing is copied: texts and buffers are views of the
// event.

#include "event/schema.h"
#include "fields/context.h"
#include "fields/value.h"

#include <optional>
#include <string_view>

namespace gyr::fields {

// One parameter with the type that its bytes have: of a dyn parameter the one the event chose.
struct WireParam {
    ParamType type = ParamType::none;
    ParamFormat format = ParamFormat::na;
    std::string_view info;
    std::string_view bytes; // empty: the event has the parameter, but no value for it
    std::size_t index = 0;  // among the event's
};

// Of an event with parameters; none when it has not so many.
[[nodiscard]] std::optional<WireParam> wire_param(const Event& event, std::size_t index);
// Numbers, texts, buffers. Missing when there is no value or it is cut short. Kinds that no operator can compare
// (addresses, sets) are given as their bytes.
[[nodiscard]] Value wire_value(const WireParam& param);

} // namespace gyr::fields
