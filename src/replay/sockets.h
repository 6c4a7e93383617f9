#pragma once
// Addresses and connections in parameters of socket events, and their text as fields show it.

#include "event/fd_info.h"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace gyr::replay {

// Address families as captures number them.
inline constexpr std::uint8_t kFamilyUnix = 1, kFamilyIpv4 = 2, kFamilyIpv6 = 10;
inline constexpr std::uint32_t kFamilyNetlink = 16, kFamilyPacket = 17;

// One end, of a parameter of type sockaddr. IPv4 in IPv6 comes as IPv4.
struct SocketAddress {
    std::uint8_t family = 0;
    std::array<std::uint8_t, 16> address{};
    std::uint16_t port = 0;
    std::string_view path; // unix
};
[[nodiscard]] std::optional<SocketAddress> parse_address(std::string_view param);

// Both ends, of a parameter of type socktuple. IPv4 in IPv6 at both ends comes as IPv4.
struct SocketTuple {
    std::uint8_t family = 0;
    std::array<std::uint8_t, 16> source{}, destination{};
    std::uint16_t source_port = 0, destination_port = 0;
    std::uint64_t unix_source = 0, unix_destination = 0;
    std::string_view path; // unix
};
[[nodiscard]] std::optional<SocketTuple> parse_tuple(std::string_view param);

[[nodiscard]] bool is_mapped_ipv4(const std::array<std::uint8_t, 16>& address); // ::ffff:a.b.c.d
void unmap_ipv4(std::array<std::uint8_t, 16>& address);

void append_address(bool ipv6, const std::array<std::uint8_t, 16>& address, std::string& out);
// "1.2.3.4:80", "::1:80"
void address_text(bool ipv6, const std::array<std::uint8_t, 16>& address, std::uint16_t port, std::string& out);
// Name of an internet socket by its FdInfo: "a:1->b:2" of a connection, "a:1" of a server; "" when nothing is known.
void socket_name(const FdInfo& info, std::string& out);
// "source->destination path", kernel addresses in hex.
void unix_tuple_text(const SocketTuple& tuple, std::string& out);

} // namespace gyr::replay
