#include "http/parser.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

namespace gyr::http {
namespace {

bool is_token(std::string_view text) {
    return !text.empty() && std::ranges::all_of(text, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
    });
}

std::string lower(std::string_view text) {
    std::string out(text);
    std::ranges::transform(out, out.begin(),
                           [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    return out;
}

std::string_view trim(std::string_view text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
    return text;
}

// 0 when it is right.
int read_target(std::string_view target, Request& request) {
    if (target.empty() || target.front() != '/') return 400;
    const std::size_t mark = target.find('?');
    auto path = decode_url(target.substr(0, mark), false);
    if (!path) return 400;
    request.path = std::move(*path);
    std::string_view query = mark == std::string_view::npos ? std::string_view() : target.substr(mark + 1);
    while (!query.empty()) {
        const std::size_t end = query.find('&');
        const std::string_view pair = query.substr(0, end);
        const std::size_t equals = pair.find('=');
        auto name = decode_url(pair.substr(0, equals), true);
        auto value = equals == std::string_view::npos ? std::optional<std::string>("")
                                                      : decode_url(pair.substr(equals + 1), true);
        if (!name || !value) return 400;
        request.query[std::move(*name)] = std::move(*value);
        query.remove_prefix(end == std::string_view::npos ? query.size() : end + 1);
    }
    return 0;
}

int read_first_line(std::string_view line, Request& request) {
    const std::size_t one = line.find(' ');
    const std::size_t two = line.rfind(' ');
    if (one == std::string_view::npos || two <= one) return 400;
    request.method = line.substr(0, one);
    const std::string_view version = line.substr(two + 1);
    if (!is_token(request.method)) return 400;
    if (version != "HTTP/1.1" && version != "HTTP/1.0") return version.starts_with("HTTP/") ? 505 : 400;
    request.keep_alive = version == "HTTP/1.1";
    return read_target(line.substr(one + 1, two - one - 1), request);
}

int read_header(std::string_view line, Request& request) {
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos || !is_token(line.substr(0, colon))) return 400;
    const std::string_view value = trim(line.substr(colon + 1));
    if (std::ranges::any_of(value,
                            [](char c) { return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f; }))
        return 400;
    // Two lengths, or two of anything that decides, are how requests are smuggled.
    constexpr std::array<std::string_view, 6> kOnce = {"authorization", "connection", "content-length",
                                                       "host",          "origin",     "transfer-encoding"};
    const std::string name = lower(line.substr(0, colon));
    const bool fresh = request.headers.emplace(name, std::string(value)).second;
    return fresh || std::ranges::find(kOnce, name) == kOnce.end() ? 0 : 400;
}

} // namespace

std::optional<std::string> decode_url(std::string_view text, bool plus_is_blank) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '%') {
            unsigned value = 0;
            if (i + 2 >= text.size()) return std::nullopt;
            const auto [end, error] = std::from_chars(text.data() + i + 1, text.data() + i + 3, value, 16);
            if (error != std::errc() || end != text.data() + i + 3) return std::nullopt;
            out += static_cast<char>(value);
            i += 2;
        } else {
            out += plus_is_blank && text[i] == '+' ? ' ' : text[i];
        }
    }
    return out;
}

Parsed parse_request(std::string_view bytes, const Limits& limits) {
    Parsed parsed;
    const std::size_t end = bytes.substr(0, limits.head).find("\r\n\r\n");
    if (end == std::string_view::npos) {
        parsed.status = bytes.size() >= limits.head ? 431 : 0;
        return parsed;
    }
    Request request;
    std::string_view head = bytes.substr(0, end + 2);
    bool first = true;
    for (std::size_t lines = 0; !head.empty(); ++lines) {
        if (lines > limits.headers) {
            parsed.status = 431;
            return parsed;
        }
        const std::size_t line_end = head.find("\r\n");
        const std::string_view line = head.substr(0, line_end);
        head.remove_prefix(line_end + 2);
        parsed.status = first ? read_first_line(line, request) : read_header(line, request);
        first = false;
        if (parsed.status != 0) return parsed;
    }
    if (request.headers.contains("transfer-encoding")) {
        parsed.status = 411; // a length must be said
        return parsed;
    }
    if (request.keep_alive && !request.headers.contains("host")) { // of HTTP/1.1
        parsed.status = 400;
        return parsed;
    }
    std::size_t length = 0;
    if (const auto found = request.headers.find("content-length"); found != request.headers.end()) {
        const std::string& text = found->second;
        const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), length);
        if (error == std::errc::result_out_of_range || (error == std::errc() && length > limits.body))
            parsed.status = 413;
        else if (error != std::errc() || stop != text.data() + text.size())
            parsed.status = 400;
        if (parsed.status != 0) return parsed;
    }
    if (const auto found = request.headers.find("connection"); found != request.headers.end())
        request.keep_alive =
            lower(found->second) == "close" ? false : request.keep_alive || lower(found->second) == "keep-alive";
    if (bytes.size() - end - 4 < length) return parsed;
    request.body = bytes.substr(end + 4, length);
    parsed.used = end + 4 + length;
    parsed.request = std::move(request);
    return parsed;
}

} // namespace gyr::http
