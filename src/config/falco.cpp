#include "config/falco.h"

#include "base/units.h"
#include "config/falco_keys.h"
#include "config/settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>
#include <initializer_list>
#include <optional>
#include <span>
#include <system_error>

namespace gyr::config {
namespace {

// Keys that only Falco's files have.
constexpr std::array<std::string_view, 14> kSigns = {
    "rules_files",   "rules_file",          "json_output",    "stdout_output", "syslog_output",
    "file_output",   "http_output",         "program_output", "webserver",     "falco_libs",
    "base_syscalls", "syscall_event_drops", "engine",         "load_plugins"};

constexpr std::uint64_t kMostBuffer = 4096; // bytes of a read or a write
constexpr std::string_view kSystemCertificates = "/etc/ssl/certs";

// What events of system calls are described by; behind these come the static fields, which all events have.
constexpr std::string_view kSuggested =
    "container_id=%container.id container_name=%container.name container_image_repository=%container.image.repository "
    "container_image_tag=%container.image.tag k8s_pod_name=%k8s.pod.name k8s_ns_name=%k8s.ns.name";

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

class Translator {
  public:
    Translator(Node& root, const Environment& environment, Loaded& out)
        : root_(root), environment_(environment), out_(out), config_(out.config) {}

    void run() {
        account(root_, "");
        rules();
        config_.watch = flag("watch_config_files", true);
        config_.time_format = flag("time_format_iso_8601", false) ? "iso8601" : "local";
        constexpr std::array<std::string_view, 9> kPriorities{
            "debug", "emergency", "alert", "critical", "error", "warning", "notice", "informational", "info"};
        config_.priority = one_of("priority", kPriorities);
        if (config_.priority == "info") config_.priority = "informational";
        config_.rule_matching = one_of("rule_matching", std::array<std::string_view, 2>{"first", "all"});
        const std::string level =
            one_of("log_level", std::array<std::string_view, 8>{"info", "emergency", "alert", "critical", "error",
                                                                "warning", "notice", "debug"});
        config_.log.level = level == "debug" || level == "info" ? level
                            : level == "notice"                 ? "info"
                            : level == "warning"                ? level
                                                                : "error";
        config_.falco_json = {flag("json_include_output_property", true), flag("json_include_message_property", false),
                              flag("json_include_output_fields_property", true),
                              flag("json_include_tags_property", true)};
        config_.buffer_format = flag("buffer_format_base64", false) ? "base64" : "text";
        // Where the charts mount the host's file system.
        if (const auto root = environment_("HOST_ROOT"); root && !root->empty()) config_.host.root = *root;
        engine();
        outputs();
        static_fields();
        appends();
        web_server();
        captures();
    }

  private:
    Node* find(std::string_view path) const {
        Node* node = &root_;
        while (node != nullptr && !path.empty()) {
            const std::size_t dot = path.find('.');
            node = node->find(path.substr(0, dot));
            path.remove_prefix(dot == std::string_view::npos ? path.size() : dot + 1);
        }
        return node;
    }
    std::string text(std::string_view path, std::string_view standard) {
        const Node* node = find(path);
        if (node == nullptr || node->kind == Node::Kind::null) return std::string(standard);
        if (node->kind == Node::Kind::scalar) return node->text;
        note(node->place, fmt::format("{}: takes a single value, not {}; '{}', as by default", path,
                                      describe(node->kind), standard));
        return std::string(standard);
    }
    // In any case; the first is the default, also when it is another.
    std::string one_of(std::string_view path, std::span<const std::string_view> choices) {
        std::string value = text(path, choices.front());
        std::ranges::transform(value, value.begin(), lower);
        if (std::ranges::find(choices, value) != choices.end()) return value;
        problem(find(path)->place, fmt::format("{}: '{}' is none of {}", path, value, fmt::join(choices, ", ")));
        return std::string(choices.front());
    }
    // In all forms that Falco takes.
    static std::optional<bool> truth(const Node& node) {
        std::string word = node.text;
        std::ranges::transform(word, word.begin(), lower);
        for (const std::string_view yes : {"y", "yes", "true", "on"})
            if (word == yes) return true;
        for (const std::string_view no : {"n", "no", "false", "off"})
            if (word == no) return false;
        return std::nullopt;
    }
    // With any other it goes on with the default.
    bool flag(std::string_view path, bool standard) {
        const Node* node = find(path);
        if (node == nullptr || node->kind == Node::Kind::null) return standard;
        if (const auto value = truth(*node)) return *value;
        note(node->place, fmt::format("{}: neither true nor false; {}, as by default", path, standard));
        return standard;
    }
    void note(const Place& place, std::string message) {
        Diagnostic d;
        d.severity = Severity::warning;
        d.message = std::move(message);
        d.place = place;
        out_.notes.push_back(std::move(d));
    }
    void problem(const Place& place, std::string message) {
        Diagnostic d;
        d.message = std::move(message);
        d.place = place;
        out_.problems.push_back(std::move(d));
    }

