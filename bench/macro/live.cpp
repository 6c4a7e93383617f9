// What watching costs while rules about files and connections are loaded: loops of system calls and a mixed workload,
// bare, under an empty program at sys_exit (the floor of anything that looks at system calls), and with the agent under
// several sets of rules (and with falco, where one is given or on PATH): nanoseconds for each operation, processor time
// and memory of the agent, events it got, events lost. Each round begins with another of them, so that a machine that
// gets slower or faster does so for all.
//
//   bench_live [ROUNDS [FALCO]]      GYR_TEST_DATA, or ../shared/data: where rules/falco_rules.yaml is

#include "bench/macro/agent.h"
#include "bench/macro/empty_program.h"
#include "bench/macro/rule_sets.h"
#include "bench/macro/statistics.h"

#include <fmt/core.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

using namespace gyr::bench;

namespace {

constexpr std::array kLoops{"getppid", "read", "open+close", "... in /etc", "connect", "fork+exec", "mixed (ms)"};
using Costs = std::array<double, kLoops.size()>;

double best_of(int runs, int count, const std::function<void()>& call) {
    double best = 0;
    for (int run = 0; run < runs; ++run) {
        const auto start = Clock::now();
        for (int i = 0; i < count; ++i) call();
        const std::chrono::duration<double, std::nano> took = Clock::now() - start;
        if (run == 0 || took.count() / count < best) best = took.count() / count;
    }
    return best;
}

void run_program(const char* const* argv) {
    pid_t pid = 0;
    if (::posix_spawn(&pid, argv[0], nullptr, nullptr, const_cast<char* const*>(argv), environ) == 0)
        ::waitpid(pid, nullptr, 0);
}

bool on_path(const std::string& program) {
    const char* path = std::getenv("PATH");
    std::istringstream folders(path != nullptr ? path : "");
    for (std::string folder; std::getline(folders, folder, ':');)
        if (::access(folder.append("/").append(program).c_str(), X_OK) == 0) return true;
    return false;
}

// In a child: no agent tells of its own process, and this one is nobody's.
Costs measure() {
    int out[2];
    if (::pipe(out) != 0) fail("pipe");
    const pid_t child = ::fork();
    if (child == 0) {
        cpu_set_t set;
        CPU_ZERO(&set);
        CPU_SET(1, &set);
        ::sched_setaffinity(0, sizeof set, &set);
        Costs c{};
        c[0] = best_of(3, 300'000, [] { ::syscall(SYS_getppid); });
        const int zero = ::open("/dev/zero", O_RDONLY);
        char byte = 0;
        c[1] = best_of(3, 200'000, [&] { (void)!::read(zero, &byte, 1); });
        c[2] = best_of(3, 50'000, [] { ::close(::open("/usr/bin/env", O_RDONLY)); });
        c[3] = best_of(3, 50'000, [] { ::close(::open("/etc/hostname", O_RDONLY)); });
        sockaddr_in to{};
        to.sin_family = AF_INET;
        to.sin_port = htons(9);
        to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        c[4] = best_of(3, 20'000, [&] {
            const int s = ::socket(AF_INET, SOCK_DGRAM, 0);
            (void)::connect(s, reinterpret_cast<const sockaddr*>(&to), sizeof to);
            ::close(s);
        });
        static constexpr const char* kTrue[] = {"/bin/true", nullptr};
        c[5] = best_of(2, 100, [] { run_program(kTrue); });
        static constexpr const char* kMixed[] = {
            "/bin/sh", "-c",
            "for i in 1 2 3; do find /usr/share/doc -type f -name 'c*' -exec head -c 64 {} + >/dev/null; "
            "tar cf - /etc 2>/dev/null | wc -c >/dev/null; ls -lR /usr/lib/python3 >/dev/null; done",
            nullptr};
        c[6] = best_of(2, 1, [] { run_program(kMixed); }) / 1e6;
        (void)!::write(out[1], &c, sizeof c);
        ::_exit(0);
    }
    Costs c{};
    (void)!::read(out[0], &c, sizeof c);
    ::waitpid(child, nullptr, 0);
    ::close(out[0]);
    ::close(out[1]);
    return c;
}

struct Usage {
    double cpu_seconds = 0, megabytes = 0;
};
Usage usage_of(pid_t pid) {
    Usage u;
    std::ifstream stat(fmt::format("/proc/{}/stat", pid));
    std::string line;
    std::getline(stat, line);
    std::istringstream rest(line.substr(line.rfind(')') + 2));
    std::string word;
    for (int i = 3; i <= 15 && rest >> word; ++i)
        if (i >= 14) u.cpu_seconds += std::stod(word) / static_cast<double>(::sysconf(_SC_CLK_TCK));
    std::ifstream status(fmt::format("/proc/{}/status", pid));
    while (std::getline(status, line))
        if (line.starts_with("VmRSS:")) u.megabytes = std::stod(line.substr(6)) / 1024;
    return u;
}

struct Subject {
    std::string name;
    std::string rules; // of the agent; empty: bare, or falco
    std::vector<std::string> command = {};
    bool empty_program = false;
};

struct Seen {
    std::vector<Costs> costs;
    std::vector<double> cpu, megabytes;
    std::string last_words; // what the agent said of its events and losses
};

void measure_agent(const Subject& subject, Seen& seen) {
    Agent agent(subject.rules);
    // Whatever it does not do anew for each alert is done by now.
    const Usage before = usage_of(agent.pid());
    std::string line;
    std::jthread reader([&](const std::stop_token& stop) {
        while (!stop.stop_requested()) (void)agent.read_line(line, std::chrono::milliseconds(100));
    });
    seen.costs.push_back(measure());
    const Usage after = usage_of(agent.pid());
    seen.cpu.push_back(after.cpu_seconds - before.cpu_seconds);
    seen.megabytes.push_back(after.megabytes);
    reader.request_stop();
    reader.join();
    seen.last_words = agent.end();
}

void measure_without(bool empty_program, Seen& seen) {
    const int link = empty_program ? attach_empty() : -1;
    seen.costs.push_back(measure());
    if (link >= 0) ::close(link);
}

// Another program that watches; it is given some seconds to begin.
void measure_other(const Subject& subject, Seen& seen) {
    const pid_t pid = ::fork();
    if (pid == 0) {
        const int null = ::open("/dev/null", O_RDWR);
        ::dup2(null, 1);
        ::dup2(null, 2);
        std::vector<char*> argv;
        argv.reserve(subject.command.size() + 1);
        for (const std::string& a : subject.command) argv.push_back(const_cast<char*>(a.c_str()));
        argv.push_back(nullptr);
        ::execvp(argv[0], argv.data());
        ::_exit(127);
    }
    std::this_thread::sleep_for(std::chrono::seconds(5));
    const Usage before = usage_of(pid);
    seen.costs.push_back(measure());
    const Usage after = usage_of(pid);
    seen.cpu.push_back(after.cpu_seconds - before.cpu_seconds);
    seen.megabytes.push_back(after.megabytes);
    ::kill(pid, SIGTERM);
    ::waitpid(pid, nullptr, 0);
}

std::vector<Subject> subjects(const std::string& falco) {
    std::vector<Subject> out{{"bare", ""}, {"empty program", "", {}, true}};
    for (RuleSet& set : rule_sets()) out.push_back({std::move(set.name), std::move(set.rules)});
    const auto stable = official_rules() / "falco_rules.yaml";
    if (!falco.empty() && std::filesystem::exists(stable))
        out.push_back({"falco, stable", "", {falco, "-r", stable.string(), "-o", "json_output=true"}});
    return out;
}

} // namespace

int main(int argc, char** argv) {
    const int rounds = argc > 1 ? std::atoi(argv[1]) : 3;
    if (rounds < 1) fail("usage: bench_live [ROUNDS [FALCO]]");
    const std::vector<Subject> all = subjects(argc > 2 ? argv[2] : on_path("falco") ? "falco" : "");
    std::vector<Seen> seen(all.size());
    for (int round = 0; round < rounds; ++round) {
        for (std::size_t turn = 0; turn < all.size(); ++turn) {
            const std::size_t i = (static_cast<std::size_t>(round) + turn) % all.size();
            if (!all[i].command.empty())
                measure_other(all[i], seen[i]);
            else if (all[i].rules.empty())
                measure_without(all[i].empty_program, seen[i]);
            else
                measure_agent(all[i], seen[i]);
        }
    }
    fmt::print("{:<20}", "ns per operation");
    for (const char* loop : kLoops) fmt::print(" {:>12}", loop);
    fmt::print(" {:>9} {:>8}\n", "agent CPU", "RSS");
    for (std::size_t i = 0; i < all.size(); ++i) {
        fmt::print("{:<20}", all[i].name);
        for (std::size_t loop = 0; loop < kLoops.size(); ++loop) {
            std::vector<double> samples;
            for (const Costs& c : seen[i].costs) samples.push_back(c[loop]);
            fmt::print(" {:>12.0f}", median(samples));
        }
        if (seen[i].cpu.empty())
            fmt::print("\n");
        else
            fmt::print(" {:>7.2f} s {:>5.1f} MB\n", median(seen[i].cpu), median(seen[i].megabytes));
    }
    for (std::size_t i = 0; i < all.size(); ++i)
        if (!seen[i].last_words.empty()) fmt::print("{}: {}\n", all[i].name, seen[i].last_words);
    return 0;
}
