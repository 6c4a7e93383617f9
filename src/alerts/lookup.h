#pragma once
// Values of a finished record by name, for filters ("when:"), roll-up keys and queries:
//
//   kind priority rule source output tags hostname uuid revision time cause    of the record itself
//   container.name k8s.namespace user.name proc.cmdline …                      its context blocks, also by the names
//                                                                              rules use (k8s.ns.name, proc.pname …)
//   anything else the rule's output asked for                                  by the field's full name
//
// Gaps and notices have priority, rule, source as in the falco format, so that a filter decides about them too.

#include "alerts/alert.h"

#include <string>
#include <string_view>
#include <vector>

namespace gyr {

// Null when the record has no such value. Lists stay lists.
[[nodiscard]] AlertValue lookup(const AlertRecord& record, std::string_view name);
// Text of a value: lists joined by ", ", null as "".
[[nodiscard]] std::string value_text(const AlertValue& value);

// What is wrong with the name, with a suggestion; empty when some record could have it.
[[nodiscard]] std::string check_record_field(std::string_view name);

[[nodiscard]] Priority priority_of(const AlertRecord& record);
[[nodiscard]] Nanos time_of(const AlertRecord& record);
[[nodiscard]] std::string_view kind_of(const AlertRecord& record); // "alert", "gap", "notice"
[[nodiscard]] std::string_view rule_of(const AlertRecord& record); // also the internal rule names

} // namespace gyr
