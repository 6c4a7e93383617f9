// Requests a second of a redis-server that is watched, as parts of those when it is not: under an empty program at
// sys_exit (the floor of anything that looks at system calls) and under the agent with several sets of rules. Server
// and client have a processor each. Every measure has one of the bare server on either side and is compared with these
// two, rounds are short and many, and the middle ratio counts: whatever else the machine does meanwhile is in both
// parts.
//
// Over TCP, with redis-benchmark's own number of clients, as most people run it; or over a Unix socket, where a request
// is little more than its system calls: what a tracepoint costs at most.
//
//   bench_redis [ROUNDS [tcp|unix]]      GYR_TEST_DATA, or ../shared/data: where rules/falco_rules.yaml is

#include "bench/macro/agent.h"
#include "bench/macro/empty_program.h"
#include "bench/macro/rule_sets.h"
#include "bench/macro/statistics.h"

#include <fmt/core.h>

#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

using namespace gyr::bench;

namespace {

constexpr const char* kSocket = "/tmp/gyr-bench-redis.sock";
constexpr const char* kPort = "16379";
constexpr int kRequests = 20'000, kRuns = 4;

enum class Transport { tcp, local };

void stay_on(unsigned processor) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(processor % std::max(1U, std::thread::hardware_concurrency()), &set);
    ::sched_setaffinity(0, sizeof set, &set);
}

class Server {
  public:
    Server() {
        ::unlink(kSocket);
        pid_ = ::fork();
        if (pid_ == 0) {
            stay_on(0);
            ::execlp("redis-server", "redis-server", "--bind", "127.0.0.1", "--port", kPort, "--save", "",
                     "--unixsocket", kSocket, "--logfile", "/dev/null", nullptr);
            ::_exit(127);
        }
        for (int i = 0; i < 500 && ::access(kSocket, W_OK) != 0; ++i)
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
        if (::access(kSocket, W_OK) != 0) fail("redis-server does not start");
    }
    ~Server() {
        ::kill(pid_, SIGTERM);
        ::waitpid(pid_, nullptr, 0);
    }
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;
    // Time it had a processor.
    [[nodiscard]] double cpu_ns() const {
        double ns = 0;
        std::ifstream(fmt::format("/proc/{}/schedstat", pid_)) >> ns;
        return ns;
    }

  private:
    pid_t pid_ = 0;
};

double requests_per_second(Transport transport) {
    const std::string to =
        transport == Transport::tcp ? fmt::format("-p {}", kPort) : fmt::format("-s {} -c 20", kSocket);
    const std::string command = fmt::format("taskset -c {} redis-benchmark {} -q --csv -n {} -t get 2>/dev/null",
                                            std::thread::hardware_concurrency() > 1 ? 1 : 0, to, kRequests);
    FILE* out = ::popen(command.c_str(), "r");
    char line[512];
    double rate = 0;
    // "test","requests per second"...
    while (out != nullptr && std::fgets(line, sizeof line, out) != nullptr) {
        const std::string text(line);
        if (text.starts_with("\"GET\",\"")) rate = std::atof(text.c_str() + 7);
    }
    if (out != nullptr) ::pclose(out);
    if (rate <= 0) fail("redis-benchmark does not work");
    return rate;
}

struct Sample {
    double rate = 0;   // requests a second
    double cpu_ns = 0; // of the server, for each request
};

Sample measure(const Server& server, Transport transport) {
    std::vector<double> rates, costs;
    for (int run = 0; run < kRuns; ++run) {
        const double before = server.cpu_ns();
        rates.push_back(requests_per_second(transport));
        costs.push_back((server.cpu_ns() - before) / kRequests);
    }
    return {median(rates), *std::ranges::min_element(costs)};
}

Sample measure_agent(const Server& server, Transport transport, const std::string& rules) {
    Agent agent(rules);
    std::string line;
    std::jthread reader([&](const std::stop_token& stop) {
        while (!stop.stop_requested()) (void)agent.read_line(line, std::chrono::milliseconds(100));
    });
    const Sample out = measure(server, transport);
    reader.request_stop();
    reader.join();
    return out;
}

} // namespace

int main(int argc, char** argv) {
    const int rounds = argc > 1 ? std::atoi(argv[1]) : 9;
    const std::string_view over = argc > 2 ? argv[2] : "tcp";
    if (rounds < 1 || (over != "tcp" && over != "unix")) fail("usage: bench_redis [ROUNDS [tcp|unix]]");
    const Transport transport = over == "tcp" ? Transport::tcp : Transport::local;
    std::vector<RuleSet> all{{"bare", ""}, {"empty program", ""}};
    for (RuleSet& set : rule_sets()) all.push_back(std::move(set));
    struct Ratios {
        std::vector<double> rate, more_ns;
    };
    std::vector<Ratios> ratios(all.size());
    const Server server;
    Sample before = measure(server, transport);
    for (int round = 0; round < rounds; ++round) {
        for (std::size_t turn = 0; turn < all.size(); ++turn) {
            const std::size_t i = (static_cast<std::size_t>(round) + turn) % all.size();
            Sample with;
            if (all[i].name == "empty program") {
                const int link = attach_empty();
                if (link < 0) fail("no program can be attached to sys_exit");
                with = measure(server, transport);
                ::close(link);
            } else {
                with =
                    all[i].rules.empty() ? measure(server, transport) : measure_agent(server, transport, all[i].rules);
            }
            const Sample after = measure(server, transport);
            ratios[i].rate.push_back(2 * with.rate / (before.rate + after.rate));
            ratios[i].more_ns.push_back(with.cpu_ns - (before.cpu_ns + after.cpu_ns) / 2);
            before = after;
        }
    }
    fmt::print("{:<20} {:>8} {:>16} {:>24}\n", "of the bare rate", "middle", "quarters", "more CPU for a request");
    for (std::size_t i = 0; i < all.size(); ++i)
        fmt::print("{:<20} {:>8.3f} {:>8.3f} {:>7.3f} {:>21.0f} ns\n", all[i].name, median(ratios[i].rate),
                   quantile(ratios[i].rate, 0.25), quantile(ratios[i].rate, 0.75), median(ratios[i].more_ns));
    return 0;
}
