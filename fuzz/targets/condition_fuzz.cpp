// Conditions and output templates from anywhere. What parses must print as source that parses to an equal tree; what
// does not must say where, inside the text. What parses has no comment to take out of it.

#include "lang/comments.h"
#include "lang/diagnostic.h"
#include "lang/parser.h"
#include "lang/template.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

namespace {

void check_error(const gyr::lang::ParseError& error, std::string_view text) {
    if (error.message.empty() || error.span.offset > text.size() || error.after > text.size()) std::abort();
    if (gyr::make_snippet(text, error.span.offset, error.span.length).empty() && !text.empty()) std::abort();
}

std::string without_comments(std::string text) {
    // As in a folded text: lines end where nothing shows it.
    gyr::lang::blank_comments(text, [size = text.size()](std::size_t at) { return std::min(size, at + 1 + at % 32); });
    return text;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace gyr::lang;
    const std::string text(reinterpret_cast<const char*>(data), size);
    if (const auto expr = parse(text, {1, kRuleDepth}); expr) {
        const std::string source = to_source(**expr);
        // Printing may add parentheses, so that a text at the limit of depth may go beyond it.
        const auto again = parse(source, {2, 2 * kRuleDepth});
        if (!again || !equal(**expr, **again)) std::abort();
        if (to_string(**expr).empty()) std::abort();
        if (without_comments(text) != text) std::abort();
    } else {
        check_error(expr.error(), text);
        if (without_comments(text).size() != text.size()) std::abort();
    }
    if (const auto field = parse_field(text); field) {
        const auto again = parse_field(to_source(*field));
        if (!again || !equal(*field, *again)) std::abort();
    } else {
        check_error(field.error(), text);
    }
    const auto parsed = parse_template(text, nullptr);
    if (!parsed) {
        if (parsed.error().empty()) std::abort();
        for (const ParseError& error : parsed.error()) check_error(error, text);
    }
    return 0;
}
