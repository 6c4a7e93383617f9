#pragma once
// Comments in conditions, which the language has beyond Falco's: '#' to the end of the line, wherever no value may
// stand. Where one may, '#' is an ordinary character of it, as ever; so no condition that is right without comments
// means anything else with them.

#include <cstddef>
#include <functional>
#include <string>

namespace gyr::lang {

// Where the line ends that the byte at offset was written in: a folded text has no line breaks of its own left.
using LineEnd = std::function<std::size_t(std::size_t offset)>;

// Puts blanks in place of the comments of a condition or a part of one ("and not x"), so that offsets stay.
void blank_comments(std::string& text, const LineEnd& line_end);

} // namespace gyr::lang
