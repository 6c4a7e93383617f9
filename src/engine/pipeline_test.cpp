#include "engine/pipeline.h"

#include "fields/registry.h"
#include "rules/loader.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace gyr {
namespace {

using namespace std::string_literals;

constexpr Nanos kBoot = 1'700'000'000'000'000'000;

constexpr std::string_view kRules = R"(
- rule: Shell with a terminal
  desc: A shell with a terminal in a container.
  condition: container and proc.name in (sh, bash) and proc.tty != 0
  output: shell %proc.name in %container.name
  priority: WARNING
- rule: Any exec of nc
  desc: Netcat was started.
  condition: spawned_process and proc.name = nc
  output: nc by %proc.pname
  priority: NOTICE
- rule: Image named evil
  desc: The image has a bad name.
  condition: evt.type = execve and container.image.repository = evil
  output: evil %container.name
  priority: CRITICAL
)";

std::shared_ptr<const Matcher> compile(std::string text) {
    rules::RuleLoader loader({.fields = &fields::catalog(), .sources = {"syscall", "k8s_audit"}});
    loader.add_text("test.yaml", std::move(text));
    rules::LoadedRules loaded = loader.finish();
    std::vector<Diagnostic> problems;
    auto matcher = Matcher::compile(std::move(loaded.rules), {.strict = true, .diagnose = {}}, problems);
    for (const Diagnostic& d : problems) {
        if (d.severity == Severity::error) ADD_FAILURE() << to_text(d);
    }
    EXPECT_TRUE(loaded.ok());
    return matcher;
}

// A scripted host: records in, alerts out. The clock stands still until told.
struct Script {
    explicit Script(std::string rules = std::string(kRules), Pipeline::Options options = {})
        : pipeline(std::move(options),
                   {.classify =
                        [this](const ProcessImage& p) { return p.cgroups->front().path == "/" ? nullptr : container; },
                    .users = nullptr,
                    .build = [this](const Matcher& m, std::uint32_t rule, const Event& e,
                                    const EvalWorld&) { return build(m, rule, e); },
                    .emit = [this](AlertRecord r) { alerts.push_back(std::get<Alert>(std::move(r))); },
                    .prefetch_names = {},
                    .refresh = [this](Tid tid) { refreshed.push_back(tid); },
                    .steady_now = [this] { return clock; },
                    .true_paths = [this](const Event&, const PathCall&) { return ++walked, led; },
                    .plan_error = [this](std::string_view rule, const Event&) { plan_errors.emplace_back(rule); }},
                   compile(std::move(rules))) {
        container->id = "0123456789ab";
        container->full_id = std::string(64, '0');
    }

    Pipeline::Built build(const Matcher& matcher, std::uint32_t rule, const Event& event) const {
        Pipeline::Built built;
        built.alert.rule = matcher.rules()[rule].name;
        built.alert.time = event.time;
        built.alert.uuid = "uuid-" + std::to_string(event.number);
        if (!event.process) return built;
        const Container* c = event.process->container.get();
        built.pending = (c != nullptr && c->pending()) || users_pending;
        if (c != nullptr && c->info != nullptr) built.alert.message = c->info->name;
        return built;
    }

    ProcessRecord record(RecordKind kind, Pid pid, Pid parent, std::string_view comm) {
        ++now;
        ProcessRecord r;
        r.kind = kind;
        r.boottime_ns = now;
        r.time = kBoot + static_cast<Nanos>(now);
        r.key = {pid, static_cast<std::uint64_t>(pid)};
        r.tid = r.vpid = r.vtid = pid;
        r.real_parent = {parent, static_cast<std::uint64_t>(parent)};
        r.comm = comm;
        r.exe_path = "/bin/x";
        r.argv = {.bytes = std::string_view("x\0", 2)};
        r.exec_id = exec_id++;
        r.syscall_nr = 59;
        r.tty = tty;
        r.cgroups = cgroups;
        return r;
    }
    void exec(Pid pid, std::string_view comm, Pid parent = 1) {
        pipeline.on_record(record(RecordKind::exec, pid, parent, comm));
    }
    void know(std::string name, std::string repository) {
        auto info = std::make_shared<ContainerInfo>();
        info->name = std::move(name);
        info->image_repository = std::move(repository);
        container->info = info;
        container->why = Missing::none;
        ++container->generation;
        pipeline.on_metadata();
    }
    [[nodiscard]] std::vector<std::string> names() const {
        std::vector<std::string> out;
        for (const Alert& a : alerts) out.push_back(a.rule);
        return out;
    }

