// Reading a capture: events a second of processor time, for the files named on the command line, or for a made-up one,
// plain and gzip. The reader alone: no state, no rules.

#include "capfile/reader.h"
#include "capfile/synthetic.h"

#include <cstdio>
#include <ctime>
#include <string>
#include <unistd.h>
#include <vector>

namespace {

using namespace gyr::capfile;

double cpu_seconds() {
    timespec t{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

bool measure(const std::string& path) {
    double best = 0;
    ReaderStats stats;
    for (int round = 0; round < 3; ++round) {
        auto reader = Reader::open(path);
        if (!reader) {
            std::fprintf(stderr, "%s\n", reader.error().message.c_str());
            return false;
        }
        const double start = cpu_seconds();
        for (Item item = reader->next(); item != Item::end; item = reader->next())
            if (item == Item::damage) std::fprintf(stderr, "%s: %s\n", path.c_str(), reader->damage().message.c_str());
        const double took = cpu_seconds() - start;
        if (round == 0 || took < best) best = took;
        stats = reader->stats();
    }
    const auto events = static_cast<double>(stats.events), bytes = static_cast<double>(stats.bytes);
    std::printf("%s: %.0f events, %.0f bytes each: %.2f million events/s, %.1f ns an event, %.0f MB/s\n", path.c_str(),
                events, bytes / events, events / best * 1e-6, best / events * 1e9, bytes / best * 1e-6);
    return true;
}

bool make(const std::string& path, bool compress) {
    constexpr std::uint64_t kEvents = 2'000'000;
    auto writer = Writer::create(path, {.compress = compress, .level = 6});
    if (writer && write_synthetic(*writer, kEvents) && writer->close()) return true;
    std::fprintf(stderr, "cannot write %s\n", path.c_str());
    return false;
}

} // namespace

int main(int argc, char** argv) {
    bool good = true;
    for (int i = 1; i < argc; ++i) good = measure(argv[i]) && good;
    if (argc > 1) return good ? 0 : 1;
    for (const bool compress : {false, true}) {
        const std::string path = "/tmp/gyr-bench-" + std::to_string(::getpid()) + (compress ? ".scap.gz" : ".scap");
        good = make(path, compress) && measure(path) && good;
        ::unlink(path.c_str());
    }
    return good ? 0 : 1;
}
