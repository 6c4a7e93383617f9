#pragma once
// FOR TESTS ONLY. Conditions and events made up at random, and the comparison of the compiled evaluator with the plain
// one (match/reference.h) on them.

#include "fields/test_support.h"
#include "match/matcher.h"

#include <cstdint>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

namespace gyr::match {

class Random {
  public:
    explicit Random(std::uint64_t seed) : state_(seed) {}
    std::uint64_t next();
    [[nodiscard]] std::size_t below(std::size_t n) { return n == 0 ? 0 : static_cast<std::size_t>(next() % n); }
    [[nodiscard]] bool one_in(std::size_t n) { return below(n) == 0; }
    template <class Container>
    [[nodiscard]] const auto& of(const Container& c) {
        return c[below(std::size(c))];
    }

  private:
    std::uint64_t state_;
};

// One event with the processes around it. Everything may be missing, empty, extreme or not UTF-8.
struct Scene {
    explicit Scene(Random& random);
    Scene(const Scene&) = delete;
    Scene& operator=(const Scene&) = delete;
    // The metadata of the process's container comes; false when there is nothing to come.
    bool complete_container();
    [[nodiscard]] EvalWorld view() const { return world.view(); }

    test::World world;
    std::vector<std::shared_ptr<ProcessImage>> processes;
    FdInfo fd, path;
    ThreadFacts thread;
    std::vector<std::string> bytes; // of parameters
    std::vector<std::string_view> params;
    Event event;
};

// A condition that parses; its constants come from the scene's values as often as not.
[[nodiscard]] std::string make_condition(Random& random, const Scene& scene);

// Makes conditions and events, compares, and gives the number of pairs compared; on a difference problem says what it
// is.
[[nodiscard]] std::size_t compare_generated(std::uint64_t seed, std::size_t conditions, std::size_t events,
                                            std::string& problem);

} // namespace gyr::match
