// What it costs to make alerts durable: one at a time, as on a quiet host, and in a burst. The figures are times of the
// machine at hand; the ratio between them is what batching is worth.
//
//   bench_alerts [ALERTS]

#include "journal/test_support.h"

#include <fmt/core.h>

#include <chrono>
#include <cstdlib>
#include <memory>

using namespace gyr;
using namespace gyr::journal;

namespace {

double microseconds(std::chrono::steady_clock::duration d) {
    return std::chrono::duration<double, std::micro>(d).count();
}

Options options(const TestFolder& folder, bool sync) {
    Options o;
    o.path = folder / "journal.db";
    o.sync = sync;
    o.max_age = 0;
    return o;
}

void one_at_a_time(bool sync, std::uint64_t count) {
    const TestFolder folder;
    Journal journal(options(folder, sync));
    TestReader reader(journal, "reader");
    const auto begin = std::chrono::steady_clock::now();
    for (std::uint64_t n = 1; n <= count; ++n) {
        journal.push(shared(test_alert(n)));
        if (reader.read(1).empty()) std::abort();
    }
    const auto took = std::chrono::steady_clock::now() - begin;
    const Status status = journal.status();
    fmt::print("one at a time{}: {:.0f} µs from push to an output, {:.0f} µs of it committing\n",
               sync ? ", synced" : "", microseconds(took) / static_cast<double>(count),
               static_cast<double>(status.commit_time) / 1e3 / static_cast<double>(count));
}

void burst(std::uint64_t count) {
    const TestFolder folder;
    Journal journal(options(folder, false));
    TestReader reader(journal, "reader");
    const auto begin = std::chrono::steady_clock::now();
    for (std::uint64_t n = 1; n <= count; ++n) journal.push(shared(test_alert(n)));
    const auto pushed = std::chrono::steady_clock::now();
    journal.flush();
    const auto durable = std::chrono::steady_clock::now();
    if (reader.read(count).size() != count) std::abort();
    const auto read = std::chrono::steady_clock::now();
    const Status status = journal.status();
    const auto each = [count](auto d) { return microseconds(d) / static_cast<double>(count); };
    fmt::print("a burst of {}: push {:.1f} µs, durable after {:.1f} µs, read by an output after {:.1f} µs an alert; "
               "{} transactions, {:.1f} µs of committing an alert, lost {}\n",
               count, each(pushed - begin), each(durable - begin), each(read - begin), status.transactions,
               static_cast<double>(status.commit_time) / 1e3 / static_cast<double>(count), status.lost);
}

} // namespace

int main(int argc, char** argv) {
    const std::uint64_t count = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 50'000;
    one_at_a_time(false, 2000);
    one_at_a_time(true, 200);
    burst(count);
}
