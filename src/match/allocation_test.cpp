// Nothing on the path of an event allocates: counted with an operator new of our own, over a mix of events.
#include "base/test_data.h"
#include "fields/registry.h"
#include "match/event_names.h"
#include "match/synthetic.h"
#include "match/test_support.h"
#include "rules/loader.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <new>

namespace {

std::atomic<std::size_t> allocations{0};

} // namespace

void* operator new(std::size_t size) {
    ++allocations;
    if (void* p = std::malloc(size == 0 ? 1 : size)) return p;
    throw std::bad_alloc();
}
void operator delete(void* p) noexcept { std::free(p); }
void operator delete(void* p, std::size_t) noexcept { std::free(p); }

namespace gyr {
namespace {

struct Counted {
    std::size_t allocations = 0, matched = 0;
};

// A second round: the first lets the buffers grow to their size.
Counted run_twice(const Matcher& matcher) {
    const match::EventMix mix(5000);
    const auto scratch = matcher.make_scratch();
    const EvalWorld world = mix.view();
    Verdicts verdicts;
    RuleBits fired;
    Counted out;
    for (int round = 0; round < 2; ++round) {
        out = {allocations, 0};
        for (const Event& e : mix.events()) {
            verdicts.clear();
            matcher.evaluate(e, world, *scratch, verdicts);
            out.matched += verdicts.matched.size();
            if (e.code == kExecve) matcher.evaluate_process(e, world, *scratch, fired, verdicts);
        }
        out.allocations = allocations - out.allocations;
    }
    return out;
}

TEST(Allocations, NoneForAnEvent) {
    auto rules = match::make_rules(200);
    rules.push_back(test::rule("transformed",
                               "evt.type in (openat, close, read) and "
                               "toupper(join(\"-\", (proc.name, basename(proc.exepath)))) startswith NGINX"));
    rules.push_back(test::rule("regex", "evt.type = openat and proc.cmdline regex \".*--serve [0-9]+.*\""));
    rules.push_back(test::rule("ancestors", "evt.type = close and proc.aname in (init, nginx)"));
    const auto c = test::compile(std::move(rules));
    const Counted counted = run_twice(*c.matcher);
    EXPECT_EQ(counted.allocations, 0U);
    EXPECT_GT(counted.matched, 1000U) << "the rules above match";
}

TEST(Allocations, NoneWithOfficialRules) {
    const std::string dir = test_data_dir();
    if (dir.empty()) GTEST_SKIP() << "no test data";
    rules::LoadOptions options;
    options.fields = &fields::catalog();
    options.events = &match::event_names();
    auto loaded =
        rules::load_rules({dir + "/rules/falco_rules.yaml", dir + "/rules/falco-incubating_rules.yaml"}, options);
    std::vector<Diagnostic> problems;
    EXPECT_EQ(run_twice(*Matcher::compile(std::move(loaded.rules), {}, problems)).allocations, 0U);
}

} // namespace
} // namespace gyr
