#include "outputs/address.h"

#include <fmt/format.h>

#include <charconv>

#include <sys/un.h>

namespace gyr::outputs {
namespace {

std::string percent_decoded(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        std::uint8_t value = 0;
        const char* const hex = text.data() + i + 1;
        if (text[i] == '%' && text.size() - i > 2 && std::from_chars(hex, hex + 2, value, 16).ptr == hex + 2) {
            out += static_cast<char>(value);
            i += 2;
        } else {
            out += text[i];
        }
    }
    return out;
}

} // namespace

Result<Address> parse_address(std::string_view url, std::uint16_t standard_port) {
    const auto wrong = [&](std::string_view what) {
        // Messages are for everybody; a password is not.
        const std::size_t begin = url.find("://");
        const std::size_t who = url.rfind('@');
        const bool secret = begin != std::string_view::npos && who != std::string_view::npos && who > begin;
        return fail(ErrorKind::invalid, fmt::format("'{}{}' is no address: {}", secret ? url.substr(0, begin + 3) : "",
                                                    secret ? url.substr(who + 1) : url, what));
    };
    Address address;
    const std::size_t scheme = url.find("://");
    if (scheme == std::string_view::npos) return wrong("it begins like scheme://host:port");
    address.scheme = url.substr(0, scheme);
    std::string_view rest = url.substr(scheme + 3);
    if (address.scheme == "unix") {
        address.path = rest;
        if (rest.empty()) return wrong("the path is missing");
        if (rest.size() >= sizeof sockaddr_un::sun_path) return wrong("the path is too long for a socket");
        return address;
    }
    const std::size_t slash = rest.find('/');
    if (slash != std::string_view::npos) {
        address.path = rest.substr(slash + 1);
        rest = rest.substr(0, slash);
    }
    if (const std::size_t at = rest.rfind('@'); at != std::string_view::npos) {
        const std::string_view who = rest.substr(0, at);
        const std::size_t colon = who.find(':');
        address.user = percent_decoded(who.substr(0, colon));
        if (colon != std::string_view::npos) address.password = percent_decoded(who.substr(colon + 1));
        rest = rest.substr(at + 1);
    }
    std::string_view port;
    if (rest.starts_with('[')) {
        const std::size_t close = rest.find(']');
        if (close == std::string_view::npos) return wrong("a '[' is never closed");
        address.host = rest.substr(1, close - 1);
        rest = rest.substr(close + 1);
        if (!rest.empty() && rest.front() != ':') return wrong("behind ']' comes :port");
        port = rest.empty() ? rest : rest.substr(1);
    } else {
        const std::size_t colon = rest.find(':');
        address.host = rest.substr(0, colon);
        port = colon == std::string_view::npos ? std::string_view() : rest.substr(colon + 1);
    }
    if (address.host.empty()) return wrong("the host is missing");
    address.port = standard_port;
    if (!port.empty()) {
        const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), address.port);
        if (error != std::errc() || end != port.data() + port.size() || address.port == 0)
            return wrong("the port is no port");
    } else if (standard_port == 0) {
        return wrong("the port is missing");
    }
    return address;
}

} // namespace gyr::outputs
