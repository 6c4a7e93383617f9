#include "app/agent.h"

#include "alerts/builder.h"
#include "app/engine_setup.h"
#include "app/file_digest.h"
#include "app/spare_memory.h"
#include "base/clock.h"
#include "config/settings.h"
#include "journal/chain.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <optional>
#include <set>
#include <utility>

#include <sys/eventfd.h>
#include <unistd.h>

namespace gyr::app {
namespace {

constexpr Nanos kSecond = 1'000'000'000;
constexpr Nanos kClosePatience = kSecond / 2; // for outputs that are slow at the end
constexpr Nanos kStuckAfter = 10 * kSecond;   // it reports twice a second

// Of everything that makes the rules what they are.
std::string hash_rules(const Matcher& matcher) {
    journal::Digest digest{};
    for (const Rule& rule : matcher.rules()) {
        digest = journal::next_digest(digest, rule.enabled ? 1 : 0, rule.name);
        digest = journal::next_digest(digest, static_cast<std::uint64_t>(rule.priority),
                                      rule.condition ? lang::to_source(*rule.condition) : rule.disabled_why);
        digest = journal::next_digest(digest, 0, rule.output);
    }
    return journal::to_hex(digest);
}

bool any_usable(const CheckedRules& rules) {
    return std::ranges::any_of(rules.matcher->rules(),
                               [](const Rule& rule) { return rule.enabled && rule.disabled_why.empty(); });
}

void log_rules(const CheckedRules& rules) {
    std::size_t usable = 0;
    for (const Rule& rule : rules.matcher->rules()) {
        if (!rule.disabled_why.empty()) {
            log(LogLevel::warning, fmt::format("rule '{}' cannot be used: {}", rule.name, rule.disabled_why));
        } else if (rule.enabled) {
            ++usable;
        }
    }
    const auto others = std::ranges::count(rules.loaded.diagnostics, "LOAD_UNKNOWN_SOURCE", &Diagnostic::code);
    if (others > 0)
        log(LogLevel::warning, fmt::format("{} rules are left out: their event source is not there", others));
    const std::size_t files = rules.loaded.files.size();
    log(LogLevel::info,
        fmt::format("{} rule{} from {} file{}", usable, usable == 1 ? "" : "s", files, files == 1 ? "" : "s"));
}

// Rules that wait for what nobody brings.
void warn_of_absent_audit(const CheckedRules& rules, bool audit) {
    if (audit) return;
    const auto waiting = std::ranges::count_if(rules.matcher->rules(), [](const Rule& rule) {
        return rule.enabled && rule.disabled_why.empty() &&
               (rule.source == kAuditSource || rule.condition_text.contains("k8s.user.") ||
                rule.condition_text.contains("k8s.audit_id"));
    });
    if (waiting > 0)
        log(LogLevel::warning, fmt::format("{} rules ask about the Kubernetes audit log, and nothing brings it: set "
                                           "audit.listen or audit.files",
                                           waiting));
}

// Keys that hold for the whole life of the agent and differ between the two.
std::string fixed_differences(const config::Config& before, const config::Config& after) {
    static const std::set<std::string_view> changeable{"rules",
                                                       "include",
                                                       "watch",
                                                       "throttle.for",
                                                       "throttle.by",
                                                       "throttle.max",
                                                       "time_format",
                                                       "log.level",
                                                       "log.format",
                                                       "server.token",
                                                       "canary",
                                                       "heartbeat",
                                                       "server.health_path",
                                                       "server.probe_metrics"};
    std::string names;
    for (const auto& setting : config::settings()) {
        if (changeable.contains(setting.key) || config::show(setting, before) == config::show(setting, after)) continue;
        names += (names.empty() ? "" : ", ") + std::string(setting.key);
    }
    return names;
}

} // namespace

class Agent::Counted final : public AlertSink {
  public:
    explicit Counted(journal::Journal& journal) : journal_(journal) {}
    void push(AlertRecordPtr record) override {
        if (const auto* alert = std::get_if<Alert>(record.get())) {
            const std::lock_guard lock(mutex_);
            ++matches_[alert->rule];
            if (alert->rule == kCanaryRule) canary_ = alert->time;
        }
        journal_.push(std::move(record));
    }
    [[nodiscard]] Nanos canary() const {
        const std::lock_guard lock(mutex_);
        return canary_;
    }
    [[nodiscard]] std::map<std::string, std::uint64_t> matches() const {
        const std::lock_guard lock(mutex_);
        return matches_;
    }

