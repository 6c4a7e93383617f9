#pragma once
// What a file descriptor stands for. Live it is what the kernel held when the call ran; in a capture it is what the
// file's descriptor lists and the events before told. The same field code reads both.
//
// Plain values that own their text. Addresses are in network order, ports in host order.

#include "base/ids.h"

#include <array>
#include <cstdint>
#include <string>

namespace gyr {

// Numbers as in capture files (reference/capture-format.md §8).
enum class FdType : std::uint8_t {
    unknown = 0,
    file = 1,
    directory = 2,
    ipv4 = 3,
    ipv6 = 4,
    ipv4_server = 5,
    ipv6_server = 6,
    fifo = 7,
    unix_socket = 8,
    event = 9,
    unsupported = 10,
    signal = 11,
    eventpoll = 12,
    inotify = 13,
    timerfd = 14,
    netlink = 15,
    file_v2 = 16,
    bpf = 17,
    userfaultfd = 18,
    io_uring = 19,
    memfd = 20,
    pidfd = 21,
};

// As in capture files (l4 of a socket).
enum class L4Protocol : std::uint8_t { unknown = 0, not_applicable = 1, tcp = 2, udp = 3, icmp = 4, raw = 5 };

enum FdMark : std::uint16_t {
    kFdRoleClient = 1u << 0, // socket: this side connected
    kFdRoleServer = 1u << 1, // socket: this side accepted
    kFdNonBlocking = 1u << 2,
    kFdCloseOnExec = 1u << 3,
    kFdConnected = 1u << 4,
    kFdConnectPending = 1u << 5, // connect said EINPROGRESS
    kFdConnectFailed = 1u << 6,
    kFdUpperLayer = 1u << 7, // file in the writable upper layer of an overlay
    kFdLowerLayer = 1u << 8,
    kFdOverlay = 1u << 9,
    kFdDeleted = 1u << 10,
    kFdFromProc = 1u << 11, // known from a list or snapshot, not from the event that made it
};

struct FdInfo {
    FdType type = FdType::unknown;
    L4Protocol l4 = L4Protocol::unknown;
    std::uint16_t marks = 0;      // FdMark
    std::uint32_t open_flags = 0; // PPM_O_* of reference/flags.tsv, not the kernel's
    std::uint32_t dev = 0;        // device number as in captures (major << 8 | minor, 32 bits)
    std::uint32_t mount_id = 0;
    std::uint64_t ino = 0;
    std::int32_t creator_pid = 0; // thread group that made it, 0 when not known
    // Sockets. IPv4 uses the first four bytes. source is the client's end, destination the server's; a listening or
    // only bound socket (ipv4_server, ipv6_server) has its own address in destination.
    std::array<std::uint8_t, 16> source_address{}, destination_address{};
    std::uint16_t source_port = 0, destination_port = 0;
    std::uint64_t unix_source = 0, unix_destination = 0; // kernel addresses of the two ends
    std::string name;                                    // resolved path, "src:port->dst:port", pipe and unix names …
    std::string name_raw;                                // the path as the call gave it
    std::string real_path; // live: the path as it is mounted, when name is another that a rule has; else empty
};

// A file by its numbers, whatever it is called; those of FdInfo.
struct FileNumbers {
    std::uint32_t dev = 0;
    std::uint64_t ino = 0;
    friend bool operator==(const FileNumbers&, const FileNumbers&) = default;
};

[[nodiscard]] constexpr bool is_file(FdType t) { return t == FdType::file || t == FdType::file_v2; }
[[nodiscard]] constexpr bool is_ipv4(FdType t) { return t == FdType::ipv4 || t == FdType::ipv4_server; }
[[nodiscard]] constexpr bool is_ipv6(FdType t) { return t == FdType::ipv6 || t == FdType::ipv6_server; }
[[nodiscard]] constexpr bool is_server(FdType t) { return t == FdType::ipv4_server || t == FdType::ipv6_server; }
[[nodiscard]] constexpr bool is_socket(FdType t) {
    return is_ipv4(t) || is_ipv6(t) || t == FdType::unix_socket || t == FdType::netlink;
}

// Of an IPv4 or IPv6 socket. Addresses of zeroes are nobody's: it is connected to none.
[[nodiscard]] constexpr bool has_destination(const FdInfo& fd) {
    return fd.destination_port != 0 || fd.destination_address != decltype(fd.destination_address){};
}

} // namespace gyr
