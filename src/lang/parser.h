#pragma once
// Text → syntax tree (reference/rule-language.md §1, §2). Pure: no field is looked up, no macro resolved, no list
// replaced. Never throws, and recursion is bounded whatever the text.

#include "lang/ast.h"

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

namespace gyr::lang {

// The first thing wrong with a text. Offsets are bytes of the text.
struct ParseError {
    std::string message;                   // one sentence, no full stop
    std::string hint;                      // what to do about it; may be empty
    Span span;                             // what was found instead of what is allowed; length 0 at the end of the text
    std::uint32_t after = 0;               // where the last thing that was still right ends
    std::optional<std::uint32_t> unclosed; // the innermost '(' that is still open, when one is
    bool missing = false;                  // something is missing behind `after`; what stands at span is innocent
    std::optional<std::uint32_t> quote;    // where a quoted string began that ends at `after`
};

struct ParseOptions {
    std::uint32_t origin = 0;      // goes into every Span
    std::uint32_t max_depth = 100; // grammar levels; kRuleDepth for conditions of rules and macros
    bool plain_names = false;      // filters over records: a name without a dot is a field, and <, <=, >, >= take words
};
inline constexpr std::uint32_t kRuleDepth = 1000;

// A whole condition. Macros stay references (MacroRef).
[[nodiscard]] std::expected<ExprPtr, ParseError> parse(std::string_view text, const ParseOptions& options = {});

// A field or a transformer and nothing else: a field of a rule's exception, an entry of extra output fields.
[[nodiscard]] std::expected<Operand, ParseError> parse_field(std::string_view text, const ParseOptions& options = {});

// The longest field or transformer that text begins with, as output templates take it: no blank inside the brackets
// of a call except after a comma. text may go on behind it; Operand::span.length tells how much was taken.
[[nodiscard]] std::expected<Operand, ParseError> parse_output_field(std::string_view text,
                                                                    const ParseOptions& options = {});

} // namespace gyr::lang
