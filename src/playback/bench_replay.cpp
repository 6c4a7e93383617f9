// A whole replay: reader, state, rules, alerts. Events a second of processor time, resident memory, and bytes of state,
// for the captures named, or for a made-up one in the mix of a busy host and, where GYR_TEST_DATA has captures, one of
// all their events over and over, which has every type.
//
//     bench_replay [-r RULES]... [--mixed] [CAPTURE]...
//
// --mixed: the captures named as one, the events of each over and over.

#include "base/test_data.h"
#include "capfile/synthetic.h"
#include "playback/bench_mixed.h"
#include "playback/test_support.h"

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <filesystem>
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
    std::printf(
        "  state: %llu threads, %llu bytes of descriptors, %llu of arguments and environments: %.2f bytes an event\n",
        static_cast<unsigned long long>(s.threads), static_cast<unsigned long long>(s.fd_bytes),
        static_cast<unsigned long long>(s.image_bytes), static_cast<double>(s.fd_bytes + s.image_bytes) / events);
    return true;
}

std::string temporary() { return "/tmp/gyr-bench-replay-" + std::to_string(::getpid()) + ".scap"; }

bool measure_synthetic(std::uint64_t events, const std::shared_ptr<const Matcher>& matcher) {
    const std::string path = temporary();
    auto writer = capfile::Writer::create(path, {.compress = false});
    const bool good = writer && capfile::write_synthetic(*writer, events) && writer->close();
    if (!good) std::fprintf(stderr, "cannot write %s\n", path.c_str());
    const bool measured = good && measure(path, matcher);
    ::unlink(path.c_str());
    return measured;
}

bool measure_mixed(const std::vector<std::string>& captures, const std::shared_ptr<const Matcher>& matcher) {
    constexpr std::uint64_t kEventsOfEach = 100'000;
    const std::string path = temporary();
    const auto written = playback::write_mixed(path, captures, kEventsOfEach);
    if (!written) std::fprintf(stderr, "%s\n", written.error().message.c_str());
    const bool measured = written && measure(path, matcher);
    ::unlink(path.c_str());
    return measured;
}

std::vector<std::string> given_captures() {
    std::vector<std::string> captures;
    const std::filesystem::path folder = std::filesystem::path(test_data_dir()) / "captures";
    if (test_data_dir().empty() || !std::filesystem::is_directory(folder)) return captures;
    for (const auto& entry : std::filesystem::directory_iterator(folder))
        if (entry.path().extension() == ".scap") captures.push_back(entry.path().string());
    std::ranges::sort(captures);
    return captures;
}

} // namespace

int main(int argc, char** argv) {
    std::vector<std::string> rules, captures;
    bool mixed = false;
    for (int i = 1; i < argc; ++i) {
        const std::string_view word = argv[i];
        if (word == "-r" && i + 1 < argc)
            rules.emplace_back(argv[++i]);
        else if (word == "--mixed")
            mixed = true;
        else
            captures.emplace_back(word);
    }
    if (rules.empty()) rules.emplace_back("rules-default");
    const test::RuleSet set = test::load_files(rules);
    std::size_t usable = 0;
    for (const Rule& rule : set.matcher->rules()) usable += rule.enabled && rule.disabled_why.empty() ? 1 : 0;
    std::printf("%zu of %zu rules in use\n", usable, set.matcher->rules().size());
    bool good = true;
    if (!captures.empty()) {
        if (mixed) return measure_mixed(captures, set.matcher) ? 0 : 1;
        for (const std::string& capture : captures) good = measure(capture, set.matcher) && good;
        return good ? 0 : 1;
    }
    for (const std::uint64_t events : {std::uint64_t{300'000}, std::uint64_t{3'000'000}})
        good = measure_synthetic(events, set.matcher) && good;
    if (const auto all = given_captures(); !all.empty()) good = measure_mixed(all, set.matcher) && good;
    return good ? 0 : 1;
}