    // What becomes of every key that is there.
    void account(const Node& map, const std::string& prefix) {
        for (const Entry& entry : map.entries) {
            const std::string key = prefix + entry.key;
            auto known = std::ranges::find(kFalcoKeys, key, &FalcoKey::key);
            const bool group =
                std::ranges::any_of(kFalcoKeys, [&](const FalcoKey& k) { return k.key.starts_with(key + "."); });
            if (group) {
                if (entry.value.kind == Node::Kind::scalar || entry.value.kind == Node::Kind::list)
                    note(entry.value.place,
                         fmt::format("{}: holds further keys, not {}; ignored", key, describe(entry.value.kind)));
                account(entry.value, key + ".");
                continue;
            }
            // What is said of a group holds for those of its keys that are not named.
            if (known == kFalcoKeys.end() && !prefix.empty())
                known = std::ranges::find(kFalcoKeys, std::string_view(prefix).substr(0, prefix.size() - 1),
                                          &FalcoKey::key);
            if (known == kFalcoKeys.end()) {
                note(entry.place, fmt::format("{}: no key that is known; ignored", key));
                continue;
            }
            const Node* enabled =
                entry.value.kind == Node::Kind::map ? const_cast<Node&>(entry.value).find("enabled") : &entry.value;
            if (known->fate == Fate::mapped ||
                (enabled != nullptr && known->harmless && enabled->text == *known->harmless))
                continue;
            if (known->key == "metrics") continue; // which groups of them: all
            if (known->fate == Fate::ignored)
                note(entry.place, fmt::format("{}: ignored; {}", key, known->reason));
            else
                problem(entry.place, fmt::format("{}: {}", key, known->reason));
        }
    }

    void rules() {
        if (const Node* both = find("rules_file"); both != nullptr && find("rules_files") != nullptr)
            problem(both->place, "rules_file: it is the old name of rules_files; only one of them can be there");
        for (const char* key : {"rules_files", "rules_file"}) {
            const Node* node = find(key);
            if (node == nullptr) continue;
            std::vector<std::string> paths;
            if (node->kind == Node::Kind::scalar) paths.push_back(node->text);
            for (const Node& item : node->items) paths.push_back(item.text);
            for (std::string& path : paths) {
                std::error_code error;
                // As Falco: what is missing is passed over.
                const bool is_empty_folder =
                    std::filesystem::is_directory(path, error) && std::filesystem::is_empty(path, error);
                if (std::filesystem::exists(path, error) && !is_empty_folder)
                    config_.rules.push_back(std::move(path));
                else
                    note(node->place, fmt::format("{}: {} is not there or empty", key, path));
            }
        }
        const Node* list = find("rules");
        if (list == nullptr) return;
        for (const Node& item : list->items) {
            bool understood = !item.entries.empty();
            for (const Entry& action : item.entries) {
                understood &= (action.key == "enable" || action.key == "disable") && !action.value.entries.empty();
                for (const Entry& what : action.value.entries) {
                    understood &= (what.key == "rule" || what.key == "tag") && !what.value.text.empty();
                    config_.rule_selections.push_back({action.key == "enable",
                                                       what.key == "rule" ? what.value.text : "",
                                                       what.key == "tag" ? what.value.text : ""});
                }
            }
            if (!understood)
                problem(item.place, "rules: an entry is {enable: {rule: NAME}}, {disable: {tag: NAME}} or the like");
        }
    }