    std::shared_ptr<Container> container = std::make_shared<Container>();
    std::vector<Alert> alerts;
    std::vector<std::string> plan_errors; // rules
    TruePaths::Found led;                 // where paths lead
    int walked = 0;
    std::vector<Tid> refreshed;
    Nanos clock = 5'000'000'000;
    std::uint64_t now = 100;
    std::uint32_t exec_id = 1, tty = 0;
    bool users_pending = false;
    std::vector<CgroupRecord> cgroups{{"", "/"}};
    Pipeline pipeline;
};

using Names = std::vector<std::string>;

TEST(Pipeline, AnAlertWaitsForTheContainersNameAndThenGoesOutOnce) {
    Script s;
    s.pipeline.on_snapshot_complete();
    s.cgroups = {{"", "/docker/x"}};
    s.tty = 34816;
    s.exec(10, "sh");
    EXPECT_TRUE(s.alerts.empty());
    EXPECT_NE(s.pipeline.next_deadline(), 0);
    s.know("web", "busybox");
    ASSERT_EQ(s.names(), Names{"Shell with a terminal"});
    EXPECT_EQ(s.alerts[0].message, "web");
    EXPECT_EQ(s.pipeline.stats().held, 0U);
}

TEST(Pipeline, WithoutMetadataTheAlertGoesOutAtItsDeadline) {
    Script s;
    s.pipeline.on_snapshot_complete();
    s.cgroups = {{"", "/docker/x"}};
    s.tty = 34816;
    s.exec(10, "sh");
    s.clock = s.pipeline.next_deadline() - 1;
    s.pipeline.on_time();
    EXPECT_TRUE(s.alerts.empty());
    ++s.clock;
    s.pipeline.on_time();
    EXPECT_EQ(s.names(), Names{"Shell with a terminal"});
    EXPECT_EQ(s.pipeline.stats().timed_out, 1U);
}

TEST(Pipeline, AConditionOnPendingMetadataIsDecidedWhenItComes) {
    Script s;
    s.pipeline.on_snapshot_complete();
    s.cgroups = {{"", "/docker/x"}};
    s.exec(10, "true");
    EXPECT_TRUE(s.alerts.empty());
    s.know("web", "evil");
    EXPECT_EQ(s.names(), Names{"Image named evil"});
}

TEST(Pipeline, AConditionOnPendingMetadataThatTurnsOutFalseIsNoAlert) {
    Script s;
    s.pipeline.on_snapshot_complete();
    s.cgroups = {{"", "/docker/x"}};
    s.exec(10, "true");
    s.know("web", "good");
    EXPECT_TRUE(s.alerts.empty());
    EXPECT_EQ(s.pipeline.stats().held, 0U);
}

TEST(Pipeline, AConditionWhoseMetadataNeverComesIsDecidedWithoutIt) {
    Script s;
    s.pipeline.on_snapshot_complete();
    s.cgroups = {{"", "/docker/x"}};
    s.exec(10, "true");
    s.clock = s.pipeline.next_deadline();
    s.pipeline.on_time();
    EXPECT_TRUE(s.alerts.empty());
    EXPECT_EQ(s.pipeline.stats().held, 0U);
}

TEST(Pipeline, AProcessRuleFiresOncePerImage) {
    Script s;
    s.know("web", "busybox");
    s.pipeline.on_snapshot_complete();
    s.cgroups = {{"", "/docker/x"}};
    s.tty = 34816;
    s.exec(10, "sh");
    ProcessRecord renamed = s.record(RecordKind::change, 10, 1, "bash");
    renamed.exec_id = s.exec_id - 2; // the same image
    renamed.changes = kChangeComm;
    s.pipeline.on_record(renamed);
    ProcessRecord child = s.record(RecordKind::fork, 11, 10, "sh");
    child.has_image = false;
    s.pipeline.on_record(child);
    EXPECT_EQ(s.names(), Names{"Shell with a terminal"});
    s.exec(11, "sh", 10);
    EXPECT_EQ(s.alerts.size(), 2U);
}

