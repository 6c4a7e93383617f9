#include "recording/host_description.h"

#include "base/clock.h"
#include "recording/proc_fds.h"
#include "recording/proc_text.h"
#include "recording/proc_thread.h"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <climits>
#include <cstring>
#include <ctime>
#include <deque>
#include <ifaddrs.h>
#include <memory>
#include <netinet/in.h>
#include <unistd.h>
#include <utility>
#include <vector>

namespace gyr::recording {
namespace {

constexpr std::size_t kMost = 4 * std::size_t{1024} * 1024;
constexpr std::size_t kThreadsAtOnce = 512; // of the list, so that a host with many costs no more memory

} // namespace

Result<> describe_machine(capfile::Writer& writer, const HostPlaces& places) {
    capfile::MachineInfo machine;
    machine.cpus = static_cast<std::uint32_t>(std::max(1L, ::sysconf(_SC_NPROCESSORS_ONLN)));
    machine.memory_bytes = static_cast<std::uint64_t>(std::max(0L, ::sysconf(_SC_PHYS_PAGES))) *
                           static_cast<std::uint64_t>(std::max(0L, ::sysconf(_SC_PAGESIZE)));
    std::string text;
    if (read_text(places.proc + "/sys/kernel/pid_max", text, 64)) machine.max_pid = number<std::uint64_t>(text);
    std::array<char, HOST_NAME_MAX + 1> name{};
    ::gethostname(name.data(), name.size() - 1);
    machine.hostname = name.data();
    machine.boot_time = wall_now() - clock_now(CLOCK_BOOTTIME);
    return writer.write_machine(machine);
}

namespace {

void copy_address(const sockaddr* from, bool ipv6, std::array<std::uint8_t, 16>& to) {
    if (from == nullptr) return;
    if (ipv6) {
        sockaddr_in6 address{};
        std::memcpy(&address, from, sizeof address);
        std::memcpy(to.data(), &address.sin6_addr, 16);
    } else {
        sockaddr_in address{};
        std::memcpy(&address, from, sizeof address);
        std::memcpy(to.data(), &address.sin_addr, 4);
    }
}

} // namespace

Result<> describe_interfaces(capfile::Writer& writer) {
    ifaddrs* list = nullptr;
    if (::getifaddrs(&list) != 0) return {};
    const std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> owner(list, ::freeifaddrs);
    std::vector<capfile::Interface> interfaces;
    for (const ifaddrs* i = list; i != nullptr; i = i->ifa_next) {
        if (i->ifa_addr == nullptr) continue;
        const int family = i->ifa_addr->sa_family;
        if (family != AF_INET && family != AF_INET6) continue;
        capfile::Interface& out = interfaces.emplace_back();
        out.ipv6 = family == AF_INET6;
        out.name = i->ifa_name;
        copy_address(i->ifa_addr, out.ipv6, out.address);
        copy_address(i->ifa_netmask, out.ipv6, out.netmask);
        if (!out.ipv6) copy_address(i->ifa_broadaddr, false, out.broadcast);
    }
    return writer.write_interfaces(interfaces);
}

Result<> describe_users(capfile::Writer& writer, const HostPlaces& places) {
    std::string passwd, group;
    static_cast<void>(read_text(places.etc + "/passwd", passwd, kMost));
    static_cast<void>(read_text(places.etc + "/group", group, kMost));
    std::vector<capfile::UserRecord> users;
    for (std::string_view text = passwd; !text.empty();) {
        std::string_view line = take(text, '\n');
        std::array<std::string_view, 7> part; // name:password:uid:gid:comment:home:shell
        for (std::string_view& p : part) p = take(line, ':');
        if (part[0].empty() || part[2].empty()) continue;
        users.push_back({number<Uid>(part[2]), number<Gid>(part[3]), part[0], part[5], part[6]});
    }
    std::vector<capfile::GroupRecord> groups;
    for (std::string_view text = group; !text.empty();) {
        std::string_view line = take(text, '\n');
        std::array<std::string_view, 3> part; // name:password:gid:members
        for (std::string_view& p : part) p = take(line, ':');
        if (!part[0].empty() && !part[2].empty()) groups.push_back({number<Gid>(part[2]), part[0]});
    }
    return writer.write_users(users, groups);
}

Result<std::vector<std::int64_t>> describe_threads(capfile::Writer& writer, const HostPlaces& places) {
    std::vector<std::int64_t> told;
    std::deque<ProcThread> threads;
    std::vector<capfile::ThreadRecord> records;
    const auto write_out = [&]() -> Result<> {
        records.clear();
        for (const ProcThread& thread : threads) records.push_back(thread.record());
        auto done = records.empty() ? Result<>{} : writer.write_threads(records);
        threads.clear(); // only now: the records point into them
        return done;
    };
    for (const std::int64_t process : numbers_in(places.proc)) {
        const std::string folder = places.proc + "/" + std::to_string(process);
        if (!threads.emplace_back().read(folder, true)) {
            threads.pop_back();
            continue;
        }
        told.push_back(process);
        for (const std::int64_t task : numbers_in(folder + "/task")) {
            if (task == process) continue;
            if (!threads.emplace_back().read(folder + "/task/" + std::to_string(task), false)) threads.pop_back();
        }
        if (threads.size() < kThreadsAtOnce) continue;
        if (auto done = write_out(); !done) return std::unexpected(done.error());
    }
    if (auto done = write_out(); !done) return std::unexpected(done.error());
    return told;
}

Result<> describe_descriptors(capfile::Writer& writer, std::span<const std::int64_t> processes,
                              const HostPlaces& places) {
    ProcFds fds;
    for (const std::int64_t pid : processes) {
        const auto records = fds.read(places.proc + "/" + std::to_string(pid), pid);
        if (records.empty()) continue;
        if (auto done = writer.write_fds(pid, records); !done) return done;
    }
    return {};
}

Result<> describe_host(capfile::Writer& writer, const HostPlaces& places) {
    if (auto done = describe_machine(writer, places); !done) return done;
    if (auto done = describe_interfaces(writer); !done) return done;
    if (auto done = describe_users(writer, places); !done) return done;
    const auto told = describe_threads(writer, places);
    if (!told) return std::unexpected(told.error());
    return describe_descriptors(writer, *told, places);
}

} // namespace gyr::recording
