#pragma once
// Runs actions one after the other beside an agent, and tells which alerts came.

#include "base/result.h"
#include "simulate/action.h"

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace gyr::simulate {

enum class Expect : std::uint8_t {
    alert,   // of the rule
    silence, // of the rule, however near it comes
    evasion, // an alert of the rule, although the action tries to go unseen
};
[[nodiscard]] std::string_view expect_text(Expect expect);

struct Task {
    std::string name; // of an evasion; else that of the rule
    std::string rule;
    Expect expect = Expect::alert;
    Doing doing;
};
// Of the rules given: alert and near miss, then evasions.
[[nodiscard]] std::vector<Task> tasks_for(const std::vector<std::string>& rules);
[[nodiscard]] std::string steps_text(const Doing& doing);

struct Outcome {
    Task task;
    bool done = false; // the steps could be done
    bool seen = false; // the agent saw a program of it
    bool alerted = false;
    double milliseconds = 0; // from the event to its alert
    std::string detail;      // why it could not be done
    [[nodiscard]] bool good() const { return done && seen && alerted == (task.expect != Expect::silence); }
};

struct Options {
    std::vector<std::string> rule_paths;    // for the agent, in order
    std::vector<std::string> rule_names;    // of all rules in them
    std::vector<std::string> switched_on;   // of those that are off and are to be tried too
    std::vector<std::string> agent_options; // further -o
    int stop_fd = -1;                       // readable once it is to end early
};

// progress: after each task. Needs root; one thread. Leaves nothing behind, also when it ends early, which is an error.
[[nodiscard]] Result<std::vector<Outcome>> run(const Options& options, const std::vector<Task>& tasks,
                                               const std::function<void(const Outcome&)>& progress);

} // namespace gyr::simulate
