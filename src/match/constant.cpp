#include "match/constant.h"

#include <arpa/inet.h>
#include <netdb.h>

#include <charconv>
#include <cstring>

namespace gyr::match {

using fields::IpAddress;
using fields::Value;
using lang::FieldType;

namespace {

std::string quoted(std::string_view text) { return "'" + std::string(text) + "'"; }

// Bytes of the type; 64-bit ones wrap by themselves.
unsigned width_of(FieldType type) {
    switch (type) {
    case FieldType::int8:
    case FieldType::uint8:
    case FieldType::flags8:
    case FieldType::enumflags8:
    case FieldType::sigtype: return 8;
    case FieldType::int16:
    case FieldType::uint16:
    case FieldType::flags16:
    case FieldType::enumflags16:
    case FieldType::syscallid:
    case FieldType::port: return 16;
    case FieldType::int32:
    case FieldType::uint32:
    case FieldType::flags32:
    case FieldType::enumflags32:
    case FieldType::mode: return 32;
    default: return 64;
    }
}

// Sign and magnitude of decimal text; false when it is none. Overflow saturates, as scanning does.
bool parse_decimal(std::string_view text, bool& negative, std::uint64_t& magnitude) {
    negative = text.starts_with('-');
    if (negative || text.starts_with('+')) text.remove_prefix(1);
    if (text.empty()) return false;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), magnitude);
    if (end != text.data() + text.size()) return false;
    if (error == std::errc::result_out_of_range) magnitude = ~std::uint64_t{0};
    return error == std::errc() || error == std::errc::result_out_of_range;
}

} // namespace

NumberKind number_kind(FieldType type) {
    switch (type) {
    case FieldType::int8:
    case FieldType::int16:
    case FieldType::int32:
    case FieldType::int64:
    case FieldType::fd:
    case FieldType::pid:
    case FieldType::errno_code: return NumberKind::signed_;
    case FieldType::floating: return NumberKind::floating;
    default: return NumberKind::unsigned_;
    }
}

Result<Value> parse_number(std::string_view text, FieldType type) {
    bool negative = false;
    std::uint64_t magnitude = 0;
    if (type == FieldType::port && text.empty()) return Value::of_u64(0);
    if (!parse_decimal(text, negative, magnitude)) {
        if (type == FieldType::port) {
            if (const servent* service = ::getservbyname(std::string(text).c_str(), nullptr))
                return Value::of_u64(ntohs(static_cast<std::uint16_t>(service->s_port)));
            return fail(ErrorKind::invalid, quoted(text) + " is neither a port number nor the name of a service");
        }
        return fail(ErrorKind::invalid, quoted(text) + " is not a whole decimal number");
    }
    const std::uint64_t wrapped = negative ? 0 - magnitude : magnitude;
    const unsigned width = width_of(type);
    switch (number_kind(type)) {
    case NumberKind::floating: {
        const double d = static_cast<double>(magnitude);
        return Value::of_double(negative ? -d : d);
    }
    case NumberKind::signed_: {
        const unsigned shift = 64 - width;
        return Value::of_i64(static_cast<std::int64_t>(wrapped << shift) >> shift);
    }
    case NumberKind::unsigned_: break;
    }
    return Value::of_u64(width == 64 ? wrapped : wrapped & ((std::uint64_t{1} << width) - 1));
}

Result<bool> parse_bool(std::string_view text) {
    if (text == "true") return true;
    if (text == "false") return false;
    return fail(ErrorKind::invalid, quoted(text) + " is neither true nor false");
}

Result<IpAddress> parse_ip(std::string_view text) {
    IpAddress ip;
    const std::string s(text);
    ip.v6 = s.find('.') == std::string::npos || s.find(':') != std::string::npos;
    if (::inet_pton(ip.v6 ? AF_INET6 : AF_INET, s.c_str(), ip.bytes.data()) != 1)
        return fail(ErrorKind::invalid, quoted(text) + " is not an IP address");
    return ip;
}

Result<IpNet> parse_net(std::string_view text) {
    const std::size_t slash = text.find('/');
    if (slash == std::string_view::npos)
        return fail(ErrorKind::invalid, quoted(text) + " is not a network: it lacks /length");
    IpNet net;
    const auto ip = parse_ip(text.substr(0, slash));
    if (!ip) return fail(ErrorKind::invalid, quoted(text) + " is not a network");
    net.address = *ip;
    const std::string_view bits = text.substr(slash + 1);
    const auto [end, error] = std::from_chars(bits.data(), bits.data() + bits.size(), net.prefix);
    if (error != std::errc() || end != bits.data() + bits.size() || net.prefix > (net.address.v6 ? 128u : 32u))
        return fail(ErrorKind::invalid, quoted(text) + " is not a network: bad prefix length");
    return net;
}

Result<std::string> parse_hex(std::string_view text) {
    std::string out;
    const auto digit = [](char c) -> int {
        if (c >= '0' && c <= '9') return c - '0';
        if (c >= 'a' && c <= 'f') return c - 'a' + 10;
        if (c >= 'A' && c <= 'F') return c - 'A' + 10;
        return -1;
    };
    if (text.size() % 2 != 0)
        return fail(ErrorKind::invalid, quoted(text) + " has an odd number of hexadecimal digits");
    for (std::size_t i = 0; i < text.size(); i += 2) {
        const int high = digit(text[i]), low = digit(text[i + 1]);
        if (high < 0 || low < 0)
            return fail(ErrorKind::invalid, quoted(text) + " is not a string of hexadecimal digits");
        out += static_cast<char>(high * 16 + low);
    }
    return out;
}

bool IpNet::contains(const IpAddress& ip) const {
    if (ip.v6 != address.v6) return false;
    const unsigned whole = prefix / 8, rest = prefix % 8;
    if (std::memcmp(ip.bytes.data(), address.bytes.data(), whole) != 0) return false;
    if (rest == 0) return true;
    const auto mask = static_cast<std::uint8_t>(0xff << (8 - rest));
    return (ip.bytes[whole] & mask) == (address.bytes[whole] & mask);
}

} // namespace gyr::match
