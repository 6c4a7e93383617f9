#include "alerts/format_schema.h"

#include "alerts/format.h"
#include "alerts/json_text.h"
#include "alerts/lookup.h"

#include <fmt/format.h>

#include <array>

namespace gyr {
namespace {

using Json = nlohmann::ordered_json;

// By Priority, most important first. ECS: event.severity, higher is worse. OCSF: severity_id.
constexpr std::array<int, 8> kEcsSeverity = {99, 90, 80, 70, 50, 30, 20, 10};
constexpr std::array<int, 8> kOcsfSeverity = {6, 5, 5, 4, 3, 2, 1, 1};
constexpr std::array<std::string_view, 7> kOcsfSeverityName = {"Unknown", "Informational", "Low",  "Medium",
                                                               "High",    "Critical",      "Fatal"};

std::size_t level(const Alert& a) { return static_cast<std::size_t>(a.priority); }

const AlertValue* member(const Alert& a, std::string_view block, std::string_view name) {
    const AlertBlock* found = a.find_block(block);
    return found == nullptr ? nullptr : found->find(name);
}

// Where a member of a context block stands in the other schema.
struct Mapping {
    std::string_view block, member;
    const char* pointer; // JSON pointer
    bool as_text = false;
};

constexpr std::array kEcs = {
    Mapping{"container", "id", "/container/id"},
    Mapping{"container", "name", "/container/name"},
    Mapping{"container", "image", "/container/image/name"},
    Mapping{"container", "runtime", "/container/runtime"},
    Mapping{"container", "privileged", "/container/security_context/privileged"},
    Mapping{"k8s", "namespace", "/orchestrator/namespace"},
    Mapping{"k8s", "pod", "/orchestrator/resource/name"},
    Mapping{"k8s", "pod_uid", "/orchestrator/resource/id"},
    Mapping{"user", "name", "/user/name"},
    Mapping{"user", "id", "/user/id", true},
    Mapping{"user", "effective_id", "/user/effective/id", true},
    Mapping{"proc", "pid", "/process/pid"},
    Mapping{"proc", "name", "/process/name"},
    Mapping{"proc", "exe", "/process/executable"},
    Mapping{"proc", "cmdline", "/process/command_line"},
    Mapping{"proc", "cwd", "/process/working_directory"},
    Mapping{"proc", "vpid", "/process/vpid"},
    Mapping{"proc", "ppid", "/process/parent/pid"},
    Mapping{"proc", "pname", "/process/parent/name"},
    Mapping{"proc", "exit_status", "/process/exit_code"},
    Mapping{"fd", "name", "/file/path"},
};

constexpr std::array kOcsf = {
    Mapping{"container", "id", "/evidences/0/container/uid"},
    Mapping{"container", "name", "/evidences/0/container/name"},
    Mapping{"container", "image", "/evidences/0/container/image/name"},
    Mapping{"container", "runtime", "/evidences/0/container/runtime"},
    Mapping{"k8s", "pod_uid", "/evidences/0/container/pod_uuid"},
    Mapping{"user", "name", "/evidences/0/actor/user/name"},
    Mapping{"user", "id", "/evidences/0/actor/user/uid", true},
    Mapping{"proc", "pid", "/evidences/0/process/pid"},
    Mapping{"proc", "name", "/evidences/0/process/name"},
    Mapping{"proc", "exe", "/evidences/0/process/file/path"},
    Mapping{"proc", "cmdline", "/evidences/0/process/cmd_line"},
    Mapping{"proc", "ppid", "/evidences/0/process/parent_process/pid"},
    Mapping{"proc", "pname", "/evidences/0/process/parent_process/name"},
    Mapping{"fd", "name", "/evidences/0/file/path"},
};

template <std::size_t N>
void put_blocks(Json& out, const Alert& a, const std::array<Mapping, N>& mappings) {
    for (const Mapping& m : mappings) {
        const AlertValue* value = member(a, m.block, m.member);
        if (value == nullptr || value->is_null()) continue;
        out[Json::json_pointer(m.pointer)] =
            m.as_text ? Json(value_text(*value)) : json_text::to_json_value<Json>(*value);
    }
}

Json rest(const Alert& a) {
    Json j = Json::object();
    j["source"] = a.source;
    j["cause"] = a.cause;
    j["output_fields"] = json_text::members_object<Json>(a.output_fields);
    for (const MissingField& field : a.missing) j["missing"][field.name] = to_string(field.why);
    if (const AlertBlock* rollup = a.find_block("rollup")) j["rollup"] = json_text::block_object(*rollup);
    return j;
}

} // namespace

std::string format_ecs(const Alert& a) {
    Json j;
    j["@timestamp"] = format_utc(a.time);
    j["ecs"] = {{"version", "8.11.0"}};
    j["message"] = a.message;
    Json& event = j["event"];
    event["kind"] = a.source == "internal" ? "event" : "alert";
    event["module"] = "gyr";
    event["dataset"] = "gyr.alerts";
    event["severity"] = kEcsSeverity[level(a)];
    if (!a.uuid.empty()) event["id"] = a.uuid;
    if (!a.cause.empty()) event["action"] = a.cause;
    j["rule"] = {{"name", a.rule}};
    j["log"] = {{"level", to_string(a.priority)}};
    j["host"] = {{"hostname", a.hostname}, {"name", a.hostname}};
    j["tags"] = a.tags;
    put_blocks(j, a, kEcs);
    if (const AlertBlock* pod = a.find_block("k8s"); pod != nullptr) {
        j["orchestrator"]["type"] = "kubernetes";
        j["orchestrator"]["resource"]["type"] = "pod";
    }
    j["gyr"] = rest(a);
    if (a.revision > 0) j["gyr"]["revision"] = a.revision;
    return json_text::dump_line(j);
}

std::string format_ocsf(const Alert& a) {
    const int severity = kOcsfSeverity[level(a)];
    Json j;
    j["activity_id"] = a.revision == 0 ? 1 : 2; // create, update
    j["activity_name"] = a.revision == 0 ? "Create" : "Update";
    j["category_uid"] = 2;
    j["category_name"] = "Findings";
    j["class_uid"] = 2004;
    j["class_name"] = "Detection Finding";
    j["type_uid"] = 200400 + (a.revision == 0 ? 1 : 2);
    j["severity_id"] = severity;
    j["severity"] = kOcsfSeverityName[static_cast<std::size_t>(severity)];
    j["status_id"] = 1;
    j["status"] = "New";
    j["time"] = a.time / 1'000'000;
    j["message"] = a.message;
    j["metadata"] = {{"version", "1.1.0"},
                     {"product", {{"name", "Gyr"}, {"vendor_name", "Gyr"}}},
                     {"uid", a.uuid},
                     {"labels", a.tags},
                     {"original_time", format_utc(a.time)}};
    j["finding_info"] = {{"title", a.rule},
                         {"uid", a.uuid},
                         {"desc", a.message},
                         {"analytic", {{"name", a.rule}, {"type_id", 1}, {"type", "Rule"}}}};
    j["device"] = {{"hostname", a.hostname}, {"type_id", 1}, {"type", "Server"}};
    j["evidences"] = Json::array({Json::object()});
    put_blocks(j, a, kOcsf);
    if (j["evidences"][0].empty()) j.erase("evidences");
    j["unmapped"] = rest(a);
    if (const AlertBlock* pod = a.find_block("k8s")) j["unmapped"]["k8s"] = json_text::block_object(*pod);
    j["unmapped"]["priority"] = to_string(a.priority);
    return json_text::dump_line(j);
}

} // namespace gyr
