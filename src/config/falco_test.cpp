#include "config/falco.h"

#include "base/test_data.h"
#include "config/settings.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

namespace gyr::config {
namespace {

Loaded load(std::string text, std::vector<std::string> overrides = {}) {
    LoadRequest request;
    request.text = std::move(text);
    request.file = "falco.yaml";
    request.overrides = std::move(overrides);
    request.environment = [](std::string_view) { return std::nullopt; };
    return load_config(request);
}

std::vector<std::string> types(const Config& config) {
    std::vector<std::string> out;
    for (const Output& output : config.outputs) out.push_back(output.type);
    return out;
}

TEST(FalcoConfig, TheFileThatShipsStartsWithEqualMeaning) {
    const std::string folder = test_data_dir();
    std::ifstream in(folder + "/config/falco.yaml");
    if (folder.empty() || !in) GTEST_SKIP() << "there is no falco.yaml";
    const Loaded loaded = load(std::string(std::istreambuf_iterator<char>(in), {}));
    for (const Diagnostic& d : loaded.problems) ADD_FAILURE() << to_text(d);
    const Config& c = loaded.config;
    EXPECT_EQ(types(c), (std::vector<std::string>{"stdout", "syslog"}));
    EXPECT_EQ(c.outputs[0].format, "text");
    EXPECT_EQ(c.server.probes, std::vector<std::string>{"http://0.0.0.0:8765"});
    EXPECT_EQ(c.server.health_path, "/healthz");
    EXPECT_FALSE(c.server.probe_metrics);
    EXPECT_EQ(c.heartbeat, 0);
    EXPECT_TRUE(c.falco_json.output && c.falco_json.fields && c.falco_json.tags && !c.falco_json.message);
    EXPECT_EQ(c.rule_matching, "first");
    EXPECT_EQ(c.priority, "debug");
    EXPECT_TRUE(c.watch);
    ASSERT_EQ(c.output_appends.size(), 1U);
    EXPECT_TRUE(c.output_appends[0].text.starts_with("container_id=%container.id "));
    // Nothing in it is unknown: whatever is not used says why.
    for (const Diagnostic& note : loaded.notes)
        EXPECT_EQ(note.message.find("no key that is known"), std::string::npos) << note.message;
}

TEST(FalcoConfig, OutputsAreTranslated) {
    const Loaded loaded = load(
        "json_output: true\njson_include_tags_property: false\nstdout_output: {enabled: false}\n"
        "file_output: {enabled: true, filename: /var/log/x}\n"
        "program_output: {enabled: true, program: cat}\n"
        "http_output: {enabled: true, url: 'https://h/', mtls: true, client_cert: /c, client_key: /k, ca_cert: /ca}\n");
    ASSERT_TRUE(loaded.problems.empty()) << to_text(loaded.problems.front());
    ASSERT_EQ(types(loaded.config), (std::vector<std::string>{"file", "program", "http"}));
    const auto& o = loaded.config.outputs;
    EXPECT_EQ(o[0].path, "/var/log/x");
    EXPECT_EQ(o[0].format, "falco");
    EXPECT_FALSE(o[1].keep_alive);
    EXPECT_EQ(o[2].tls.cert, "/c");
    EXPECT_EQ(o[2].tls.ca, "/ca");
    EXPECT_EQ(o[2].user_agent, "falcosecurity/falco");
    EXPECT_TRUE(loaded.notes.empty());
    EXPECT_FALSE(loaded.config.falco_json.tags);
    EXPECT_TRUE(loaded.config.falco_json.output && loaded.config.falco_json.fields);
    EXPECT_FALSE(loaded.config.falco_json.message);
}

TEST(FalcoConfig, TheWebServerAnswersProbes) {
    const Loaded loaded =
        load("stdout_output: {enabled: true}\n"
             "webserver: {enabled: true, listen_port: 9000, listen_address: '::', k8s_healthz_endpoint: "
             "/live, prometheus_metrics_enabled: true, ssl_enabled: true, ssl_certificate: /x.pem, "
             "threadiness: 4}\nmetrics: {enabled: true, interval: 15m, output_rule: true}\n");
    ASSERT_TRUE(loaded.problems.empty()) << to_text(loaded.problems.front());
    const Server& server = loaded.config.server;
    EXPECT_EQ(server.probes, std::vector<std::string>{"https://[::]:9000"});
    EXPECT_EQ(server.tls.cert, "/x.pem");
    EXPECT_EQ(server.health_path, "/live");
    EXPECT_TRUE(server.probe_metrics);
    EXPECT_EQ(loaded.config.heartbeat, 900LL * 1'000'000'000);
    ASSERT_EQ(loaded.notes.size(), 1U);
    EXPECT_NE(loaded.notes[0].message.find("webserver.threadiness"), std::string::npos);
    EXPECT_TRUE(load("stdout_output: {enabled: true}\n").config.server.probes.empty());
    EXPECT_FALSE(load("stdout_output: {enabled: true}\nwebserver: {enabled: true, prometheus_metrics_enabled: true}\n")
                     .config.server.probe_metrics);
}

TEST(FalcoConfig, AppendedFieldsAndTheHostsRoot) {
    LoadRequest request;
    request.falco = true;
    request.text =
        "stdout_output: {enabled: true}\nappend_output:\n  - match: {rule: X, tags: [a]}\n    extra_output: on "
        "%evt.num\n    extra_fields: ['proc.aexepath[2]', {home: 'HOME=%proc.env[HOME]'}]\n";
    request.environment = [](std::string_view name) {
        return name == "HOST_ROOT" ? std::optional<std::string>("/host") : std::nullopt;
    };
    const Loaded loaded = load_config(request);
    ASSERT_TRUE(loaded.problems.empty()) << to_text(loaded.problems.front());
    EXPECT_EQ(loaded.config.host.root, "/host");
    ASSERT_EQ(loaded.config.output_appends.size(), 1U);
    const OutputAppend& append = loaded.config.output_appends[0];
    EXPECT_EQ(append.text, "on %evt.num");
    const std::vector<std::pair<std::string, std::string>> fields{{"", "proc.aexepath[2]"},
                                                                  {"home", "HOME=%proc.env[HOME]"}};
    EXPECT_EQ(append.fields, fields);
}

TEST(FalcoConfig, FurtherFilesAreTakenByTheirStrategy) {
    const auto with = [](const std::string& strategy) {
        LoadRequest request;
        request.file = "falco.yaml";
        request.text = "config_files: [{path: /etc, strategy: " + strategy +
                       "}, /nothing]\nstdout_output: {enabled: true}\nrules_files: [/dev]\n"
                       "engine: {kind: kmod, modern_ebpf: {buf_size_preset: 9}}\nrule_matching: all\n";
        request.environment = [](std::string_view) { return std::nullopt; };
        request.read_include = [](const std::string& path) -> IncludedFiles {
            EXPECT_EQ(path, "/etc");
            return std::vector<IncludedFile>{{"/etc/a.yaml", "rules_files: [/sys]\nengine: {kind: modern_ebpf}\n"
                                                             "rule_matching: first\nconfig_files: [/usr]\n"
                                                             "priority: error\n"}};
        };
        return load_config(request);
    };
    using Paths = std::vector<std::string>;
    const Loaded append = with("append");
    ASSERT_TRUE(append.problems.empty()) << to_text(append.problems.front());
    EXPECT_EQ(append.config.rules, (Paths{"/dev", "/sys"})) << "lists grow";
    EXPECT_EQ(append.config.include, Paths{"/etc"}) << "what is watched for changes";
    EXPECT_EQ(append.config.rule_matching, "first");
    EXPECT_EQ(append.config.kernel.ring_bytes, with("override").config.kernel.ring_bytes)
        << "a map takes the place of one";
    const Loaded over = with("override");
    EXPECT_EQ(over.config.rules, Paths{"/sys"});
    const Loaded add = with("add-only");
    EXPECT_EQ(add.config.rules, Paths{"/dev"});
    EXPECT_EQ(add.config.rule_matching, "all");
    EXPECT_EQ(add.config.priority, "error");
    EXPECT_GT(add.config.kernel.ring_bytes, append.config.kernel.ring_bytes);
    EXPECT_EQ(with("merge").problems.size(), 1U);
}

TEST(FalcoConfig, StaticFieldsAreSuggestedToo) {
    const Loaded loaded = load("stdout_output: {enabled: true}\nstatic_fields: {zone: b, rack.row: '7'}\n"
                               "append_output: [{suggested_output: true}]\n");
    ASSERT_TRUE(loaded.problems.empty()) << to_text(loaded.problems.front());
    EXPECT_TRUE(loaded.notes.empty());
    const std::map<std::string, std::string> fields{{"rack.row", "7"}, {"zone", "b"}};
    EXPECT_EQ(loaded.config.static_fields, fields);
    ASSERT_EQ(loaded.config.output_appends.size(), 2U);
    EXPECT_TRUE(loaded.config.output_appends[0].text.ends_with(" k8s_ns_name=%k8s.ns.name"));
    EXPECT_EQ(loaded.config.output_appends[0].source, "syscall") << "other events have no container";
    EXPECT_EQ(loaded.config.output_appends[1].text, "static_rack_row=%static.rack.row static_zone=%static.zone");
    EXPECT_EQ(loaded.config.output_appends[1].source, "");
    const Loaded of_audit =
        load("stdout_output: {enabled: true}\nstatic_fields: {zone: b}\n"
             "append_output: [{match: {source: k8s_audit}, suggested_output: true, extra_output: x}]\n");
    ASSERT_EQ(of_audit.config.output_appends.size(), 2U);
    EXPECT_EQ(of_audit.config.output_appends[0].text, "x");
    EXPECT_EQ(of_audit.config.output_appends[1].text, "static_zone=%static.zone");
}

TEST(FalcoConfig, ReplaysTheFileItNames) {
    const Loaded loaded =
        load("stdout_output: {enabled: true}\nengine: {kind: replay, replay: {capture_file: /c.scap}}\n");
    ASSERT_TRUE(loaded.problems.empty()) << to_text(loaded.problems.front());
    EXPECT_TRUE(loaded.notes.empty());
    EXPECT_EQ(loaded.config.replay, "/c.scap");
    EXPECT_EQ(load("stdout_output: {enabled: true}\nengine: {kind: modern_ebpf, replay: {capture_file: /c.scap}}\n")
                  .config.replay,
              "");
}

TEST(FalcoConfig, BuffersAndFoldersOfCertificates) {
    const Loaded loaded =
        load("buffer_format_base64: true\nhttp_output: {enabled: true, url: 'https://h/', ca_path: /c}\n");
    ASSERT_TRUE(loaded.problems.empty()) << to_text(loaded.problems.front());
    EXPECT_TRUE(loaded.notes.empty());
    EXPECT_EQ(loaded.config.buffer_format, "base64");
    EXPECT_EQ(loaded.config.outputs[0].tls.ca, "/c");
    const Loaded standard = load("http_output: {enabled: true, url: 'https://h/', ca_path: /etc/ssl/certs}\n");
    EXPECT_EQ(standard.config.buffer_format, "text");
    EXPECT_EQ(standard.config.outputs[0].tls.ca, "") << "the system's, by whatever name it has here";
}

TEST(FalcoConfig, KeysOfOurOwnStandUnderTheirName) {
    const Loaded loaded =
        load("stdout_output: {enabled: true}\ngyr: {journal: {path: /j}, heartbeat: 1h}\n", {"gyr.canary=1m"});
    ASSERT_TRUE(loaded.problems.empty()) << to_text(loaded.problems.front());
    EXPECT_TRUE(loaded.notes.empty());
    EXPECT_EQ(loaded.config.journal.path, "/j");
    EXPECT_TRUE(loaded.origins.contains("journal.path"));
    EXPECT_EQ(loaded.config.canary, 60LL * 1'000'000'000);
    EXPECT_EQ(types(loaded.config), std::vector<std::string>{"stdout"});
    EXPECT_EQ(load("stdout_output: {enabled: true}\ngyr: {nothing: 1}\n").problems.size(), 1U);
}

TEST(FalcoConfig, Captures) {
    EXPECT_EQ(load("stdout_output: {enabled: true}\n").config.capture.mode, "off") << "as Falco's default";
    const Loaded loaded = load("stdout_output: {enabled: true}\ncapture: {enabled: true, path_prefix: /c/falco, mode: "
                               "all_rules, default_duration: 250, max_file_size_mb: 3}\n");
    ASSERT_TRUE(loaded.problems.empty()) << to_text(loaded.problems.front());
    EXPECT_TRUE(loaded.notes.empty());
    EXPECT_EQ(loaded.config.capture.mode, "all");
    EXPECT_EQ(loaded.config.capture.path, "/c/falco");
    EXPECT_EQ(loaded.config.capture.duration, 250'000'000);
    EXPECT_EQ(loaded.config.capture.size_bytes, 3U << 20);
    EXPECT_EQ(loaded.config.capture.keep, 0U) << "Falco deletes none";
    EXPECT_EQ(load("stdout_output: {enabled: true}\ncapture: {enabled: true, mode: some}\n").problems.size(), 1U);
    EXPECT_EQ(
        load("stdout_output: {enabled: true}\ncapture: {enabled: true, default_duration: long}\n").problems.size(), 1U);
}

TEST(FalcoConfig, OverridesRulesAndSelections) {
    const Loaded loaded =
        load("stdout_output: {enabled: true}\nrules: [{disable: {tag: network}}, {enable: {rule: 'Terminal*'}}]\n",
             {"json_output=true", "priority=Warning"});
    ASSERT_TRUE(loaded.problems.empty());
    EXPECT_EQ(loaded.config.outputs[0].format, "falco");
    EXPECT_EQ(loaded.config.priority, "warning");
    ASSERT_EQ(loaded.config.rule_selections.size(), 2U);
    EXPECT_EQ(loaded.config.rule_selections[0].tag, "network");
    EXPECT_TRUE(loaded.config.rule_selections[1].enable);
}

TEST(FalcoConfig, ValuesThatFalcoRefusesAreRefused) {
    const std::string out = "stdout_output: {enabled: true}\n";
    for (const char* wrong :
         {"priority: hot\n", "rule_matching: last\n", "log_level: loud\n", "rules_files: []\nrules_file: []\n",
          "falco_libs: {snaplen: 70000}\n", "rules: [{disabled: {tag: x}}]\n", "rules: [{disable: {tags: [x]}}]\n",
          "rules: [disable]\n", "rules: [{disable: {rule: }}]\n",
          "append_output: [{match: {tags: x}, extra_output: y}]\n", "engine: {modern_ebpf: {buf_size_preset: 4x}}\n",
          "webserver: {enabled: true, k8s_healthz_endpoint: healthz}\n"})
        EXPECT_EQ(load(out + wrong).problems.size(), 1U) << wrong;
    const Loaded fine = load(out + "priority: WARNING\nlog_level: Alert\nrule_matching: all\n");
    ASSERT_TRUE(fine.problems.empty()) << to_text(fine.problems.front());
    EXPECT_EQ(fine.config.priority, "warning");
    EXPECT_EQ(fine.config.log.level, "error");
}

// Falco goes on with its defaults here, and so do we, but not in silence.
TEST(FalcoConfig, MisplacedValuesAndKeysAreTold) {
    const std::string out = "stdout_output: {enabled: true}\n";
    for (const char* odd :
         {"priority: [warning]\n", "webserver: true\n", "webserver: {enabled: true, listen_port: [1]}\n",
          "append_output: [{match: {rules: x}, extra_output: y}]\n", "append_output: [{extra_outputs: y}]\n"}) {
        const Loaded loaded = load(out + odd);
        EXPECT_TRUE(loaded.problems.empty()) << odd;
        EXPECT_EQ(loaded.notes.size(), 1U) << odd;
    }
    EXPECT_EQ(load(out + "append_output: [{suggested_output: Yes}]\n").config.output_appends.size(), 1U);
}

TEST(FalcoConfig, TheAuditLogTakesNoPluginAndNoKernel) {
    const std::string head = "stdout_output: {enabled: true}\n", json = "{name: json, library_path: libjson.so}";
    const auto audit = [&](const std::string& more) {
        return load(head + "engine: {kind: nodriver}\nload_plugins: [k8saudit, json]\nplugins: [" + json +
                    ", {name: k8saudit, library_path: libk8saudit.so, " + more + "}]\n");
    };
    const Loaded plain = audit("init_config: '', open_params: 'http://:9765/audit'");
    ASSERT_TRUE(plain.problems.empty()) << to_text(plain.problems.front());
    EXPECT_FALSE(plain.config.kernel.enabled);
    EXPECT_EQ(plain.config.audit.listen, ":9765");
    EXPECT_EQ(plain.config.audit.path, "/audit");
    EXPECT_EQ(plain.config.audit.tls.cert, "");
    const Loaded tls = audit("init_config: {sslCertificate: /c.pem}, open_params: 'https://10.0.0.1:9765'");
    EXPECT_EQ(tls.config.audit.listen, "10.0.0.1:9765");
    EXPECT_EQ(tls.config.audit.path, "/k8s-audit");
    EXPECT_EQ(tls.config.audit.tls.cert, "/c.pem");
    EXPECT_EQ(audit("open_params: /var/log/audit.log").config.audit.files,
              std::vector<std::string>{"/var/log/audit.log"});
    EXPECT_FALSE(audit("library_path: x").problems.empty());
    EXPECT_TRUE(load(head + "plugins: [" + json + "]\n").config.kernel.enabled);
    EXPECT_EQ(load(head + "engine: {kind: nodriver}\n").problems.size(), 1U) << "there would be nothing to watch";
}

TEST(FalcoConfig, BytesOfReadsAndWrites) {
    const std::string out = "stdout_output: {enabled: true}\n";
    const std::uint64_t standard = load(out).config.kernel.buffer_bytes;
    EXPECT_EQ(standard, 80U);
    EXPECT_EQ(load(out + "falco_libs: {snaplen: 0}\n").config.kernel.buffer_bytes, standard);
    const Loaded more = load(out + "falco_libs: {snaplen: 512, thread_table_size: 7}\n");
    EXPECT_EQ(more.config.kernel.buffer_bytes, 512U);
    ASSERT_EQ(more.notes.size(), 1U) << "only the size of the table is ignored";
    EXPECT_EQ(load(out + "falco_libs: {snaplen: 65535}\n").config.kernel.buffer_bytes, 4096U);
}

TEST(FalcoConfig, WhatIsIgnoredIsTold) {
    const std::string out = "stdout_output: {enabled: true}\n";
    EXPECT_EQ(load(out + "metrics: {enabled: true, output_rule: true, interval: 5000}\n").notes.size(), 1U)
        << "a number alone is no time there either";
    EXPECT_EQ(load(out + "json_output: maybe\n").notes.size(), 1U);
    EXPECT_EQ(load(out + "json_output: Yes\n").config.outputs[0].format, "falco");
    EXPECT_EQ(load(out + "json_output: OFF\n").config.outputs[0].format, "text");
    EXPECT_EQ(load("http_output: {enabled: y, url: '\"http://h/\"'}\n").config.outputs[0].url, "http://h/");
    EXPECT_EQ(load(out + "metrics: {enabled: true, output_file: ''}\n").notes.size(), 0U);
    EXPECT_EQ(load(out + "metrics: {enabled: true, output_file: /x, state_counters_enabled: true}\n").notes.size(), 1U);
}

TEST(FalcoConfig, WhatWouldChangeTheMeaningIsRefusedAndTheRestTold) {
    EXPECT_EQ(load("stdout_output: {enabled: true}\nengine: {kind: replay}\n").problems.size(), 1U);
    EXPECT_EQ(load("stdout_output: {enabled: true}\nplugins: [{name: okta, library_path: x.so}]\n").problems.size(),
              1U);
    EXPECT_EQ(load("stdout_output: {enabled: true}\nplugins: [{name: okta}]\nload_plugins: []\n").problems.size(), 0U);
    EXPECT_EQ(load("stdout_output: {enabled: true}\nstatic_fields: {a: [b]}\n").problems.size(), 1U);
    EXPECT_EQ(load("stdout_output: {enabled: false}\n").problems.size(), 1U);
    const Loaded odd = load("stdout_output: {enabled: true}\noutput_timeout: 1\nnonsense: 1\n");
    ASSERT_EQ(odd.notes.size(), 2U);
    EXPECT_NE(odd.notes[1].message.find("nonsense"), std::string::npos);
}

} // namespace
} // namespace gyr::config
