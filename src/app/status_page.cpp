#include "app/status_page.h"

#include "alerts/format.h"
#include "app/commands.h"
#include "plan/listing.h"
#include "rules/listing.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>

namespace gyr::app {
namespace {

using Json = nlohmann::ordered_json;

std::string dump(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

Json rules_list(const Agent& agent, const Agent::State& state) {
    const auto matches = agent.rule_matches();
    const Engine::Summary engine = agent.engine_summary();
    Json list = Json::array();
    const auto rules = state.matcher->rules();
    for (std::size_t i = 0; i < rules.size(); ++i) {
        const Rule& rule = rules[i];
        Json item{{"name", rule.name},
                  {"description", rule.description},
                  {"priority", to_string(rule.priority)},
                  {"source", rule.source},
                  {"tags", rule.tags},
                  {"enabled", rule.enabled},
                  {"usable", rule.disabled_why.empty()},
                  {"file", rule.place.file},
                  {"line", rule.place.line}};
        if (!rule.disabled_why.empty()) item["why"] = rule.disabled_why;
        const auto found = matches.find(rule.name);
        item["alerts"] = found == matches.end() ? 0 : found->second;
        if (engine.rules == state.matcher && i < engine.rule_costs.size())
            item["cost_seconds"] = static_cast<double>(engine.rule_costs[i]) / 1e9;
        list.push_back(std::move(item));
    }
    return list;
}

Json journal_json(const journal::Status& status) {
    return {{"durable", status.durable},
            {"problem", status.problem},
            {"path", status.path},
            {"head", status.head},
            {"head_digest", status.head_digest},
            {"bytes", status.bytes},
            {"waiting", status.waiting},
            {"lost", status.lost},
            {"rolled_up", status.rolled_up}};
}

Json outputs_json(const Agent& agent) {
    Json list = Json::array();
    for (const OutputSet::State& output : agent.outputs()) {
        const auto lag = agent.journal().lag(output.position);
        Json item{{"name", output.options.name},
                  {"type", output.options.type},
                  {"works", output.stats.problem.empty()},
                  {"problem", output.stats.problem},
                  {"delivered", output.stats.delivered},
                  {"filtered", output.stats.filtered},
                  {"refused", output.stats.refused},
                  {"failures", output.stats.failures},
                  {"undelivered", lag.count}};
        item["oldest_undelivered"] = lag.count == 0 ? Json(nullptr) : Json(format_utc(lag.oldest));
        list.push_back(std::move(item));
    }
    return list;
}

Json coverage_json(const Agent& agent) {
    Json hooks = Json::array();
    for (const Hook& hook : agent.hooks()) {
        Json item{{"name", hook.name}, {"kind", hook.kind}, {"active", hook.active}};
        if (!hook.detail.empty()) item["detail"] = hook.detail;
        hooks.push_back(std::move(item));
    }
    return hooks;
}

} // namespace

std::string rules_json(const Agent& agent) {
    const Agent::State state = agent.state();
    return dump({{"hash", state.rules_hash}, {"generation", state.generation}, {"rules", rules_list(agent, state)}});
}

std::optional<std::string> rule_json(const Agent& agent, const std::string& name) {
    const Agent::State state = agent.state();
    const auto rules = state.matcher->rules();
    const auto found = std::ranges::find(rules, name, &Rule::name);
    if (found == rules.end()) return std::nullopt;
    return rules::show_json(*found);
}

std::string plan_of(const Agent& agent) { return plan::plan_json(*agent.state().matcher); }

std::string status_json(const Agent& agent) {
    const Agent::State state = agent.state();
    const Engine::Summary engine = agent.engine_summary();
    std::size_t enabled = 0, disabled = 0, unusable = 0;
    Json not_at_work = Json::array();
    for (const Rule& rule : state.matcher->rules()) {
        const bool usable = rule.disabled_why.empty();
        ++(!usable ? unusable : rule.enabled ? enabled : disabled);
        if (!usable || !rule.enabled)
            not_at_work.push_back({{"name", rule.name}, {"why", usable ? "disabled" : rule.disabled_why}});
    }
    const std::string unhealthy = agent.unhealthy();
    Json out{
        {"version", version()},   {"hostname", host_name(state.config)}, {"started_at", format_utc(agent.started_at())},
        {"armed", agent.armed()}, {"healthy", unhealthy.empty()},        {"problem", unhealthy}};
    out["rules"] = {{"hash", state.rules_hash},
                    {"generation", state.generation},
                    {"loaded_at", format_utc(state.loaded_at)},
                    {"last_failure", state.last_failure},
                    {"files", state.files},
                    {"enabled", enabled},
                    {"disabled", disabled},
                    {"unusable", unusable},
                    {"not_at_work", std::move(not_at_work)}};
    out["coverage"] = coverage_json(agent);
    out["plan"] = Json::parse(plan_of(agent));
    out["engine"] = {{"events", engine.pipeline.events},
                     {"alerts", engine.pipeline.alerts},
                     {"lost", engine.lost},
                     {"processes", engine.processes.living},
                     {"containers", engine.containers},
                     {"process_bytes", engine.processes.bytes},
                     {"alerts_waiting", engine.pipeline.held}};
    out["journal"] = journal_json(agent.journal().status());
    out["outputs"] = outputs_json(agent);
    return dump(out);
}

std::string versions_json() {
    const std::string engine =
        fmt::format("{}.{}.{}", rules::kEngineVersion.major, rules::kEngineVersion.minor, rules::kEngineVersion.patch);
    return dump({{"default_driver_version", "none"},
                 {"driver_api_version", "none"},
                 {"driver_schema_version", "none"},
                 {"engine_version", fmt::to_string(rules::kEngineVersion.minor)},
                 {"engine_version_semver", engine},
                 {"falco_version", version()},
                 {"gyr_version", version()},
                 {"libs_version", "none"},
                 {"plugin_api_version", "none"}});
}

} // namespace gyr::app
