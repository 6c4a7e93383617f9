// From an exec to the alert's line read from a pipe by another program: p50, p99 and the longest, on an idle machine
// and with every CPU kept busy by programs that start programs. And from the agent's own start to "armed".
//
//   bench_latency [SAMPLES]
//
// The clock starts just before execve, so the kernel's own work for it is in the figures.

#include "bench/macro/agent.h"
#include "bench/macro/statistics.h"

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include <fmt/core.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace gyr::bench;

namespace {

constexpr std::string_view kMark = "gyr-latency-";
constexpr std::chrono::milliseconds kPause{5}; // between samples, so that each finds the agent asleep
constexpr std::chrono::milliseconds kPatience{5000};
constexpr int kStarts = 20;
constexpr const char* kProgram = "/bin/true";

constexpr std::string_view kRule = R"(
- rule: Benchmark Exec
  desc: A program that the benchmark starts.
  condition: spawned_process and proc.args startswith "gyr-latency-"
  output: "%proc.args"
  priority: DEBUG
)";

// One exec: the child notes the time in memory that it shares with us, as its last act before execve.
pid_t start_sample(int number, Clock::time_point* started) {
    const std::string argument = fmt::format("{}{};", kMark, number);
    const pid_t pid = fork();
    if (pid < 0) fail("cannot fork");
    if (pid == 0) {
        *started = Clock::now();
        execl(kProgram, "true", argument.c_str(), nullptr);
        _exit(127);
    }
    return pid;
}

std::vector<double> measure(Agent& agent, int samples) {
    void* shared = mmap(nullptr, sizeof(Clock::time_point), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) fail("cannot map memory");
    auto* started = static_cast<Clock::time_point*>(shared);
    std::vector<double> milliseconds;
    std::string line;
    for (int number = 0; number < samples; ++number) {
        const pid_t pid = start_sample(number, started);
        const std::string wanted = fmt::format("{}{};", kMark, number);
        do {
            if (!agent.read_line(line, kPatience)) fail(fmt::format("no alert for sample {}", number));
        } while (line.find(wanted) == std::string::npos);
        const std::chrono::duration<double, std::milli> took = Clock::now() - *started;
        milliseconds.push_back(took.count());
        waitpid(pid, nullptr, 0);
        std::this_thread::sleep_for(kPause);
    }
    munmap(shared, sizeof(Clock::time_point));
    return milliseconds;
}

// One process per CPU that starts programs without a pause, until it is destroyed.
class Load {
  public:
    Load() {
        const unsigned count = std::max(1U, std::thread::hardware_concurrency());
        for (unsigned i = 0; i < count; ++i) {
            const pid_t pid = fork();
            if (pid < 0) fail("cannot fork");
            if (pid == 0) {
                for (;;) {
                    const pid_t child = fork();
                    if (child == 0) {
                        execl(kProgram, "true", nullptr);
                        _exit(127);
                    }
                    waitpid(child, nullptr, 0);
                }
            }
            workers_.push_back(pid);
        }
    }
    ~Load() {
        for (const pid_t pid : workers_) {
            kill(pid, SIGKILL);
            waitpid(pid, nullptr, 0);
        }
    }
    Load(const Load&) = delete;
    Load& operator=(const Load&) = delete;

  private:
    std::vector<pid_t> workers_;
};

void print(std::string_view what, const std::vector<double>& ms) {
    fmt::print("{:<22} p50 {:7.2f} ms   p99 {:7.2f} ms   max {:7.2f} ms   ({} samples)\n", what, median(ms),
               quantile(ms, 0.99), quantile(ms, 1), ms.size());
}

} // namespace

int main(int argc, char** argv) {
    const int samples = argc > 1 ? std::atoi(argv[1]) : 500;
    if (samples < 1) fail("usage: bench_latency [SAMPLES]");
    std::vector<double> starts;
    for (int i = 0; i < kStarts; ++i) {
        const Agent agent(kRule);
        starts.push_back(std::chrono::duration<double, std::milli>(agent.time_to_armed()).count());
    }
    print("start to armed", starts);
    Agent agent(kRule);
    print("exec to line, idle", measure(agent, samples));
    const Load load;
    print("exec to line, loaded", measure(agent, samples));
    return 0;
}