TEST(Pipeline, AChangeThatMakesAProcessRuleTrueFiresIt) {
    Script s;
    s.know("web", "busybox");
    s.pipeline.on_snapshot_complete();
    s.cgroups = {{"", "/docker/x"}};
    s.exec(10, "sh");
    EXPECT_TRUE(s.alerts.empty());
    s.tty = 34816;
    ProcessRecord change = s.record(RecordKind::change, 10, 1, "sh");
    change.exec_id = s.exec_id - 2;
    change.changes = kChangeSession;
    s.pipeline.on_record(change);
    EXPECT_EQ(s.names(), Names{"Shell with a terminal"});
}

TEST(Pipeline, NothingIsJudgedBeforeTheSnapshotIsWhole) {
    Script s;
    s.know("web", "busybox");
    s.cgroups = {{"", "/docker/x"}};
    s.tty = 34816;
    s.pipeline.on_record(s.record(RecordKind::snapshot, 10, 1, "sh"));
    s.exec(12, "nc", 10);
    EXPECT_TRUE(s.alerts.empty());
    s.pipeline.on_snapshot_complete();
    EXPECT_EQ(s.names(), (Names{"Shell with a terminal", "Any exec of nc"}));
}

TEST(Pipeline, NewRulesAreAskedAboutProcessesThatAreThereAndOldOnesStayQuiet) {
    Script s;
    s.know("web", "busybox");
    s.pipeline.on_snapshot_complete();
    s.cgroups = {{"", "/docker/x"}};
    s.tty = 34816;
    s.exec(10, "sh");
    ASSERT_EQ(s.alerts.size(), 1U);
    s.pipeline.swap_rules(compile(std::string(kRules) + R"(
- rule: Terminal in a container
  desc: Anything with a terminal.
  condition: container and proc.tty != 0
  output: terminal %proc.name
  priority: INFO
)"));
    EXPECT_EQ(s.names(), (Names{"Shell with a terminal", "Terminal in a container"}));
    s.exec(11, "bash");
    EXPECT_EQ(s.alerts.size(), 4U);
}

TEST(Pipeline, FlushLetsGoWhatIsHeld) {
    Script s;
    s.pipeline.on_snapshot_complete();
    s.cgroups = {{"", "/docker/x"}};
    s.tty = 34816;
    s.exec(10, "sh");
    s.pipeline.flush();
    EXPECT_EQ(s.names(), Names{"Shell with a terminal"});
}

TEST(Pipeline, TheOldestHeldAlertGoesOutWhenThereAreTooMany) {
    Script s(std::string(kRules), {.held_max = 2});
    s.pipeline.on_snapshot_complete();
    s.cgroups = {{"", "/docker/x"}};
    s.tty = 34816;
    for (Pid pid = 10; pid < 15; ++pid) s.exec(pid, "sh");
    EXPECT_GE(s.alerts.size(), 1U);
    EXPECT_LE(s.pipeline.stats().held, 2U);
    s.pipeline.flush();
    EXPECT_EQ(s.alerts.size(), 5U);
}

TEST(Pipeline, AChildOfAnUnknownParentIsReadAgain) {
    Script s;
    s.pipeline.on_snapshot_complete();
    ProcessRecord child = s.record(RecordKind::fork, 77, 76, "sh");
    child.has_image = false;
    s.pipeline.on_record(child);
    EXPECT_EQ(s.refreshed, std::vector<Tid>{77});
}

// An alert that went out without its container's name, and the name.
TEST(Pipeline, WhatComesAfterTheDeadlineAmendsTheAlert) {
    Script s;
    s.pipeline.on_snapshot_complete();
    s.cgroups = {{"", "/docker/x"}};
    s.tty = 34816;
    s.exec(10, "sh");
    s.clock = s.pipeline.next_deadline();
    s.pipeline.on_time();
    ASSERT_EQ(s.alerts.size(), 1U);
    s.know("web", "busybox");
    ASSERT_EQ(s.alerts.size(), 2U);
    EXPECT_EQ(s.alerts[1].uuid, s.alerts[0].uuid);
    EXPECT_EQ(s.alerts[0].revision, 0U);
    EXPECT_EQ(s.alerts[1].revision, 1U);
    EXPECT_EQ(s.alerts[1].message, "web");
    s.know("web", "busybox");
    EXPECT_EQ(s.alerts.size(), 2U); // said once
    EXPECT_EQ(s.pipeline.stats().amended, 1U);
}

// Whether a rule matches depended on what came too late: then the alert is late rather than lost.
TEST(Pipeline, ARuleAboutLateMetadataFiresLate) {
    Script s;
    s.pipeline.on_snapshot_complete();
    s.cgroups = {{"", "/docker/x"}};
    s.exec(10, "x");
    s.clock = s.pipeline.next_deadline();
    s.pipeline.on_time();
    EXPECT_TRUE(s.alerts.empty());
    s.know("web", "evil");
    ASSERT_EQ(s.names(), Names{"Image named evil"});
    EXPECT_EQ(s.alerts[0].revision, 0U);
}

// All of the container comes late and at once, and somebody's name later still.
TEST(Pipeline, ALateAlertIsNotLostForAUsersName) {
    for (const std::string_view rule : {"Image named evil", "Shell with a terminal"}) {
        Script s;
        s.pipeline.on_snapshot_complete();
        s.cgroups = {{"", "/docker/x"}};
        s.tty = 34816;
        s.exec(10, rule == "Image named evil" ? "x" : "sh");
        s.clock = s.pipeline.next_deadline();
        s.pipeline.on_time();
        s.alerts.clear();
        s.users_pending = true;
        s.know("web", "evil");
        EXPECT_TRUE(s.alerts.empty());
        s.users_pending = false;
        s.pipeline.on_metadata();
        ASSERT_FALSE(s.alerts.empty()) << rule;
        EXPECT_TRUE(
            std::ranges::any_of(s.alerts, [&](const Alert& a) { return a.rule == rule && a.message == "web"; }));
        const std::size_t told = s.alerts.size();
        s.pipeline.on_metadata();
        EXPECT_EQ(s.alerts.size(), told); // once
    }
}

constexpr std::string_view kUserRules = R"(
- rule: By alice
  desc: Whatever alice's sessions run.
  condition: spawned_process and k8s.user.name = alice
  output: "%proc.name by %k8s.user.name %k8s.user.groups from %k8s.user.source_ip in %k8s.audit_id, %k8s.user.confidence"
  priority: NOTICE
- rule: By nobody
  desc: A session without a request.
  condition: spawned_process and k8s.user.confidence = none
  output: "%proc.name by %k8s.user.name"
  priority: NOTICE
- rule: Asked
  desc: A request.
  condition: ka.target.subresource = exec
  output: "%ka.user.name %ka.verb"
  priority: NOTICE
  source: k8s_audit
)";

