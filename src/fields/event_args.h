#pragma once
// Parameters of events (evt.arg.*, evt.rawarg.*, evt.args): from the bytes the event came with, or for process-lane
// events, which have none, from the process image.

#include "event/schema.h"
#include "fields/context.h"
#include "fields/system_names.h"
#include "fields/value.h"
#include "lang/field_catalog.h"

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

namespace gyr::fields {

[[nodiscard]] lang::FieldType field_type(ParamType type);
// Index of a parameter of this event by name; -1 when it has none.
[[nodiscard]] int find_param(EventCode code, std::string_view name);
[[nodiscard]] int find_param(const EventInfo& event, std::string_view name);
// The same for all events at once: made when a rule is compiled.
class ParamIndex {
  public:
    explicit ParamIndex(std::string_view name);
    [[nodiscard]] int of(const Event& event) const;

  private:
    std::vector<std::int8_t> by_code_, by_generic_; // as event_schema() and generic_schema() have them
};
// The value itself (a number, bytes).
[[nodiscard]] Value raw_param(const Context& c, std::size_t index);
// As text: names of flags, users and processes where there are, the number otherwise.
[[nodiscard]] Value text_param(const Context& c, std::size_t index);
// name=value of all parameters, joined by blanks.
[[nodiscard]] Value all_params(const Context& c);

} // namespace gyr::fields
