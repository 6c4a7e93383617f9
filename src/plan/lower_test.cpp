// The plan of conditions made up at random must tell every event that one of them is true of. Without a kernel: what it
// asks is modelled (plan/call_model.h), and so are the calls. A run is repeated with GYR_SEED; GYR_EQUIVALENCE=all does
// many more.

#include "plan/lower.h"

#include "event/schema.h"
#include "lang/parser.h"
#include "match/test_support.h"
#include "plan/call_model.h"
#include "plan/process_condition.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <map>
#include <random>
#include <set>

namespace gyr::plan {
namespace {

using match::Random;
using model::Ask;
using model::Moment;

// The rules of one plan, compiled.
struct Rules {
    std::vector<Rule> all;
    std::shared_ptr<const Matcher> matcher;
    Matcher::ScratchPtr scratch;

    [[nodiscard]] std::string text() const {
        std::string out;
        for (const Rule& r : all) out += "\n  " + r.name + ": " + r.condition_text;
        return out;
    }
};

Rules make_rules(Random& r, const std::vector<std::unique_ptr<Moment>>& moments, const std::string& prefix) {
    Rules rules;
    // One rule in most plans: others of its type hide what its clauses do. In some, many about names, of many types.
    const bool many = r.one_in(16);
    // In others a type is told in full, and the sets of its rules are not asked for.
    const bool some = !many && r.one_in(6);
    const std::size_t count = many ? 60 : r.one_in(2) && !some ? 1 : 2 + r.below(3);
    const Moment& one = *r.of(moments);
    if (some)
        rules.all.push_back(test::rule(prefix + "0", "evt.type = " + std::string(find_event(one.call.code)->name)));
    for (std::size_t tries = 0; rules.all.size() < count && tries < 20 * count; ++tries) {
        Rule rule = test::rule(prefix + std::to_string(rules.all.size()),
                               model::make_condition(r, some && r.one_in(2) ? one : *r.of(moments), many || some));
        if (!rule.disabled_why.empty()) continue;
        std::vector<Diagnostic> diagnostics;
        if (Matcher::compile({rule}, {}, diagnostics)->rules()[0].disabled_why.empty()) rules.all.push_back(rule);
    }
    auto compiled = test::compile(rules.all);
    rules.matcher = compiled.matcher;
    rules.scratch = std::move(compiled.scratch);
    return rules;
}

// Rules that hold for the event, or may yet.
std::set<std::string> true_of(const Rules& rules, const Event& event, const EvalWorld& world) {
    Verdicts verdicts;
    rules.matcher->evaluate(event, world, *rules.scratch, verdicts);
    std::set<std::string> out;
    for (const auto* list : {&verdicts.matched, &verdicts.undecided})
        for (const std::uint32_t i : *list) out.insert(rules.matcher->rules()[i].name);
    return out;
}

struct Seen {
    std::size_t pairs = 0, events = 0, matched = 0, stopped = 0;
    std::size_t full = 0;                         // plans that use every set the kernel has
    std::array<std::size_t, model::kAsks> only{}; // stopped by nothing else
};

class Comparison {
  public:
    explicit Comparison(std::uint64_t seed) : random_(seed) {
        const std::size_t family = random_.below(100);
        for (int i = 0; i < 240; ++i) moments_.push_back(std::make_unique<Moment>(random_, family));
    }

