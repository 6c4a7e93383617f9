// Actions for 50-containers.yaml and 84-escapes.yaml.

#include "simulate/action.h"

namespace gyr::simulate {
namespace {

using enum Where;

constexpr std::array kActions{
    RuleAction{"Privileged Container Started", {privileged, {"true"}}, {container, {"true"}}},
    RuleAction{"Container Started with Escape Capabilities", {capable, {"true"}}, {container, {"true"}}},
    RuleAction{"Container Shares Host Processes", {host_processes, {"true"}}, {container, {"true"}}},
    RuleAction{"Container Shares Host Network", {host_network, {"true"}}, {container, {"true"}}},
    RuleAction{"Container Mounts Sensitive Host Path", {host_files, {"true"}}, {container, {"true"}}},
    RuleAction{"Namespace Tool in Container", {container, {"call nsenter -t 1 -m"}}, {host, {"call unshare -Ur"}}},
    RuleAction{"Container Entered from Host by Hand",
               {host, {"terminal call nsenter -t 1 -m"}},
               {host, {"call nsenter -t 1 -m"}}},
    RuleAction{"Root Changed to Host Path in Container",
               {container, {"call chroot -- /host sh"}},
               {container, {"call chroot -- /srv sh"}}},
    RuleAction{"Kernel Callback Named in Container",
               {container, {"ls /proc/sys/kernel/core_pattern"}},
               {container, {"ls /proc/sys/kernel/hostname"}}},
    RuleAction{"Container Engine Socket Used from Container",
               {container, {"call curl --unix-socket /var/run/docker.sock http://localhost/info"}},
               {container, {"call curl --unix-socket /run/app.sock http://localhost/"}}},
    RuleAction{"Kernel Callback File Written",
               {container, {"write /proc/sys/kernel/core_pattern", "make /tmp/cgroup/release_agent"}},
               {container, {"read /proc/sys/kernel/core_pattern", "make /tmp/cgroup/notify"}}},
    RuleAction{"Kernel Setting Written in Container",
               {container, {"write /proc/sys/kernel/hostname"}},
               {container, {"read /proc/sys/kernel/hostname"}}},
    RuleAction{"File System Mounted in Container",
               {capable, {"mounted none /srv tmpfs"}},
               {capable, {"?mount-try none /no/such/folder tmpfs"}}},
    RuleAction{"Disk Mounted in Container",
               {capable, {"mount-try /dev/sda1 /srv ext4"}},
               {capable, {"mount-try none /srv tmpfs"}}},
    RuleAction{"Raw Disk Opened in Container",
               {container, {"make /dev/sda1", "read /dev/sda1"}},
               {container, {"read /dev/zero"}}},
    RuleAction{"Device Node Made in Container", {capable, {"device /tmp/disk b 7 0"}}, {capable, {"mkfifo /tmp/pipe"}}},
    RuleAction{
        "Namespace Entered from Container", {capable, {"enter-namespace"}}, {capable, {"read /proc/self/ns/uts"}}},
    RuleAction{"Namespace Made in Container", {capable, {"make-namespace"}}, {capable, {"own-files"}}},
    RuleAction{"Root Changed by Call in Container",
               {container, {"mkdir /host", "change-root /host"}},
               {container, {"change-root /srv"}}},
    RuleAction{"System Files Mounted Elsewhere",
               {host, {"mkdir /tmp/x", "mounted /etc /tmp/x bind"}},
               {host, {"mkdir /tmp/x", "mounted /srv /tmp/x bind"}}},
    RuleAction{"Root Directory Moved in Container", {capable, {"pivot-root"}}, {host, {"pivot-root"}}},
    RuleAction{
        "File Opened by Handle in Container", {capable, {"handle /etc/hostname"}}, {capable, {"read /etc/hostname"}}},
    RuleAction{"Container Engine Socket Connected from Container",
               {container, {"connect-unix /run/docker.sock"}},
               {container, {"connect-unix /run/application.sock"}}},
    RuleAction{
        "Process Moved between Cgroups in Container",
        {capable, {"mkdir /tmp/cgroup", "mounted none /tmp/cgroup cgroup2", "leave-cgroup /tmp/cgroup/cgroup.procs"}},
        {capable, {"mkdir /tmp/cgroup", "mounted none /tmp/cgroup cgroup2", "read /tmp/cgroup/cgroup.procs"}}},
    RuleAction{
        "Process outside of Its Container",
        {capable, {"mkdir /tmp/cgroup", "mounted none /tmp/cgroup cgroup2", "leave-cgroup /tmp/cgroup/cgroup.procs"}},
        {capable, {"mkdir /tmp/cgroup", "mounted none /tmp/cgroup cgroup2", "read /tmp/cgroup/cgroup.procs"}}},
    RuleAction{"debugfs Tool in Container", {container, {"call debugfs -V"}}, {host, {"call debugfs -V"}}},
    RuleAction{"Set-id Bit Set on File",
               {container, {"copy /srv/tool", "chmod 6755 /srv/tool"}},
               {container, {"copy /srv/tool", "chmod 1755 /srv/tool"}}},
    RuleAction{"Account File Mode Changed",
               {container, {"chmod 644 /etc/shadow"}},
               {container, {"make /etc/shadow.copy", "chmod 600 /etc/shadow.copy"}}},
    RuleAction{"Executable Made in Container", {container, {"executable /srv/tool"}}, {container, {"make /srv/text"}}},
};

} // namespace

std::span<const RuleAction> container_actions() { return kActions; }

} // namespace gyr::simulate
