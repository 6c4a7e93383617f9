// ./dev bench agreement [PAIRS [SEED]]: the compiled evaluator against the plain one on generated conditions and
// events, ten million pairs of them unless told otherwise. Ends with 1 and the pair at the first difference. The fuzz
// target match looks for the same with sanitizers.

#include "match/generated.h"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>

int main(int argc, char** argv) {
    using Clock = std::chrono::steady_clock;
    const std::size_t wanted = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 10'000'000;
    std::uint64_t seed = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1'000'000;
    std::size_t pairs = 0, conditions = 0;
    const auto start = Clock::now();
    for (; pairs < wanted; ++seed, conditions += 20) {
        std::string problem;
        pairs += gyr::match::compare_generated(seed, 20, 500, problem);
        if (!problem.empty()) {
            std::fprintf(stderr, "%s\n", problem.c_str());
            return 1;
        }
    }
    const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
    std::printf("%zu pairs of condition and event agree, of %zu conditions, in %.0f s\n", pairs, conditions, seconds);
    return 0;
}