AuditEventPtr request_of(const std::string& user, const std::string& command) {
    // The time is that of the script: kBoot.
    const std::string time = "2023-11-14T22:13:20.000000Z";
    const auto batch = parse_audit(
        R"({"kind":"Event","auditID":"id-)" + user + R"(","verb":"create","user":{"username":")" + user +
        R"(","groups":["dev"]},"sourceIPs":["10.0.0.7"],"requestURI":"/x?command=)" + command +
        R"(","objectRef":{"resource":"pods","subresource":"exec","namespace":"default","name":"web"},"stageTimestamp":")" +
        time + R"(","requestReceivedTimestamp":")" + time + R"("})");
    return batch && !batch->events.empty() ? batch->events[0] : nullptr;
}

Pipeline::Options with_join() {
    Pipeline::Options options;
    options.join.emplace();
    return options;
}

// The session's process and all that it starts.
TEST(Pipeline, EveryEventOfASessionNamesItsUser) {
    Script s(std::string(kUserRules), with_join());
    auto info = std::make_shared<ContainerInfo>();
    info->name = "app", info->pod_name = "web", info->pod_namespace = "default";
    s.container->info = info;
    s.container->why = Missing::none;
    s.pipeline.on_snapshot_complete();
    s.exec(5, "shim");
    s.exec(20, "runc", 5);
    s.cgroups = {{"", "/kubepods/x"}};
    s.exec(20, "sh", 5);
    EXPECT_TRUE(s.alerts.empty());
    s.pipeline.on_audit(request_of("alice", "x"));
    EXPECT_EQ(s.names(), (Names{"Asked", "By alice"}));
    s.pipeline.on_record(s.record(RecordKind::fork, 21, 20, "sh"));
    s.exec(21, "ls", 20);
    s.pipeline.on_record(s.record(RecordKind::fork, 22, 21, "ls"));
    s.exec(22, "nc", 21);
    EXPECT_EQ(s.names(), (Names{"Asked", "By alice", "By alice", "By alice"}));
    s.exec(30, "sh", 1); // another process of the container
    EXPECT_EQ(s.alerts.size(), 4U);
}

