#pragma once
// What becomes of every key of Falco's configuration.

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace gyr::config {

enum class Fate : std::uint8_t {
    mapped,  // read by falco.cpp
    ignored, // no meaning here, for the reason given
    refused, // ignoring it would change what the file asks for
};

struct FalcoKey {
    std::string_view key; // "engine.kind"; of a whole group: "plugins"
    Fate fate = Fate::mapped;
    std::string_view reason = {};
    std::optional<std::string_view> harmless = {}; // with this value it asks for nothing: no word about it
};

inline constexpr std::string_view kAlways = "it is always so";
inline constexpr std::string_view kJournal = "the journal takes its place";
inline constexpr std::string_view kMetrics = "metrics are at the web server, all of them";
inline constexpr std::string_view kKernel = "the kernel side has no such setting";

inline constexpr std::array kFalcoKeys = {
    FalcoKey{"gyr"}, // keys of our own, read by the loader
    FalcoKey{"rules_files"},
    FalcoKey{"rules_file"},
    FalcoKey{"rules"},
    FalcoKey{"config_files"},
    FalcoKey{"watch_config_files"},
    FalcoKey{"time_format_iso_8601"},
    FalcoKey{"priority"},
    FalcoKey{"json_output"},
    FalcoKey{"json_include_output_property"},
    FalcoKey{"json_include_message_property"},
    FalcoKey{"json_include_output_fields_property"},
    FalcoKey{"json_include_tags_property"},
    FalcoKey{"rule_matching"},
    FalcoKey{"append_output"},
    FalcoKey{"log_level"},
    FalcoKey{"stdout_output.enabled"},
    FalcoKey{"syslog_output.enabled"},
    FalcoKey{"file_output.enabled"},
    FalcoKey{"file_output.filename"},
    FalcoKey{"http_output.enabled"},
    FalcoKey{"http_output.url"},
    FalcoKey{"http_output.user_agent"},
    FalcoKey{"http_output.insecure"},
    FalcoKey{"http_output.ca_cert"},
    FalcoKey{"http_output.ca_bundle"},
    FalcoKey{"http_output.mtls"},
    FalcoKey{"http_output.client_cert"},
    FalcoKey{"http_output.client_key"},
    FalcoKey{"program_output.enabled"},
    FalcoKey{"program_output.keep_alive"},
    FalcoKey{"program_output.program"},
    FalcoKey{"engine.modern_ebpf.buf_size_preset"},
    FalcoKey{"engine.kind"},
    FalcoKey{"rule_files", Fate::ignored, "Falco does not read it either; the key is rules_files"},
    FalcoKey{"plugins_hostinfo", Fate::ignored, kAlways, "true"},
    FalcoKey{"engine.kmod", Fate::ignored, "there is no kernel module"},
    FalcoKey{"engine.modern_ebpf.cpus_for_each_buffer", Fate::ignored, "there is one buffer for all CPUs"},
    FalcoKey{"engine.modern_ebpf.drop_failed_exit", Fate::ignored, "the rules decide what the kernel tells", "false"},
    FalcoKey{"engine.modern_ebpf.disable_iterators", Fate::ignored, kKernel, "false"},
    FalcoKey{"engine.replay.capture_file"},
    FalcoKey{"capture.enabled"},
    FalcoKey{"capture.path_prefix"},
    FalcoKey{"capture.mode"},
    FalcoKey{"capture.default_duration"},
    FalcoKey{"capture.max_file_size_mb"},
    FalcoKey{"load_plugins", Fate::ignored, "see plugins"},
    FalcoKey{"plugins"},
    FalcoKey{"static_fields"},
    FalcoKey{"buffer_format_base64"},
    FalcoKey{"buffered_outputs", Fate::ignored, "each alert is written at once", "false"},
    FalcoKey{"outputs_queue", Fate::ignored, kJournal},
    FalcoKey{"output_timeout", Fate::ignored, "no output holds anything up"},
    FalcoKey{"file_output.keep_alive", Fate::ignored, "a file that is moved away is noticed"},
    FalcoKey{"http_output.ca_path"},
    FalcoKey{"http_output.echo", Fate::ignored, "answers are not shown", "false"},
    FalcoKey{"http_output.compress_uploads", Fate::ignored, "requests are not compressed", "false"},
    FalcoKey{"http_output.keep_alive", Fate::ignored, "connections are kept"},
    FalcoKey{"http_output.max_consecutive_timeouts", Fate::ignored, "it is tried until it arrives"},
    FalcoKey{"webserver.enabled"},
    FalcoKey{"webserver.listen_port"},
    FalcoKey{"webserver.listen_address"},
    FalcoKey{"webserver.k8s_healthz_endpoint"},
    FalcoKey{"webserver.prometheus_metrics_enabled"},
    FalcoKey{"webserver.ssl_enabled"},
    FalcoKey{"webserver.ssl_certificate"},
    FalcoKey{"webserver.threadiness", Fate::ignored, "one thread is enough", "0"},
    FalcoKey{"log_stderr", Fate::ignored, "the log goes to standard error", "true"},
    FalcoKey{"log_syslog", Fate::ignored, "the log goes to standard error"},
    FalcoKey{"libs_logger", Fate::ignored, "there are no such libraries"},
    FalcoKey{"syscall_event_timeouts", Fate::ignored, "an idle host is no error"},
    FalcoKey{"syscall_event_drops", Fate::ignored, "every loss is told by a gap record"},
    FalcoKey{"metrics.enabled"},
    FalcoKey{"metrics.interval"},
    FalcoKey{"metrics.output_rule"},
    FalcoKey{"metrics.output_file", Fate::ignored, kMetrics, ""},
    FalcoKey{"metrics", Fate::ignored, kMetrics},
    FalcoKey{"base_syscalls", Fate::ignored, "the rules decide what the kernel tells"},
    FalcoKey{"falco_libs.snaplen"},
    FalcoKey{"falco_libs", Fate::ignored, "tables are bounded by state.memory"},
};

} // namespace gyr::config
