#include "app/metrics_page.h"

#include "app/commands.h"
#include "app/falco_metrics.h"
#include "base/clock.h"
#include "event/schema.h"
#include "metrics/exposition.h"

#include <algorithm>
#include <array>

namespace gyr::app {
namespace {

using metrics::Exposition;
using metrics::Type;

constexpr std::array<std::string_view, kRecordKinds> kRecordNames = {"fork", "exec", "exit", "snapshot", "change"};

double seconds(Nanos nanos) { return static_cast<double>(nanos) / 1e9; }

std::string event_name(EventCode code) {
    const EventInfo* info = find_event(code);
    return info != nullptr ? std::string(info->name) : "unknown";
}

// Several codes have one name.
std::map<std::string, std::uint64_t> by_name(const auto& items, auto count) {
    std::map<std::string, std::uint64_t> out;
    for (const auto& item : items) out[event_name(item.code)] += count(item);
    return out;
}

void put(Exposition& out, const std::map<std::string, std::uint64_t>& values, const std::string& label) {
    for (const auto& [name, value] : values) out.sample(value, {{label, name}});
}

void agent_part(Exposition& out, const Agent& agent, const Agent::State& state) {
    out.info("gyr_build_info", "The version of this program.", {{"version", std::string(version())}});
    out.single("gyr_start_time_seconds", Type::gauge, "When the agent started, since the epoch.",
               seconds(agent.started_at()));
    out.single("gyr_armed", Type::gauge, "Whether everything is attached and the snapshot is in.",
               std::uint64_t{agent.armed() ? 1U : 0U});
    out.single("gyr_healthy", Type::gauge, "Whether the engine moves.",
               std::uint64_t{agent.unhealthy().empty() ? 1U : 0U});
    out.info("gyr_rules_hash_info", "The hash of all rules as they are used.", {{"sha256", state.rules_hash}});
    out.single("gyr_rules_generation", Type::counter, "Loads of rules that were good.", state.generation);
    out.single("gyr_rules_loaded_time_seconds", Type::gauge, "When the rules in use were loaded.",
               seconds(state.loaded_at));
    out.single("gyr_reload_failed", Type::gauge, "Whether the last reload failed, and older rules are in use.",
               std::uint64_t{state.last_failure.empty() ? 0U : 1U});
    std::map<std::string, std::uint64_t> states{{"enabled", 0}, {"disabled", 0}, {"unusable", 0}};
    for (const Rule& rule : state.matcher->rules())
        ++states[!rule.disabled_why.empty() ? "unusable" : rule.enabled ? "enabled" : "disabled"];
    out.family("gyr_rules", Type::gauge, "Rules by what became of them.");
    put(out, states, "state");
}

void engine_part(Exposition& out, const Engine::Summary& e) {
    out.family("gyr_kernel_events_sent_total", Type::counter, "System call events that the kernel sent, by type.");
    put(out, by_name(e.events, [](const auto& c) { return c.sent; }), "event");
    out.family(
        "gyr_kernel_events_stopped_total", Type::counter,
        "System call events that no rule could match, stopped in the kernel, by type. Sends and receipts over TCP "
        "are not counted where rules ask for those of other sockets alone.");
    put(out, by_name(e.events, [](const auto& c) { return c.stopped; }), "event");
    out.family("gyr_events_lost_total", Type::counter, "Events that did not fit into a ring buffer, by type.");
    for (std::size_t i = 0; i < e.losses.size(); ++i)
        out.sample(e.losses[i].count, {{"lane", "process"}, {"event", std::string(kRecordNames[i])}});
    for (const auto& [name, count] : by_name(e.event_losses, [](const EventLoss& l) { return l.lost.count; }))
        out.sample(count, {{"lane", "event"}, {"event", name}});
    out.family("gyr_kernel_errors_total", Type::counter, "What went wrong inside the kernel programs, by kind.");
    for (const auto& [kind, count] : e.kernel_errors) out.sample(count, {{"kind", kind}});
    out.single("gyr_malformed_records_total", Type::counter, "Records that did not decode; never expected.",
               e.malformed);
    out.single("gyr_events_total", Type::counter, "Events that reached the agent.", e.pipeline.events);
    out.single("gyr_alerts_total", Type::counter, "Alerts raised.", e.pipeline.alerts);
    out.single("gyr_alerts_waiting", Type::gauge, "Alerts that wait for metadata.", e.pipeline.held);
    out.single("gyr_alerts_waited_total", Type::counter, "Alerts that waited for metadata.", e.pipeline.waited);
    out.single("gyr_alerts_timed_out_total", Type::counter, "Alerts that went out without some of their metadata.",
               e.pipeline.timed_out);
    out.single("gyr_armed_after_seconds", Type::gauge, "From the start until everything was attached.",
               seconds(e.armed_after));
}

void state_part(Exposition& out, const Engine::Summary& e, const Agent::State& state) {
    const ProcessTable::Stats& p = e.processes;
    out.family("gyr_processes", Type::gauge, "Processes in the table.").sample(p.living, {{"state", "living"}});
    out.sample(p.ended, {{"state", "ended"}});
    out.single("gyr_process_table_bytes", Type::gauge, "Memory of the process table.", p.bytes);
    out.single("gyr_process_table_budget_bytes", Type::gauge, "What it may take.", state.config.state.memory_bytes);
    out.single("gyr_processes_evicted_total", Type::counter, "Ended processes forgotten early for want of memory.",
               p.evicted);
    out.single("gyr_process_images_trimmed_total", Type::counter, "Images kept without their environment.", p.trimmed);
    out.single("gyr_process_records_total", Type::counter, "Process records taken.", p.records);
    out.family("gyr_process_records_missed_total", Type::counter, "Records whose absence was noticed later.")
        .sample(p.missed_forks, {{"event", "fork"}});
    out.sample(p.missed_execs, {{"event", "exec"}}).sample(p.missed_exits, {{"event", "exit"}});
    out.single("gyr_containers", Type::gauge, "Containers known.", std::uint64_t{e.containers});
}

void rules_part(Exposition& out, const Agent& agent, const Engine::Summary& e) {
    out.family("gyr_rule_alerts_total", Type::counter, "Alerts by rule.");
    for (const auto& [rule, count] : agent.rule_matches()) out.sample(count, {{"rule", rule}});
    if (!e.rules) return;
    out.family("gyr_rule_cost_seconds_total", Type::counter,
               "Time that each rule takes, estimated from samples as if it stood alone; since the rules were loaded.");
    for (std::size_t i = 0; i < e.rule_costs.size() && i < e.rules->rules().size(); ++i)
        out.sample(seconds(e.rule_costs[i]), {{"rule", e.rules->rules()[i].name}});
}

void journal_part(Exposition& out, const journal::Status& s, const Agent::State& state) {
    out.single("gyr_journal_durable", Type::gauge, "Whether records are on disk before outputs see them.",
               std::uint64_t{s.durable ? 1U : 0U});
    out.single("gyr_journal_head", Type::counter, "The sequence number of the newest record.", s.head);
    out.single("gyr_journal_bytes", Type::gauge, "Size of the journal's file.", s.bytes);
    out.single("gyr_journal_budget_bytes", Type::gauge, "What it may become.", state.config.journal.size_bytes);
    out.single("gyr_journal_waiting_records", Type::gauge, "Records not committed yet.", std::uint64_t{s.waiting});
    out.single("gyr_journal_committed_total", Type::counter, "Records committed.", s.committed);
    out.single("gyr_journal_transactions_total", Type::counter, "Transactions they took.", s.transactions);
    out.single("gyr_journal_commit_seconds_total", Type::counter, "Time spent in committing.", seconds(s.commit_time));
    out.single("gyr_journal_lost_total", Type::counter, "Records that were not taken, as the queue was full.", s.lost);
    out.single("gyr_journal_rolled_up_total", Type::counter, "Alerts that a summary told of.", s.rolled_up);
}

void outputs_part(Exposition& out, const Agent& agent) {
    const std::vector<OutputSet::State> outputs = agent.outputs();
    const Nanos now = wall_now();
    const auto each = [&](std::string_view name, Type type, std::string_view help, auto value) {
        out.family(name, type, help);
        for (const OutputSet::State& o : outputs)
            out.sample(value(o), {{"output", o.options.name}, {"type", o.options.type}});
    };
    each("gyr_output_works", Type::gauge, "Whether the last attempt to deliver went well.",
         [](const auto& o) { return std::uint64_t{o.stats.problem.empty() ? 1U : 0U}; });
    each("gyr_output_delivered_total", Type::counter, "Records that arrived.",
         [](const auto& o) { return o.stats.delivered; });
    each("gyr_output_filtered_total", Type::counter, "Records that the output did not want.",
         [](const auto& o) { return o.stats.filtered; });
    each("gyr_output_refused_total", Type::counter, "Records that the receiver would never take.",
         [](const auto& o) { return o.stats.refused; });
    each("gyr_output_failures_total", Type::counter, "Attempts that failed.",
         [](const auto& o) { return o.stats.failures; });
    std::vector<journal::StoreReader::Lag> lags;
    for (const OutputSet::State& o : outputs) lags.push_back(agent.journal().lag(o.position));
    std::size_t i = 0;
    each("gyr_output_undelivered", Type::gauge, "Records in the journal that have not arrived yet.",
         [&](const auto&) { return lags[i++].count; });
    i = 0;
    each("gyr_output_oldest_undelivered_seconds", Type::gauge, "Age of the oldest of them; 0: there is none.",
         [&](const auto&) {
             const auto& lag = lags[i++];
             return lag.count == 0 ? 0.0 : seconds(std::max<Nanos>(0, now - lag.oldest));
         });
    out.family("gyr_alert_latency_seconds", Type::histogram, "From the event in the kernel to its arrival, by output.");
    std::vector<double> bounds;
    for (const Nanos bound : Agent::kLatencyBounds) bounds.push_back(seconds(bound));
    const auto latencies = agent.latencies();
    for (const auto& [output, l] : latencies) out.histogram(bounds, l.upto, l.sum_seconds, {{"output", output}});
    const auto canaries = agent.canaries();
    if (canaries.empty()) return;
    out.family("gyr_canary_age_seconds", Type::gauge,
               "Since the newest canary that arrived happened (or since the start), by output; journal: made durable.");
    for (const auto& [output, at] : canaries) out.sample(seconds(std::max<Nanos>(0, now - at)), {{"output", output}});
}

void server_part(Exposition& out, const http::Server::Stats& s) {
    out.single("gyr_http_requests_total", Type::counter, "Requests answered.", s.requests);
    out.single("gyr_http_refused_total", Type::counter, "Requests and connections refused.", s.refused);
    out.single("gyr_http_evicted_total", Type::counter, "Connections that gave up their place to others.", s.evicted);
    out.single("gyr_http_connections", Type::gauge, "Connections now.", s.connections);
    out.single("gyr_http_streams", Type::gauge, "Readers of the alert stream now.", s.streams);
}

} // namespace

std::string metrics_text(const Agent& agent, const http::Server::Stats& server) {
    const Agent::State state = agent.state();
    const Engine::Summary engine = agent.engine_summary();
    Exposition out;
    agent_part(out, agent, state);
    engine_part(out, engine);
    state_part(out, engine, state);
    rules_part(out, agent, engine);
    journal_part(out, agent.journal().status(), state);
    outputs_part(out, agent);
    server_part(out, server);
    falco_metrics(out, agent, state, engine);
    return out.take();
}

} // namespace gyr::app