    // Plans of some rules, and what they make of all moments.
    void run(Seen& seen) {
        for (int i = 0; i < 40 && !::testing::Test::HasFailure(); ++i) {
            const Rules rules = make_rules(random_, moments_, "R"), others = make_rules(random_, moments_, "S");
            const EventPlan plan = plan_events(*rules.matcher);
            const EventPlan both = plan_events(*rules.matcher, others.matcher.get());
            const EventPlan unmasked = plan_events(*rules.matcher, nullptr, {.clauses = true, .masks = false});
            const EventPlan full = plan_events(*rules.matcher, nullptr, {.clauses = false, .masks = true});
            ProcessMasks masks(rules.matcher, plan.process_nodes);
            constexpr std::uint32_t kLast = 1U << 15;
            if (std::ranges::any_of(plan.names, [](const PathName& n) { return (n.sets & kLast) != 0; })) ++seen.full;
            std::vector<std::string> paths;
            for (const PathName& n : plan.names)
                if (!n.path.empty()) paths.push_back(n.path);
            for (const auto& moment : moments_) {
                const Moment& m = *moment;
                const std::uint64_t mask = masks.empty() ? ~std::uint64_t{0} : masks.of(m.decided, m.view());
                const bool regular = m.call.object && m.call.object->kind == model::Object::Kind::file;
                const std::string known_as = regular && !paths.empty() && random_.one_in(3) ? random_.of(paths) : "";
                std::set<std::string> wanted = true_of(rules, m.event, m.view());
                if (FdInfo fd; !known_as.empty()) wanted.merge(true_of(rules, m.by_name(known_as, fd), m.view()));
                seen.pairs += rules.all.size();
                ++seen.events;
                seen.matched += wanted.empty() ? 0 : 1;
                const auto told = [&](const EventPlan& p, Ask ignored = Ask::none) {
                    return model::tells(p, m, mask, known_as, ignored);
                };
                const std::string what = "event " + std::string(find_event(m.call.code)->name) + " of '" + m.fd.name +
                                         "', result " + std::to_string(m.call.result) + rules.text();
                if (!wanted.empty()) {
                    ASSERT_TRUE(told(plan)) << *wanted.begin() << " is true of an " << what;
                    ASSERT_TRUE(told(both)) << *wanted.begin() << ", while reloading, of an " << what;
                    ASSERT_TRUE(told(unmasked)) << *wanted.begin() << " without masks, of an " << what;
                    ASSERT_TRUE(told(full)) << *wanted.begin() << " without clauses, of an " << what;
                    expect_names(plan, m, mask, known_as, wanted, what);
                }
                if (!true_of(others, m.event, m.view()).empty()) {
                    ASSERT_TRUE(told(both)) << "those that are loaded" << others.text() << "\nof an " << what;
                }
                if (told(plan) || model::demand_for(plan, m.call) == nullptr) continue;
                ++seen.stopped;
                for (std::size_t a = 0; a < model::kAsks; ++a)
                    if (told(plan, static_cast<Ask>(a))) ++seen.only[a];
            }
        }
    }

  private:
    // Of those true of it, each is named by a clause that holds.
    static void expect_names(const EventPlan& plan, const Moment& m, std::uint64_t mask, const std::string& known_as,
                             const std::set<std::string>& wanted, const std::string& what) {
        const EventDemand& demand = *model::demand_for(plan, m.call);
        ASSERT_EQ(demand.rules.size(), demand.clauses.size());
        if (demand.clauses.empty()) {
            ASSERT_NE(demand.forced_by, "");
            return;
        }
        for (const std::string& rule : wanted) {
            const auto clauses = model::holding(demand, plan, m, mask, known_as);
            ASSERT_TRUE(std::ranges::any_of(
                clauses,
                [&](std::size_t i) { return std::ranges::find(demand.rules[i], rule) != demand.rules[i].end(); }))
                << rule << " is named by no clause that let it through an " << what;
        }
    }

