// Conditions and events made up from the input: the compiled evaluator and the plain one must agree. One input makes
// thousands of pairs; their number is told at the end.

#include "match/generated.h"

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace {

std::size_t pairs = 0;

} // namespace

extern "C" int LLVMFuzzerInitialize(int*, char***) {
    std::atexit([] { std::fprintf(stderr, "%zu pairs of condition and event compared\n", pairs); });
    return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::uint64_t seed = 14695981039346656037U; // FNV-1a of the input
    for (std::size_t i = 0; i < size; ++i) seed = (seed ^ data[i]) * 1099511628211U;
    std::string problem;
    pairs += gyr::match::compare_generated(seed, 20, 400, problem);
    if (!problem.empty()) {
        std::fprintf(stderr, "%s\n", problem.c_str());
        std::abort();
    }
    return 0;
}