    std::uint64_t count(std::string_view path, std::uint64_t standard, std::uint64_t most) {
        const std::string given = text(path, std::to_string(standard));
        std::uint64_t value = 0;
        const auto [end, error] = std::from_chars(given.data(), given.data() + given.size(), value);
        if (error == std::errc() && end == given.data() + given.size() && value <= most) return value;
        problem(find(path)->place, fmt::format("{}: a number up to {} is wanted", path, most));
        return standard;
    }

    void captures() {
        const std::string mode = text("capture.mode", "rules");
        if (mode != "rules" && mode != "all_rules")
            problem(find("capture.mode")->place, fmt::format("capture.mode: there is no mode '{}'", mode));
        const char* wanted = mode == "all_rules" ? "all" : "rules";
        config_.capture.mode = flag("capture.enabled", false) ? wanted : "off";
        config_.capture.path = text("capture.path_prefix", "/tmp/falco");
        config_.capture.duration =
            static_cast<Nanos>(std::max<std::uint64_t>(count("capture.default_duration", 5000, 86'400'000), 1)) *
            1'000'000;
        config_.capture.size_bytes = count("capture.max_file_size_mb", 0, 1'000'000) << 20;
        config_.capture.keep = 0;
    }

    void engine() {
        const std::string kind = text("engine.kind", "modern_ebpf");
        const Node* node = find("engine.kind");
        if (kind == "replay") {
            config_.replay = text("engine.replay.capture_file", "");
            if (config_.replay.empty())
                problem(node->place, "engine.kind: replay needs engine.replay.capture_file, the file to read");
        } else if (kind == "nodriver")
            config_.kernel.enabled = false;
        else if (kind != "modern_ebpf" && kind != "kmod" && kind != "ebpf")
            problem(node->place, fmt::format("engine.kind: there is no kind '{}'", kind));
        const std::uint64_t preset = count("engine.modern_ebpf.buf_size_preset", 4, 10);
        if (preset < 1)
            problem(find("engine.modern_ebpf.buf_size_preset")->place, "engine.modern_ebpf.buf_size_preset: 1 to 10");
        // At least our own default: there is one buffer for all CPUs.
        else
            config_.kernel.ring_bytes =
                std::max<std::uint64_t>(config_.kernel.ring_bytes, std::uint64_t{1} << (19 + preset));
        // 0 stands for the standard there.
        if (const std::uint64_t snaplen = count("falco_libs.snaplen", 0, 65535); snaplen > 0)
            config_.kernel.buffer_bytes = std::min<std::uint64_t>(snaplen, kMostBuffer);
        plugins();
        if (!config_.kernel.enabled && config_.audit.listen.empty() && config_.audit.files.empty())
            problem(node->place, "engine.kind: nodriver watches nothing here without the plugin k8saudit");
    }

    // Built in are container, k8smeta, json and k8saudit.
    void plugins() {
        const Node* list = find("plugins");
        const Node* load = find("load_plugins");
        for (Node item : list == nullptr ? std::vector<Node>{} : list->items) {
            const Node* name = item.find("name");
            if (name == nullptr) continue;
            const bool wanted = load == nullptr ||
                                std::ranges::any_of(load->items, [&](const Node& n) { return n.text == name->text; });
            if (!wanted || name->text == "container" || name->text == "k8smeta" || name->text == "json") continue;
            if (name->text == "k8saudit")
                audit_log(item, name->place);
            else
                problem(name->place, fmt::format("plugins: there is no plugin '{}' here", name->text));
        }
    }

