// Actions for 80-credentials.yaml, 81-persistence.yaml and 82-traces.yaml. What they change lies in memory, over the
// host's files.

#include "simulate/action.h"

namespace gyr::simulate {
namespace {

using enum Where;

constexpr std::array kActions{
    RuleAction{"Password Hashes Read", {host, {"cat /etc/shadow"}}, {host, {"cat /etc/passwd"}}},
    RuleAction{"Sudo Configuration Read",
               {container, {"make /etc/sudoers.d/eve", "cat /etc/sudoers.d/eve"}},
               {host, {"make /etc/sudoers.d/eve", "cat /etc/sudoers.d/eve"}}},
    RuleAction{"SSH Private Key Read",
               {host, {"make /root/.ssh/id_ed25519", "cat /root/.ssh/id_ed25519"}},
               {host, {"make /root/.ssh/id_ed25519.pub", "cat /root/.ssh/id_ed25519.pub"}}},
    RuleAction{"Cloud Credentials Read",
               {host, {"make /root/.aws/credentials", "cat /root/.aws/credentials"}},
               {host, {"make /root/.aws/config", "cat /root/.aws/config"}}},
    RuleAction{"Service Account Token Read by Tool",
               {container,
                {"make /run/secrets/kubernetes.io/serviceaccount/token",
                 "cat /run/secrets/kubernetes.io/serviceaccount/token"}},
               {container,
                {"make /run/secrets/kubernetes.io/serviceaccount/token",
                 "as app read /run/secrets/kubernetes.io/serviceaccount/token"}}},
    RuleAction{"Cluster Keys Read",
               {host, {"make /etc/kubernetes/pki/ca.key", "cat /etc/kubernetes/pki/ca.key"}},
               {host, {"make /etc/kubernetes/pki/ca.crt", "cat /etc/kubernetes/pki/ca.crt"}}},
    RuleAction{"Environment of Process Read in Container",
               {container, {"cat /proc/1/environ"}},
               {container, {"cat /proc/1/status"}}},
    RuleAction{"Memory of Process Opened", {host, {"read /proc/self/mem"}}, {host, {"read /proc/self/maps"}}},
    RuleAction{
        "Kernel Memory Opened", {capable, {"device /dev/mem c 1 1", "try /dev/mem"}}, {capable, {"read /dev/zero"}}},
    RuleAction{"Sensitive File Reached by Climbing",
               {container, {"cat /usr/share/../../etc/passwd"}},
               {container, {"cat /etc/passwd"}}},
    RuleAction{
        "Link to Sensitive File", {host, {"ln -s /etc/shadow /tmp/notes"}}, {host, {"ln -s /etc/hostname /tmp/notes"}}},
    RuleAction{"Account File Changed", {host, {"make /etc/passwd"}}, {host, {"make /etc/passwd.txt"}}},
    RuleAction{"Sudo Configuration Changed", {host, {"make /etc/sudoers.d/eve"}}, {host, {"make /etc/sudoers.txt"}}},
    RuleAction{"Login Module Changed", {host, {"make /etc/pam.d/eve"}}, {host, {"make /etc/pam.txt"}}},
    RuleAction{"SSH Authorized Keys Changed",
               {host, {"make /root/.ssh/authorized_keys"}},
               {host, {"make /root/.ssh/known_hosts"}}},
    RuleAction{"SSH Server Configuration Changed",
               {host, {"make /etc/ssh/sshd_config.d/eve.conf"}},
               {host, {"make /etc/ssh/notes"}}},
    RuleAction{"Cron Table Changed",
               {host, {"make /tmp/job", "mkdir -p /etc/cron.d", "mv /tmp/job /etc/cron.d/job"}},
               {host, {"make /tmp/job", "mv /tmp/job /etc/job"}}},
    RuleAction{"Service Definition Changed",
               {host, {"make /etc/systemd/system/eve.service"}},
               {host, {"make /etc/systemd/eve.txt"}}},
    RuleAction{"Shell Profile Changed", {host, {"make /root/.bashrc"}}, {host, {"make /root/bashrc"}}},
    RuleAction{"Library Preload List Changed", {host, {"make /etc/ld.so.preload"}}, {host, {"make /etc/ld.so.txt"}}},
    RuleAction{
        "Library Search Path Changed", {host, {"make /etc/ld.so.conf.d/eve.conf"}}, {host, {"make /etc/ld.so.txt"}}},
    RuleAction{"Device or Module Rule Changed",
               {host, {"make /etc/udev/rules.d/99-eve.rules"}},
               {host, {"make /etc/udev/eve.txt"}}},
    RuleAction{"System Program Changed",
               {container, {"make /tmp/tool", "mv /tmp/tool /usr/bin/tool"}},
               {container, {"make /tmp/tool", "mv /tmp/tool /usr/local/bin/tool"}}},
    RuleAction{
        "Package Database Changed", {host, {"make /var/lib/dpkg/status"}}, {host, {"make /var/lib/other/status"}}},
    RuleAction{"Static Pod Manifest Written",
               {host, {"make /etc/kubernetes/manifests/eve.yaml"}},
               {host, {"make /etc/kubernetes/eve.yaml"}}},
    RuleAction{"Trusted Certificates Changed",
               {host, {"make /usr/local/share/ca-certificates/eve.crt"}},
               {host, {"make /usr/local/share/eve.crt"}}},
    RuleAction{"Package Source Changed",
               {host, {"make /etc/apt/sources.list.d/eve.list"}},
               {container, {"make /etc/apt/sources.list.d/eve.list"}}},
    RuleAction{"Name Resolution Changed",
               {host, {"make /tmp/hosts", "mv /tmp/hosts /etc/hosts"}},
               {host, {"make /etc/hosts.txt"}}},
    RuleAction{"System Log Emptied or Removed",
               {host, {"make /var/log/auth.log", "empty /var/log/auth.log"}},
               {host, {"make /var/log/auth.log"}}},
    RuleAction{"Shell History Removed",
               {host, {"make /root/.bash_history", "rm /root/.bash_history"}},
               {host, {"make /root/.bash_history", "cat /root/.bash_history"}}},
    RuleAction{"Audit or Log Configuration Changed",
               {host, {"make /etc/audit/rules.d/eve.rules"}},
               {host, {"make /etc/audit.txt"}}},
    RuleAction{"Kernel Protection Weakened",
               {host, {"write /proc/sys/kernel/randomize_va_space"}},
               {host, {"read /proc/sys/kernel/randomize_va_space"}}},
    RuleAction{"File Created among Devices", {container, {"make /dev/tool"}}, {container, {"make /dev/shm/tool"}}},
};

} // namespace

std::span<const RuleAction> file_actions() { return kActions; }

} // namespace gyr::simulate
