#include "recording/proc_sockets.h"

#include "recording/proc_text.h"

#include <algorithm>
#include <cstring>

namespace gyr::recording {
namespace {

constexpr std::size_t kMost = 64 * std::size_t{1024} * 1024;
constexpr unsigned kListening = 0x0a;

// "0100007F:1F90": the address as 32-bit words of the machine in hexadecimal, the port as a number.
void read_address(std::string_view text, std::array<std::uint8_t, 16>& address, std::uint16_t& port) {
    std::string_view words = take(text, ':');
    for (std::size_t i = 0; words.size() >= 8 && i < address.size(); i += 4, words.remove_prefix(8)) {
        const auto word = number<std::uint32_t>(words.substr(0, 8), 16);
        std::memcpy(&address[i], &word, sizeof word);
    }
    port = number<std::uint16_t>(text, 16);
}

} // namespace

// sl local_address rem_address st tx:rx tr:when retrnsmt uid timeout inode …
void SocketTable::parse_internet(std::string_view text, bool ipv6, L4Protocol protocol) {
    take(text, '\n');
    while (!text.empty()) {
        std::string_view line = take(text, '\n');
        take_word(line);
        FdInfo info;
        std::array<std::uint8_t, 16> local{}, remote{};
        std::uint16_t local_port = 0, remote_port = 0;
        read_address(take_word(line), local, local_port);
        read_address(take_word(line), remote, remote_port);
        const auto state = number<unsigned>(take_word(line), 16);
        for (int i = 0; i < 5; ++i) take_word(line);
        info.ino = number<std::uint64_t>(take_word(line));
        if (info.ino == 0) continue;
        info.l4 = protocol;
        const bool server = state == kListening && protocol == L4Protocol::tcp;
        const bool has_ports = protocol == L4Protocol::tcp || protocol == L4Protocol::udp;
        if (!has_ports) local_port = 0; // the number of a protocol or of an echo request
        if (server || (has_ports && remote_port == 0)) {
            info.type = ipv6 ? FdType::ipv6_server : FdType::ipv4_server;
            info.destination_address = local;
            info.destination_port = local_port;
        } else { // which side began it is not in the table: as seen from here
            info.type = ipv6 ? FdType::ipv6 : FdType::ipv4;
            info.source_address = local;
            info.source_port = local_port;
            info.destination_address = remote;
            info.destination_port = remote_port;
        }
        sockets_.insert_or_assign(info.ino, std::move(info));
    }
}

// Num RefCount Protocol Flags Type St Inode [Path]
void SocketTable::parse_unix(std::string_view text) {
    take(text, '\n');
    while (!text.empty()) {
        std::string_view line = take(text, '\n');
        FdInfo info;
        info.type = FdType::unix_socket;
        std::string_view address = take(line, ':');
        info.unix_source = number<std::uint64_t>(address, 16);
        for (int i = 0; i < 5; ++i) take_word(line);
        info.ino = number<std::uint64_t>(take_word(line));
        if (!line.empty()) line.remove_prefix(1);
        info.name = line;
        if (info.ino != 0) sockets_.insert_or_assign(info.ino, std::move(info));
    }
}

// sk Eth Pid Groups Rmem Wmem Dump Locks Drops Inode
void SocketTable::parse_netlink(std::string_view text) {
    take(text, '\n');
    while (!text.empty()) {
        std::string_view line = take(text, '\n');
        for (int i = 0; i < 9; ++i) take_word(line);
        FdInfo info;
        info.type = FdType::netlink;
        info.ino = number<std::uint64_t>(take_word(line));
        if (info.ino != 0) sockets_.insert_or_assign(info.ino, std::move(info));
    }
}

void SocketTable::read(const std::string& folder) {
    std::string text;
    struct Table {
        const char* file;
        bool ipv6;
        L4Protocol protocol;
    };
    constexpr Table kTables[] = {
        {"/tcp", false, L4Protocol::tcp},   {"/tcp6", true, L4Protocol::tcp},   {"/udp", false, L4Protocol::udp},
        {"/udp6", true, L4Protocol::udp},   {"/raw", false, L4Protocol::raw},   {"/raw6", true, L4Protocol::raw},
        {"/icmp", false, L4Protocol::icmp}, {"/icmp6", true, L4Protocol::icmp},
    };
    for (const Table& table : kTables)
        if (read_text(folder + table.file, text, kMost)) parse_internet(text, table.ipv6, table.protocol);
    if (read_text(folder + "/unix", text, kMost)) parse_unix(text);
    if (read_text(folder + "/netlink", text, kMost)) parse_netlink(text);
}

const FdInfo* SocketTable::find(std::uint64_t inode) const {
    const auto it = sockets_.find(inode);
    return it == sockets_.end() ? nullptr : &it->second;
}

} // namespace gyr::recording
