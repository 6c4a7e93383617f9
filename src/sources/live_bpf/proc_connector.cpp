#include "sources/live_bpf/proc_connector.h"

#include "event/process_record.h"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <linux/cn_proc.h>
#include <linux/connector.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <sys/socket.h>
#include <unistd.h>

namespace gyr {
namespace {

// A message is a netlink header, a connector header and an event that begins like this; spelled out here because the
// names in <linux/cn_proc.h> moved between header versions.
constexpr std::uint32_t kUid = 0x4, kGid = 0x40, kSid = 0x80;
struct Event {
    std::uint32_t what = 0;
    std::uint32_t cpu = 0;
    std::uint64_t timestamp_ns = 0;
    std::int32_t pid = 0, tgid = 0;
};
constexpr std::size_t kEventOffset = NLMSG_HDRLEN + offsetof(cn_msg, data);
constexpr std::uint32_t kListen = PROC_CN_MCAST_LISTEN;

Result<> filter_ids_only(int fd) {
    // Socket filters load words in network byte order.
    std::array<sock_filter, 6> code{{
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, kEventOffset + offsetof(Event, what)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htonl(kUid), 3, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htonl(kGid), 2, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htonl(kSid), 1, 0),
        BPF_STMT(BPF_RET | BPF_K, 0),
        BPF_STMT(BPF_RET | BPF_K, 0xffffffff),
    }};
    const sock_fprog program{static_cast<unsigned short>(code.size()), code.data()};
    if (::setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) != 0)
        return fail_errno("filter the process connector", errno);
    return {};
}

Result<> subscribe(int fd) {
    struct {
        nlmsghdr netlink;
        std::array<char, sizeof(cn_msg)> connector;
        std::uint32_t op;
    } message{};
    cn_msg header{};
    header.id = {CN_IDX_PROC, CN_VAL_PROC};
    header.len = sizeof message.op;
    static_assert(sizeof message == NLMSG_HDRLEN + sizeof(cn_msg) + sizeof kListen);
    message.netlink.nlmsg_len = sizeof message;
    message.netlink.nlmsg_type = NLMSG_DONE;
    std::memcpy(message.connector.data(), &header, sizeof header);
    message.op = kListen;
    if (::send(fd, &message, sizeof message, 0) < 0) return fail_errno("subscribe to the process connector", errno);
    return {};
}

std::uint32_t change_of(std::uint32_t what) {
    switch (what) {
    case kUid:
    case kGid: return kChangeCredentials;
    case kSid: return kChangeSession;
    default: return 0;
    }
}

} // namespace

Result<std::unique_ptr<ProcConnector>> ProcConnector::create() {
    const int fd = ::socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_CONNECTOR);
    if (fd < 0) return fail_errno("open the process connector", errno);
    std::unique_ptr<ProcConnector> connector(new ProcConnector(fd));
    if (auto r = filter_ids_only(fd); !r) return std::unexpected(r.error());
    const int bytes = 1 << 20; // FORCE needs CAP_NET_ADMIN, which binding to the group needs anyway
    if (::setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes) != 0)
        ::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
    sockaddr_nl address{};
    address.nl_family = AF_NETLINK;
    address.nl_groups = CN_IDX_PROC;
    if (::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
        return fail_errno("bind the process connector", errno);
    if (auto r = subscribe(fd); !r) return std::unexpected(r.error());
    return connector;
}

ProcConnector::~ProcConnector() { ::close(fd_); } // closing ends the subscription

void ProcConnector::read(std::vector<Hint>& out) {
    alignas(nlmsghdr) std::array<char, 4096> buf;
    for (std::size_t messages = 0; messages < kMostRead; ++messages) {
        const ssize_t n = ::recv(fd_, buf.data(), buf.size(), MSG_DONTWAIT);
        if (n < 0) {
            if (errno == ENOBUFS) {
                ++overruns_;
                continue;
            }
            if (errno == EINTR) continue;
            return;
        }
        Event event;
        if (static_cast<std::size_t>(n) < kEventOffset + sizeof event) continue;
        std::memcpy(&event, buf.data() + kEventOffset, sizeof event);
        const std::uint32_t changes = change_of(event.what);
        if (changes == 0) continue;
        const Hint hint{event.pid, event.tgid, changes};
        const auto same = std::ranges::find(out, hint.tid, &Hint::tid);
        if (same != out.end())
            same->changes |= changes;
        else
            out.push_back(hint);
    }
}

} // namespace gyr