    Random random_;
    std::vector<std::unique_ptr<Moment>> moments_;
};

#ifdef GYR_SANITIZED
constexpr int kSeeds = 1;
#else
constexpr int kSeeds = 5;
#endif

TEST(Lower, APlanTellsEveryEventThatARuleIsTrueOf) {
    const char* given = std::getenv("GYR_SEED");
    const char* all = std::getenv("GYR_EQUIVALENCE");
    const std::uint64_t first = given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device()();
    const int seeds = all != nullptr && std::string_view(all) == "all" ? 4'000 : kSeeds;
    std::cout << "seeds from " << first << "\n";
    Seen seen;
    const auto lacks = [&seen] {
        return seen.full == 0 || std::ranges::find(seen.only, std::size_t{0}) != seen.only.end();
    };
    for (int i = 0; (i < seeds || (i < 10 * seeds && lacks())) && !HasFailure(); ++i) {
        const std::uint64_t seed = first + static_cast<std::uint64_t>(i);
        SCOPED_TRACE("GYR_SEED=" + std::to_string(seed));
        Comparison(seed).run(seen);
    }
    std::cout << seen.pairs << " pairs, " << seen.matched << " events that rules were true of, " << seen.stopped
              << " stopped; by one thing alone:";
    for (const std::size_t n : seen.only) std::cout << " " << n;
    std::cout << "\n";
    if (HasFailure()) return;
    // Else it compares nothing.
    EXPECT_GT(seen.full, 0u);
    EXPECT_GT(seen.matched, seen.events / 100);
    EXPECT_GT(seen.stopped, seen.events / 100);
    for (std::size_t a = 0; a < model::kAsks; ++a) EXPECT_GT(seen.only[a], 0u) << "nothing was stopped by ask " << a;
}

EventPlan plan_of(const std::vector<std::string>& conditions) {
    std::vector<Rule> rules;
    for (const std::string& condition : conditions)
        rules.push_back(test::rule(std::string(1, static_cast<char>('A' + rules.size())), condition));
    const auto compiled = test::compile(rules);
    EXPECT_TRUE(compiled.diagnostics.empty());
    return plan_events(*compiled.matcher);
}

const EventDemand& demand(const EventPlan& plan, std::string_view event) {
    const auto found =
        std::ranges::find_if(plan.demands, [&](const EventDemand& d) { return find_event(d.code)->name == event; });
    static const EventDemand none;
    EXPECT_NE(found, plan.demands.end()) << event;
    return found == plan.demands.end() ? none : *found;
}

using Names = std::vector<std::vector<std::string>>;

TEST(Lower, NamesTheRulesOfEachClause) {
    const EventPlan plan = plan_of({"evt.type = openat and fd.name startswith /etc/ssh/",
                                    "evt.type = openat and evt.is_open_write = true and fd.name startswith /etc/ssh/",
                                    "evt.type in (openat, connect) and container.id != host",
                                    "evt.type = connect and fd.sport = 9 and proc.name = cat",
                                    "evt.type = openat and fd.name startswith /root/.ssh/",
                                    "evt.type = fchmod and evt.failed = true", "evt.type = fchmod"});
    // The second is covered by the first; the first and the fifth are one clause with two sets.
    EXPECT_EQ(demand(plan, "openat").rules, (Names{{"A", "B", "E"}, {"C"}}));
    EXPECT_EQ(demand(plan, "connect").rules, (Names{{"C"}, {"D"}}));
    EXPECT_EQ(demand(plan, "connect").clauses.size(), 2u);
    EXPECT_EQ(demand(plan, "fchmod").rules, Names{}) << "all of them are told";
    EXPECT_EQ(demand(plan, "fchmod").forced_by, "G");
    // Success and failure alone together are no clause: the first of them is named.
    const EventPlan both =
        plan_of({"evt.type = fchmod and evt.failed = true", "evt.type = fchmod and evt.res = SUCCESS"});
    EXPECT_TRUE(demand(both, "fchmod").clauses.empty());
    EXPECT_EQ(demand(both, "fchmod").forced_by, "A");
}

TEST(Lower, NamesAllRulesOfClausesThatWereMadeWider) {
    std::vector<std::string> conditions; // more clauses than the kernel asks
    for (int i = 0; i < 20; ++i)
        conditions.push_back("evt.type = openat and fd.name startswith /d" + std::to_string(i) +
                             "/ and evt.is_open_write = true and proc.name = p" + std::to_string(i));
    const EventPlan plan = plan_of(conditions);
    const EventDemand& opens = demand(plan, "openat");
    ASSERT_EQ(opens.clauses.size(), 12u);
    ASSERT_EQ(opens.rules.size(), 12u);
    std::set<std::string> named;
    for (const auto& rules : opens.rules) named.insert(rules.begin(), rules.end());
    EXPECT_EQ(named.size(), 20u);
}

// With each event where a rule is about it; by itself where the process lane would tell what was known before.
TEST(Lower, TheWorkingDirectoryIsToldWhereARuleAsksForIt) {
    const EventPlan plan = plan_of({"evt.type = openat and fd.name = /etc/shadow and proc.cwd = /etc/",
                                    "evt.type = rename and toupper(proc.cwd) = /ETC/", "evt.type = unlink"});
    EXPECT_TRUE(demand(plan, "openat").cwd);
    EXPECT_TRUE(demand(plan, "rename").cwd);
    EXPECT_FALSE(demand(plan, "unlink").cwd);
    EXPECT_EQ(plan.demands.size(), 3u) << "chdir itself is of no interest";

    const auto shown = test::compile({test::rule("A", "evt.type = openat", "in %proc.cwd"),
                                      test::rule("B", "evt.type = execve and evt.failed = true", "%toupper(proc.cwd)"),
                                      test::rule("C", "spawned = 1 or proc.name = x", "%proc.cwd")});
    const EventPlan of_outputs = plan_events(*shown.matcher);
    EXPECT_TRUE(demand(of_outputs, "openat").cwd);
    EXPECT_TRUE(demand(of_outputs, "execve").cwd);

    EXPECT_TRUE(plan_of({"evt.type = execve and proc.cwd = /etc/"}).demands.empty()) << "an exec brings it along";
    for (const char* lane : {"evt.type = procexit and proc.cwd = /etc/", "proc.cwd = /etc/ and proc.name = x"}) {
        const EventPlan moves = plan_of({lane});
        ASSERT_EQ(moves.demands.size(), 3u) << lane;
        for (const char* move : {"chdir", "fchdir", "setns"}) {
            EXPECT_TRUE(demand(moves, move).cwd) << lane;
            EXPECT_EQ(demand(moves, move).clauses, (std::vector<EventClause>{{.success = true}}));
        }
    }
    const EventPlan all =
        plan_of({"evt.type = chdir and evt.failed = true", "evt.type = procexit and proc.cwd = /etc/"});
    EXPECT_TRUE(demand(all, "chdir").clauses.empty());
    EXPECT_EQ(demand(all, "chdir").forced_by, "B");
    EXPECT_TRUE(demand(plan_everything(), "fchdir").cwd);
    EXPECT_FALSE(demand(plan_everything(), "openat").cwd);
}

TEST(Lower, AsksForTheFailureOfAnExecHoweverItIsPut) {
    for (const char* asks : {"evt.failed = true", "evt.failed != false", "not evt.failed = false", "evt.rawres < 0",
                             "not evt.rawres >= 0", "evt.res = ENOENT", "evt.res != SUCCESS", "not evt.res = SUCCESS"})
        EXPECT_EQ(plan_of({std::string("evt.type = execve and ") + asks}).failed_exec_rules.size(), 1u) << asks;
    for (const char* other : {"evt.failed = false", "not evt.failed = true", "evt.rawres >= 0", "not evt.rawres < 0",
                              "proc.name = x", "not evt.res = ENOENT"})
        EXPECT_TRUE(plan_of({std::string("evt.type = execve and ") + other}).failed_exec_rules.empty()) << other;
}

// What has no result has no failure: the negation holds.
TEST(Lower, ANegatedResultIsAskedOnlyOfWhatHasOne) {
    for (const char* not_failed : {"not evt.failed = true", "not evt.rawres < 0", "not evt.res = SUCCESS"}) {
        EXPECT_EQ(demand(plan_of({std::string("evt.type = fchmod and ") + not_failed}), "fchmod").clauses.size(), 1u);
        const EventPlan plan = plan_of({std::string("evt.type = preadv2 and ") + not_failed});
        ASSERT_EQ(plan.demands.size(), 1u);
        EXPECT_TRUE(plan.demands[0].clauses.empty()) << not_failed;
    }
}

// pmatch also matches names without a slash at the beginning, and the kernel looks for no name in those.
TEST(Lower, APatternMayBeAboutWhatIsNoPath) {
    EXPECT_TRUE(
        demand(plan_of({"evt.type = read and fd.name pmatch (\"/anon_inode:inotify\")"}), "read").clauses.empty());
    EXPECT_FALSE(demand(plan_of({"evt.type = read and fd.name pmatch (/etc)"}), "read").clauses.empty());
}

// Two spellings of one network are one key of the kernel's table, which a reload would take away with the first.
TEST(Lower, ANetworkIsItsPrefix) {
    const EventPlan plan =
        plan_of({"evt.type = connect and fd.snet in (127.0.0.1/8, 127.0.0.0/8, \"2001:db8::1/33\")"});
    ASSERT_EQ(plan.ends.size(), 3u);
    EXPECT_EQ(plan.ends[0].address, plan.ends[1].address);
    EXPECT_EQ(plan.ends[0].address[12], 127);
    EXPECT_EQ(plan.ends[0].address[15], 0);
    EXPECT_EQ(plan.ends[2].address[3], 0xb8);
    EXPECT_EQ(plan.ends[2].address[15], 0);
}

TEST(Lower, SetsAreThoseThatAClauseAsksFor) {
    const EventPlan plan = plan_of(
        {"evt.type = openat and fd.name startswith /etc/", "evt.type = openat", // its set is not asked
         "evt.type = open and fd.name in (/etc/shadow, /etc/passwd)", "evt.type = openat and fd.name = /none/here",
         "evt.type = connect and fd.sport = 9", "evt.type = connect", "evt.type = bind and fd.sport = 10"});
    EXPECT_EQ(demand(plan, "open").clauses, (std::vector<EventClause>{{.path_sets = 1}}));
    EXPECT_EQ(demand(plan, "bind").clauses, (std::vector<EventClause>{{.end_sets = 1}}));
    std::map<std::string, std::uint32_t> names;
    for (const PathName& n : plan.names) names[n.path] = n.sets;
    // An exact path stays: its file is known by its identity all the same.
    EXPECT_EQ(names, (std::map<std::string, std::uint32_t>{{"/etc/shadow", 1}, {"/etc/passwd", 1}, {"/none/here", 0}}));
    ASSERT_EQ(plan.ends.size(), 1u);
    EXPECT_EQ(plan.ends[0].port, 10);
    EXPECT_EQ(plan.ends[0].sets, 1u);
}

// Of every event type that is asked about, rules with other names: more sets than the kernel has.
TEST(Lower, MoreSetsThanTheKernelHasAreJoined) {
    std::vector<std::string> conditions;
    const char* types[] = {"open", "openat", "openat2", "creat"};
    for (int i = 0; i < 40; ++i)
        conditions.push_back(std::string("evt.type = ") + types[i % 4] + " and fd.name = /d/" + std::to_string(i) +
                             " and proc.name = p" + std::to_string(i / 4));
    const EventPlan plan = plan_of(conditions);
    ASSERT_EQ(plan.names.size(), 40u);
    std::uint32_t asked = 0;
    for (const char* type : types)
        for (const EventClause& c : demand(plan, type).clauses) asked |= c.path_sets;
    EXPECT_EQ(asked, 0xffffu) << "sixteen, which is what the kernel has of each generation";
    for (const PathName& n : plan.names) EXPECT_NE(n.sets & asked, 0u) << n.path;
}

// The kernel's mask of a process has 64 bits: of more conditions some share one, and none is left out.
TEST(Lower, MoreProcessConditionsThanTheMaskHasAreJoined) {
    const std::vector<std::string> types{"open", "openat", "creat", "connect", "bind", "listen", "fchmod", "setuid"};
    std::vector<std::string> conditions;
    for (std::size_t i = 0; i < 120; ++i)
        conditions.push_back("evt.type in (" + types[i % 8] + ", " + types[(i / 8) % 8] + ") and proc.name = p" +
                             std::to_string(i));
    const EventPlan plan = plan_of(conditions);
    std::uint64_t asked = 0;
    for (const std::string& type : types) {
        ASSERT_FALSE(demand(plan, type).clauses.empty()) << type;
        for (const EventClause& c : demand(plan, type).clauses) {
            EXPECT_NE(c.process_bits, 0u) << type;
            asked |= c.process_bits;
        }
    }
    ASSERT_LE(plan.process_nodes.size(), 64u);
    std::set<std::uint32_t> nodes;
    for (std::size_t bit = 0; bit < plan.process_nodes.size(); ++bit) {
        EXPECT_NE(asked >> bit & 1, 0u);
        nodes.insert(plan.process_nodes[bit].begin(), plan.process_nodes[bit].end());
    }
    EXPECT_EQ(nodes.size(), 120u);
}

// Rules for files that are written do not have those told that are only read, however many rules there are.
TEST(Lower, ManySetsKeepReadingAndWritingApart) {
    std::vector<std::string> conditions{"evt.type = openat and evt.is_open_read = true and fd.name = /etc/shadow"};
    for (int i = 0; i < 60; ++i)
        conditions.push_back("evt.type = openat and evt.is_open_write = true and fd.name startswith /etc/d" +
                             std::to_string(i) + " and proc.name != p" + std::to_string(i));
    const EventPlan plan = plan_of(conditions);
    std::uint32_t read = 0, etc = 0;
    for (const EventClause& c : demand(plan, "openat").clauses) read |= c.write ? 0 : c.path_sets;
    for (const PathName& n : plan.names) etc |= n.kind == PathName::Kind::top ? n.sets : 0;
    EXPECT_NE(read, 0u);
    EXPECT_NE(etc, 0u);
    EXPECT_EQ(read & etc, 0u);
}

} // namespace
} // namespace gyr::plan
