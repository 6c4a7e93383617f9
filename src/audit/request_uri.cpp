#include "audit/request_uri.h"

#include <algorithm>
#include <optional>

namespace gyr {
namespace {

int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    c = static_cast<char>(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// Percent-encoding of a query, where + is a blank.
std::optional<std::string> decode(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') {
            out += text[i] == '+' ? ' ' : text[i];
            continue;
        }
        const int high = i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
        const int low = i + 2 < text.size() ? hex_digit(text[i + 2]) : -1;
        if (high < 0 || low < 0) return std::nullopt;
        out += static_cast<char>(high * 16 + low);
        i += 2;
    }
    return out;
}

} // namespace

std::vector<std::string> uri_parameters(std::string_view uri, std::string_view name) {
    std::vector<std::string> out;
    uri = uri.substr(0, uri.find('#'));
    const std::size_t mark = uri.find('?');
    if (mark == std::string_view::npos) return out;
    uri.remove_prefix(mark + 1);
    while (!uri.empty()) {
        const std::string_view pair = uri.substr(0, uri.find('&'));
        uri.remove_prefix(std::min(pair.size() + 1, uri.size()));
        const std::size_t equal = std::min(pair.find('='), pair.size());
        if (decode(pair.substr(0, equal)) != name) continue;
        if (auto value = decode(pair.substr(std::min(equal + 1, pair.size())))) out.push_back(std::move(*value));
    }
    return out;
}

} // namespace gyr
