#pragma once
// The agent at work beside the actions: `gyr run` of this very file as a child, with its alerts as JSON lines.

#include "base/fd.h"
#include "base/result.h"

#include <chrono>
#include <functional>
#include <string>
#include <sys/types.h>
#include <utility>
#include <vector>

namespace gyr::simulate {

struct Seen {
    std::string rule;
    std::string mark;        // what the appended output told: which action it belongs to; empty: nobody's
    double milliseconds = 0; // from the event to its arrival here
    std::string line;
};

class Watcher {
  public:
    // argv without the program. Returns when the agent is armed. stop_fd: once it is readable, nothing is waited for;
    // or -1.
    [[nodiscard]] static Result<Watcher> start(const std::vector<std::string>& argv, std::chrono::milliseconds patience,
                                               int stop_fd);
    Watcher(Watcher&& other) noexcept
        : pid_(std::exchange(other.pid_, -1)), out_(std::move(other.out_)), err_(std::move(other.err_)),
          stop_fd_(other.stop_fd_), told_to_stop_(other.told_to_stop_), text_(std::move(other.text_)),
          log_(std::move(other.log_)), seen_(std::move(other.seen_)) {}
    Watcher& operator=(Watcher&&) = delete;
    Watcher(const Watcher&) = delete;
    Watcher& operator=(const Watcher&) = delete;
    ~Watcher(); // ends the agent

    // Reads what comes until done() or the time is over; true: done(). other: a descriptor whose readability ends one
    // wait early, such as a process's, or -1.
    bool read_until(const std::function<bool()>& done, std::chrono::milliseconds patience, int other = -1);
    [[nodiscard]] const std::vector<Seen>& seen() const { return seen_; }
    [[nodiscard]] bool told_to_stop() const { return told_to_stop_; }
    // Ends the agent and reads what it still says.
    [[nodiscard]] Result<> stop();
    [[nodiscard]] const std::string& log() const { return log_; }

  private:
    Watcher() = default;
    bool read_once(int timeout, int other);
    void take_lines();
    pid_t pid_ = -1;
    UniqueFd out_, err_;
    int stop_fd_ = -1;
    bool told_to_stop_ = false;
    std::string text_; // of an unfinished line
    std::string log_;
    std::vector<Seen> seen_;
};

// Fields by which alerts tell whose they are, for an overlay of every rule.
[[nodiscard]] std::string overlay(const std::vector<std::string>& rules, const std::vector<std::string>& switched_on);
inline constexpr const char* kMark = "GYR_SIMULATE";
inline constexpr const char* kWitness = "Simulation Witness";

} // namespace gyr::simulate
