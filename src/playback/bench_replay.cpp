// A whole replay: reader, state, rules, alerts. Events a second of processor time, resident memory, and bytes of state,
// for the captures named, or for a made-up one in the mix of a busy host.
//
//     bench_replay [-r RULES]... [CAPTURE]...

#include "capfile/synthetic.h"
#include "playback/test_support.h"

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <optional>
#include <string>
#include <unistd.h>
#include <vector>

namespace {

using namespace gyr;

double cpu_seconds() {
    timespec t{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

double resident_mb() {
    std::ifstream in("/proc/self/statm");
    std::uint64_t size = 0, resident = 0;
    in >> size >> resident;
    return static_cast<double>(resident) * static_cast<double>(::sysconf(_SC_PAGESIZE)) / 1e6;
}

bool measure(const std::string& path, const std::shared_ptr<const Matcher>& matcher) {
    std::optional<double> best;
    playback::Playback::Stats stats;
    for (int round = 0; round < 3; ++round) {
        auto reader = capfile::Reader::open(path);
        if (!reader) {
            std::fprintf(stderr, "%s\n", reader.error().message.c_str());
            return false;
        }
        playback::Playback playback({}, matcher, [](const Alert&) {});
        const double start = cpu_seconds();
        const playback::WalkEnd end = playback.play(*reader);
        const double took = cpu_seconds() - start;
        if (end.damage) std::fprintf(stderr, "%s: %s\n", path.c_str(), end.damage->message.c_str());
        best = std::min(best.value_or(took), took);
        stats = playback.stats();
    }
    const auto events = static_cast<double>(stats.events);
    std::printf("%s: %.0f events, %llu alerts: %.2f million events/s, %.0f ns an event, %.1f MB resident\n",
                path.c_str(), events, static_cast<unsigned long long>(stats.alerts), events / *best * 1e-6,
                *best / events * 1e9, resident_mb());
    const replay::ReplayState::Stats& s = stats.state;
    std::printf("  state: %llu threads, %llu bytes of descriptors, %llu of arguments and environments\n",
                static_cast<unsigned long long>(s.threads), static_cast<unsigned long long>(s.fd_bytes),
                static_cast<unsigned long long>(s.image_bytes));
    return true;
}

bool make(const std::string& path, std::uint64_t events) {
    auto writer = capfile::Writer::create(path, {.compress = false});
    if (writer && capfile::write_synthetic(*writer, events) && writer->close()) return true;
    std::fprintf(stderr, "cannot write %s\n", path.c_str());
    return false;
}

} // namespace

int main(int argc, char** argv) {
    std::vector<std::string> rules, captures;
    for (int i = 1; i < argc; ++i) {
        if (std::string(argv[i]) == "-r" && i + 1 < argc)
            rules.emplace_back(argv[++i]);
        else
            captures.emplace_back(argv[i]);
    }
    if (rules.empty()) rules.emplace_back("rules-default");
    const test::RuleSet set = test::load_files(rules);
    std::size_t usable = 0;
    for (const Rule& rule : set.matcher->rules()) usable += rule.enabled && rule.disabled_why.empty() ? 1 : 0;
    std::printf("%zu of %zu rules in use\n", usable, set.matcher->rules().size());
    bool good = true;
    for (const std::string& capture : captures) good = measure(capture, set.matcher) && good;
    if (!captures.empty()) return good ? 0 : 1;
    for (const std::uint64_t events : {std::uint64_t{300'000}, std::uint64_t{3'000'000}}) {
        const std::string path = "/tmp/gyr-bench-replay-" + std::to_string(::getpid()) + ".scap";
        good = make(path, events) && measure(path, set.matcher) && good;
        ::unlink(path.c_str());
    }
    return good ? 0 : 1;
}
