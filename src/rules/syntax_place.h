#pragma once
// Where a syntax error of a condition is shown. A parser sees what is missing only where the text goes wrong, often
// lines later; the lines and the indentation of the file tell better which line the author broke.

#include "lang/parser.h"
#include "rules/source.h"

#include <string>

namespace gyr::rules {

struct SyntaxPlace {
    SourceFilePtr file;
    Place place;
    std::size_t length = 1; // bytes to underline
    std::string message, hint;
};

// text must not be empty of pieces: it is the one that error is about.
[[nodiscard]] SyntaxPlace place_of(const lang::ParseError& error, const ComposedText& text);

} // namespace gyr::rules
