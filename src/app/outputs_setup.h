#pragma once
// From the configuration to running outputs, and from one configuration to the next while they run.

#include "config/config.h"
#include "journal/journal.h"
#include "outputs/output.h"

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace gyr {
struct Rule;
} // namespace gyr

namespace gyr::app {

// The name alerts give this host.
[[nodiscard]] std::string host_name(const config::Config& config);

// How an output writes alerts.
[[nodiscard]] FormatOptions format_options(const config::Output& output, const config::Config& config);
// What is wrong with the value of a key of the configuration.
struct SettingProblem {
    std::string key; // "outputs[1].tls.cert"
    std::string message;
};
// Every output with its unique name. Filters and addresses are checked, servers not asked.
struct OutputsRead {
    std::vector<outputs::OutputOptions> options;
    std::vector<SettingProblem> problems; // they name the output
};
[[nodiscard]] OutputsRead read_outputs(const config::Config& config);
// The same; an error is the first of the problems.
[[nodiscard]] Result<std::vector<outputs::OutputOptions>> output_options(const config::Config& config);
// standard: the path is the default, so that it is no trouble when it cannot be used.
[[nodiscard]] journal::Options journal_options(const config::Config& config, bool standard,
                                               const std::vector<outputs::OutputOptions>& outputs);
// Of the configuration and of each rule. An error names the rule whose fields are none.
[[nodiscard]] Result<journal::RollupRules> rollup_rules(const config::Config& config, const std::vector<Rule>& rules);

// The outputs that run. Any thread may ask, one may change.
class OutputSet {
  public:
    struct Events {
        std::function<void(const std::string&)> on_problem;
        std::function<void()> on_last_closed; // standard output was the only output, and its reader has gone
        std::function<void(const std::string& output, const AlertRecord&, Nanos latency)> on_delivered;
    };
    struct State {
        outputs::OutputOptions options;
        outputs::OutputStats stats;
        std::uint64_t position = 0;
    };

    OutputSet(journal::Journal& journal, Events events) : journal_(journal), events_(std::move(events)) {}
    ~OutputSet();
    OutputSet(const OutputSet&) = delete;
    OutputSet& operator=(const OutputSet&) = delete;

    // Starts what is new, leaves what has not changed alone, ends what is gone. On an error nothing has changed.
    Result<> apply(std::vector<outputs::OutputOptions> wanted);
    void reopen();
    void close(Nanos timeout);
    [[nodiscard]] std::vector<State> states() const;

  private:
    [[nodiscard]] outputs::OutputEvents events_for(const outputs::OutputOptions& options);

    journal::Journal& journal_;
    const Events events_;
    mutable std::mutex mutex_;
    std::vector<std::unique_ptr<outputs::Output>> outputs_;
};

} // namespace gyr::app
