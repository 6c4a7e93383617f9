#include "config/settings.h"

#include "base/units.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace gyr::config {
namespace {

using Text = std::string& (*)(Config&);
using Texts = std::vector<std::string>& (*)(Config&);
using Time = Nanos& (*)(Config&);
using Bytes = std::uint64_t& (*)(Config&);
using Flag = bool& (*)(Config&);
using TextMap = std::map<std::string, std::string>& (*)(Config&);

constexpr std::uint64_t kKiB = 1024;
constexpr std::uint64_t kMiB = kKiB * 1024;
constexpr std::uint64_t kGiB = kMiB * 1024;
constexpr std::uint64_t kSecond = 1'000'000'000;

const std::vector<Setting<Config>>& table() {
    static const std::vector<Setting<Config>> entries{
        {"rules", SettingType::path_list, "[]",
         "Rule files and folders, read in this order; a folder stands for its *.yaml and *.yml files in name order. "
         "Empty: the first that exists of rules-default beside the program, /etc/gyr/rules.d and "
         "/usr/share/gyr/rules. The option -r replaces this list.",
         Texts([](Config & c) -> auto& { return c.rules; })},
        {.key = "rule_matching",
         .type = SettingType::choice,
         .standard = "all",
         .doc = "Whether every rule that matches an event raises its alert, or only the first in load order, as Falco "
                "does "
                "by default.",
         .member = Text([](Config & c) -> auto& { return c.rule_matching; }),
         .choices = {"all", "first"}},
        {.key = "priority",
         .type = SettingType::choice,
         .standard = "debug",
         .doc = "The least important priority that is loaded; rules below it are left out.",
         .member = Text([](Config & c) -> auto& { return c.priority; }),
         .choices = {"emergency", "alert", "critical", "error", "warning", "notice", "informational", "debug"}},
        {.key = "time_format",
         .type = SettingType::choice,
         .standard = "local",
         .doc = "How text alerts show the time: local time of day, or ISO 8601 in UTC. JSON always has UTC.",
         .member = Text([](Config & c) -> auto& { return c.time_format; }),
         .choices = {"local", "iso8601"}},
        {.key = "buffer_format",
         .type = SettingType::choice,
         .standard = "text",
         .doc = "How alerts show bytes that were read or written: as text in which what does not print is a dot, or as "
                "base64.",
         .member = Text([](Config & c) -> auto& { return c.buffer_format; }),
         .choices = {"text", "base64"}},
        {.key = "static_fields",
         .type = SettingType::text_map,
         .standard = "{}",
         .doc =
             "Texts that every event has, for conditions and output of rules: {cluster: east} makes static.cluster a "
             "field.",
         .member = TextMap([](Config & c) -> auto& { return c.static_fields; })},
        {.key = "include",
         .type = SettingType::path_list,
         .standard = "[]",
         .doc =
             "Further configuration files, and folders of which the *.yaml and *.yml files are read in name order. "
             "Their "
             "values win over those of this file; their outputs are added to it. Besides, /etc/gyr/conf.d is read when "
             "no file is named with -c.",
         .member = Texts([](Config & c) -> auto& { return c.include; })},
        {.key = "watch",
         .type = SettingType::flag,
         .standard = "true",
         .doc = "Whether rule files and configuration are loaded again when they change on disk.",
         .member = Flag([](Config & c) -> auto& { return c.watch; })},
        {.key = "sandbox",
         .type = SettingType::flag,
         .standard = "true",
         .doc = "Whether the agent, once it watches, gives up all capabilities but those `gyr doctor` names, and the "
                "system calls that it never makes. What program outputs start has no more than that.",
         .member = Flag([](Config & c) -> auto& { return c.sandbox; })},
        {.key = "journal.path",
         .type = SettingType::text,
         .standard = "/var/lib/gyr/journal.db",
         .doc = "Where every alert, gap and notice is kept before any output sees it. \"\": nowhere; what outputs have "
                "not "
                "taken is then lost at the end. When the standard path cannot be written the agent goes on without.",
         .member = Text([](Config & c) -> auto& { return c.journal.path; })},
        {.key = "journal.max_size",
         .type = SettingType::size,
         .standard = "1GiB",
         .doc = "How large the journal may become; the oldest records go first. What an output had not taken yet is "
                "declared "
                "to it by a gap record.",
         .member = Bytes([](Config & c) -> auto& { return c.journal.size_bytes; }),
         .least = kMiB,
         .most = 1024 * kGiB},
        {.key = "journal.max_age",
         .type = SettingType::duration,
         .standard = "30d",
         .doc = "How long records are kept; 0: until they are too large.",
         .member = Time([](Config & c) -> auto& { return c.journal.age; })},
        {.key = "journal.sync",
         .type = SettingType::flag,
         .standard = "false",
         .doc =
             "Whether each record must be on the disk itself before outputs see it. Without it the end of the agent, "
             "however violent, loses nothing, but that of the whole system may lose the last moments. It costs "
             "milliseconds for each alert.",
         .member = Flag([](Config & c) -> auto& { return c.journal.sync; })},
        {.key = "journal.queue",
         .type = SettingType::size,
         .standard = "256MiB",
         .doc =
             "Memory for records that are not written yet. What does not fit is counted and declared by a gap record.",
         .member = Bytes([](Config & c) -> auto& { return c.journal.queue_bytes; }),
         .least = kMiB,
         .most = 64 * kGiB},
        {.key = "journal.memory",
         .type = SettingType::size,
         .standard = "16MiB",
         .doc = "Memory for the newest records on their way to the outputs. Without a file this is all that waits for "
                "them.",
         .member = Bytes([](Config & c) -> auto& { return c.journal.memory_bytes; }),
         .least = 64 * kKiB,
         .most = 64 * kGiB},
        {.key = "throttle.for",
         .type = SettingType::duration,
         .standard = "0",
         .doc = "Roll-up of floods: alerts of the same rule and priority (and the same values of throttle.by) within "
                "this time "
                "after the first become one summary, with the exact count, the first and last time and the values "
                "seen. 0: "
                "every alert goes out. The journal keeps them all. A rule may have its own `throttle`.",
         .member = Time([](Config & c) -> auto& { return c.throttle.window; }),
         .most = 7 * 86400 * kSecond},
        {.key = "throttle.by",
         .type = SettingType::text_list,
         .standard = "[]",
         .doc = "Fields that keep alerts apart in the roll-up, such as container.id or proc.name.",
         .member = Texts([](Config & c) -> auto& { return c.throttle.by; })},
        {.key = "throttle.max",
         .type = SettingType::count,
         .standard = "1",
         .doc = "How many alerts go out before the others are rolled up.",
         .member = Bytes([](Config & c) -> auto& { return c.throttle.max; }),
         .most = 1'000'000},
        {.key = "server.listen",
         .type = SettingType::path_list,
         .standard = "[\"unix:///run/gyr/api.sock\"]",
         .doc =
             "Where the HTTP API answers (docs/api.md): unix:///PATH for the owner of the socket, http://HOST:PORT or "
             "https://HOST:PORT. An address that others than this host can reach needs server.token, or https with "
             "server.tls.ca. Empty: nowhere. When the standard socket cannot be made the agent goes on without.",
         .member = Texts([](Config & c) -> auto& { return c.server.listen; })},
        {.key = "server.probes",
         .type = SettingType::path_list,
         .standard = "[]",
         .doc = "Addresses where anybody may ask for health, readiness, version and metrics, and nothing else: for the "
                "probes of Kubernetes and for Prometheus, such as http://0.0.0.0:8765.",
         .member = Texts([](Config & c) -> auto& { return c.server.probes; })},
        {.key = "server.probe_metrics",
         .type = SettingType::flag,
         .standard = "true",
         .doc = "Whether server.probes answer for metrics.",
         .member = Flag([](Config & c) -> auto& { return c.server.probe_metrics; })},
        {.key = "server.health_path",
         .type = SettingType::text,
         .standard = "/healthz",
         .doc = "The path that tells whether the agent works.",
         .member = Text([](Config & c) -> auto& { return c.server.health_path; })},
        {.key = "server.token",
         .type = SettingType::text,
         .standard = "\"\"",
         .doc =
             "What callers must send, as \"Authorization: Bearer TOKEN\". ${file:/path} reads it from a file. The Unix "
             "socket asks for none.",
         .member = Text([](Config & c) -> auto& { return c.server.token; }),
         .secret = true},
        {.key = "server.tls.cert",
         .type = SettingType::text,
         .standard = "\"\"",
         .doc = "Certificate (chain) of https addresses, PEM.",
         .member = Text([](Config & c) -> auto& { return c.server.tls.cert; })},
        {.key = "server.tls.key",
         .type = SettingType::text,
         .standard = "\"\"",
         .doc = "Its private key. Empty: it is in the same file.",
         .member = Text([](Config & c) -> auto& { return c.server.tls.key; })},
        {.key = "server.tls.ca",
         .type = SettingType::text,
         .standard = "\"\"",
         .doc = "Callers by https must show a certificate that one of these signed.",
         .member = Text([](Config & c) -> auto& { return c.server.tls.ca; })},
        {.key = "canary",
         .type = SettingType::duration,
         .standard = "0",
         .doc =
             "How often a harmless program is run that a rule of its own must see, so that an alert goes the whole way "
             "from the kernel to every output; its age is a metric of each. 0: never.",
         .member = Time([](Config & c) -> auto& { return c.canary; }),
         .most = 86400 * kSecond},
        {.key = "heartbeat",
         .type = SettingType::duration,
         .standard = "0",
         .doc = "How often a notice to all outputs tells that the agent works, with the hash of its rules. 0: never.",
         .member = Time([](Config & c) -> auto& { return c.heartbeat; }),
         .most = 7 * 86400 * kSecond},
        {.key = "metadata.wait",
         .type = SettingType::duration,
         .standard = "1s",
         .doc =
             "How long an alert waits for container and user names that are still being looked up. When the time is up "
             "it is sent without them, and says so under \"missing\".",
         .member = Time([](Config & c) -> auto& { return c.metadata.wait; }),
         .most = 60 * kSecond},
        {.key = "kernel.ring",
         .type = SettingType::size,
         .standard = "16MiB",
         .doc =
             "Ring buffer between the kernel and the agent for process events; rounded up to a power of two. What does "
             "not fit is counted and declared by a gap record.",
         .member = Bytes([](Config & c) -> auto& { return c.kernel.ring_bytes; }),
         .least = 4 * kKiB,
         .most = kGiB},
        {.key = "kernel.network_ring",
         .type = SettingType::size,
         .standard = "4MiB",
         .doc = "Ring buffer for events of sockets; rounded up to a power of two.",
         .member = Bytes([](Config & c) -> auto& { return c.kernel.network_ring_bytes; }),
         .least = 4 * kKiB,
         .most = kGiB},
        {.key = "kernel.bulk_ring",
         .type = SettingType::size,
         .standard = "8MiB",
         .doc = "Ring buffer for all other events, those of files above all; rounded up to a power of two.",
         .member = Bytes([](Config & c) -> auto& { return c.kernel.bulk_ring_bytes; }),
         .least = 4 * kKiB,
         .most = kGiB},
        {.key = "kernel.cpu_budget",
         .type = SettingType::count,
         .standard = "0",
         .doc =
             "How much of one processor the agent may use, in percent; 0: as much as it needs. When it needs more it "
             "gives up events, those of files and the like (bulk) first, then those of the network, never those of "
             "processes and rights. What is given up is counted and declared by gap records.",
         .member = Bytes([](Config & c) -> auto& { return c.kernel.cpu_budget; }),
         .most = 10'000},
        {.key = "kernel.environment",
         .type = SettingType::size,
         .standard = "8KiB",
         .doc = "How much of each program's environment is kept (for proc.env); 0 keeps none.",
         .member = Bytes([](Config & c) -> auto& { return c.kernel.environment_bytes; }),
         .most = 32 * kKiB},
        {.key = "plan.enabled",
         .type = SettingType::flag,
         .standard = "true",
         .doc =
             "Whether the kernel leaves out events that no rule can match (`gyr plan` shows which). Off: every event "
             "of the types that rules are asked about reaches the agent. The alerts are the same.",
         .member = Flag([](Config & c) -> auto& { return c.plan.enabled; })},
        {.key = "plan.masks",
         .type = SettingType::flag,
         .standard = "true",
         .doc =
             "Whether the kernel also leaves out events that no rule can match for the process at hand, as what rules "
             "ask of the process (proc.name, user.uid …) is decided once per program image. The alerts are the same.",
         .member = Flag([](Config & c) -> auto& { return c.plan.masks; })},
        {.key = "plan.verify",
         .type = SettingType::text,
         .standard = "\"0\"",
         .doc = "How many of the events that the kernel leaves out it sends all the same, \"1/1000\" for one in a "
                "thousand, "
                "\"0\" for none. Rules look at them; one that matches is reported as an alert, and as an error of the "
                "plan.",
         .member = Text([](Config & c) -> auto& { return c.plan.verify; })},
        {.key = "capture.mode",
         .type = SettingType::choice,
         .standard = "rules",
         .doc = "Which alerts a capture file is written around (docs/replay.md): those of rules with `capture: true`, "
                "all, or none. While one is written the kernel tells every event, and not only those that rules ask "
                "for.",
         .member = Text([](Config & c) -> auto& { return c.capture.mode; }),
         .choices = {"rules", "all", "off"}},
        {.key = "capture.path",
         .type = SettingType::text,
         .standard = "/var/lib/gyr/captures/alert",
         .doc =
             "How the names of capture files begin; _TIME_NUMBER.scap of the first alert's event follows. The folder "
             "is made when the first is written.",
         .member = Text([](Config & c) -> auto& { return c.capture.path; })},
        {.key = "capture.duration",
         .type = SettingType::duration,
         .standard = "5s",
         .doc = "How long after the alert a capture goes on, for rules without `capture_duration`. Further alerts "
                "meanwhile make it longer.",
         .member = Time([](Config & c) -> auto& { return c.capture.duration; }),
         .least = kSecond / 1000,
         .most = 86400 * kSecond},
        {.key = "capture.max_size",
         .type = SettingType::size,
         .standard = "64MiB",
         .doc = "A capture ends when it is this large, before compression (to about a fifth); 0: no limit. What "
                "recorder.memory holds counts too.",
         .member = Bytes([](Config & c) -> auto& { return c.capture.size_bytes; }),
         .most = 1024 * kGiB},
        {.key = "capture.keep",
         .type = SettingType::count,
         .standard = "32",
         .doc = "How many capture files are kept, the newest; 0: all.",
         .member = Bytes([](Config & c) -> auto& { return c.capture.keep; }),
         .most = 1'000'000},
        {.key = "recorder.seconds",
         .type = SettingType::count,
         .standard = "0",
         .doc = "How many seconds before an alert its capture file goes back. With more than 0 the kernel tells every "
                "event all the time, and the last of them are kept in memory; 0: captures begin with the alert.",
         .member = Bytes([](Config & c) -> auto& { return c.recorder.seconds; }),
         .most = 86400},
        {.key = "recorder.memory",
         .type = SettingType::size,
         .standard = "16MiB",
         .doc = "Memory for that. When the events of so many seconds need more, the oldest go first.",
         .member = Bytes([](Config & c) -> auto& { return c.recorder.memory_bytes; }),
         .least = kMiB,
         .most = 64 * kGiB},
        {.key = "state.memory",
         .type = SettingType::size,
         .standard = "64MiB",
         .doc =
             "Memory budget of the process table. When it is full the longest ended processes are forgotten first, and "
             "the count is reported.",
         .member = Bytes([](Config & c) -> auto& { return c.state.memory_bytes; }),
         .least = kMiB,
         .most = 64 * kGiB},
        {.key = "state.lineage",
         .type = SettingType::duration,
         .standard = "5m",
         .doc = "How long an ended process is remembered as somebody's ancestor.",
         .member = Time([](Config & c) -> auto& { return c.state.lineage; }),
         .most = 7 * 86400 * kSecond},
        {.key = "host.root",
         .type = SettingType::text,
         .standard = "/",
         .doc =
             "Where the host's file system is seen, when the agent itself runs in a container (\"/host\"). Prefix of "
             "the runtime sockets and state folders, and of /proc and /etc.",
         .member = Text([](Config & c) -> auto& { return c.host.root; })},
        {.key = "host.name",
         .type = SettingType::text,
         .standard = "\"\"",
         .doc = "The name alerts give this host. Empty: FALCO_HOSTNAME from the environment, else the system's own.",
         .member = Text([](Config & c) -> auto& { return c.host.name; })},
        {.key = "audit.listen",
         .type = SettingType::text,
         .standard = "\"\"",
         .doc = "Address and port, as 0.0.0.0:9765, where Kubernetes API servers post their audit events "
                "(--audit-webhook-config-file). Empty: nobody listens.",
         .member = Text([](Config & c) -> auto& { return c.audit.listen; })},
        {.key = "audit.path",
         .type = SettingType::text,
         .standard = "/k8s-audit",
         .doc = "The path that they post to.",
         .member = Text([](Config & c) -> auto& { return c.audit.path; })},
        {.key = "audit.tls.cert",
         .type = SettingType::text,
         .standard = "\"\"",
         .doc = "Certificate of the endpoint (PEM). Empty: plain HTTP.",
         .member = Text([](Config & c) -> auto& { return c.audit.tls.cert; })},
        {.key = "audit.tls.key",
         .type = SettingType::text,
         .standard = "\"\"",
         .doc = "Key of that certificate (PEM). Empty: it is in the file of the certificate.",
         .member = Text([](Config & c) -> auto& { return c.audit.tls.key; })},
        {.key = "audit.tls.client_ca",
         .type = SettingType::text,
         .standard = "\"\"",
         .doc = "Authority (PEM) that must have signed the certificate of whoever posts. Empty: anybody may.",
         .member = Text([](Config & c) -> auto& { return c.audit.tls.client_ca; })},
        {.key = "audit.files",
         .type = SettingType::path_list,
         .standard = "[]",
         .doc = "Audit logs that an API server on this host writes (--audit-log-path); what is added is read, across "
                "rotation.",
         .member = Texts([](Config & c) -> auto& { return c.audit.files; })},
        {.key = "audit.join_wait",
         .type = SettingType::duration,
         .standard = "3s",
         .doc = "How long a session begun by kubectl exec waits for its request in the audit log before it counts as "
                "begun by somebody else. Alerts do not wait longer than metadata.wait, and are amended.",
         .member = Time([](Config & c) -> auto& { return c.audit.join_wait; }),
         .least = kSecond / 10,
         .most = 60 * kSecond},
        {.key = "kubernetes.startup_taint",
         .type = SettingType::text,
         .standard = "\"\"",
         .doc = "Key of a taint that is taken from this node once the agent is armed (docs/kubernetes.md). Empty: the "
                "Kubernetes API is asked nothing.",
         .member = Text([](Config & c) -> auto& { return c.kubernetes.startup_taint; })},
        {.key = "kubernetes.node",
         .type = SettingType::text,
         .standard = "\"\"",
         .doc = "What this node is called. Empty: as alerts name the host.",
         .member = Text([](Config & c) -> auto& { return c.kubernetes.node; })},
        {.key = "kubernetes.api",
         .type = SettingType::text,
         .standard = "\"\"",
         .doc = "The API server, https://HOST:PORT. Empty: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT, which "
                "every pod has.",
         .member = Text([](Config & c) -> auto& { return c.kubernetes.api; })},
        {.key = "kubernetes.credentials",
         .type = SettingType::text,
         .standard = "/var/run/secrets/kubernetes.io/serviceaccount",
         .doc = "Folder with the token and the authority (ca.crt) of the service account that may change nodes.",
         .member = Text([](Config & c) -> auto& { return c.kubernetes.credentials; })},
        {.key = "containers.timeout",
         .type = SettingType::duration,
         .standard = "5s",
         .doc = "How long one question to a container runtime may take before it is given up and asked again later.",
         .member = Time([](Config & c) -> auto& { return c.containers.timeout; }),
         .least = kSecond / 10,
         .most = 300 * kSecond},
        {.key = "containers.docker.sockets",
         .type = SettingType::path_list,
         .standard = "[/var/run/docker.sock]",
         .doc = "Sockets of Docker's API; an empty list: it is not asked.",
         .member = Texts([](Config & c) -> auto& { return c.containers.docker.sockets; })},
        {.key = "containers.docker.roots",
         .type = SettingType::path_list,
         .standard = "[/var/lib/docker]",
         .doc = "Docker's data folders, where the metadata of its containers lies on disk.",
         .member = Texts([](Config & c) -> auto& { return c.containers.docker.roots; })},
        {.key = "containers.podman.sockets",
         .type = SettingType::path_list,
         .standard = "[/run/podman/podman.sock]",
         .doc = "Sockets of Podman's API; those of users below /run/user are found by themselves.",
         .member = Texts([](Config & c) -> auto& { return c.containers.podman.sockets; })},
        {.key = "containers.podman.roots",
         .type = SettingType::path_list,
         .standard = "[/var/lib/containers/storage]",
         .doc = "Container storage folders of Podman and CRI-O.",
         .member = Texts([](Config & c) -> auto& { return c.containers.podman.roots; })},
        {.key = "containers.containerd.sockets",
         .type = SettingType::path_list,
         .standard = "[/run/containerd/containerd.sock, /run/k3s/containerd/containerd.sock]",
         .doc = "Sockets of containerd.",
         .member = Texts([](Config & c) -> auto& { return c.containers.containerd.sockets; })},
        {.key = "containers.containerd.states",
         .type = SettingType::path_list,
         .standard = "[/run/containerd, /run/docker/containerd/daemon, /run/k3s/containerd]",
         .doc = "containerd's state folders, where the bundles of running containers lie.",
         .member = Texts([](Config & c) -> auto& { return c.containers.containerd.states; })},
        {.key = "containers.cri.sockets",
         .type = SettingType::path_list,
         .standard = "[/run/containerd/containerd.sock, /run/crio/crio.sock, /run/k3s/containerd/containerd.sock]",
         .doc = "Sockets that speak the Kubernetes container runtime interface.",
         .member = Texts([](Config & c) -> auto& { return c.containers.cri.sockets; })},
        {.key = "log.level",
         .type = SettingType::choice,
         .standard = "info",
         .doc = "The least important messages of the agent itself that go to standard error.",
         .member = Text([](Config & c) -> auto& { return c.log.level; }),
         .choices = {"error", "warning", "info", "debug"}},
        {.key = "log.format",
         .type = SettingType::choice,
         .standard = "text",
         .doc = "How the agent's own messages look: text, or JSON with one object a line.",
         .member = Text([](Config & c) -> auto& { return c.log.format; }),
         .choices = {"text", "json"}},
    };
    return entries;
}

std::string quote(std::string_view text) {
    const bool plain = !text.empty() && text.find_first_of(":#[]{},&*!|>'\"%@`\n\\ ") == std::string_view::npos &&
                       text != "null" && text != "true" && text != "false" && text.front() != '-' &&
                       text.front() != '?';
    if (plain) {
        return std::string(text);
    }
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else if (static_cast<unsigned char>(c) < 0x20) {
            out += fmt::format("\\x{:02x}", static_cast<unsigned>(static_cast<unsigned char>(c)));
        } else {
            out += c;
        }
    }
    return out + "\"";
}

// Each store_value returns what is wrong, or nothing.

template <class Root>
std::string store_value(const Setting<Root>& setting, const Node& node, std::string& out) {
    if (node.kind == Node::Kind::list || node.kind == Node::Kind::map) {
        return fmt::format("'{}' takes a single value, not {}", setting.key, describe(node.kind));
    }
    if (setting.type == SettingType::choice || (!setting.choices.empty() && !node.text.empty())) {
        const auto same = [&node](std::string_view choice) {
            return std::equal(choice.begin(), choice.end(), node.text.begin(), node.text.end(), [](char a, char b) {
                return a == (b >= 'A' && b <= 'Z' ? static_cast<char>(b - 'A' + 'a') : b);
            });
        };
        const auto found = std::find_if(setting.choices.begin(), setting.choices.end(), same);
        if (found == setting.choices.end()) {
            return fmt::format("'{}' is not a value of '{}'; it takes {}", node.text, setting.key,
                               fmt::join(setting.choices, ", "));
        }
        out = *found;
        return {};
    }
    out = node.text;
    return {};
}

template <class Root>
std::string store_value(const Setting<Root>& setting, const Node& node, std::vector<std::string>& out) {
    std::vector<std::string> items;
    if (node.kind == Node::Kind::map) {
        return fmt::format("'{}' takes a list, not {}", setting.key, describe(node.kind));
    }
    if (node.kind == Node::Kind::scalar) {
        items.push_back(node.text); // one value stands for a list of one
    }
    for (const Node& item : node.items) {
        if (item.kind != Node::Kind::scalar || item.text.empty()) {
            return fmt::format("the entries of '{}' are single values, one is {}", setting.key,
                               item.kind == Node::Kind::scalar ? "empty" : describe(item.kind));
        }
        items.push_back(item.text);
    }
    out = std::move(items);
    return {};
}

// Durations and sizes.
template <class Root, class Number, class Parse, class Format>
std::string store_number(const Setting<Root>& setting, const Node& node, Number& out, Parse parse, Format format) {
    if (node.kind != Node::Kind::scalar) {
        return fmt::format("'{}' takes a {}, not {}", setting.key, to_string(setting.type), describe(node.kind));
    }
    const auto value = parse(node.text);
    if (!value) {
        return fmt::format("'{}': {}", setting.key, value.error().message);
    }
    const auto magnitude = static_cast<std::uint64_t>(*value);
    if (magnitude < setting.least || magnitude > setting.most) {
        return fmt::format("'{}' must be between {} and {}, not {}", setting.key,
                           format(static_cast<Number>(setting.least)), format(static_cast<Number>(setting.most)),
                           node.text);
    }
    out = *value;
    return {};
}

template <class Root>
std::string store_value(const Setting<Root>& setting, const Node& node, Nanos& out) {
    return store_number(setting, node, out, parse_duration, format_duration);
}

Result<std::uint64_t> parse_count(std::string_view text) {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size() || text.empty()) {
        return fail(ErrorKind::invalid, fmt::format("'{}' is not a whole number", text));
    }
    return value;
}

