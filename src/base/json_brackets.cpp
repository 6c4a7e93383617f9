#include "base/json_brackets.h"

#include <algorithm>
#include <cstddef>

namespace gyr {

void JsonBrackets::follow(std::string_view text) {
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (quoted) {
            if (c == '\\')
                ++i;
            else if (c == '"')
                quoted = false;
        } else if (c == '"') {
            quoted = true;
        } else if (c == '{' || c == '[') {
            deepest = std::max(deepest, ++depth);
        } else if (c == '}' || c == ']') {
            --depth;
        }
    }
}

std::int64_t json_depth(std::string_view text) {
    JsonBrackets brackets;
    brackets.follow(text);
    return brackets.deepest;
}

} // namespace gyr
