#include "outputs/http_shapes.h"

#include "alerts/json_text.h"
#include "alerts/lookup.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <map>

namespace gyr::outputs {
namespace {

using Json = nlohmann::ordered_json;

std::string dump(const Json& json) { return json_text::dump_line(json); }

// The text as a JSON value: itself when it is JSON already.
Json as_json(const Item& item, const OutputOptions& options) {
    if (options.format.format == AlertFormat::text) return item.text;
    return Json::parse(item.text, nullptr, false);
}

std::string field(const AlertRecord& record, std::string_view name) { return value_text(lookup(record, name)); }

std::string http_body(std::span<const Item> items, const OutputOptions&) {
    if (items.size() == 1) return items.front().text;
    std::string body;
    for (const Item& item : items) body += item.text + "\n";
    return body;
}

std::string elasticsearch_body(std::span<const Item> items, const OutputOptions& options) {
    std::string body;
    const std::string index = options.topic.empty() ? "gyr-alerts" : options.topic;
    for (const Item& item : items) {
        // "create" with an id of our own: sent twice, it is there once.
        body += dump(Json{{"create", {{"_index", index}, {"_id", delivery_id(*item.record)}}}}) + "\n";
        body += (options.format.format == AlertFormat::text ? dump(Json{{"message", item.text}}) : item.text) + "\n";
    }
    return body;
}

std::string splunk_body(std::span<const Item> items, const OutputOptions& options) {
    std::string body;
    for (const Item& item : items) {
        const Nanos time = time_of(*item.record);
        Json event;
        event["time"] = static_cast<double>(time / 1'000'000) / 1e3;
        event["host"] = field(*item.record, "hostname");
        event["source"] = "gyr";
        event["sourcetype"] = fmt::format("gyr:{}", kind_of(*item.record));
        if (!options.topic.empty()) event["index"] = options.topic;
        event["event"] = as_json(item, options);
        body += dump(event) + "\n";
    }
    return body;
}

std::string loki_body(std::span<const Item> items, const OutputOptions& options) {
    // One stream per priority: few values, so few streams.
    std::map<std::string, Json> streams;
    for (const Item& item : items) {
        const std::string priority = field(*item.record, "priority");
        Json& stream = streams[priority];
        if (stream.is_null()) {
            Json labels{{"job", "gyr"}, {"host", options.hostname}, {"priority", priority}};
            for (const auto& [name, value] : options.labels) labels[name] = value;
            stream = {{"stream", std::move(labels)}, {"values", Json::array()}};
        }
        stream["values"].push_back(Json::array({fmt::to_string(time_of(*item.record)), item.text}));
    }
    Json list = Json::array();
    for (auto& [priority, stream] : streams) list.push_back(std::move(stream));
    return dump(Json{{"streams", std::move(list)}});
}

// Severity numbers of OpenTelemetry's log data model, by Priority.
constexpr std::array<int, 8> kOtlpSeverity = {24, 22, 21, 17, 13, 10, 9, 5};

Json otlp_attribute(std::string_view name, std::string_view value) {
    return {{"key", name}, {"value", {{"stringValue", value}}}};
}

std::string otlp_body(std::span<const Item> items, const OutputOptions& options) {
    Json resource = Json::array({otlp_attribute("service.name", "gyr"), otlp_attribute("host.name", options.hostname)});
    for (const auto& [name, value] : options.labels) resource.push_back(otlp_attribute(name, value));
    Json records = Json::array();
    for (const Item& item : items) {
        const AlertRecord& r = *item.record;
        Json attributes = Json::array();
        for (const auto& [name, source] :
             {std::pair{"rule.name", "rule"}, std::pair{"gyr.uuid", "uuid"}, std::pair{"gyr.source", "source"},
              std::pair{"container.id", "container.id"}, std::pair{"container.name", "container.name"},
              std::pair{"container.image.name", "container.image"}, std::pair{"k8s.namespace.name", "k8s.namespace"},
              std::pair{"k8s.pod.name", "k8s.pod"}, std::pair{"process.pid", "proc.pid"},
              std::pair{"process.executable.path", "proc.exe"}, std::pair{"process.command_line", "proc.cmdline"},
              std::pair{"user.name", "user.name"}, std::pair{"tags", "tags"}}) {
            if (const std::string value = field(r, source); !value.empty())
                attributes.push_back(otlp_attribute(name, value));
        }
        records.push_back({{"timeUnixNano", fmt::to_string(time_of(r))},
                           {"severityNumber", kOtlpSeverity[static_cast<std::size_t>(priority_of(r))]},
                           {"severityText", to_string(priority_of(r))},
                           {"body", {{"stringValue", item.text}}},
                           {"attributes", std::move(attributes)}});
    }
    Json scope{{"scope", {{"name", "gyr"}}}, {"logRecords", std::move(records)}};
    Json logs{{"resource", {{"attributes", std::move(resource)}}}, {"scopeLogs", Json::array({std::move(scope)})}};
    return dump(Json{{"resourceLogs", Json::array({std::move(logs)})}});
}

std::string alertmanager_body(std::span<const Item> items, const OutputOptions& options) {
    Json list = Json::array();
    for (const Item& item : items) {
        const AlertRecord& r = *item.record;
        Json labels{{"alertname", rule_of(r)}};
        for (const auto& [name, value] : options.labels) labels[name] = value;
        for (const auto& [name, source] : {std::pair{"severity", "priority"}, std::pair{"instance", "hostname"},
                                           std::pair{"source", "source"}, std::pair{"container", "container.name"},
                                           std::pair{"namespace", "k8s.namespace"}, std::pair{"pod", "k8s.pod"}}) {
            if (const std::string value = field(r, source); !value.empty()) labels[name] = value;
        }
        list.push_back({{"labels", std::move(labels)},
                        {"annotations", {{"summary", field(r, "output")}, {"uuid", field(r, "uuid")}}},
                        {"startsAt", format_utc(time_of(r))}});
    }
    return dump(list);
}

std::string slack_escape(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (c == '&')
            out += "&amp;";
        else if (c == '<')
            out += "&lt;"; // "<!channel>" would call everybody
        else if (c == '>')
            out += "&gt;";
        else
            out += c;
    }
    return out;
}

std::string slack_body(std::span<const Item> items, const OutputOptions&) {
    std::string text;
    for (const Item& item : items) text += (text.empty() ? "" : "\n") + slack_escape(item.text);
    return dump(Json{{"text", text}});
}

SendResult judge_bulk(const HttpAnswer& answer, std::size_t count) {
    SendResult result = judge_status(answer, count);
    if (result.outcome != Sent::all) return result;
    const Json json = Json::parse(answer.body, nullptr, false);
    const auto items = json.is_object() ? json.find("items") : json.end();
    if (!json.is_object() || items == json.end() || !items->is_array() || items->size() != count)
        return {Sent::retry, 0, "the answer is not that of the bulk interface", 0};
    for (const Json& item : *items) {
        const Json& one = item.is_object() && !item.empty() ? *item.begin() : item;
        const auto found = one.is_object() ? one.find("status") : one.end();
        const int status = one.is_object() && found != one.end() && found->is_number_integer() ? found->get<int>() : 0;
        if (status / 100 == 2 || status == 409) { // 409: it is there from an earlier attempt
            ++result.done;
            continue;
        }
        result.problem = fmt::format("a record was answered with status {}: {}", status, dump(one).substr(0, 200));
        result.outcome = status == 429 || status >= 500 || status == 0 ? Sent::retry : Sent::refused;
        return result;
    }
    return result;
}

constexpr std::array kShapes = {
    HttpShape{"http", "", "application/x-ndjson", "Bearer", http_body, judge_status},
    HttpShape{"elasticsearch", "/_bulk", "application/x-ndjson", "ApiKey", elasticsearch_body, judge_bulk},
    HttpShape{"splunk", "/services/collector/event", "application/json", "Splunk", splunk_body, judge_status},
    HttpShape{"loki", "/loki/api/v1/push", "application/json", "Bearer", loki_body, judge_status},
    HttpShape{"otlp", "/v1/logs", "application/json", "Bearer", otlp_body, judge_status},
    HttpShape{"alertmanager", "/api/v2/alerts", "application/json", "Bearer", alertmanager_body, judge_status},
    HttpShape{"slack", "", "application/json", "Bearer", slack_body, judge_status},
};

} // namespace

const HttpShape* find_http_shape(std::string_view type) {
    const auto found = std::ranges::find(kShapes, type, &HttpShape::type);
    return found == kShapes.end() ? nullptr : &*found;
}

SendResult judge_status(const HttpAnswer& answer, std::size_t) {
    if (answer.status >= 200 && answer.status < 300) return {Sent::all, 0, {}, 0};
    SendResult result{Sent::retry, 0, fmt::format("the server answered with status {}", answer.status),
                      answer.retry_after};
    std::string said = answer.body.substr(0, 160);
    std::ranges::replace_if(
        said, [](char c) { return static_cast<unsigned char>(c) < 0x20; }, ' ');
    if (!said.empty()) result.problem += ": " + said;
    // What is wrong with this very record; the rest (no permission, nothing there, too busy) is for somebody to put
    // right.
    constexpr std::array kRefusals = {400L, 406L, 411L, 413L, 414L, 415L, 422L, 431L};
    if (std::ranges::find(kRefusals, answer.status) != kRefusals.end()) result.outcome = Sent::refused;
    return result;
}

} // namespace gyr::outputs
