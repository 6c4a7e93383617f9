#pragma once
// The agent under measurement, started as a user would start it: `gyr run` with one rule, its alerts read from a pipe.
// Errors end the program with a message: a benchmark has nobody to report to but its reader.

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

#include <sys/types.h>

namespace gyr::bench {

using Clock = std::chrono::steady_clock;

[[noreturn]] void fail(std::string_view why);

// Runs `gyr run` from its construction to its destruction, and has it armed in between.
class Agent {
  public:
    // Starts the binary that the environment variable GYR_BINARY names, or build/gyr, with the text of a rule file, and
    // returns when it says that it is armed.
    explicit Agent(std::string_view rules);
    // Ends the agent with SIGTERM and waits for it. Fails when it does not end well.
    ~Agent();
    Agent(const Agent&) = delete;
    Agent& operator=(const Agent&) = delete;

    [[nodiscard]] Clock::duration time_to_armed() const { return time_to_armed_; }
    [[nodiscard]] pid_t pid() const { return pid_; }
    // Ends it before its time; the last line of its log, which tells what it saw and lost.
    std::string end();
    // The next line of its standard output, without the line end; waits for at most `patience` and then returns false.
    bool read_line(std::string& line, std::chrono::milliseconds patience);

  private:
    void wait_until_armed() const;

    pid_t pid_ = -1;
    int alerts_fd_ = -1;
    int log_fd_ = -1;
    std::string folder_;
    std::string pending_;
    std::thread log_reader_;
    std::string log_; // of log_reader_
    Clock::duration time_to_armed_{};
};

// The process lane's lightest load: a rule about processes that nothing on a host makes true.
inline constexpr std::string_view kQuietRule = R"(
- rule: Benchmark Quiet
  desc: Never true; makes the agent watch processes.
  condition: spawned_process and proc.name = "gyr-bench-no-such-name"
  output: "%proc.name"
  priority: DEBUG
)";

} // namespace gyr::bench
