#pragma once
// An exception of a rule as the condition it stands for (reference/rule-language.md §8).

#include "lang/field_catalog.h"
#include "rules/definitions.h"
#include "rules/problems.h"

#include <optional>

namespace gyr::rules {

// Checks operators and fields; problems are reported in context (which ends with the exception). Nothing after an
// error; an empty text when the exception has no values.
[[nodiscard]] std::optional<ComposedText> exception_condition(const ExceptionDef& exception,
                                                              const lang::FieldCatalog* fields, std::string_view source,
                                                              const Context& context, Problems& problems);

} // namespace gyr::rules