TEST(Pipeline, ASessionWithoutARequestIsNobodys) {
    Script s(std::string(kUserRules), with_join());
    auto info = std::make_shared<ContainerInfo>();
    info->name = "app", info->pod_name = "web", info->pod_namespace = "default";
    s.container->info = info;
    s.container->why = Missing::none;
    s.pipeline.on_snapshot_complete();
    s.exec(5, "shim");
    s.exec(20, "runc", 5);
    s.cgroups = {{"", "/kubepods/x"}};
    s.exec(20, "sh", 5);
    s.clock += Pipeline::Options{}.metadata_wait;
    s.pipeline.on_time();
    EXPECT_TRUE(s.alerts.empty());
    s.clock += ExecJoin::Options{}.wait;
    s.pipeline.on_time();
    EXPECT_EQ(s.names(), Names{"By nobody"});
}

// kubectl attach: the container's own process was there before, and what it starts is the user's while they are
// attached.
TEST(Pipeline, WhatAnAttachedUserStartsIsTheirs) {
    Script s(std::string(kUserRules), with_join());
    auto info = std::make_shared<ContainerInfo>();
    info->name = "app", info->pod_name = "web", info->pod_namespace = "default";
    s.container->info = info;
    s.container->why = Missing::none;
    s.pipeline.on_snapshot_complete();
    s.cgroups = {{"", "/kubepods/x"}};
    ProcessRecord first = s.record(RecordKind::exec, 20, 5, "sh");
    first.vpid = 1;
    s.pipeline.on_record(first);
    const auto tell = [&](const std::string& stage, const std::string& flags = "&stdin=true") {
        const std::string time = "2023-11-14T22:13:20Z";
        const auto batch =
            parse_audit(R"({"auditID":"a","stage":")" + stage + R"(","verb":"create","user":{"username":"alice"},)" +
                        R"("requestURI":"/x?container=app&stdout=true)" + flags +
                        R"(","objectRef":{"resource":"pods","subresource":"attach",)" +
                        R"("namespace":"default","name":"web"},"stageTimestamp":")" + time + R"("})");
        ASSERT_TRUE(batch && batch->events.size() == 1);
        s.pipeline.on_audit(batch->events[0]);
    };
    const auto run = [&](Pid pid) {
        s.pipeline.on_record(s.record(RecordKind::fork, pid, 20, "sh"));
        s.exec(pid, "ls", 20);
    };
    run(21);
    EXPECT_TRUE(s.alerts.empty());
    tell("RequestReceived");
    tell("ResponseStarted", ""); // who only reads does nothing
    tell("ResponseStarted", "&stdin=false");
    run(24);
    EXPECT_TRUE(s.alerts.empty());
    tell("ResponseStarted");
    run(22);
    EXPECT_EQ(s.names(), Names{"By alice"});
    tell("ResponseComplete");
    run(23);
    EXPECT_EQ(s.alerts.size(), 1U);
}

// The log is late: until it comes nobody knows who is attached, and alerts have gone out.
class PipelineOfAttached : public testing::TestWithParam<StdioKind> {};
INSTANTIATE_TEST_SUITE_P(Inputs, PipelineOfAttached,
                         testing::Values(StdioKind::tty, StdioKind::pipe, StdioKind::unix_socket));

