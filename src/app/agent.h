#pragma once
// The running agent as a whole: rules and configuration as they hold now, journal, outputs, engine; and how they change
// while it runs. Everything here may be called by any thread unless it says otherwise.

#include "app/canary.h"
#include "app/outputs_setup.h"
#include "app/rule_loading.h"
#include "app/settings.h"
#include "base/fd.h"
#include "engine/engine.h"
#include "journal/journal.h"

#include <atomic>
#include <expected>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace gyr::app {

class Agent {
  public:
    // Complains about what is wrong. on_last_reader_gone: standard output was all there is, and nobody reads it.
    static std::expected<std::unique_ptr<Agent>, Exit> create(const CommonOptions& options,
                                                              std::function<void()> on_last_reader_gone);
    ~Agent();

    // The engine's life: attaches and takes the snapshot; runs until stop(); ends everything. One thread.
    [[nodiscard]] Exit start();
    [[nodiscard]] Exit run();
    void finish();
    void stop() { engine_->stop(); }

    // Reads configuration and rules again and uses them; keeps what is in use when they are not good. The outcome is a
    // notice to all outputs and the sentence returned. Calls come one after the other.
    struct Reload {
        bool good = false;
        std::string message;
    };
    Reload reload(std::string_view why);
    // What the files of the last load were, to watch for changes.
    [[nodiscard]] std::vector<std::string> watched_paths() const;
    void notice(std::string kind, std::string message);
    void reopen_outputs() { outputs_->reopen(); }
    // Canary and heartbeat, when they are due. To be called once a second and when news_fd() is readable, by one
    // thread.
    void tick();
    // An eventfd, readable when the agent is armed, when rules were loaded and after poke().
    [[nodiscard]] int news_fd() const { return news_.get(); }
    void poke();

    struct FileDigest {
        std::string path, sha256;
    };

    struct State {
        config::Config config;
        std::map<std::string, std::string> origins;
        std::shared_ptr<const Matcher> matcher;
        std::vector<std::string> files;
        std::vector<FileDigest> rule_digests, config_digests;
        std::string rules_hash;       // of the rules as loaded, hex
        std::uint64_t generation = 0; // loads that were good
        Nanos loaded_at = 0;          // wall clock
        std::string last_failure;     // of the last reload; empty: it was good
    };
    [[nodiscard]] State state() const;
    [[nodiscard]] std::uint64_t generation() const { return generation_.load(std::memory_order_acquire); }
    [[nodiscard]] config::Server server_settings() const;
    // Why the engine is not to be trusted now; empty: it moves.
    [[nodiscard]] std::string unhealthy() const;
    [[nodiscard]] std::vector<Hook> hooks() const { return engine_->hooks(); }
    [[nodiscard]] std::vector<ProgramRuns> program_runs() const {
        return engine_->source() ? engine_->source()->program_runs() : std::vector<ProgramRuns>{};
    }
    [[nodiscard]] Engine::Summary engine_summary() const { return engine_->latest(); }
    [[nodiscard]] std::vector<OutputSet::State> outputs() const { return outputs_->states(); }
    [[nodiscard]] const journal::Journal& journal() const { return *journal_; }
    [[nodiscard]] journal::Journal& journal() { return *journal_; }
    [[nodiscard]] std::map<std::string, std::uint64_t> rule_matches() const;
    // Alerts by latency from event to delivery: those at most as late as kLatencyBounds[i]; the last: all.
    static constexpr std::array<Nanos, 9> kLatencyBounds = {1'000'000,   2'500'000,     5'000'000,
                                                            10'000'000,  25'000'000,    100'000'000,
                                                            500'000'000, 2'500'000'000, 10'000'000'000};
    struct Latencies {
        std::array<std::uint64_t, 10> upto{};
        double sum_seconds = 0;
    };
    [[nodiscard]] std::map<std::string, Latencies> latencies() const; // by output
    // When the newest canary that arrived happened, by output; the start, as long as there was none. Empty: it is off.
    [[nodiscard]] std::map<std::string, Nanos> canaries() const;
    [[nodiscard]] Nanos started_at() const { return started_at_; }
    [[nodiscard]] bool armed() const { return armed_.load(std::memory_order_acquire); }

  private:
    // Counts alerts by rule on their way into the journal.
    class Counted;
    explicit Agent(CommonOptions options);
    [[nodiscard]] std::expected<void, Exit> begin(std::function<void()> on_last_reader_gone);
    void take(config::Loaded settings, const CheckedRules& rules);
    void delivered(const std::string& output, const AlertRecord& record, Nanos latency);

    const CommonOptions options_;
    mutable std::mutex state_mutex_; // guards state_
    State state_;
    std::mutex reload_mutex_; // one reload at a time
    std::unique_ptr<journal::Journal> journal_;
    std::unique_ptr<Counted> counted_;
    std::unique_ptr<OutputSet> outputs_;
    std::unique_ptr<Engine> engine_;
    mutable std::mutex delivery_mutex_;          // guards what follows
    std::map<std::string, Latencies> latencies_; // by output
    std::map<std::string, Nanos> canary_seen_;   // likewise
    Canary canary_;                              // of the thread of tick()
    Nanos canary_at_ = 0, heartbeat_at_ = 0;     // likewise
    Nanos started_at_ = 0;
    std::atomic<std::uint64_t> generation_{0};
    std::atomic<bool> armed_{false};
    const UniqueFd news_;
};

} // namespace gyr::app
