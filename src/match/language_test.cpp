// What conditions mean, sentence by sentence of the rule language, by both evaluators: on a process with ancestors that
// works on a file or a connection.
#include "lang/parser.h"
#include "match/reference.h"
#include "match/test_support.h"

#include <gtest/gtest.h>

namespace gyr {
namespace {

// systemd started sshd, that bash, and that `cat -n -u 5 /dev/null`.
class Scene {
  public:
    Scene() {
        cat_->pgid = cat_->sid = 3;
        file_.type = FdType::file_v2;
        file_.name = "/dev/null";
        connection_.type = FdType::ipv4;
        connection_.l4 = L4Protocol::tcp;
        connection_.marks = kFdRoleClient | kFdConnected;
        connection_.source_address = {10, 0, 0, 1};
        connection_.destination_address = {192, 168, 7, 9};
        connection_.source_port = 40'000;
        connection_.destination_port = 443;
    }
    Event on_file() { return on(file_); }
    Event on_connection() { return on(connection_); }

    test::World world;

  private:
    Event on(const FdInfo& fd) {
        Event e = test::exec_event(cat_);
        e.fd = &fd;
        e.fd_number = 3;
        return e;
    }
    std::shared_ptr<ProcessImage> systemd_ = world.process(1, "/sbin/systemd", {"systemd"});
    std::shared_ptr<ProcessImage> sshd_ = world.process(2, "/usr/sbin/sshd", {"sshd", "-D"}, systemd_.get());
    std::shared_ptr<ProcessImage> bash_ = world.process(3, "/bin/bash", {"bash"}, sshd_.get());
    std::shared_ptr<ProcessImage> cat_ =
        world.process(4, "/bin/cat", {"cat", "-n", "-u", "5", "/dev/null"}, bash_.get());
    FdInfo file_, connection_;
};

void holds(const Event& event, const EvalWorld& world, const std::string& condition, bool expected) {
    Matcher::Options options;
    options.filter = options.strict = true;
    auto compiled = test::compile({test::rule("r", condition)}, options);
    ASSERT_TRUE(compiled.diagnostics.empty()) << condition << ": " << compiled.diagnostics[0].message;
    const Decision decision = compiled.matcher->evaluate_rule(0, event, world, *compiled.scratch, true);
    EXPECT_EQ(decision == Decision::yes, expected) << condition;
    const match::Truth plain = match::reference::evaluate(**lang::parse(condition), event, world, true);
    EXPECT_EQ(plain == match::Truth::yes, expected) << condition << ", by the reference";
}

void on_file(std::initializer_list<const char*> yes, std::initializer_list<const char*> no) {
    Scene scene;
    for (const char* condition : yes) holds(scene.on_file(), scene.world.view(), condition, true);
    for (const char* condition : no) holds(scene.on_file(), scene.world.view(), condition, false);
}
void on_connection(std::initializer_list<const char*> yes, std::initializer_list<const char*> no) {
    Scene scene;
    for (const char* condition : yes) holds(scene.on_connection(), scene.world.view(), condition, true);
    for (const char* condition : no) holds(scene.on_connection(), scene.world.view(), condition, false);
}

TEST(Language, TextsAreCompared) {
    on_file({"proc.name = cat", "proc.name == \"cat\"", "proc.name != dog", "not proc.name = dog", "proc.name > 5",
             "proc.name > val(proc.pname)", "proc.name >= val(proc.name)", "proc.name contains at",
             "proc.name contains \"\"", "proc.name startswith ca", "proc.name endswith at", "proc.name icontains AT",
             "proc.name startswith \"\\x63a\"", "proc.name in (dog, 'cat')", "proc.name intersects (cat)"},
            {"proc.name = CAT", "proc.name != cat", "proc.name < val(proc.pname)", "proc.name contains AT",
             "proc.name endswith acat", "proc.name startswith at", "proc.name in ()", "proc.name intersects ()"});
}

TEST(Language, PatternsMatchTheWholeText) {
    on_file({"fd.name glob /dev/*", "fd.name glob /*l", "fd.name glob \"/dev/nul?\"", "fd.name glob \"/dev/[m-o]ull\"",
             "fd.name iglob /DEV/*", "fd.name iglob \"/dev/[M-O]ull\"", "fd.name glob *",
             "fd.name regex \"/dev/(null|zero)\"", "fd.name regex \".*null\"", "fd.name regex \"/dev/[[:alpha:]]+\""},
            {"fd.name glob dev", "fd.name glob \"\"", "fd.name glob /DEV/*", "fd.name glob \"/dev/[!m-o]ull\"",
             "fd.name regex null", "fd.name regex \"^/dev\"", "fd.name regex \"/DEV/.*\""});
}

TEST(Language, PathsMatchByTheirComponents) {
    on_file({"fd.name pmatch (/dev)", "fd.name pmatch (/dev/)", "fd.name pmatch (/)", "fd.name pmatch (/x, /dev/null)",
             "fd.name pmatch (/d*)", "fd.name pmatch (/*/null)", "fd.name pmatch (/dev/n?ll)"},
            {"fd.name pmatch ()", "fd.name pmatch (/de)", "fd.name pmatch (/dev/null/x)", "fd.name pmatch (/*/*/*)",
             "fd.name pmatch (/null)"});
}

TEST(Language, ModifiersCountTheElementsThatHold) {
    on_file({"fd.name contains anyof (xx, null)", "fd.name contains allof (dev, null)",
             "fd.name contains oneof (dev, xx)", "fd.name != anyof (/dev/null, x)", "fd.name != oneof (/dev/null, x)",
             "fd.num = anyof (3, 4)"},
            {"fd.name contains oneof (dev, null)", "fd.name contains allof (dev, xx)", "fd.name contains anyof ()",
             "fd.name contains allof ()", "fd.name contains oneof ()", "fd.name != allof (/dev/null, x)",
             "fd.name = anyof null"});
}

TEST(Language, NumbersAreDecimal) {
    on_file({"fd.num = 3", "fd.num = 03", "fd.num <= +3", "fd.num > -1", "fd.num in (1, 3)", "fd.num = val(fd.num)",
             "proc.pid > val(fd.num)", "proc.pid != val(proc.ppid)"},
            {"fd.num != 3", "fd.num < 3", "fd.num >= 4", "fd.num in ()", "fd.num > val(proc.pid)"});
}

TEST(Language, WhatIsMissingComparesWithNothing) {
    on_file({"not fd.ip exists", "not fd.ip = 1.2.3.4", "not fd.sport != 80", "not proc.aname[9] exists",
             "evt.arg[0] exists", "not evt.arg[200] exists", "not evt.arg[18446744073709551615] = x"},
            {"fd.ip exists", "fd.ip = 1.2.3.4", "fd.ip != 1.2.3.4", "fd.sport != 80", "fd.net != 1.0.0.0/8",
             "proc.aname[9] != x", "concat(fd.name, evt.abspath) exists", "evt.arg[200] != x"});
}

TEST(Language, AncestorsAreAskedOneByOne) {
    on_file({"proc.aname = sshd", "proc.aname != sshd", "proc.aname in (x, systemd)", "proc.aname[0] = cat",
             "proc.aname[1] = bash", "proc.aname startswith ss", "proc.aname pmatch (bash)", "proc.apid = 1",
             "proc.aname = anyof (x, bash)", "proc.acmdline contains \"-D\""},
            {"proc.aname = cat", "not proc.aname = sshd", "proc.apid = 4", "proc.aname contains zz"});
}

TEST(Language, ListsAreAskedElementByElement) {
    on_file({"proc.arglist intersects (5, x)", "proc.arglist in (\"-n\", \"-u\", 5, /dev/null, more)",
             "len(proc.arglist) = 4", "join(\" \", proc.arglist) = \"-n -u 5 /dev/null\""},
            {"proc.arglist in (\"-n\")", "proc.arglist in ()", "proc.arglist intersects ()",
             "proc.arglist intersects (x)"});
}

TEST(Language, TransformersNestOnBothSides) {
    on_file({"toupper(proc.name) = CAT", "toupper(fd.name) pmatch (/DEV)", "tolower(toupper(proc.name)) = cat",
             "toupper(proc.name) = toupper(proc.name)", "basename(fd.name) = null", "basename(toupper(fd.name)) = NULL",
             "concat(proc.name, \"-\", proc.pname) = cat-bash",
             "join(\"-\", (proc.name, \"x\", proc.pname)) = cat-x-bash", "len(fd.name) = 9",
             "len(basename(fd.name)) < 5", "getopt(proc.arglist, \"nu:\")[u] = 5",
             "getopt(proc.arglist, \"nu:\")[n] = n", "getopt(proc.arglist, \"nu:\") intersects (u)",
             "proc.name = basename(proc.exepath)"},
            {"basename(fd.name) = dev", "getopt(proc.arglist, \"nux\")[x] exists", "b64(fd.name) exists",
             "toupper(proc.name) = cat"});
}

TEST(Language, ConnectionsHaveTwoEnds) {
    on_connection({"fd.ip = 10.0.0.1", "fd.ip = 192.168.7.9", "fd.ip in (1.1.1.1, 10.0.0.1)", "fd.ip != 1.2.3.4",
                   "fd.net = 10.0.0.0/8", "fd.net in (172.16.0.0/12, 192.168.0.0/16)", "fd.cip = 10.0.0.1",
                   "fd.sip = 192.168.7.9", "fd.snet in (192.168.7.9/32)", "fd.cip != \"::1\"", "fd.port = 443",
                   "fd.port > 40000 or fd.port > 39999", "fd.sport = https", "fd.sport in (http, 443)", "fd.port != 80",
                   "fd.net != 11.0.0.0/8", "fd.l4proto = tcp"},
                  {"fd.ip != 10.0.0.1", "fd.ip != 192.168.7.9", "fd.ip = \"::1\"", "fd.net != 10.0.0.0/8",
                   "fd.net = 2001:db8::/32", "fd.port != 443", "fd.cip = 192.168.7.9", "fd.sport = http",
                   "fd.snet in (192.168.7.8/32)"});
}

TEST(Language, ATimeIsNearInBothDirections) {
    // The event is at six seconds.
    on_file({"evt.around[6000000000] = 0", "evt.around[5999999999] = 1", "evt.around[6000000001] = 1",
             "evt.around[5000000000] = 1000", "evt.around[5000000000] = 5000", "evt.around[5000000000] exists"},
            {"evt.around[5999999999] = 0", "evt.around[5000000000] = 999", "evt.around[7000000001] = 1000"});
    for (const char* other : {">", "<=", "!="}) {
        Matcher::Options strict;
        strict.strict = true;
        auto c = test::compile({test::rule("r", std::string("evt.around[5] ") + other + " 3")}, strict);
        EXPECT_TRUE(has_errors(c.diagnostics)) << other;
    }
}

// ---- output ----

std::string printed(const std::string& output) {
    Scene scene;
    Matcher::Options strict;
    strict.strict = true;
    auto c = test::compile({test::rule("r", "evt.num > 0", output)}, strict);
    if (has_errors(c.diagnostics)) return "(" + c.diagnostics[0].message + ")";
    return c.matcher->render(0, scene.on_file(), scene.world.view(), *c.scratch).text;
}

TEST(Language, AFieldOfAnOutputIsAsLongAsItCanBe) {
    EXPECT_EQ(printed("%proc.name[%proc.pid]: %fd.name"), "cat[4]: /dev/null");
    EXPECT_EQ(printed("%proc.name[1]%proc.names"), "cat[1]cats");
    EXPECT_EQ(printed("%proc.aname[1] %proc.aname[x]"), "bash bash sshd systemd[x]");
    EXPECT_EQ(printed("%toupper(proc.name)[0] %5proc.name|%2proc.name|"), "CAT[0] cat  |ca|");
    EXPECT_EQ(printed("%evt.arg.filename.old %evt.arg.filenames"),
              printed("%evt.arg.filename") + ".old " + printed("%evt.arg.filename") + "s");
    EXPECT_EQ(printed("%proc.name. %evt.arg[200]"), "cat. <NA>");
    EXPECT_EQ(printed("%evt.arg.nosuch"), "(output: no event has a parameter named 'nosuch')");
    EXPECT_EQ(printed("%toupper(proc.name[1])"), "(output: field 'proc.name' takes no argument)");
}

TEST(Language, ANumberOfLooksGrows) {
    Scene scene;
    auto c = test::compile({test::rule("r", "util.cnt > 0", "%util.cnt")});
    ASSERT_TRUE(c.diagnostics.empty());
    const auto look = [&] {
        return std::stoull(c.matcher->render(0, scene.on_file(), scene.world.view(), *c.scratch).text);
    };
    const auto first = look();
    EXPECT_GT(look(), first);
}

} // namespace
} // namespace gyr
