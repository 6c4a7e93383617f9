// ./dev bench rules [RULE_FILE]...: what rules cost. Nanoseconds and allocations per event for 10, 100 and 1,000 rules
// over one mix of events, and the same for the rule files named (the official ones without any); what single rules of
// those cost; how long they take to load; and a list of a million entries.

#include "base/test_data.h"
#include "event/schema.h"
#include "fields/registry.h"
#include "match/event_names.h"
#include "match/matcher.h"
#include "match/synthetic.h"
#include "rules/loader.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <map>
#include <new>
#include <span>

namespace {

std::size_t allocations = 0;

} // namespace

void* operator new(std::size_t size) {
    ++allocations;
    if (void* p = std::malloc(size == 0 ? 1 : size)) return p;
    throw std::bad_alloc();
}
void operator delete(void* p) noexcept { std::free(p); }
void operator delete(void* p, std::size_t) noexcept { std::free(p); }

namespace {

using namespace gyr;
using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

double processor_seconds() {
    timespec t{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) / 1e9;
}

struct Cost {
    double ns = 0;
    double allocations = 0;
    std::size_t matched = 0;
};

Cost measure(const Matcher& matcher, std::span<const Event> events, const EvalWorld& world, int rounds = 100) {
    const auto scratch = matcher.make_scratch();
    Verdicts verdicts;
    Cost best{1e9, 0, 0};
    for (int round = 0; round < rounds; ++round) {
        std::size_t matched = 0;
        const std::size_t before = allocations;
        const auto start = Clock::now();
        for (const Event& e : events) {
            verdicts.clear();
            matcher.evaluate(e, world, *scratch, verdicts);
            matched += verdicts.matched.size();
        }
        const auto n = static_cast<double>(events.size());
        best.ns = std::min(best.ns, seconds_since(start) * 1e9 / n);
        best.allocations = static_cast<double>(allocations - before) / n; // of the last round: the first ones warm up
        best.matched = matched;
    }
    return best;
}

Cost measure(const Matcher& matcher, const match::EventMix& mix, int rounds = 100) {
    return measure(matcher, mix.events(), mix.view(), rounds);
}

std::shared_ptr<const Matcher> compile(std::vector<Rule> rules) {
    std::vector<Diagnostic> problems;
    auto matcher = Matcher::compile(std::move(rules), {}, problems);
    std::size_t unusable = 0;
    for (const Rule& r : matcher->rules()) unusable += r.disabled_why.empty() ? 0 : 1;
    if (unusable > 0)
        std::printf("  %zu rules are not usable, the first problem: %s\n", unusable, problems.front().message.c_str());
    return matcher;
}

void by_number_of_rules(const match::EventMix& mix) {
    double of_hundred = 0;
    for (const std::size_t count : {std::size_t{0}, std::size_t{10}, std::size_t{100}, std::size_t{1000}}) {
        const auto matcher = compile(match::make_rules(count));
        const Cost c = measure(*matcher, mix);
        if (count == 100) of_hundred = c.ns;
        std::printf("%5zu rules %8.1f ns an event, %.3f allocations an event, %zu matches\n", count, c.ns,
                    c.allocations, c.matched);
        if (count == 1000) std::printf("1,000 / 100: %.2f\n", c.ns / of_hundred);
    }
}

rules::LoadedRules load(const std::vector<std::string>& files) {
    rules::LoadOptions options;
    options.fields = &fields::catalog();
    options.events = &match::event_names();
    return rules::load_rules(files, options);
}

void of_files(const std::vector<std::string>& files, const match::EventMix& mix) {
    double best = 1e9;
    std::shared_ptr<const Matcher> matcher;
    double of_files = 1e9;
    for (int i = 0; i < 10; ++i) {
        const double start = processor_seconds(); // what others do on the machine does not count
        auto loaded = load(files);
        of_files = std::min(of_files, processor_seconds() - start);
        std::vector<Diagnostic> problems;
        matcher = Matcher::compile(std::move(loaded.rules), {}, problems);
        best = std::min(best, processor_seconds() - start);
    }
    std::size_t usable = 0;
    for (const Rule& r : matcher->rules()) usable += r.disabled_why.empty() && r.enabled ? 1 : 0;
    std::printf("%zu rules of the files load in %.1f ms of processor time, %.1f of them to read them\n", usable,
                best * 1e3, of_files * 1e3);
    const Cost all = measure(*matcher, mix);
    std::printf("%8.1f ns an event, %.3f allocations an event, %zu matches\n", all.ns, all.allocations, all.matched);
    // By event type, the dearest first.
    std::map<std::string_view, std::vector<Event>> by_type;
    for (const Event& e : mix.events()) by_type[find_event(e.code)->name].push_back(e);
    std::vector<std::pair<double, std::string>> types;
    for (const auto& [name, events] : by_type)
        types.emplace_back(measure(*matcher, events, mix.view()).ns, std::string(name));
    std::ranges::sort(types, std::greater());
    for (const auto& [ns, name] : types) std::printf("%11.1f  ns an event of type %s\n", ns, name.c_str());
    // Each alone: what it would cost by itself, the dearest first.
    std::vector<std::pair<double, std::string>> costs;
    for (const Rule& r : matcher->rules()) {
        if (!r.enabled || !r.disabled_why.empty()) continue;
        std::vector<Diagnostic> problems;
        costs.emplace_back(measure(*Matcher::compile({r}, {}, problems), mix, 30).ns, r.name);
    }
    std::ranges::sort(costs, std::greater());
    std::printf("ns an event  rule, alone\n");
    for (const auto& [ns, name] : costs) std::printf("%11.1f  %s\n", ns, name.c_str());
}

std::size_t resident_bytes() {
    std::ifstream file("/proc/self/statm");
    std::size_t total = 0, resident = 0;
    file >> total >> resident;
    return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

// A list in a file: loading it, its memory, and a look-up in it, for two sizes.
void big_list(const match::EventMix& mix) {
    double of_thousand = 0;
    for (const std::size_t entries : {std::size_t{1000}, std::size_t{1'000'000}}) {
        const std::string dir = "/tmp/gyr-bench-rules-" + std::to_string(::getpid());
        const std::string command = "mkdir -p " + dir;
        if (std::system(command.c_str()) != 0) return;
        std::ofstream(dir + "/rules.yaml")
            << "- list: bad\n  items_file: bad.txt\n- rule: r\n  desc: d\n  condition: evt.type = openat and "
               "proc.exepath in (bad)\n  output: o\n  priority: INFO\n";
        {
            std::ofstream list(dir + "/bad.txt");
            for (std::size_t i = 0; i < entries; ++i) list << "/opt/evil/" << i * 7919 << "/bin\n";
        }
        const std::size_t before = resident_bytes();
        const auto start = Clock::now();
        auto loaded = load({dir + "/rules.yaml"});
        const auto matcher = compile(std::move(loaded.rules));
        const double took = seconds_since(start);
        const Cost c = measure(*matcher, mix);
        const double megabytes = static_cast<double>(resident_bytes() - before) / 1e6;
        std::printf("list of %zu entries: loads in %.0f ms, %.1f MB, %.1f ns an event\n", entries, took * 1e3,
                    megabytes, c.ns);
        if (entries == 1000)
            of_thousand = c.ns;
        else
            std::printf("1,000,000 / 1,000 entries: %.2f\n", c.ns / of_thousand);
        std::filesystem::remove_all(dir);
    }
}

} // namespace

int main(int argc, char** argv) {
    const match::EventMix mix(2000); // small enough to stay in the caches, as what the kernel has just told does
    by_number_of_rules(mix);
    std::vector<std::string> files(argv + 1, argv + argc);
    if (const std::string dir = test_data_dir(); files.empty() && !dir.empty())
        files.push_back(dir + "/rules"); // the official
    if (!files.empty()) of_files(files, mix);
    big_list(mix);
    return 0;
}
