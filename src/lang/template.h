#pragma once
// Output templates: "file %fd.name opened by %-free text" (reference/rule-language.md §11). Parsed once at load.

#include "lang/ast.h"
#include "lang/field_catalog.h"
#include "lang/parser.h"

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace gyr::lang {

struct TemplateField {
    Operand expression;      // Field or Transformer
    std::string key;         // its canonical text: the name of the value in output_fields
    std::uint32_t width = 0; // pad or cut to exactly that many bytes; 0: as long as it is
};

struct Template {
    bool lenient = false;                                        // began with '*': a missing value prints as <NA>
    std::vector<std::variant<std::string, TemplateField>> parts; // text and fields, in order

    [[nodiscard]] std::vector<const TemplateField*> fields() const;
};

inline constexpr std::uint32_t kMaxTemplateWidth = 4096;

// With a catalog a token is the longest text that is a field with its argument ("%proc.nameand" is proc.name and "and",
// "%proc.name[%proc.pid]" two fields in brackets), and unknown fields are errors; without one it is the longest text
// that looks like a field. All errors, in order.
[[nodiscard]] std::expected<Template, std::vector<ParseError>>
parse_template(std::string_view text, const FieldCatalog* catalog, std::uint32_t origin = 0);

} // namespace gyr::lang