template <class Root>
std::string store_value(const Setting<Root>& setting, const Node& node, std::uint64_t& out) {
    if (setting.type == SettingType::count) {
        return store_number(setting, node, out, parse_count, [](std::uint64_t n) { return fmt::to_string(n); });
    }
    return store_number(setting, node, out, parse_size, format_size);
}

template <class Root>
std::string store_value(const Setting<Root>& setting, const Node& node, bool& out) {
    constexpr std::array<std::string_view, 3> kYes = {"true", "yes", "on"};
    constexpr std::array<std::string_view, 3> kNo = {"false", "no", "off"};
    const auto is = [&node](const auto& words) {
        return std::find(words.begin(), words.end(), node.text) != words.end();
    };
    if (node.kind != Node::Kind::scalar || (!is(kYes) && !is(kNo))) {
        return fmt::format("'{}' is either true or false", setting.key);
    }
    out = is(kYes);
    return {};
}

template <class Root>
std::string store_value(const Setting<Root>& setting, const Node& node, std::map<std::string, std::string>& out) {
    if (node.kind != Node::Kind::map && node.kind != Node::Kind::null) {
        return fmt::format("'{}' takes a map of names and values, not {}", setting.key, describe(node.kind));
    }
    std::map<std::string, std::string> values;
    for (const Entry& entry : node.entries) {
        if (entry.value.kind == Node::Kind::list || entry.value.kind == Node::Kind::map) {
            return fmt::format("'{}.{}' takes a single value, not {}", setting.key, entry.key,
                               describe(entry.value.kind));
        }
        values[entry.key] = entry.value.text;
    }
    out = std::move(values);
    return {};
}

