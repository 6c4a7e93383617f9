// What a system call costs with Gyr ÷ without, when only process rules are loaded: 1.00 is the aim, because then no
// system-call tracepoint is attached. Runs with and without the agent alternate, so that a machine that gets slower in
// between slows both; the spread of pairs without the agent tells how much of a difference is noise.
//
//   bench_tax [ROUNDS]

#include "bench/macro/agent.h"
#include "bench/macro/statistics.h"

#include <cstdlib>
#include <vector>

#include <fmt/core.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

using namespace gyr::bench;

namespace {

constexpr int kCallsPerRun = 1'000'000;
constexpr int kRunsPerRound = 3;

// Nanoseconds per getppid, the best of a few runs: what disturbs a run only ever makes it longer.
double run_loop() {
    double best = 0;
    for (int run = 0; run < kRunsPerRound; ++run) {
        const auto start = Clock::now();
        for (int i = 0; i < kCallsPerRun; ++i) syscall(SYS_getppid);
        const std::chrono::duration<double, std::nano> took = Clock::now() - start;
        const double each = took.count() / kCallsPerRun;
        if (run == 0 || each < best) best = each;
    }
    return best;
}

void stay_on_this_cpu() {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(static_cast<std::size_t>(sched_getcpu()), &set);
    sched_setaffinity(0, sizeof set, &set);
}

} // namespace

int main(int argc, char** argv) {
    const int rounds = argc > 1 ? std::atoi(argv[1]) : 9;
    if (rounds < 1) fail("usage: bench_tax [ROUNDS]");
    std::vector<double> without;
    std::vector<double> with;
    std::vector<double> ratios;
    std::vector<double> noise;
    for (int round = 0; round < rounds; ++round) {
        // The agent is started before this thread is pinned: it must not inherit the one CPU.
        cpu_set_t all;
        sched_getaffinity(0, sizeof all, &all);
        double loaded = 0;
        {
            const Agent agent(kQuietRule);
            stay_on_this_cpu();
            loaded = run_loop();
        }
        const double first = run_loop();
        const double second = run_loop();
        sched_setaffinity(0, sizeof all, &all);
        with.push_back(loaded);
        without.push_back(first);
        ratios.push_back(loaded / first);
        noise.push_back(second / first);
    }
    fmt::print("getppid without {:.1f} ns, with {:.1f} ns (medians of {} rounds)\n", median(without), median(with),
               rounds);
    fmt::print("with / without: {:.3f} (rounds {:.3f} to {:.3f})\n", median(ratios), quantile(ratios, 0),
               quantile(ratios, 1));
    fmt::print("without / without, the noise: {:.3f} (rounds {:.3f} to {:.3f})\n", median(noise), quantile(noise, 0),
               quantile(noise, 1));
    return 0;
}