  private:
    journal::Journal& journal_;
    mutable std::mutex mutex_;
    std::map<std::string, std::uint64_t> matches_;
    Nanos canary_ = 0; // when the newest one happened
};

std::expected<std::unique_ptr<Agent>, Exit> Agent::create(const CommonOptions& options,
                                                          std::function<void()> on_last_reader_gone) {
    std::unique_ptr<Agent> agent(new Agent(options));
    if (auto ok = agent->begin(std::move(on_last_reader_gone)); !ok) return std::unexpected(ok.error());
    return agent;
}

Agent::Agent(CommonOptions options) : options_(std::move(options)), news_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

void Agent::poke() {
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(news_.get(), &one, sizeof one);
}

Agent::~Agent() {
    if (outputs_) outputs_->close(0);
}

std::expected<void, Exit> Agent::begin(std::function<void()> on_last_reader_gone) {
    started_at_ = wall_now();
    auto settings = load_settings(options_);
    if (!settings) return std::unexpected(settings.error());
    const config::Config config = settings->config;
    const auto paths = find_rules(config);
    if (!paths) return std::unexpected(paths.error());

    CheckedRules rules = load_checked(paths->paths, false, true, &config);
    const auto bad = [&] {
        return std::unexpected(complain(Exit::bad, rules.loaded.diagnostics, "`gyr rules check` shows them all"));
    };
    if (!any_usable(rules) && !rules.loaded.ok()) return bad();
    // A rule given on the command line is one somebody asks for: that it cannot be used is not a line in a log.
    if (!options_.rules.empty() && !rules.loaded.ok()) return bad();
    for (const Rule& rule : rules.matcher->rules()) {
        if (!options_.rules.empty() && !rule.disabled_why.empty())
            return std::unexpected(
                complain(Exit::bad, fmt::format("rule '{}' cannot be used: {}", rule.name, rule.disabled_why)));
    }

    const auto usage = [](const std::string& what) { return std::unexpected(complain(Exit::usage, what)); };
    if (config.outputs.empty()) return usage("no output is configured");
    auto wanted = output_options(config);
    if (!wanted) return usage(wanted.error().message);
    if (standard_output_closed() && std::ranges::any_of(*wanted, [](const auto& o) { return o.type == "stdout"; }))
        return usage("standard output is closed, and alerts go there");
    auto rollup = rollup_rules(config, rules.loaded.rules);
    if (!rollup) return usage(rollup.error().message);

    journal::Options journal_settings = journal_options(config, !settings->origins.contains("journal.path"), *wanted);
    journal_settings.on_problem = [](const std::string& problem) { log(LogLevel::warning, problem); };
    journal_ = std::make_unique<journal::Journal>(std::move(journal_settings));
    journal_->set_rollup(std::move(*rollup));
    counted_ = std::make_unique<Counted>(*journal_);
    outputs_ = std::make_unique<OutputSet>(
        *journal_, OutputSet::Events{[](const std::string& problem) { log(LogLevel::warning, problem); },
                                     std::move(on_last_reader_gone),
                                     [this](const std::string& output, const AlertRecord& record, Nanos latency) {
                                         delivered(output, record, latency);
                                     }});
    if (auto ok = outputs_->apply(std::move(*wanted)); !ok) return usage(ok.error().message);
    journal_->outputs_complete();

    // One scratch for building; remade when the rules change. Only the engine's thread uses it.
    struct Building {
        const Matcher* matcher = nullptr;
        Matcher::ScratchPtr scratch;
    };
    auto building = std::make_shared<Building>();
    auto build = [building](const Matcher& matcher, std::uint32_t rule, const Event& event, const EvalWorld& world) {
        if (building->matcher != &matcher) {
            building->scratch = matcher.make_scratch();
            building->matcher = &matcher;
        }
        BuiltAlert built = build_alert(matcher, rule, event, world, *building->scratch);
        return Pipeline::Built{std::move(built.alert), built.pending};
    };
    auto audit = audit_options(config);
    if (!audit) return usage(audit.error().message);
    const bool listens_to_audit = audit->any();
    if (!listens_to_audit && !config.kernel.enabled) return usage(kNothingToWatch);
    Engine::Options engine_settings = engine_options(config, std::move(*audit));
    const auto verify = parse_share(config.plan.verify);
    if (!verify) return usage(bad_share(config.plan.verify));
    engine_settings.plan_verify = *verify;
    engine_settings.captures = capture_options(config);
    auto engine = Engine::create(std::move(engine_settings), rules.matcher, std::move(build), *counted_);
    if (!engine) return std::unexpected(complain(exit_code(engine.error()), engine.error().message));
    engine_ = std::move(*engine);
    // Not before all that can end it here: what ends it stands alone.
    log_rules(rules);
    warn_of_absent_audit(rules, listens_to_audit);
    if (const int port = engine_->audit_port(); port >= 0)
        log(LogLevel::info, fmt::format("audit log: listening on port {}", port));
    take(std::move(*settings), rules);
    return {};
}

void Agent::take(config::Loaded settings, const CheckedRules& rules) {
    const std::lock_guard lock(state_mutex_);
    state_.config = std::move(settings.config);
    state_.origins = std::move(settings.origins);
    state_.matcher = rules.matcher;
    state_.files = rules.loaded.files;
    state_.files.insert(state_.files.end(), rules.loaded.items_files.begin(), rules.loaded.items_files.end());
    state_.rules_hash = hash_rules(*rules.matcher);
    generation_.store(++state_.generation, std::memory_order_release);
    poke();
    state_.rule_digests.clear();
    for (const std::string& file : rules.loaded.files) {
        if (auto digest = sha256_of_file(file)) state_.rule_digests.push_back({file, std::move(*digest)});
    }
    state_.config_digests.clear();
    for (const std::string& file : config_places(options_, state_.config)) {
        if (auto digest = sha256_of_file(file)) state_.config_digests.push_back({file, std::move(*digest)});
    }
    state_.loaded_at = wall_now();
    state_.last_failure.clear();
}

Exit Agent::start() {
    if (auto ok = engine_->start(); !ok) return complain(exit_code(ok.error()), ok.error().message);
    const Engine::Summary at_start = engine_->summary();
    armed_.store(true, std::memory_order_release); // whoever reads the line finds it ready
    log(LogLevel::info, fmt::format("armed after {} ms with {} processes known", (wall_now() - started_at_) / 1'000'000,
                                    at_start.processes.living));
    poke();
    spare_memory();
    return Exit::fine;
}

Exit Agent::run() {
    const auto ran = engine_->run();
    return ran ? Exit::fine : complain(exit_code(ran.error()), ran.error().message);
}

void Agent::finish() {
    engine_->finish();
    journal_->flush();
    outputs_->close(kClosePatience);
    std::string delivered;
    std::uint64_t lost = journal_->status().lost;
    for (const OutputSet::State& output : outputs_->states()) {
        delivered += fmt::format("{}{} delivered to {}", delivered.empty() ? "" : ", ", output.stats.delivered,
                                 output.options.name);
        if (const auto behind = journal_->lag(output.position).count; behind > 0) {
            delivered += fmt::format(" ({} {})", behind, journal_->status().durable ? "wait in the journal" : "lost");
            lost += journal_->status().durable ? 0 : behind;
        }
        lost += output.stats.refused;
    }
    journal_->close();
    const Engine::Summary s = engine_->summary();
    log(LogLevel::info,
        fmt::format("ended after {:.1f} s: {} process events, {} alerts ({}, {} lost), {} events lost in the kernel",
                    static_cast<double>(s.running) / 1e9, s.pipeline.events, s.pipeline.alerts, delivered, lost,
                    s.lost));
}

Agent::Reload Agent::reload(std::string_view why) {
    const std::lock_guard one_at_a_time(reload_mutex_);
    const auto failed = [&](const std::string& what) {
        const std::string message = fmt::format("reload ({}) failed: {}; what was in use stays", why, what);
        {
            const std::lock_guard lock(state_mutex_);
            state_.last_failure = message;
        }
        log(LogLevel::error, message);
        notice("reload_failed", message);
        return Reload{false, message};
    };
    auto settings = load_settings_or_why(options_);
    if (!settings) return failed(settings.error());
    const auto paths = find_rules(settings->config);
    if (!paths) return failed("there are no rules");
    const CheckedRules rules = load_checked(paths->paths, false, true, &settings->config);
    if (!rules.loaded.ok()) return failed(in_one_line(rules.loaded.diagnostics, "`gyr rules check` shows them all"));
    if (!any_usable(rules)) return failed("there is no rule that can be used");
    auto rollup = rollup_rules(settings->config, rules.loaded.rules);
    if (!rollup) return failed(rollup.error().message);
    auto wanted = output_options(settings->config);
    if (!wanted) return failed(wanted.error().message);
    if (wanted->empty()) return failed("no output is configured");
    if (auto ok = engine_->prepare_rules(*rules.matcher); !ok) return failed(ok.error().message);
    if (auto ok = outputs_->apply(std::move(*wanted)); !ok) return failed(ok.error().message);
    journal_->set_rollup(std::move(*rollup));
    engine_->swap_rules(rules.matcher);
    const std::string fixed = fixed_differences(state().config, settings->config);
    take(std::move(*settings), rules);
    log_rules(rules);
    const State now = state();
    std::string message = fmt::format("reload ({}): {} rules, generation {}, hash {}", why, now.matcher->rules().size(),
                                      now.generation, now.rules_hash.substr(0, 16));
    if (!fixed.empty()) message += fmt::format("; at the next start: {}", fixed);
    notice("reload", message);
    return {true, message};
}

std::vector<std::string> Agent::watched_paths() const {
    const State now = state();
    std::vector<std::string> paths = config_places(options_, now.config);
    if (const auto rules = find_rules(now.config)) paths.insert(paths.end(), rules->paths.begin(), rules->paths.end());
    paths.insert(paths.end(), now.files.begin(), now.files.end());
    return paths;
}

void Agent::notice(std::string kind, std::string message) {
    journal_->push(std::make_shared<const AlertRecord>(
        Notice{wall_now(), std::move(kind), std::move(message), host_name(state().config)}));
}

Agent::State Agent::state() const {
    const std::lock_guard lock(state_mutex_);
    return state_;
}

std::map<std::string, std::uint64_t> Agent::rule_matches() const { return counted_->matches(); }

void Agent::delivered(const std::string& output, const AlertRecord& record, Nanos latency) {
    const auto* alert = std::get_if<Alert>(&record);
    if (alert == nullptr) return;
    const std::lock_guard lock(delivery_mutex_);
    if (alert->rule == kCanaryRule) canary_seen_[output] = std::max(canary_seen_[output], alert->time);
    Latencies& l = latencies_[output];
    for (std::size_t i = 0; i < kLatencyBounds.size(); ++i) l.upto[i] += latency <= kLatencyBounds[i] ? 1U : 0U;
    ++l.upto.back();
    l.sum_seconds += static_cast<double>(latency) / 1e9;
}

std::map<std::string, Agent::Latencies> Agent::latencies() const {
    const std::lock_guard lock(delivery_mutex_);
    return latencies_;
}

std::map<std::string, Nanos> Agent::canaries() const {
    if (const State now = state(); now.config.canary == 0 || !now.config.kernel.enabled) return {};
    std::map<std::string, Nanos> out;
    const auto put = [&](const std::string& name, Nanos seen) { out[name] = seen == 0 ? started_at_ : seen; };
    put("journal", counted_->canary());
    const std::lock_guard lock(delivery_mutex_);
    for (const OutputSet::State& output : outputs_->states()) {
        const auto seen = canary_seen_.find(output.options.name);
        put(output.options.name, seen == canary_seen_.end() ? 0 : seen->second);
    }
    return out;
}

config::Server Agent::server_settings() const {
    const std::lock_guard lock(state_mutex_);
    return state_.config.server;
}

std::string Agent::unhealthy() const {
    if (!armed()) return {};
    const Nanos still = steady_now() - engine_->latest().at;
    return still > kStuckAfter ? fmt::format("the engine has not moved for {} s", still / kSecond) : "";
}

void Agent::tick() {
    if (!armed()) return;
    const Nanos now = steady_now();
    Nanos canary = 0, heartbeat = 0;
    std::string hash;
    {
        const std::lock_guard lock(state_mutex_);
        canary = state_.config.canary;
        if (!state_.config.kernel.enabled) canary = 0; // nobody would see it
        heartbeat = state_.config.heartbeat;
        if (heartbeat > 0) hash = state_.rules_hash;
    }
    if (canary > 0 && (canary_at_ == 0 || now - canary_at_ >= canary)) {
        canary_at_ = now;
        if (const auto problem = canary_.run()) log(LogLevel::warning, *problem);
    }
    if (heartbeat == 0 || (heartbeat_at_ != 0 && now - heartbeat_at_ < heartbeat)) return;
    heartbeat_at_ = now;
    const Engine::Summary engine = engine_->latest();
    const std::string unwell = unhealthy();
    notice("heartbeat", fmt::format("{}; rules {}, generation {}, {} events, {} alerts, {} lost since the start",
                                    unwell.empty() ? "alive" : unwell, hash, generation(), engine.pipeline.events,
                                    engine.pipeline.alerts, engine.lost));
}

} // namespace gyr::app