TEST_P(PipelineOfAttached, WhatTheyDidBeforeTheLogCameIsTheirs) {
    Script s(std::string(kUserRules) + R"(
- rule: Ran nc
  desc: Netcat was started.
  condition: spawned_process and proc.name = nc
  output: nc
  priority: NOTICE
)",
             with_join());
    auto info = std::make_shared<ContainerInfo>();
    info->name = "app", info->pod_name = "web", info->pod_namespace = "default";
    s.container->info = info;
    s.container->why = Missing::none;
    s.pipeline.on_snapshot_complete();
    s.cgroups = {{"", "/kubepods/x"}};
    s.tty = GetParam() == StdioKind::tty ? 34'816 : 0;
    ProcessRecord first = s.record(RecordKind::exec, 20, 5, "sh");
    first.vpid = 1;
    first.stdio[0].kind = GetParam(); // somebody could attach
    s.pipeline.on_record(first);
    const auto run = [&](Pid pid) {
        s.pipeline.on_record(s.record(RecordKind::fork, pid, 20, "sh"));
        s.exec(pid, "nc", 20);
    };
    run(21);
    s.now = 1'500; // alice attaches in between
    run(22);
    EXPECT_EQ(s.names(), (Names{"Ran nc", "Ran nc"}));
    const auto batch = parse_audit(
        R"({"auditID":"a","stage":"ResponseStarted","verb":"create","user":{"username":"alice"},"requestURI":"/x?stdin=true",)"
        R"("objectRef":{"resource":"pods","subresource":"attach","namespace":"default","name":"web"},)"
        R"("requestReceivedTimestamp":"2023-11-14T22:13:20.000001Z","stageTimestamp":"2023-11-14T22:13:20.000001Z"})");
    ASSERT_TRUE(batch && batch->events.size() == 1);
    s.pipeline.on_audit(batch->events[0]);
    ASSERT_EQ(s.alerts.size(), 3U);
    EXPECT_EQ(s.alerts[2].rule, "Ran nc");
    EXPECT_EQ(s.alerts[2].revision, 1U);
    EXPECT_EQ(s.alerts[2].uuid, s.alerts[1].uuid);
    run(23);
    EXPECT_EQ(s.names(), (Names{"Ran nc", "Ran nc", "Ran nc", "By alice", "Ran nc"}));
}

// An event that was sent to check the plan: what matches it at once, and what can only be told when metadata come.
TEST(Pipeline, WhatThePlanWouldHaveHiddenIsSaidOfEveryRuleThatMatches) {
    Script s(R"(
- rule: Any
  desc: Any.
  condition: evt.type = fchmod
  output: x
  priority: INFO
- rule: Evil
  desc: Not known at once.
  condition: evt.type = fchmod and container.image.repository = evil
  output: x
  priority: INFO
- rule: Good
  desc: Not known at once, and not so.
  condition: evt.type = fchmod and container.image.repository = good
  output: x
  priority: INFO
)");
    s.pipeline.on_snapshot_complete();
    s.cgroups = {{"", "/docker/x"}};
    s.exec(10, "sh");
    RawEvent raw;
    raw.code = 317; // fchmod
    raw.tid = 10;
    raw.process = {10, 10};
    s.pipeline.on_event(raw);
    EXPECT_EQ(s.plan_errors, Names{}) << "the plan wanted it";
    raw.unwanted = true;
    s.pipeline.on_event(raw);
    EXPECT_EQ(s.plan_errors, Names{"Any"});
    s.know("web", "evil");
    EXPECT_EQ(s.plan_errors, (Names{"Any", "Evil"}));
}

constexpr std::string_view kLinkRules = R"(
- rule: Secret Linked
  desc: By the parameter.
  condition: evt.type = link and evt.arg.oldpath = /etc/shadow
  output: x
  priority: INFO
- rule: Link Below Etc
  desc: By where it is put.
  condition: evt.type = link and fs.path.source startswith /etc/
  output: x
  priority: INFO
- rule: As It Was Asked
  desc: By what the program gave.
  condition: evt.type = link and fs.path.targetraw = /t/link/shadow and evt.arg.oldpath startswith /etc
  output: x
  priority: INFO
- rule: Any Link
  desc: Any.
  condition: evt.type = link
  output: x
  priority: INFO
)";

