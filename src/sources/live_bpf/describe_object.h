#pragma once
// An object of the kernel (struct gyr_object with its path or endpoints) as the FdInfo that state and fields know.

#include "abi/syscall_wire.h"
#include "event/fd_info.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace gyr {

// Which side of a connection this end is, when the event itself tells.
enum class SocketSide : std::uint8_t { unknown, client, server };

struct KernelObject {
    gyr_object object{};
    gyr_endpoints endpoints{}; // of a socket
    gyr_below below{};         // with GYR_OBJECT_BELOW
    std::string_view path;     // leaf first, each component with its NUL; of a socket, where one end has its name
    std::uint8_t path_flags = 0;
    bool present = false;

    [[nodiscard]] bool is_socket() const { return (object.flags & GYR_OBJECT_SOCKET) != 0; }
};

// False when the bytes are too short; out is then absent.
bool read_object(std::span<const std::byte> bytes, std::uint8_t flags, KernelObject& out);
// Fills out, whose strings keep their memory.
void describe_object(const KernelObject& object, SocketSide side, FdInfo& out);
// The files below one of an overlay by which that is known. Valid until the next call with out.
[[nodiscard]] std::span<const FileNumbers> files_below(const KernelObject& object,
                                                       std::array<FileNumbers, GYR_FILES_BELOW>& out);
// Turns "c\0b\0a\0" into "/a/b/c", appended to out.
void append_reversed_path(std::string_view reversed, std::uint8_t flags, std::string& out);
// Device number as captures have it.
[[nodiscard]] std::uint32_t capture_device(std::uint32_t kernel_device);
// Is this side the one that connected, as far as it can be told.
[[nodiscard]] bool is_client(const gyr_endpoints& e, SocketSide side);
// Addresses of an IPv6 socket that carries IPv4 on both ends become IPv4.
[[nodiscard]] gyr_endpoints unmapped(const gyr_endpoints& e);

} // namespace gyr
