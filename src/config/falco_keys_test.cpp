// Every key of Falco's configuration, from the table of Falco's keys: what is asked for with it changes the
// configuration, or there is a word about it.

#include "base/test_data.h"
#include "config/falco.h"
#include "config/settings.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <sstream>

namespace gyr::config {
namespace {

// With everything switched on, so that each key would have something to change.
constexpr const char* kEverything = R"(
stdout_output: {enabled: true}
syslog_output: {enabled: true}
file_output: {enabled: true, filename: /f}
program_output: {enabled: true, program: cat}
http_output: {enabled: true, url: 'https://h/', mtls: true, ca_cert: /ca}
webserver: {enabled: true, ssl_enabled: true, prometheus_metrics_enabled: true}
metrics: {enabled: true, output_rule: true, interval: 1h}
capture: {enabled: true}
engine: {kind: modern_ebpf}
rules_files: [/etc]
)";

// What is asked for instead of the default. A key that is not here is a flag, which is turned round.
const std::map<std::string, std::vector<std::string>> kAsked{
    {"append_output[].match.source", {"append_output[]={match: {source: syscall}, extra_output: x}"}},
    {"append_output[].match.tags", {"append_output[]={match: {tags: [a]}, extra_output: x}"}},
    {"append_output[].match.rule", {"append_output[]={match: {rule: a}, extra_output: x}"}},
    {"append_output[].extra_output", {"append_output[]={extra_output: x}"}},
    {"append_output[].extra_fields[]", {"append_output[]={extra_fields: [evt.num]}"}},
    {"append_output[].suggested_output", {"append_output[]={suggested_output: true}"}},
    {"append_output[]", {"append_output[]={extra_output: x}"}},
    {"static_fields", {"static_fields.zone=b"}},
    {"config_files[]", {"config_files[]=/etc"}},
    {"config_files[].path", {"config_files[]={path: /etc}"}},
    {"config_files[].strategy", {"config_files[]={path: /etc, strategy: override}"}},
    {"rules_files", {"rules_files[]=/dev"}},
    {"rules_file", {"rules_file=/dev"}},
    {"rule_files", {"rule_files=/dev"}},
    {"rules[]", {"rules[]={disable: {rule: a}}"}},
    {"rules[].disable.rule", {"rules[]={disable: {rule: a}}"}},
    {"rules[].disable.tag", {"rules[]={disable: {tag: a}}"}},
    {"rules[].enable.rule", {"rules[]={enable: {rule: a}}"}},
    {"rules[].enable.tag", {"rules[]={enable: {tag: a}}"}},
    {"engine.kind", {"engine.kind=nodriver"}},
    {"engine.kmod.buf_size_preset", {"engine.kmod.buf_size_preset=7"}},
    {"engine.modern_ebpf.cpus_for_each_buffer", {"engine.modern_ebpf.cpus_for_each_buffer=1"}},
    {"engine.modern_ebpf.buf_size_preset", {"engine.modern_ebpf.buf_size_preset=9"}},
    {"engine.replay.capture_file", {"engine.kind=replay", "engine.replay.capture_file=/x"}},
    {"capture.path_prefix", {"capture.path_prefix=/x"}},
    {"capture.mode", {"capture.mode=all_rules"}},
    {"capture.default_duration", {"capture.default_duration=7"}},
    {"capture.max_file_size_mb", {"capture.max_file_size_mb=7"}},
    {"load_plugins", {"load_plugins=[x]"}},
    {"plugins[]", {"plugins[]={name: x}"}},
    {"plugins[].name", {"plugins[]={name: x}"}},
    {"plugins[].open_params", {"plugins[]={name: k8saudit, open_params: 'http://:1/x'}"}},
    {"plugins[].init_config",
     {"plugins[]={name: k8saudit, open_params: 'https://:1/x', init_config: {sslCertificate: /c}}"}},
    {"priority", {"priority=error"}},
    {"rule_matching", {"rule_matching=all"}},
    {"outputs_queue.capacity", {"outputs_queue.capacity=7"}},
    {"file_output.filename", {"file_output.filename=/x"}},
    {"http_output.url", {"http_output.url=https://x/"}},
    {"http_output.user_agent", {"http_output.user_agent=x"}},
    {"http_output.ca_cert", {"http_output.ca_cert=/x"}},
    {"http_output.ca_bundle", {"http_output.ca_cert=", "http_output.ca_bundle=/x"}},
    {"http_output.ca_path", {"http_output.ca_cert=", "http_output.ca_path=/x"}},
    {"http_output.client_cert", {"http_output.client_cert=/x"}},
    {"http_output.client_key", {"http_output.client_key=/x"}},
    {"http_output.max_consecutive_timeouts", {"http_output.max_consecutive_timeouts=7"}},
    {"program_output.program", {"program_output.program=x"}},
    {"webserver.threadiness", {"webserver.threadiness=7"}},
    {"webserver.listen_port", {"webserver.listen_port=7"}},
    {"webserver.listen_address", {"webserver.listen_address=127.0.0.1"}},
    {"webserver.k8s_healthz_endpoint", {"webserver.k8s_healthz_endpoint=/x"}},
    {"webserver.ssl_certificate", {"webserver.ssl_certificate=/x"}},
    {"log_level", {"log_level=debug"}},
    {"log_stderr", {"log_stderr=false"}},
    {"libs_logger.severity", {"libs_logger.severity=debug"}},
    {"output_timeout", {"output_timeout=7"}},
    {"syscall_event_timeouts.max_consecutives", {"syscall_event_timeouts.max_consecutives=7"}},
    {"syscall_event_drops.threshold", {"syscall_event_drops.threshold=.7"}},
    {"syscall_event_drops.actions", {"syscall_event_drops.actions=[exit]"}},
    {"syscall_event_drops.rate", {"syscall_event_drops.rate=.7"}},
    {"syscall_event_drops.max_burst", {"syscall_event_drops.max_burst=7"}},
    {"metrics.interval", {"metrics.interval=7m"}},
    {"metrics.output_file", {"metrics.output_file=/x"}},
    {"base_syscalls.custom_set", {"base_syscalls.custom_set=[read]"}},
    {"falco_libs.thread_table_size", {"falco_libs.thread_table_size=7"}},
    {"falco_libs.thread_table_auto_purging_interval_s", {"falco_libs.thread_table_auto_purging_interval_s=7"}},
    {"falco_libs.thread_table_auto_purging_thread_timeout_s",
     {"falco_libs.thread_table_auto_purging_thread_timeout_s=7"}},
    {"falco_libs.snaplen", {"falco_libs.snaplen=700"}},
};

// Why there is no word about a key that changes nothing.
const std::map<std::string, std::string_view> kNoWord{
    {"plugins[].library_path", "what is built in needs no file; another plugin is refused by its name"},
    {"metrics.rules_counters_enabled", "all metrics that there are are served"},
    {"metrics.resource_utilization_enabled", "likewise"},
    {"metrics.state_counters_enabled", "likewise"},
    {"metrics.kernel_event_counters_enabled", "likewise"},
    {"metrics.kernel_event_counters_per_cpu_enabled", "there is one buffer for all processors"},
    {"metrics.libbpf_stats_enabled", "as kernel.bpf_stats_enabled of the system has it"},
    {"metrics.plugins_metrics_enabled", "all metrics that there are are served"},
    {"metrics.kernel_iter_event_counters_enabled", "likewise"},
    {"metrics.convert_memory_to_mb", "of Falco's own file; the web server has bytes there too"},
    {"metrics.include_empty_values", "metrics that are zero are served"},
    {"metrics.jemalloc_stats_enabled", "the allocator is another"},
};

Loaded everything_and(const std::vector<std::string>& overrides) {
    LoadRequest request;
    request.text = kEverything;
    request.file = "falco.yaml";
    request.overrides = overrides;
    request.environment = [](std::string_view) { return std::nullopt; };
    request.read_include = [](const std::string&) -> IncludedFiles {
        return std::vector<IncludedFile>{{"/etc/a.yaml", "priority: error\n"}};
    };
    return load_config(request);
}

// All of it as text, to see whether something is another.
std::string whole(const Config& c) {
    std::string out;
    for (const Setting<Config>& setting : settings()) out += fmt::format("{}={}\n", setting.key, show(setting, c));
    for (const Output& o : c.outputs) {
        for (const Setting<Output>& setting : output_settings())
            out += fmt::format("{}={}\n", setting.key, show(setting, o));
    }
    for (const RuleSelection& s : c.rule_selections) out += fmt::format("{} {} {}\n", s.enable, s.rule, s.tag);
    for (const OutputAppend& a : c.output_appends)
        out += fmt::format("{} {} {} {} {}\n", a.source, a.rule, a.tags, a.text, a.fields);
    const FalcoJson& json = c.falco_json;
    out += fmt::format("{} {} {}\n{} {} {} {}\n", c.static_fields, c.buffer_format, c.replay, json.output, json.message,
                       json.fields, json.tags);
    return out + fmt::format("{} {} {}", c.server.probes, c.server.probe_metrics, c.server.health_path);
}

TEST(FalcoKeys, EachChangesSomethingOrThereIsAWordAboutIt) {
    std::ifstream table(test_data_dir() + "/../reference/config-keys.tsv");
    if (!table) GTEST_SKIP() << "no reference beside the test data";
    const Loaded plain = everything_and({});
    ASSERT_TRUE(plain.problems.empty()) << to_text(plain.problems.front());
    const std::string before = whole(plain.config);
    std::string line;
    std::getline(table, line); // its head
    int seen = 0;
    while (std::getline(table, line)) {
        std::istringstream row(line);
        std::string key, type, standard;
        std::getline(row, key, '\t');
        std::getline(row, type, '\t');
        std::getline(row, standard, '\t');
        ++seen;
        auto asked = kAsked.find(key);
        if (asked == kAsked.end()) asked = kAsked.find(key + "[]");
        std::vector<std::string> overrides;
        if (asked != kAsked.end()) {
            overrides = asked->second;
        } else if (type == "boolean") {
            const bool on =
                std::string_view(kEverything).find(key.substr(key.rfind('.') + 1) + ": true") != std::string::npos ||
                standard == "true";
            overrides = {key + (on ? "=false" : "=true")};
        } else if (!kNoWord.contains(key)) {
            ADD_FAILURE() << key << ": this test does not know what to ask for";
            continue;
        }
        const Loaded loaded = everything_and(overrides);
        std::string said;
        for (const auto* list : {&loaded.problems, &loaded.notes})
            for (const Diagnostic& d : *list) said += d.message + "\n";
        EXPECT_EQ(said.find("no key that is known"), std::string::npos) << key << ": " << said;
        const bool changed = whole(loaded.config) != before, told = said.size() > 0;
        if (kNoWord.contains(key))
            EXPECT_FALSE(changed || told) << key << ": it has an effect, or a word: " << said;
        else
            EXPECT_TRUE(changed || told) << key << " (" << fmt::format("{}", fmt::join(overrides, ", "))
                                         << ") changes nothing";
    }
    EXPECT_GT(seen, 100);
}

} // namespace
} // namespace gyr::config
