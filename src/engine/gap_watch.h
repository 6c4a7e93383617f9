#pragma once
// Turns growing loss counters into gap records: one record per episode and event class, opened by the first loss and
// closed when a whole interval has passed without another, so that a flood of losses is not a flood of records. Counts
// are exact: the sum over the records of a class is the counter.

#include "alerts/alert.h"
#include "base/ids.h"

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

namespace gyr {

class GapWatch {
  public:
    struct Loss {
        std::string_view stage;       // "kernel ring", …
        std::string_view event_class; // "exec", …
        std::uint64_t total = 0;      // since start
        Nanos first = 0, last = 0;    // wall clock of the first and newest loss
        std::string_view container;   // of the newest one, when known
        std::string_view reason;
        // Counted by container: each has episodes of its own.
        bool by_container = false;
        std::uint64_t counter = 0; // tells counters apart that are told as one: groups of processes of one container
        const std::vector<std::string>* rules = nullptr; // that were blind; null: those given for all
    };

    GapWatch(std::string hostname, Nanos quiet) : hostname_(std::move(hostname)), quiet_(quiet) {}

    // The counters as they stand at now (wall clock). Finished episodes go to emit. True while an episode is open.
    bool update(const std::vector<Loss>& losses, Nanos now, const std::vector<std::string>& blind_rules,
                const std::function<void(GapRecord)>& emit);
    // Ends every open episode.
    void close(const std::function<void(GapRecord)>& emit);

  private:
    struct Episode {
        std::uint64_t count = 0;
        Nanos from = 0, to = 0;
        bool open = false;
        std::string container, reason;
        std::vector<std::string> rules;
    };
    struct Counter {
        std::uint64_t total = 0; // as it was last seen
        Nanos last = 0;
    };
    using What = std::tuple<std::string, std::string, std::string, std::string>; // stage, class, container, reason
    // Stage, class, reason, Loss::counter: which container a counter is of may be learned later.
    using Which = std::tuple<std::string, std::string, std::string, std::uint64_t>;
    void add(const Loss& loss, const std::vector<std::string>& blind_rules);
    void finish(const What& what, Episode& episode, const std::function<void(GapRecord)>& emit) const;

    std::string hostname_;
    Nanos quiet_;
    std::map<Which, Counter> counters_;
    std::map<What, Episode> episodes_; // container and reason only where they are counted by container
};

} // namespace gyr