std::string show_value(const std::string& value) { return quote(value); }
std::string show_value(const std::vector<std::string>& value) {
    std::vector<std::string> items;
    items.reserve(value.size());
    for (const std::string& item : value) {
        items.push_back(quote(item));
    }
    return fmt::format("[{}]", fmt::join(items, ", "));
}
std::string show_value(Nanos value) { return format_duration(value); }
std::string show_value(std::uint64_t value) { return format_size(value); }
std::string show_value(bool value) { return value ? "true" : "false"; }
std::string show_value(const std::map<std::string, std::string>& value) {
    std::vector<std::string> items;
    for (const auto& [name, text] : value) {
        items.push_back(fmt::format("{}: {}", quote(name), quote(text)));
    }
    return fmt::format("{{{}}}", fmt::join(items, ", "));
}

template <class Root>
Root defaults_of(std::span<const Setting<Root>> entries) {
    Root root;
    for (const Setting<Root>& setting : entries) {
        const auto node = parse_tree(std::string(setting.standard), "default");
        if (node) {
            // A default that does not fit its own key is caught by the test of this table.
            [[maybe_unused]] const std::string wrong = store(setting, *node, root);
        }
    }
    return root;
}

} // namespace

std::string_view to_string(SettingType type) {
    switch (type) {
    case SettingType::text: return "text";
    case SettingType::choice: return "one of";
    case SettingType::path_list: return "list of paths";
    case SettingType::text_list: return "list";
    case SettingType::count: return "whole number";
    case SettingType::flag: return "true or false";
    case SettingType::text_map: return "map of names and values";
    case SettingType::duration: return "duration";
    case SettingType::size: return "size";
    }
    return "";
}

