#pragma once
// How deep JSON text is nested, found out before anything is built of it: parsers and destructors call themselves for
// each level. No check of the syntax.

#include <cstdint>
#include <string_view>

namespace gyr {

// Follows text piece by piece. A piece must not end inside of an escape.
struct JsonBrackets {
    std::int64_t depth = 0;   // brackets that are open; below 0 when more were closed
    std::int64_t deepest = 0; // the largest that depth was
    bool quoted = false;      // inside of a text

    void follow(std::string_view text);
    [[nodiscard]] bool closed() const { return depth == 0 && !quoted; }
};

[[nodiscard]] std::int64_t json_depth(std::string_view text);

} // namespace gyr
