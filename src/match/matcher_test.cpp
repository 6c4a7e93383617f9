#include "event/schema.h"
#include "fields/registry.h"
#include "match/event_names.h"
#include "match/test_support.h"
#include "rules/loader.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace gyr {
namespace {

using test::compile;
using test::rule;

constexpr const char* kTerminalAccess =
    "container.id != host and proc.name in (\"bash\", \"sh\", \"ash\", \"zsh\", \"ksh\") and proc.tty != 0";
constexpr const char* kTerminalOutput =
    "An interactive shell was spawned in container %container.name. (user: %user.name %user.id, "
    "executable: %proc.name %proc.id, command: %proc.cmdline, tty: %proc.tty)";

struct Shell {
    test::World world;
    std::shared_ptr<ProcessImage> process = world.process(1234, "/bin/sh", {"sh"});
    Event event;
    explicit Shell(bool complete = true) {
        process->tty = 34816;
        process->container = test::make_container(complete);
        event = test::exec_event(process);
    }
};

std::vector<std::uint32_t> run_process(const test::Compiled& c, const Shell& s, RuleBits& fired,
                                       std::vector<std::uint32_t>* undecided = nullptr) {
    Verdicts v;
    c.matcher->evaluate_process(s.event, s.world.view(), *c.scratch, fired, v);
    if (undecided) *undecided = v.undecided;
    return v.matched;
}

TEST(Matcher, TerminalAccessFiresOncePerImage) {
    auto c = compile({rule("Terminal Access", kTerminalAccess, kTerminalOutput)});
    ASSERT_TRUE(c.diagnostics.empty()) << to_text(c.diagnostics[0]);
    ASSERT_TRUE(c.matcher->is_process_rule(0));
    Shell s;
    RuleBits fired;
    EXPECT_EQ(run_process(c, s, fired), std::vector<std::uint32_t>{0});
    EXPECT_TRUE(run_process(c, s, fired).empty()) << "has fired for this image";
    const auto out = c.matcher->render(0, s.event, s.world.view(), *c.scratch);
    EXPECT_EQ(out.text, "An interactive shell was spawned in container my-busybox-container. (user: root 0, "
                        "executable: sh 1234, command: sh, tty: 34816)");
    EXPECT_FALSE(out.pending);
    ASSERT_EQ(out.values.size(), 7u);
    EXPECT_EQ(out.values[0].key, "container.name");
    EXPECT_EQ(std::get<std::string>(out.values[0].value), "my-busybox-container");
    EXPECT_EQ(out.values[2].key, "user.id") << "as the author wrote it";
    EXPECT_EQ(std::get<std::uint64_t>(out.values[2].value), 0u);
}

TEST(Matcher, TerminalAccessNeedsContainerShellAndTerminal) {
    auto c = compile({rule("Terminal Access", kTerminalAccess)});
    {
        Shell s;
        s.process->container = nullptr;
        RuleBits fired;
        EXPECT_TRUE(run_process(c, s, fired).empty());
    }
    {
        Shell s;
        s.process->tty = 0;
        RuleBits fired;
        EXPECT_TRUE(run_process(c, s, fired).empty());
    }
    {
        Shell s;
        s.process->comm = "cat";
        RuleBits fired;
        EXPECT_TRUE(run_process(c, s, fired).empty());
    }
}

TEST(Matcher, WaitsForPendingMetadataAndDecidesWithoutIt) {
    auto c = compile({rule("named", "container.name = my-busybox-container"),
                      rule("not named", "not container.name = other"),
                      rule("either", "container.name = x or proc.name = sh"),
                      rule("neither", "container.name = x and proc.name = cat")});
    Shell s(false);
    RuleBits fired;
    std::vector<std::uint32_t> undecided;
    EXPECT_EQ(run_process(c, s, fired, &undecided), std::vector<std::uint32_t>{2});
    EXPECT_EQ(undecided, (std::vector<std::uint32_t>{0, 1}));
    EXPECT_EQ(c.matcher->evaluate_rule(0, s.event, s.world.view(), *c.scratch, false), Decision::undecided);
    EXPECT_EQ(c.matcher->evaluate_rule(0, s.event, s.world.view(), *c.scratch, true), Decision::no);
    EXPECT_EQ(c.matcher->evaluate_rule(1, s.event, s.world.view(), *c.scratch, true), Decision::yes)
        << "not of a missing value";
    EXPECT_FALSE(c.matcher->is_fired(0, fired));
    // The metadata comes: the same image, another generation of its container.
    const auto complete = test::make_container(true);
    s.process->container->info = complete->info;
    s.process->container->why = Missing::none;
    s.process->container->generation = 1;
    EXPECT_EQ(c.matcher->evaluate_rule(0, s.event, s.world.view(), *c.scratch, false), Decision::yes);
    EXPECT_EQ(run_process(c, s, fired), (std::vector<std::uint32_t>{0, 1}));
}

TEST(Matcher, EventRulesSeeTheirEventsOnly) {
    auto c = compile({rule("exec", "evt.type in (execve, execveat) and proc.name = sh"),
                      rule("exit", "evt.type = procexit"), rule("own", "evt.type = snapshot and proc.name = sh"),
                      rule("not fork", "not evt.type in (fork, clone) and evt.res = SUCCESS")});
    ASSERT_FALSE(has_errors(c.diagnostics));
    Shell s;
    const auto matched = [&](EventCode code) {
        s.event.code = code;
        Verdicts v;
        c.matcher->evaluate(s.event, s.world.view(), *c.scratch, v);
        return v.matched;
    };
    EXPECT_EQ(matched(kExecve), (std::vector<std::uint32_t>{0, 3}));
    EXPECT_EQ(matched(kProcExit), (std::vector<std::uint32_t>{1, 3}));
    EXPECT_EQ(matched(kSnapshot), std::vector<std::uint32_t>{2}) << "only by name";
    EXPECT_TRUE(matched(kFork).empty());
    EXPECT_TRUE(c.matcher->wants(kProcExit));
    EXPECT_FALSE(c.matcher->has_process_rules());
}

TEST(Matcher, EveryEventTypeHasItsRules) {
    auto c = compile({rule("open", "evt.type in (open, openat)"), rule("call", "evt.type = getpid"),
                      rule("not those", "evt.type != close and not evt.type in (getpid, time)"),
                      rule("direction", "evt.type = close and evt.dir = <")});
    ASSERT_TRUE(c.diagnostics.empty());
    Shell s;
    const auto matched = [&](EventCode code, std::uint16_t call = 0) {
        s.event.code = code;
        const std::string_view bytes(reinterpret_cast<const char*>(&call), sizeof call);
        s.event.params = std::span(&bytes, code == kGenericExit ? 1U : 0U);
        Verdicts v;
        c.matcher->evaluate(s.event, s.world.view(), *c.scratch, v);
        EXPECT_EQ(c.matcher->wants(s.event), !v.matched.empty());
        s.event.params = {};
        return v.matched;
    };
    using Rules = std::vector<std::uint32_t>;
    for (const EventCode code : event_codes("openat")) EXPECT_EQ(matched(code), (Rules{0, 2})) << code;
    constexpr EventCode kCloseEnter = 4, kCloseExit = 5;
    EXPECT_EQ(matched(kCloseEnter), Rules{});
    EXPECT_EQ(matched(kCloseExit), Rules{3});
    constexpr std::uint16_t kGetpid = 16, kTime = 11, kRestart = 1; // in the capture format's numbering
    EXPECT_EQ(matched(kGenericExit, kGetpid), Rules{1});
    // As Falco has it: who excludes one system call without an event of its own excludes them all.
    EXPECT_EQ(matched(kGenericExit, kTime), Rules{});
    EXPECT_EQ(matched(kGenericExit, kRestart), Rules{});
    EXPECT_EQ(matched(kGenericExit, 0xffff), Rules{}) << "no system call";
    EXPECT_EQ(matched(0x7fff), Rules{}) << "no event";
    EXPECT_TRUE(c.matcher->wants(kGenericExit));
}

TEST(Matcher, LiveRulesKeepTheEventsThatCome) {
    Matcher::Options live;
    live.live_only = true;
    auto c = compile({rule("r", "evt.type in (execve, nosuch)")}, live);
    EXPECT_TRUE(has_errors(c.diagnostics) || !c.matcher->rules()[0].disabled_why.empty());
    c = compile({rule("r", "evt.type in (execve, infra)")}, live);
    ASSERT_EQ(c.diagnostics.size(), 1U) << "what never comes is said";
    EXPECT_EQ(c.diagnostics[0].severity, Severity::warning);
    EXPECT_TRUE(c.matcher->wants(kExecve));
}

TEST(Matcher, RefusesWhatItCannotDeliver) {
    const struct {
        const char* condition;
        const char* says;
    } cases[] = {
        {"proc.fdusage > 90", "field proc.fdusage is told by captures only"},
        {"evt.type = switch and proc.name = sh", "this build cannot deliver the event type switch"},
        {"evt.type in (switch, infra)", "this build cannot deliver the event types infra, switch"},
        {"evt.type startswith zz", "no event that this build delivers can make the condition true"},
        {"proc.nmae = sh", "nonexistent field proc.nmae"},
        {"evt.type = opeat", "unknown event type opeat"},
        {"proc.pid = abc", "'abc' is not a whole decimal number"},
        {"proc.name regex \"(\"", "invalid regular expression"},
        {"proc.pid contains 1", "operator 'contains' cannot be used with proc.pid"},
        {"proc.name = val(proc.pid)", "the types differ"},
        {"proc.aname[x] = sh", "must be a number"},
        {"container.label exists", "needs an argument"},
        {"span.id = 1", "nonexistent field span.id"},
        {"evt.arg.nosuch = 1", "no event has a parameter named 'nosuch'"},
        {"evt.outputtime = 1", "can only be printed"},
    };
    for (const auto& [condition, says] : cases) {
        Matcher::Options strict;
        strict.strict = true;
        strict.live_only = true;
        auto c = compile({rule("r", condition)}, strict);
        ASSERT_TRUE(has_errors(c.diagnostics)) << condition;
        EXPECT_NE(c.diagnostics[0].message.find(says), std::string::npos)
            << condition << ": " << c.diagnostics[0].message;
        EXPECT_EQ(c.diagnostics[0].code, "LOAD_ERR_COMPILE_CONDITION");
        EXPECT_NE(c.matcher->rules()[0].disabled_why, "") << condition;
    }
}

TEST(Matcher, NamingAnEventToExcludeItIsNoReasonToRefuse) {
    auto c = compile({rule("r", "evt.type = execve and evt.type != open")});
    EXPECT_TRUE(c.diagnostics.empty());
    EXPECT_TRUE(c.matcher->wants(kExecve));
}

TEST(Matcher, SuggestsANameThatIsNear) {
    auto c = compile({rule("r", "proc.nmae = sh")});
    ASSERT_EQ(c.diagnostics.size(), 1u);
    EXPECT_EQ(c.diagnostics[0].hint, "did you mean proc.name?");
    EXPECT_EQ(c.diagnostics[0].severity, Severity::warning) << "a running agent goes on without the rule";
}

TEST(Matcher, UnknownFieldIsForgivenOnRequest) {
    Rule r = rule("r", "proc.nosuch = sh");
    r.skip_if_unknown_filter = true;
    Matcher::Options strict;
    strict.strict = true;
    auto c = compile({r}, strict);
    ASSERT_EQ(c.diagnostics.size(), 1u);
    EXPECT_EQ(c.diagnostics[0].code, "LOAD_UNKNOWN_FILTER");
    EXPECT_FALSE(has_errors(c.diagnostics));
}

// What a file's reader cannot know, of a rule that it refused already.
TEST(Matcher, TellsWhatElseIsWrongWithARuleThatDidNotLoad) {
    const auto told = [](const std::string& more) {
        rules::LoadOptions load;
        load.fields = &fields::catalog();
        load.events = &match::event_names();
        rules::RuleLoader loader(std::move(load));
        loader.add_text("r.yaml", "- rule: r\n  desc: d\n  output: '%no.such'\n  priority: INFO\n"
                                  "  condition: proc.nosuch = sh and proc.pid = x and user.uid contains 1\n" +
                                      more);
        rules::LoadedRules loaded = loader.finish();
        Matcher::Options options;
        options.strict = true;
        options.diagnose = [sources = loaded.sources](Severity severity, std::string_view code, std::string message,
                                                      lang::Span span, std::string hint) {
            return sources->diagnose(severity, code, std::move(message), span, std::move(hint));
        };
        static_cast<void>(Matcher::compile(loaded.rules, options, loaded.diagnostics));
        std::vector<std::string> out;
        for (const Diagnostic& d : loaded.diagnostics)
            if (d.severity == Severity::error)
                out.push_back(std::to_string(d.place.line) + ':' + std::to_string(d.place.column) + ' ' + d.code);
        std::ranges::sort(out);
        return out;
    };
    EXPECT_EQ(told(""),
              (std::vector<std::string>{"3:13 LOAD_ERR_COMPILE_OUTPUT", "5:14 LOAD_ERR_COMPILE_CONDITION",
                                        "5:46 LOAD_ERR_COMPILE_CONDITION", "5:52 LOAD_ERR_COMPILE_CONDITION"}));
    EXPECT_EQ(told("  skip-if-unknown-filter: true\n"), std::vector<std::string>{});
}

TEST(Matcher, ReportsEveryProblemOfACondition) {
    auto c = compile({rule("r", "proc.nosuch = sh and proc.pid = x or user.uid contains 1")});
    EXPECT_EQ(c.diagnostics.size(), 3u);
}

} // namespace
} // namespace gyr
