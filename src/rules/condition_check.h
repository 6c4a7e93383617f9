#pragma once
// What a catalog of fields can say about a resolved condition or an output template, beyond syntax. Types of operators
// and values are the compiler's business (match/).

#include "lang/ast.h"
#include "lang/field_catalog.h"

#include <string>
#include <string_view>
#include <vector>

namespace gyr::rules {

struct Finding {
    enum class Kind {
        unknown_field, // no such field, or one that this build cannot deliver
        bad_use,       // a field without its argument, one that is not for conditions, …
        unsafe_na,     // ka.* or jevt.* compared with <NA>
        deprecated,    // a field that will go away
        hint,          // probably not what was meant
    };
    Kind kind;
    std::string message;
    std::string hint;
    lang::Span span;
};

// fields may be null: then only what needs no catalog is looked for.
[[nodiscard]] std::vector<Finding> check_condition(const lang::Expr& condition, const lang::FieldCatalog* fields,
                                                   std::string_view source);
// What is wrong with a field in a rule of this source; empty: its events have it.
[[nodiscard]] std::string other_source(const lang::FieldInfo& field, std::string_view name, std::string_view source);
[[nodiscard]] bool is_deprecated_field(std::string_view name);
// The longest deprecated field that the text begins with; empty: none.
[[nodiscard]] std::string_view deprecated_field_at(std::string_view text);

} // namespace gyr::rules
