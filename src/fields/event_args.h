#pragma once
// Parameters of process events (evt.arg.*, evt.rawarg.*, evt.args), computed from the process image the event carries.

#include "event/schema.h"
#include "fields/context.h"
#include "fields/value.h"
#include "lang/field_catalog.h"

#include <string_view>

namespace gyr::fields {

[[nodiscard]] lang::FieldType field_type(ParamType type);
// Index of a parameter of this event by name; -1 when it has none.
[[nodiscard]] int find_param(EventCode code, std::string_view name);
// The value itself (a number, bytes).
[[nodiscard]] Value raw_param(const Context& c, std::size_t index);
// As text: names of flags, users and processes where there are, the number otherwise.
[[nodiscard]] Value text_param(const Context& c, std::size_t index);
// name=value of all parameters, joined by blanks.
[[nodiscard]] Value all_params(const Context& c);

[[nodiscard]] std::string_view errno_name(std::int64_t number); // "EPERM"; empty when unknown
[[nodiscard]] std::string_view signal_name(int number);         // "SIGKILL"

} // namespace gyr::fields