std::span<const Setting<Config>> settings() { return table(); }

template <class Root>
std::string store(const Setting<Root>& setting, const Node& node, Root& root) {
    return std::visit([&](auto member) { return store_value(setting, node, member(root)); }, setting.member);
}

template <class Root>
std::string show(const Setting<Root>& setting, const Root& root) {
    Root copy = root; // members are reached by accessors that do not change what they reach
    if (setting.secret) {
        constexpr std::string_view kHidden = "(hidden)";
        if (const auto* text = std::get_if<std::string& (*)(Root&)>(&setting.member)) {
            if (!(*text)(copy).empty()) {
                (*text)(copy) = kHidden;
            }
        } else if (const auto* map = std::get_if<std::map<std::string, std::string>& (*)(Root&)>(&setting.member)) {
            for (auto& [name, value] : (*map)(copy)) {
                value = kHidden;
            }
        }
    }
    if (setting.type == SettingType::count) {
        return fmt::to_string(std::get<std::uint64_t& (*)(Root&)>(setting.member)(copy));
    }
    return std::visit([&](auto member) { return show_value(member(copy)); }, setting.member);
}

template std::string store(const Setting<Config>&, const Node&, Config&);
template std::string store(const Setting<Output>&, const Node&, Output&);
template std::string show(const Setting<Config>&, const Config&);
template std::string show(const Setting<Output>&, const Output&);

Config default_config() {
    Config config = defaults_of(settings());
    config.outputs.push_back(default_output());
    return config;
}

Output default_output() { return defaults_of(output_settings()); }

} // namespace gyr::config
