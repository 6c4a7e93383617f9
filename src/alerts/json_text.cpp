#include "alerts/json_text.h"

#include <fmt/format.h>

namespace gyr::json_text {

std::string escape_display(std::string_view utf8) {
    std::string out;
    out.reserve(utf8.size() + 16);
    for (std::size_t i = 0; i < utf8.size(); ++i) {
        const auto at = [&](std::size_t k) { return static_cast<unsigned char>(k < utf8.size() ? utf8[k] : 0); };
        unsigned code = 0;
        std::size_t length = 1;
        if (at(i) == 0x7f) {
            code = 0x7f;
        } else if (at(i) == 0xc2 && at(i + 1) >= 0x80 && at(i + 1) <= 0x9f) {
            code = at(i + 1);
            length = 2;
        } else if (at(i) == 0xe2 && at(i + 1) == 0x80 && at(i + 2) >= 0xa8 && at(i + 2) <= 0xae) {
            code = 0x2000U + (at(i + 2) - 0x80U);
            length = 3;
        } else if (at(i) == 0xe2 && at(i + 1) == 0x81 && at(i + 2) >= 0xa6 && at(i + 2) <= 0xa9) {
            code = 0x2040U + (at(i + 2) - 0x80U);
            length = 3;
        }
        if (code == 0) {
            out += utf8[i];
        } else {
            out += fmt::format("\\u{:04x}", code);
            i += length - 1;
        }
    }
    return out;
}

} // namespace gyr::json_text
