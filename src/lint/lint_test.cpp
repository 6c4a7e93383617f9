#include "lint/lint.h"

#include "fields/registry.h"
#include "lang/parser.h"
#include "lint/implication.h"
#include "match/event_names.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>

namespace gyr::lint {
namespace {

std::vector<Diagnostic> findings_of(const std::string& text) {
    rules::LoadOptions options;
    options.fields = &fields::catalog();
    options.events = &match::event_names();
    rules::RuleLoader loader(std::move(options));
    loader.add_text("r.yaml", text);
    rules::LoadedRules loaded = loader.finish();
    const auto matcher = Matcher::compile(loaded.rules, {.strict = true, .diagnose = {}}, loaded.diagnostics);
    loaded.rules.assign(matcher->rules().begin(), matcher->rules().end());
    return lint(loaded, *matcher);
}

std::string rule(const std::string& name, const std::string& condition, const std::string& more = {}) {
    return "- rule: " + name + "\n  desc: d\n  condition: " + condition +
           "\n  output: \"%proc.name\"\n  priority: INFO\n" + more;
}

// The codes of all findings, in order, without those of loading.
std::vector<std::string> codes_of(const std::string& text) {
    std::vector<std::string> out;
    for (const Diagnostic& d : findings_of(text)) {
        EXPECT_NE(d.severity, Severity::error) << d.message;
        if (d.code.starts_with("LINT_")) out.push_back(d.code);
    }
    return out;
}
using Codes = std::vector<std::string>;

TEST(Lint, FindsConditionsThatNeverHold) {
    const std::string never(code::kNeverTrue);
    EXPECT_EQ(codes_of(rule("a", "evt.type = execve and proc.name = sh and proc.name in (bash, zsh)")), Codes{never});
    EXPECT_EQ(codes_of(rule("a", "evt.type = execve and proc.name = sh and not proc.name startswith s")), Codes{never});
    EXPECT_EQ(codes_of(rule("a", "evt.type = execve and proc.name in ()")), Codes{never});
    EXPECT_EQ(codes_of(rule("a", "evt.type = execve and (proc.name = x or (proc.pid = 1 and proc.pid = 2))")),
              Codes{never});
    EXPECT_EQ(codes_of(rule("a", "evt.type = execve and proc.name = sh and proc.pname in (bash, zsh)")), Codes{});
    // Either end of a chain of ancestors: both may hold.
    EXPECT_EQ(codes_of(rule("a", "evt.type = execve and proc.aname = sh and proc.aname = bash")), Codes{});
}

TEST(Lint, FindsPartsThatAlwaysHold) {
    const std::string always(code::kAlwaysTrue);
    EXPECT_EQ(codes_of(rule("a", "evt.type = execve and evt.num >= 1")), Codes{always});
    EXPECT_EQ(codes_of(rule("a", "evt.type = execve and (proc.name = sh or not proc.name = sh)")), Codes{always});
    // Both are false when the name is missing.
    EXPECT_EQ(codes_of(rule("a", "evt.type = execve and (proc.name = sh or proc.name != sh)")), Codes{});
}

TEST(Lint, FindsRulesThatOthersContain) {
    const std::string wide = rule("wide", "evt.type = execve and proc.name in (sh, bash)");
    EXPECT_EQ(codes_of(wide + rule("narrow", "evt.type = execve and proc.name = sh and proc.tty != 0")),
              Codes{std::string(code::kContained)});
    EXPECT_EQ(codes_of(wide + rule("same", "evt.type = execve and proc.name in (bash, sh)")),
              Codes{std::string(code::kSameCondition)});
    EXPECT_EQ(codes_of(wide + rule("other", "evt.type = execve and proc.name = zsh")), Codes{});
}

TEST(Lint, FindsExceptionsThatChangeNothing) {
    const std::string exception =
        "  exceptions:\n    - name: e\n      fields: proc.name\n      comps: in\n      values: [NAME]\n";
    const auto with = [&](const std::string& name) {
        std::string text = exception;
        text.replace(text.find("NAME"), 4, name);
        return codes_of(rule("a", "evt.type = execve and proc.name in (sh, bash)", text));
    };
    EXPECT_EQ(with("zsh"), Codes{std::string(code::kDeadException)});
    EXPECT_EQ(with("sh"), Codes{});
}

TEST(Lint, FindsRulesAskedAboutTooMuch) {
    EXPECT_EQ(codes_of(rule("a", "evt.rawres = 5")), Codes{std::string(code::kEveryEvent)});
    EXPECT_EQ(codes_of(rule("a", "evt.type = openat and evt.arg.name regex '.*x.*y'")),
              Codes{std::string(code::kExpensive)});
    EXPECT_EQ(codes_of(rule("a", "evt.type = openat and proc.name = cat and evt.arg.name regex '.*x.*y'")), Codes{});
    // Guarded in its own branch, and not.
    const std::string glob = "proc.name contains ssh and evt.arg.name glob '/home/*/x'";
    EXPECT_EQ(codes_of(rule("a", "evt.type = openat and (proc.pid = 1 or (" + glob + "))")), Codes{});
    EXPECT_EQ(codes_of(rule("a", "evt.type = openat and (proc.pid = 1 or evt.arg.name glob '/home/*/x')")),
              Codes{std::string(code::kExpensive)});
    // Asked once per program.
    EXPECT_EQ(codes_of(rule("a", "proc.name = sh")), Codes{});
}

TEST(Lint, FindsRepeatedItemsAndOldFields) {
    EXPECT_EQ(codes_of(rule("a", "evt.type = execve and proc.name in (sh, bash, sh)")),
              Codes{std::string(code::kDuplicateItem)});
    const Codes codes =
        codes_of("- list: l\n  items: [a, b, a]\n" + rule("a", "evt.type = execve and proc.name in (l)"));
    EXPECT_TRUE(std::ranges::find(codes, code::kDuplicateItem) != codes.end());
    EXPECT_EQ(codes_of(rule("a", "evt.type = execve and evt.dir = <")), Codes{std::string(code::kDeprecatedField)});
}

TEST(Lint, TellsOfARepeatedItemOnceAndWhereItStoodFirst) {
    const std::string lists = "- list: l\n  items: [a, b, a]\n- list: k\n  items: [b, c, d, e, f]\n"
                              "- list: m\n  items: [c, d, e, f]\n";
    std::vector<std::string> told;
    for (const Diagnostic& d : findings_of(lists + rule("r", "evt.type = execve and proc.name in (l, k, m)")))
        told.push_back(std::to_string(d.place.line) + ' ' + d.message);
    EXPECT_EQ(told,
              (std::vector<std::string>{
                  "2 list l has 'a' twice, first at r.yaml:2:11",
                  "4 'b' is there twice, first at r.yaml:2:14; so are 'c', 'd' and 2 more in the same condition"}));
}

TEST(Lint, SaysOfARuleThatNeverMatchesOnlyThat) {
    const std::string wide = rule("wide", "evt.type = execve and proc.pid > 0");
    EXPECT_EQ(codes_of(wide + rule("never", "evt.type = execve and proc.pid > 10 and proc.pid < 5")),
              Codes{std::string(code::kNeverTrue)});
    EXPECT_EQ(codes_of(wide + rule("narrow", "evt.type = execve and proc.pid > 10 and proc.pid < 12")),
              Codes{std::string(code::kContained)});
}

TEST(Lint, NamesOfAddressesAreNeverThere) {
    EXPECT_EQ(codes_of("- rule: a\n  desc: d\n  condition: evt.type = connect\n  output: '%fd.sip.name'\n  priority: "
                       "INFO\n"),
              Codes{});
    EXPECT_EQ(codes_of(rule("a", "evt.type = connect and not fd.sip.name in (example.com)")),
              Codes{std::string(code::kNeverTrue)});
    EXPECT_EQ(codes_of(rule("a", "evt.type = connect and not fd.sip = 10.0.0.1")), Codes{});
}

TEST(Lint, TellsThePlaceInTheFile) {
    const auto findings = findings_of(rule("a", "evt.type = execve and proc.name in ()"));
    ASSERT_EQ(findings.size(), 1u);
    EXPECT_EQ(findings[0].place.file, "r.yaml");
    EXPECT_EQ(findings[0].place.line, 3u);
    EXPECT_NE(findings[0].snippet.find('^'), std::string::npos);
    const auto json = nlohmann::json::parse(lint_json(findings));
    EXPECT_EQ(json["findings"][0]["code"], code::kNeverTrue);
    EXPECT_EQ(json["findings"][0]["line"], 3);
    EXPECT_NE(lint_text(findings).find("0 errors, 1 warning"), std::string::npos);
    EXPECT_EQ(lint_text({}), "nothing found\n");
}

TEST(Lint, IncludesWhatDoesNotLoad) {
    const auto findings = findings_of(rule("a", "evt.type = execve and no.such.field = 1"));
    ASSERT_FALSE(findings.empty());
    EXPECT_TRUE(has_errors(findings));
}

TEST(Implication, FollowsTheFormOfConditions) {
    const auto implies = [](const std::string& a, const std::string& b) {
        const auto left = lang::parse(a), right = lang::parse(b);
        EXPECT_TRUE(left && right) << a << " / " << b;
        return Implication().implies(**left, **right);
    };
    EXPECT_TRUE(implies("proc.name = sh", "proc.name in (bash, sh)"));
    EXPECT_TRUE(implies("proc.name = sh", "proc.name exists"));
    EXPECT_TRUE(implies("proc.name = sh", "proc.name != bash"));
    EXPECT_TRUE(implies("proc.name = sh", "not proc.name = bash"));
    EXPECT_TRUE(implies("fd.name startswith /etc/ssh", "fd.name startswith /etc"));
    EXPECT_TRUE(implies("proc.name = a and proc.pname = b", "proc.pname = b or proc.pname = c"));
    EXPECT_TRUE(implies("not proc.name in (a, b)", "not proc.name = a"));
    EXPECT_FALSE(implies("proc.name in (sh, bash)", "proc.name = sh"));
    EXPECT_FALSE(implies("proc.name != sh", "proc.name = bash"));
    EXPECT_FALSE(implies("proc.name startswith s", "proc.name = sh"));
    EXPECT_FALSE(implies("not proc.name = a", "proc.name != a"));
    // Numbers by what they are, not by how they are written.
    EXPECT_TRUE(implies("proc.pid = 7", "proc.pid in (5, 07)"));
    EXPECT_TRUE(implies("proc.pid in (7, 8)", "proc.pid >= 7"));
    EXPECT_TRUE(implies("proc.pid > 7", "proc.pid >= 8"));
    EXPECT_TRUE(implies("proc.pid > 7", "proc.pid != 7"));
    EXPECT_TRUE(implies("proc.pid > 7", "not proc.pid <= 7"));
    EXPECT_FALSE(implies("proc.pid >= 7", "proc.pid > 7"));
    EXPECT_FALSE(implies("proc.pid != 7", "proc.pid > 7"));
    EXPECT_FALSE(implies("fd.sport = 80", "not fd.sport = http"));
    EXPECT_TRUE(implies("len(proc.name) = 4", "len(proc.name) > 3"));
    EXPECT_FALSE(implies("fd.sport > 1024", "not fd.port = 80"));
}

} // namespace
} // namespace gyr::lint
