#pragma once
// Where a syntax error of a condition is shown. A parser sees what is missing only where the text goes wrong, often
// lines later; the lines and indentation of the file tell better which line the author broke.

#include "lang/parser.h"
#include "rules/source.h"

#include <string>

namespace gyr::rules {

struct SyntaxPlace {
    lang::Span span;     // in the composed text
    bool after = false;  // behind span's byte, not at it
    std::string message;
};

[[nodiscard]] SyntaxPlace place_of(const lang::ParseError& error, const ComposedText& text);

} // namespace gyr::rules