    // open_params of the plugin: http://HOST:PORT/PATH, https:// with a certificate, or a file.
    void audit_log(Node& plugin, const Place& place) {
        const Node* node = plugin.find("open_params");
        std::string_view open = node == nullptr ? std::string_view() : std::string_view(node->text);
        const bool tls = open.starts_with("https://");
        if (open.empty()) {
            problem(place, "plugins: k8saudit needs open_params: the address it listens at, or a file");
        } else if (tls || open.starts_with("http://")) {
            open.remove_prefix(tls ? 8 : 7);
            const std::size_t path = std::min(open.find('/'), open.size());
            config_.audit.listen = open.substr(0, path);
            if (open.size() > path + 1) config_.audit.path = open.substr(path);
            if (!tls) return;
            Node* init = plugin.find("init_config");
            const Node* certificate = init == nullptr ? nullptr : init->find("sslCertificate");
            config_.audit.tls.cert = certificate == nullptr ? "/etc/falco/falco.pem" : certificate->text;
        } else {
            config_.audit.files.emplace_back(open);
        }
    }

    Output fresh(std::string type) const {
        Output o = default_output();
        o.type = std::move(type);
        o.format = json_ ? "falco" : "text";
        return o;
    }

    void outputs() {
        config_.outputs.clear();
        json_ = flag("json_output", false);
        if (flag("stdout_output.enabled", false)) config_.outputs.push_back(fresh("stdout"));
        if (flag("syslog_output.enabled", false)) {
            config_.outputs.push_back(fresh("syslog"));
            config_.outputs.back().facility = "user"; // of syslog(3) without openlog(3)
        }
        if (flag("file_output.enabled", false)) {
            config_.outputs.push_back(fresh("file"));
            config_.outputs.back().path = text("file_output.filename", "");
        }
        if (flag("program_output.enabled", false)) {
            config_.outputs.push_back(fresh("program"));
            config_.outputs.back().command = text("program_output.program", "");
            config_.outputs.back().keep_alive = flag("program_output.keep_alive", false);
        }
        if (flag("http_output.enabled", false)) {
            Output o = fresh("http");
            o.url = text("http_output.url", "");
            if (o.url.size() > 1 && o.url.front() == '"' && o.url.back() == '"')
                o.url = o.url.substr(1, o.url.size() - 2);
            o.user_agent = text("http_output.user_agent", "falcosecurity/falco");
            o.tls.insecure = flag("http_output.insecure", false);
            o.tls.ca = text("http_output.ca_cert", "");
            if (o.tls.ca.empty()) o.tls.ca = text("http_output.ca_bundle", "");
            if (o.tls.ca.empty() && text("http_output.ca_path", kSystemCertificates) != kSystemCertificates)
                o.tls.ca = text("http_output.ca_path", "");
            if (flag("http_output.mtls", false)) {
                o.tls.cert = text("http_output.client_cert", "/etc/ssl/certs/client.crt");
                o.tls.key = text("http_output.client_key", "/etc/ssl/certs/client.key");
            }
            config_.outputs.push_back(std::move(o));
        }
        if (config_.outputs.empty()) problem(root_.place, "no output is enabled");
    }

    // Health is for everybody who can reach the address, as it is there; alerts are not.
    void web_server() {
        const bool metrics = flag("metrics.enabled", false);
        if (metrics && flag("metrics.output_rule", true)) {
            if (const auto interval = parse_duration(text("metrics.interval", "1h")))
                config_.heartbeat = *interval;
            else
                note(find("metrics.interval")->place,
                     fmt::format("metrics.interval: {}; there is no heartbeat", interval.error().message));
        }
        if (!flag("webserver.enabled", false)) return;
        const bool tls = flag("webserver.ssl_enabled", false);
        std::string address = text("webserver.listen_address", "0.0.0.0");
        if (address.find(':') != std::string::npos) address = "[" + address + "]";
        config_.server.probes = {
            fmt::format("{}://{}:{}", tls ? "https" : "http", address, text("webserver.listen_port", "8765"))};
        if (tls) config_.server.tls.cert = text("webserver.ssl_certificate", "/etc/falco/falco.pem");
        config_.server.health_path = text("webserver.k8s_healthz_endpoint", "/healthz");
        if (!config_.server.health_path.starts_with('/'))
            problem(find("webserver.k8s_healthz_endpoint")->place,
                    "webserver.k8s_healthz_endpoint: a path begins with '/'; this one would never be asked for");
        config_.server.probe_metrics = metrics && flag("webserver.prometheus_metrics_enabled", false);
    }

