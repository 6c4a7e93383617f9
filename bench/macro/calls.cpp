// What system calls cost while their tracepoint is used: bare, with an empty program at sys_exit (the floor of anything
// that looks at system calls), and with the collector: for calls that no rule names, for opens of files that no rule
// names, and for opens that are told in full. Rounds alternate, so that a machine that gets slower slows all of them.
//
//   bench_calls [ROUNDS]

#include "bench/macro/empty_program.h"
#include "bench/macro/statistics.h"
#include "event/event_plan.h"
#include "sources/live_bpf/live_source.h"

#include <fmt/core.h>

#include <fcntl.h>
#include <sched.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <map>
#include <string>
#include <vector>

using namespace gyr;
using Clock = std::chrono::steady_clock;

namespace {

// Many short runs, of which the best counts: most of them end before anything else gets the processor.
constexpr int kCalls = 2'000, kOpens = 400, kRuns = 1'000;

struct Costs {
    double getppid = 0, open_close = 0;
};

template <class F>
double best_of(int count, F call) {
    double best = 0;
    for (int run = 0; run < kRuns; ++run) {
        const auto start = Clock::now();
        for (int i = 0; i < count; ++i) call();
        const std::chrono::duration<double, std::nano> took = Clock::now() - start;
        if (run == 0 || took.count() / count < best) best = took.count() / count;
    }
    return best;
}

// In a child: the collector does not tell of its own process.
Costs measure() {
    int out[2];
    if (::pipe(out) != 0) std::abort();
    const pid_t child = ::fork();
    if (child == 0) {
        cpu_set_t set;
        CPU_ZERO(&set);
        CPU_SET(1, &set);
        ::sched_setaffinity(0, sizeof set, &set);
        Costs c;
        c.getppid = best_of(kCalls, [] { ::syscall(SYS_getppid); });
        c.open_close = best_of(kOpens, [] { ::close(::open("/etc/passwd", O_RDONLY)); });
        (void)!::write(out[1], &c, sizeof c);
        ::_exit(0);
    }
    Costs c;
    (void)!::read(out[0], &c, sizeof c);
    ::waitpid(child, nullptr, 0);
    ::close(out[0]);
    ::close(out[1]);
    return c;
}

} // namespace

int main(int argc, char** argv) {
    const int rounds = argc > 1 ? std::atoi(argv[1]) : 5;
    auto source = LiveSource::create({});
    if (!source || !(*source)->start()) {
        fmt::print(stderr, "cannot watch this kernel\n");
        return 77;
    }
    while (!(*source)->snapshot_complete()) (*source)->poll(std::chrono::milliseconds(10), [](const ProcessRecord&) {});

    EventPlan unused; // a call that nobody makes
    unused.demands.push_back({.code = 1, .calls = {39}, .clauses = {}, .forced_by = {}});
    EventPlan named = unused; // opens, as the official stable rules ask for them
    named.names = {{PathName::Kind::pair, "etc", "shadow", 1, "/etc/shadow"},
                   {PathName::Kind::pair, "etc", "sudoers", 1, "/etc/sudoers"},
                   {PathName::Kind::pair, "etc", "pam.conf", 1, "/etc/pam.conf"},
                   {PathName::Kind::pair, "security", "pwquality.conf", 1, "/etc/security/pwquality.conf"},
                   {PathName::Kind::parent, "etc", "sudoers.d", 1, {}},
                   {PathName::Kind::parent, "etc", "pam.d", 1, {}},
                   {PathName::Kind::pair, "log", "syslog", 2, {}},
                   {PathName::Kind::base, "release_agent", {}, 2, {}}};
    const std::vector<EventClause> clauses{{.success = true, .read = true, .upward = true},
                                           {.failure = true, .upward = true},
                                           {.success = true, .read = true, .path_sets = 1, .process_bits = 1},
                                           {.success = true, .write = true, .path_sets = 2},
                                           {.success = true, .write = true, .container = true}};
    for (const EventCode code : {EventCode{3}, EventCode{307}, EventCode{327}})
        named.demands.push_back({.code = code, .calls = {}, .clauses = clauses, .forced_by = {}});
    EventPlan full;
    full.demands.push_back({.code = 307, .calls = {}, .clauses = {}, .forced_by = {}});

    std::map<std::string, std::pair<std::vector<double>, std::vector<double>>> all;
    const auto note = [&](const std::string& what) {
        const Costs c = measure();
        all[what].first.push_back(c.getppid);
        all[what].second.push_back(c.open_close);
    };
    for (int round = 0; round < rounds; ++round) {
        note("1 bare");
        const int link = bench::attach_empty();
        note("2 empty program");
        ::close(link);
        for (const auto& [what, plan] :
             {std::pair{"3 a call nobody makes", &unused}, {"4 named files", &named}, {"5 every open", &full}}) {
            if (auto ok = (*source)->set_events(*plan); !ok) fmt::print(stderr, "{}\n", ok.error().message);
            note(what);
        }
        (void)(*source)->set_events({});
        while ((*source)->poll(std::chrono::milliseconds(0), [](const ProcessRecord&) {}) > 0) {
        }
    }
    for (auto& [what, costs] : all)
        fmt::print("{:<24} getppid {:7.1f} ns   open+close {:8.1f} ns\n", what, bench::median(costs.first),
                   bench::median(costs.second));
    return 0;
}
