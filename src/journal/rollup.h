#pragma once
// One summary instead of a flood: the first alerts of a rule (and priority, and values of chosen fields) go to the
// outputs at once, the others of the same window are counted, and when the window closes one alert tells how many there
// were, when, and with which values. Nothing is left out of the journal. One thread; no clock of its own.

#include "alerts/alert.h"

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace gyr::journal {

struct RollupRule {
    std::vector<std::string> by; // fields of alerts/lookup.h; alerts that differ in one are counted apart
    Nanos window = 0;            // from the first alert on
    std::uint64_t max = 1;       // alerts of a window that go out at once

    friend bool operator==(const RollupRule&, const RollupRule&) = default;
};

struct RollupRules {
    std::optional<RollupRule> all;           // for rules that have none of their own
    std::map<std::string, RollupRule> rules; // by rule name
};

class Rollup {
  public:
    static constexpr std::size_t kMaxWindows = 10'000; // beyond, the oldest closes early
    static constexpr std::size_t kMaxValues = 20;      // distinct values told of each field

    struct Summary {
        std::string key;
        std::uint64_t upto = 0; // the newest record in it
        Alert alert;
    };

    void set_rules(RollupRules rules) { rules_ = std::move(rules); }
    // True: it goes out. False: it is counted under key. now: steady time.
    bool admit(const Alert& alert, std::uint64_t sequence, Nanos now, std::string& key);
    // As admit() said before the agent ended.
    void count_again(const Alert& alert, const std::string& key, std::uint64_t sequence);
    // The records are numbered anew.
    void shift(std::uint64_t by) {
        for (auto& [key, window] : windows_) window.upto += by;
    }
    // Summaries of windows that closed by now (of all that counted something, when everything is true).
    [[nodiscard]] std::vector<Summary> take_due(Nanos now, bool everything = false);
    // Steady time of the next closing; 0: none.
    [[nodiscard]] Nanos next_deadline() const;

  private:
    struct Window {
        Nanos closes = 0;
        std::uint64_t passed = 0, counted = 0;
        std::uint64_t upto = 0;
        Nanos first = 0, last = 0; // of those counted
        Alert sample;              // the first counted
        std::vector<std::string> by;
        std::map<std::string, std::set<std::string>> values;
        std::set<std::string> more; // fields that had more values than are told
    };
    [[nodiscard]] const RollupRule* rule_for(const Alert& alert) const;
    static void count(Window& window, const Alert& alert, std::uint64_t sequence);
    [[nodiscard]] static Summary summarise(const std::string& key, const Window& window);

    RollupRules rules_;
    std::map<std::string, Window> windows_;
    std::multimap<Nanos, std::string> by_deadline_;
};

} // namespace gyr::journal