// A link(2) of process 10.
struct Link {
    Link(std::string from, std::string to, std::int64_t result = 0) {
        path.name = path.name_raw = from;
        other.name = other.name_raw = to;
        bytes = {std::string(reinterpret_cast<const char*>(&result), sizeof result), from + '\0', to + '\0'};
        raw.code = 309;
        raw.tid = 10;
        raw.process = {10, 10};
        raw.path = &path;
        raw.other_path = &other;
        params = {bytes[0], bytes[1], bytes[2]};
        raw.params = params;
    }
    FdInfo path, other;
    std::vector<std::string> bytes;
    std::vector<std::string_view> params;
    RawEvent raw;
};

TEST(Pipeline, RulesAreAskedAboutThePathsThatLinksLedTo) {
    Script s{std::string(kLinkRules)};
    s.pipeline.on_snapshot_complete();
    s.exec(10, "ln");
    const Link link("/t/link/shadow", "/t/x");
    s.pipeline.on_event(link.raw);
    EXPECT_EQ(s.names(), Names{"Any Link"}) << "the paths are what they say";
    s.alerts.clear();
    s.led.path = "/etc/shadow";
    s.pipeline.on_event(link.raw);
    EXPECT_EQ(s.names(), (Names{"Any Link", "Secret Linked", "As It Was Asked"}));
    s.alerts.clear();
    s.led = {.path = {}, .other_path = "/etc/x"};
    s.pipeline.on_event(link.raw);
    EXPECT_EQ(s.names(), (Names{"Any Link", "Link Below Etc"})) << "the first path stays what it was";
    s.alerts.clear();
    s.led = {.path = "/etc/shadow", .other_path = "/etc/x"};
    s.pipeline.on_event(link.raw);
    EXPECT_EQ(s.names(), (Names{"Any Link", "Secret Linked", "Link Below Etc", "As It Was Asked"}));
}

TEST(Pipeline, PathsAreWalkedOnlyOfCallsThatNamedThem) {
    Script s{std::string(kLinkRules)};
    s.pipeline.on_snapshot_complete();
    s.exec(10, "ln");
    s.pipeline.on_event(Link("/a", "/b", -2).raw);
    EXPECT_EQ(s.walked, 0) << "nothing was linked";
    Link nothing("/a", "/b");
    nothing.raw.path = nothing.raw.other_path = nullptr;
    s.pipeline.on_event(nothing.raw);
    EXPECT_EQ(s.walked, 0);
    Link other("/a", "/b");
    other.raw.code = 301; // unlink: no rule is about it
    s.pipeline.on_event(other.raw);
    EXPECT_EQ(s.walked, 0);
    s.pipeline.on_event(Link("/a", "/b").raw);
    EXPECT_EQ(s.walked, 1);
}

TEST(Pipeline, AnEventMayTellWhereItsProcessStands) {
    Script s(R"(
- rule: In Etc
  desc: A process that stands there.
  condition: proc.cwd = /etc/ and proc.name = sh
  output: x
  priority: INFO
- rule: Changed There
  desc: With the event.
  condition: evt.type = fchmod and proc.cwd = /etc/
  output: x
  priority: INFO
)");
    s.pipeline.on_snapshot_complete();
    s.exec(10, "sh");
    RawEvent raw;
    raw.code = 317; // fchmod
    raw.tid = 10;
    raw.process = {10, 10};
    s.pipeline.on_event(raw);
    EXPECT_EQ(s.names(), Names{});
    raw.cwd = "/etc";
    s.pipeline.on_event(raw);
    EXPECT_EQ(s.names(), (Names{"In Etc", "Changed There"}));
    s.pipeline.on_event(raw);
    EXPECT_EQ(s.names(), (Names{"In Etc", "Changed There", "Changed There"})) << "once a process";
    s.pipeline.on_record(s.record(RecordKind::fork, 11, 10, "sh"));
    ASSERT_NE(s.pipeline.processes().find_pid(11), nullptr);
    EXPECT_EQ(s.pipeline.processes().find_pid(11)->exec, s.pipeline.processes().find_pid(10)->exec);
    raw.code = 95; // chdir: no rule is about it, and all the same
    raw.cwd = "/";
    s.pipeline.on_event(raw);
    EXPECT_EQ(s.pipeline.processes().find_pid(10)->cwd, "/");
}

} // namespace
} // namespace gyr
