#pragma once
// A rule's output template, compiled: which values to take, and how to put them together. Immutable; shared by threads.

#include "fields/value.h"
#include "lang/template.h"
#include "match/expression.h"
#include "match/matcher.h"

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace gyr::match {

// A value that outlives the event. monostate: missing, why says the reason. A value that is there may have a reason too
// (the text "" of a host process's container.image: not_container).
struct OutputValue {
    std::string key; // canonical: proc.aname[2], tolower(proc.name)
    std::variant<std::monostate, bool, std::int64_t, std::uint64_t, double, std::string, std::vector<std::string>>
        value;
    Missing why = Missing::none;
    bool transformed = false; // of a transformer; left out of output_fields unless asked for
};

struct Rendered {
    std::string text;                // <NA> for what is missing
    std::vector<OutputValue> values; // in the order of the template, each key once; the fields inside transformers too
    bool pending = false;            // some value is still on its way
};

class Output {
  public:
    // Problems with the place in text.
    [[nodiscard]] static std::expected<Output, std::vector<TypeError>> compile(std::string_view text,
                                                                               Expressions& expressions);
    [[nodiscard]] bool shows(std::string_view field, const Expressions& expressions) const;
    [[nodiscard]] Rendered render(ValueSource& values, const Expressions& expressions) const;

  private:
    struct Step {
        std::string literal; // printed as it is when is_field is false
        bool is_field = false;
        ExprId expression = 0;
        std::uint32_t width = 0;
    };
    struct Key {
        ExprId expression = 0;
        std::string name;
    };
    std::vector<Step> steps_;
    std::vector<Key> keys_;
};

} // namespace gyr::match
