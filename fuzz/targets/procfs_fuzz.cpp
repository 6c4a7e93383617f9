// What a recording reads of /proc to describe the host. Names and paths in it are anybody's. The first byte chooses the
// file.
#include "recording/proc_sockets.h"
#include "recording/proc_thread.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

using namespace gyr;
using namespace gyr::recording;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const void* raw = data;
    const std::string bytes(static_cast<const char*>(raw), size); // its own block: an over-read is seen
    const std::string_view text = std::string_view(bytes).substr(1);
    ProcThread thread;
    SocketTable sockets;
    switch (bytes[0]) {
    case 's': thread.parse_status(text); break;
    case 't': thread.parse_stat(text); break;
    case 'c':
        thread.parse_cgroups(text);
        if (thread.record().cgroups.size() > 4096) std::abort();
        break;
    case '4': sockets.parse_internet(text, false, L4Protocol::tcp); break;
    case '6': sockets.parse_internet(text, true, L4Protocol::udp); break;
    case 'u': sockets.parse_unix(text); break;
    case 'n': sockets.parse_netlink(text); break;
    default: break;
    }
    if (sockets.find(0) != nullptr) std::abort(); // no socket has this inode
    return 0;
}
