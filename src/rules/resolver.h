#pragma once
// Definitions → rules: lists replaced, conditions parsed, macros and exceptions joined in, fields, event types and
// output templates checked. Collects every problem; a rule with one gets disabled_why.

#include "lang/field_catalog.h"
#include "rules/definitions.h"
#include "rules/event_types.h"
#include "rules/problems.h"
#include "rules/rule.h"
#include "rules/source.h"

#include <memory>
#include <vector>

namespace gyr::rules {

struct ResolverOptions {
    const lang::FieldCatalog* fields = nullptr; // null: fields are not checked
    const EventNames* events = nullptr;         // null: event types are not checked
};

// A macro as a listing shows it.
struct MacroInfo {
    std::string name;
    Place place;
    lang::ExprPtr condition; // expanded; null when it is broken
    bool used = false, builtin = false;
};
struct ListInfo {
    std::string name;
    Place place;
    std::vector<std::string> items; // lists inside expanded
    std::size_t external_size = 0;  // entries from items_file
    bool used = false;
    struct Twice {
        std::string item;
        Place first, second;
        std::string snippet; // of the second
    };
    std::vector<Twice> twice; // each entry that stands there again, once
};

struct Resolved {
    std::vector<Rule> rules;
    std::vector<MacroInfo> macros;
    std::vector<ListInfo> lists;
    std::shared_ptr<const SourceTable> sources;
};

[[nodiscard]] Resolved resolve(Definitions& definitions, const ResolverOptions& options, Problems& problems);

} // namespace gyr::rules
