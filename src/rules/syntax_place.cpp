#include "rules/syntax_place.h"

namespace gyr::rules {

SyntaxPlace place_of(const lang::ParseError& error, const ComposedText& text) {
    SyntaxPlace out{error.span, false, error.message};
    if (error.span.offset >= text.size() && error.after > 0) {
        out.span.offset = error.after - 1;
        out.span.length = 1;
        out.after = true;
    }
    return out;
}

} // namespace gyr::rules
