#include "app/engine_setup.h"

#include "app/console.h"
#include "app/outputs_setup.h"
#include "base/clock.h"

#include <fmt/format.h>

#include <atomic>
#include <charconv>
#include <chrono>
#include <memory>
#include <string>
#include <utility>

namespace gyr::app {
namespace {

constexpr Nanos kSecond = 1'000'000'000;

} // namespace

std::optional<std::uint32_t> parse_share(std::string_view text) {
    std::uint32_t n = 0;
    if (text == "0" || text.empty()) return n;
    if (!text.starts_with("1/")) return {};
    text.remove_prefix(2);
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
    if (error != std::errc() || end != text.data() + text.size() || n == 0) return {};
    return n;
}

std::string bad_share(std::string_view text) { return fmt::format("plan.verify: '{}' is neither 0 nor 1/N", text); }

Result<AuditInputOptions> audit_options(const config::Config& config) {
    AuditInputOptions o;
    o.files = config.audit.files;
    o.share = config.audit.share;
    if (config.audit.listen.empty()) return o;
    WebhookOptions webhook;
    webhook.address = config.audit.listen;
    webhook.path = config.audit.path;
    webhook.certificate = config.audit.tls.cert;
    webhook.key = config.audit.tls.key;
    webhook.client_ca = config.audit.tls.client_ca;
    if (webhook.certificate.empty() && !(webhook.key + webhook.client_ca).empty())
        return fail(ErrorKind::invalid, "audit.tls needs a certificate (audit.tls.cert)");
    o.webhook = std::move(webhook);
    return o;
}

Engine::Options engine_options(const config::Config& config, AuditInputOptions audit) {
    Engine::Options o;
    if (audit.any()) {
        o.pipeline.join.emplace();
        o.pipeline.join->wait = config.audit.join_wait;
    }
    o.audit = std::move(audit);
    // Whoever may post may post nonsense: a line a second tells of it.
    o.on_audit_problem = [last = std::make_shared<std::atomic<Nanos>>(0)](const std::string& problem) {
        const Nanos now = wall_now();
        Nanos before = last->load();
        if (now - before >= kSecond && last->compare_exchange_strong(before, now))
            log(LogLevel::warning, "audit log: " + problem);
    };
    o.watch_host = config.kernel.enabled;
    o.live.buffer_bytes = static_cast<std::uint32_t>(config.kernel.buffer_bytes);
    o.live.ring_bytes = static_cast<std::uint32_t>(config.kernel.ring_bytes);
    o.live.network_ring_bytes = static_cast<std::uint32_t>(config.kernel.network_ring_bytes);
    o.live.bulk_ring_bytes = static_cast<std::uint32_t>(config.kernel.bulk_ring_bytes);
    o.cpu_budget_percent = static_cast<std::uint32_t>(config.kernel.cpu_budget);
    o.plan.clauses = config.plan.enabled;
    o.plan.masks = config.plan.masks;
    o.live.env_bytes = static_cast<std::uint32_t>(config.kernel.environment_bytes);
    o.pipeline.processes.budget_bytes = config.state.memory_bytes;
    o.pipeline.processes.lineage_keep = config.state.lineage;
    o.pipeline.metadata_wait = config.metadata.wait;
    o.pipeline.first_match_only = config.rule_matching == "first";
    o.pipeline.hostname = host_name(config);
    ResolverOptions& r = o.resolver;
    r.host_root = config.host.root == "/" ? "" : config.host.root;
    r.docker_roots = config.containers.docker.roots;
    r.docker_sockets = config.containers.docker.sockets;
    r.podman_roots = config.containers.podman.roots;
    r.podman_sockets = config.containers.podman.sockets;
    r.containerd_states = config.containers.containerd.states;
    r.containerd_sockets = config.containers.containerd.sockets;
    r.cri_sockets = config.containers.cri.sockets;
    r.call_timeout = std::chrono::milliseconds(config.containers.timeout / 1'000'000);
    o.users.host_root = r.host_root;
    return o;
}

std::optional<CaptureStageOptions> capture_options(const config::Config& config) {
    if (config.capture.mode == "off") return std::nullopt;
    CaptureStageOptions o;
    o.all_rules = config.capture.mode == "all";
    o.files.path_prefix = config.capture.path;
    o.files.default_duration = config.capture.duration;
    o.files.metadata_wait = config.metadata.wait;
    o.files.max_bytes = config.capture.size_bytes;
    o.files.keep_files = static_cast<std::uint32_t>(config.capture.keep);
    o.files.recorder = {.span = static_cast<Nanos>(config.recorder.seconds) * kSecond,
                        .max_bytes = config.recorder.memory_bytes};
    o.files.writer = {.compress = true, .enter_events = true};
    if (config.host.root != "/") o.places = {.proc = config.host.root + "/proc", .etc = config.host.root + "/etc"};
    o.on_begin = [](const std::string& path) { log(LogLevel::info, "capture: " + path); };
    // A full disk fails at every event: a line a second tells of it.
    o.on_problem = [last = Nanos{0}](const std::string& problem) mutable {
        if (const Nanos now = wall_now(); now - last >= kSecond) {
            last = now;
            log(LogLevel::warning, problem);
        }
    };
    return o;
}

} // namespace gyr::app