    void static_fields() {
        const Node* map = find("static_fields");
        if (map == nullptr) return;
        for (const Entry& field : map->entries) {
            if (field.value.kind == Node::Kind::scalar)
                config_.static_fields[field.key] = field.value.text;
            else
                problem(field.place, fmt::format("static_fields: {} must be a text", field.key));
        }
    }

    // For the rules that `to` is for.
    void suggest(OutputAppend to) {
        to.fields.clear();
        if (to.source.empty() || to.source == "syscall") {
            OutputAppend of_calls = to;
            of_calls.source = "syscall";
            of_calls.text = kSuggested;
            config_.output_appends.push_back(std::move(of_calls));
        }
        to.text.clear();
        for (const auto& [name, value] : config_.static_fields) {
            std::string label = "static_" + name;
            std::ranges::replace(label, '.', '_');
            to.text += fmt::format("{}{}=%static.{}", to.text.empty() ? "" : " ", label, name);
        }
        if (!to.text.empty()) config_.output_appends.push_back(std::move(to));
    }

    void appends() {
        const Node* list = find("append_output");
        if (list == nullptr) return;
        const auto account_for = [this](const Node& map, std::string_view where,
                                        std::initializer_list<std::string_view> known) {
            for (const Entry& entry : map.entries) {
                if (std::ranges::find(known, entry.key) == known.end())
                    note(entry.place, fmt::format("{}.{}: no key that is known; ignored", where, entry.key));
            }
        };
        for (Node item : list->items) {
            OutputAppend append;
            account_for(item, "append_output", {"match", "extra_output", "extra_fields", "suggested_output"});
            if (Node* match = item.find("match")) {
                account_for(*match, "append_output.match", {"source", "rule", "tags"});
                if (const Node* source = match->find("source")) append.source = source->text;
                if (const Node* rule = match->find("rule")) append.rule = rule->text;
                if (const Node* tags = match->find("tags")) {
                    if (tags->kind != Node::Kind::list) problem(tags->place, "append_output.match.tags: takes a list");
                    for (const Node& tag : tags->items) append.tags.push_back(tag.text);
                }
            }
            if (const Node* extra = item.find("extra_output")) append.text = extra->text;
            if (const Node* extra = item.find("extra_fields")) {
                for (const Node& field : extra->items) {
                    if (field.kind == Node::Kind::scalar) append.fields.emplace_back("", field.text);
                    for (const Entry& named : field.entries) append.fields.emplace_back(named.key, named.value.text);
                }
            }
            if (!append.text.empty() || !append.fields.empty()) config_.output_appends.push_back(append);
            if (const Node* suggested = item.find("suggested_output");
                suggested != nullptr && truth(*suggested).value_or(false))
                suggest(std::move(append));
        }
    }

    Node& root_;
    const Environment& environment_;
    Loaded& out_;
    Config& config_;
    bool json_ = false;
};

} // namespace

bool is_falco_config(const Node& root) {
    if (root.kind != Node::Kind::map) return false;
    const auto is_sign = [](const Entry& entry) { return std::ranges::find(kSigns, entry.key) != kSigns.end(); };
    return std::ranges::any_of(root.entries, is_sign);
}

std::vector<std::string_view> falco_keys() {
    std::vector<std::string_view> out;
    for (const FalcoKey& key : kFalcoKeys) out.push_back(key.key);
    return out;
}

void read_falco_config(Node& root, const Environment& environment, Loaded& out) {
    Translator(root, environment, out).run();
}

} // namespace gyr::config
