#include "audit/exec_join.h"

#include "base/test_data.h"

#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <vector>

namespace gyr {
namespace {

constexpr Nanos kSecond = 1'000'000'000;
constexpr Nanos kNoon = 1'769'860'800 * kSecond; // 2026-01-31T12:00:00Z

// A pod with a container, processes that the runtime starts in it, and requests to the API server.
struct Node {
    ExecJoin join{{}};
    std::shared_ptr<Container> container = std::make_shared<Container>();
    ProcessImage shim, runc;
    Nanos steady = 100 * kSecond;

    Node() {
        shim.exec = std::make_shared<ExecImage>();
        runc.exec = shim.exec;
        know("default", "web", "app");
    }
    void know(const std::string& space, const std::string& pod, const std::string& name) {
        auto info = std::make_shared<ContainerInfo>();
        info->pod_namespace = space, info->pod_name = pod, info->name = name;
        container->info = info;
    }
    ProcessImage image(const std::vector<std::string>& argv, const std::string& script = {}) {
        auto exec = std::make_shared<ExecImage>();
        exec->script_path = script;
        for (const std::string& word : argv) {
            if (!exec->argv.offsets.empty()) exec->argv.bytes += '\0';
            exec->argv.offsets.push_back(static_cast<std::uint32_t>(exec->argv.bytes.size()));
            exec->argv.bytes += word;
        }
        ProcessImage p;
        p.exec = exec;
        p.container = container;
        p.vpid = 17;
        return p;
    }
    std::shared_ptr<KubeSession> start(const std::vector<std::string>& argv, double after_noon) {
        return join.open(image(argv), &runc, &shim, kNoon + static_cast<Nanos>(after_noon * 1e9), steady);
    }
    bool request(const std::string& id, const std::string& user, const std::string& query, int second,
                 const std::string& more = R"("responseStatus":{"code":101})", const std::string& pod = "web") {
        return stage("ResponseStarted", id, user, query, std::to_string(second) + ".000000", more, pod);
    }
    bool ended(const std::string& id, const std::string& user, const std::string& query, const std::string& second) {
        return stage("ResponseComplete", id, user, query, second, R"("responseStatus":{"code":101})", "web");
    }
    bool stage(const std::string& stage, const std::string& id, const std::string& user, const std::string& query,
               const std::string& second, const std::string& more, const std::string& pod) {
        const std::string time = "2026-01-31T12:00:0" + second + "Z";
        const auto batch = parse_audit(
            R"({"auditID":")" + id + R"(","stage":")" + stage + R"(","verb":"create","user":{"username":")" + user +
            R"(","groups":["dev"]},"sourceIPs":["10.0.0.7","10.0.0.8"],"requestURI":"/x?)" + query +
            R"(","objectRef":{"resource":"pods","subresource":"exec","namespace":"default","name":")" + pod +
            R"("},"requestReceivedTimestamp":")" + time + R"(","stageTimestamp":")" + time + R"(",)" + more + "}");
        EXPECT_TRUE(batch && batch->events.size() == 1);
        return join.on_audit(*batch->events.at(0));
    }
};

std::vector<std::string> users(const KubeSession& session) {
    std::vector<std::string> out;
    for (const KubeRequest& r : session.candidates) out.push_back(r.user);
    return out;
}
using Users = std::vector<std::string>;

TEST(ExecJoin, TheRequestThatFitsIsTheOne) {
    Node n;
    const auto session = n.start({"sh", "-c", "id; ls /"}, 1.1);
    ASSERT_TRUE(session);
    EXPECT_TRUE(session->pending());
    EXPECT_FALSE(n.request("a", "bob", "command=sh&command=-c&command=id%3B+ls+%2F&container=other", 1));
    EXPECT_FALSE(n.request("b", "bob", "command=sh&command=-c&container=app", 1));
    EXPECT_FALSE(n.request("c", "bob", "command=sh&command=-c&command=id%3B+ls+%2F&container=app", 1,
                           R"("responseStatus":{"code":101})", "shop"));
    EXPECT_TRUE(n.request("d", "alice", "command=sh&command=-c&command=id%3B+ls+%2F&container=app&tty=true", 1));
    ASSERT_TRUE(session->exact());
    EXPECT_EQ(session->exact()->user, "alice");
    EXPECT_EQ(session->exact()->groups, Users{"dev"});
    EXPECT_EQ(session->exact()->source_ip, "10.0.0.7");
    EXPECT_EQ(session->exact()->audit_id, "d");
}

TEST(ExecJoin, TheRequestMayBeKnownBeforeTheProcess) {
    Node n;
    n.request("a", "alice", "command=sh", 1); // one container in the pod: none is named
    EXPECT_TRUE(n.start({"sh"}, 1.1)->exact());
}

TEST(ExecJoin, TwoUsersWithDifferentCommandsAreToldApart) {
    Node n;
    const auto one = n.start({"sh"}, 1.1), two = n.start({"bash"}, 1.2);
    n.request("a", "alice", "command=bash", 1);
    n.request("b", "bob", "command=sh", 1);
    ASSERT_TRUE(one->exact() && two->exact());
    EXPECT_EQ(one->exact()->user, "bob");
    EXPECT_EQ(two->exact()->user, "alice");
}

TEST(ExecJoin, TwoUsersWithTheSameCommandAreCandidatesBoth) {
    Node n;
    const auto one = n.start({"sh"}, 1.1), two = n.start({"sh"}, 1.3);
    n.request("a", "alice", "command=sh", 1);
    EXPECT_TRUE(one->pending()); // it may be either's
    n.request("b", "bob", "command=sh", 1);
    for (const auto& session : {one, two}) {
        EXPECT_FALSE(session->pending());
        EXPECT_EQ(session->confidence, KubeConfidence::ambiguous);
        EXPECT_EQ(users(*session), (Users{"alice", "bob"}));
        EXPECT_FALSE(session->exact());
    }
}

TEST(ExecJoin, WhatWasExactBecomesAmbiguousWithALaterRequest) {
    Node n;
    const auto one = n.start({"sh"}, 1.1);
    n.request("a", "alice", "command=sh", 1);
    ASSERT_TRUE(one->exact());
    const std::uint32_t generation = one->generation;
    EXPECT_TRUE(n.request("b", "bob", "command=sh", 2));
    EXPECT_EQ(one->confidence, KubeConfidence::ambiguous);
    EXPECT_GT(one->generation, generation);
}

TEST(ExecJoin, WhatOnlyOneCanHaveIsNoOthers) {
    Node n;
    const auto one = n.start({"sh"}, 1.1), two = n.start({"sh"}, 6.1);
    n.request("a", "alice", "command=sh", 1); // may be of either
    n.request("b", "bob", "command=sh", 6);   // too late for the first
    ASSERT_TRUE(one->exact() && two->exact());
    EXPECT_EQ(one->exact()->user, "alice");
    EXPECT_EQ(two->exact()->user, "bob");
}

TEST(ExecJoin, TwoUsersSomeSecondsApartAreToldApart) {
    Node n;
    const auto one = n.start({"sh"}, 1.1);
    n.request("a", "alice", "command=sh", 1);
    ASSERT_TRUE(one->exact());
    const std::uint32_t generation = one->generation;
    const auto two = n.start({"sh"}, 3.0);
    EXPECT_TRUE(two->pending()); // not the one that the first has
    n.request("b", "bob", "command=sh", 3);
    ASSERT_TRUE(one->exact() && two->exact());
    EXPECT_EQ(one->exact()->user, "alice");
    EXPECT_EQ(one->generation, generation);
    EXPECT_EQ(two->exact()->user, "bob");
}

TEST(ExecJoin, ARequestAfterTheEndOfAnotherIsOfALaterProcess) {
    Node n;
    const auto one = n.start({"sh"}, 1.1);
    n.request("a", "alice", "command=sh", 1);
    n.ended("a", "alice", "command=sh", "1.300000");
    const auto two = n.start({"sh"}, 2.05);
    n.request("b", "bob", "command=sh", 2); // by the clocks it may be of either
    ASSERT_TRUE(one->exact() && two->exact());
    EXPECT_EQ(one->exact()->user, "alice");
    EXPECT_EQ(two->exact()->user, "bob");
}

TEST(ExecJoin, TwoRequestsAtOnceAreToldApartByNobody) {
    Node n;
    const auto one = n.start({"sh"}, 1.1), two = n.start({"sh"}, 1.2);
    n.request("a", "alice", "command=sh", 1);
    n.request("b", "bob", "command=sh", 1);
    n.ended("a", "alice", "command=sh", "1.500000");
    n.ended("b", "bob", "command=sh", "1.600000");
    for (const auto& session : {one, two}) {
        EXPECT_EQ(session->confidence, KubeConfidence::ambiguous);
        EXPECT_EQ(users(*session), (Users{"alice", "bob"}));
    }
}

TEST(ExecJoin, AClockThatIsBehindIsBorneWithWhenNothingElseFits) {
    Node n;
    const auto one = n.start({"sh"}, 1.0);
    n.request("a", "alice", "command=sh", 4);
    EXPECT_TRUE(one->pending());
    n.join.on_time(n.join.next_deadline());
    ASSERT_TRUE(one->exact());
    EXPECT_EQ(one->exact()->user, "alice");
    const auto two = n.start({"sh"}, 4.1); // that fits better
    EXPECT_EQ(one->confidence, KubeConfidence::none);
    ASSERT_TRUE(two->exact());
}

TEST(ExecJoin, OneUserTwiceIsStillThatUser) {
    Node n;
    const auto one = n.start({"sh"}, 1.1), two = n.start({"sh"}, 1.3);
    n.request("a", "alice", "command=sh", 1);
    n.request("b", "alice", "command=sh", 1);
    ASSERT_TRUE(one->exact() && two->exact());
    EXPECT_EQ(two->exact()->user, "alice");
}

TEST(ExecJoin, FewerRequestsThanProcessesLeaveADoubt) {
    Node n;
    const auto one = n.start({"sh"}, 1.1), two = n.start({"sh"}, 1.3); // one of them by somebody on the node
    n.request("a", "alice", "command=sh", 1);
    EXPECT_TRUE(one->pending() && two->pending());
    n.steady = n.join.next_deadline();
    EXPECT_TRUE(n.join.on_time(n.steady));
    EXPECT_EQ(one->confidence, KubeConfidence::ambiguous);
    EXPECT_EQ(users(*two), Users{"alice"});
}

TEST(ExecJoin, StagesOfOneRequestAreOneAndRefusedOnesNone) {
    Node n;
    const auto session = n.start({"sh"}, 1.1);
    n.request("a", "alice", "command=sh", 1);
    EXPECT_FALSE(n.request("a", "alice", "command=sh", 1));
    n.request("b", "mallory", "command=sh", 1, R"("responseStatus":{"code":403})");
    ASSERT_TRUE(session->exact());
    // Known when it began, refused later.
    n.request("c", "mallory", "command=sh", 1, R"("responseStatus":{})");
    EXPECT_EQ(session->confidence, KubeConfidence::ambiguous);
    n.request("c", "mallory", "command=sh", 1, R"("responseStatus":{"code":500})");
    EXPECT_TRUE(session->exact());
}

TEST(ExecJoin, WithoutARequestItIsNobodysAfterAWhile) {
    Node n;
    const auto session = n.start({"sh"}, 1.1);
    EXPECT_EQ(n.join.next_deadline(), n.steady + ExecJoin::Options{}.wait);
    EXPECT_FALSE(n.join.on_time(n.join.next_deadline() - 1));
    EXPECT_TRUE(n.join.on_time(n.join.next_deadline()));
    EXPECT_FALSE(session->pending());
    EXPECT_EQ(session->confidence, KubeConfidence::none);
    EXPECT_EQ(n.join.next_deadline(), 0);
    n.request("a", "alice", "command=sh", 1); // late, and still told
    EXPECT_TRUE(session->exact());
    n.join.on_time(n.steady + ExecJoin::Options{}.settle);
    EXPECT_TRUE(session->settled);
    EXPECT_EQ(n.join.open_sessions(), 0U);
}

TEST(ExecJoin, WaitsForThePodToBeKnown) {
    Node n;
    n.container->info = nullptr;
    const auto session = n.start({"sh"}, 1.1);
    n.request("a", "alice", "command=sh&container=app", 1);
    EXPECT_TRUE(session->pending());
    n.know("default", "web", "app");
    EXPECT_TRUE(n.join.on_metadata());
    EXPECT_TRUE(session->exact());
}

TEST(ExecJoin, OutsideOfKubernetesThereIsNoUser) {
    Node n;
    n.know("", "", "web");
    EXPECT_EQ(n.start({"sh"}, 1.1)->why, Missing::not_kubernetes);
}

TEST(ExecJoin, OnlyWhatTheRuntimeStartsFromOutsideBeginsASession) {
    Node n;
    ProcessImage inside = n.image({"sh"});
    const auto open = [&](const ProcessImage& p, const ProcessImage* before, const ProcessImage* parent) {
        return n.join.open(p, before, parent, kNoon, n.steady);
    };
    EXPECT_FALSE(open(inside, &n.runc, &inside)); // its parent is in the container
    EXPECT_FALSE(open(inside, &n.runc, nullptr));
    EXPECT_FALSE(open(inside, nullptr, &n.shim));
    ProcessImage first = n.image({"sh"});
    first.vpid = 1; // the container's own
    EXPECT_FALSE(open(first, &n.runc, &n.shim));
    EXPECT_TRUE(open(inside, &n.runc, &n.shim));
}

TEST(ExecJoin, InANodeThatIsAContainerTheRuntimeIsOutsideOfThePodToo) {
    Node n;
    n.container->id = n.container->full_id = "pod";
    n.container->chain = {"node", "pod"};
    const auto in = [](ProcessImage p, const std::string& id) {
        p.container = std::make_shared<Container>();
        p.container->id = p.container->full_id = id;
        return p;
    };
    const ProcessImage shim = in(n.shim, "node"), neighbour = in(n.shim, "other"), inside = n.image({"sh"});
    const auto open = [&](const ProcessImage& parent) {
        return n.join.open(inside, &n.runc, &parent, kNoon, n.steady);
    };
    EXPECT_TRUE(open(shim));
    EXPECT_FALSE(open(neighbour));
    EXPECT_FALSE(open(inside));
}

TEST(ExecJoin, AScriptRunsUnderItsInterpreter) {
    Node n;
    n.request("a", "alice", "command=backup.sh&command=now", 1);
    const auto start = [&](const std::vector<std::string>& argv, const std::string& script) {
        return n.join.open(n.image(argv, script), &n.runc, &n.shim, kNoon + kSecond, n.steady);
    };
    EXPECT_TRUE(start({"/bin/sh", "/usr/bin/backup.sh", "now"}, "/usr/bin/backup.sh")->exact());
    EXPECT_TRUE(start({"/bin/sh", "/usr/bin/backup.sh", "now"}, "")->pending());
}

TEST(ExecJoin, NeverKeepsMoreThanItMay) {
    ExecJoin join({.most = 4});
    Node n;
    std::vector<std::shared_ptr<KubeSession>> sessions;
    for (int i = 0; i < 9; ++i) sessions.push_back(join.open(n.image({"sh"}), &n.runc, &n.shim, kNoon, n.steady));
    EXPECT_EQ(join.open_sessions(), 4U);
    EXPECT_TRUE(sessions.front()->settled);
}

TEST(ExecJoin, TwoWhoAreAttachedAreCandidatesBoth) {
    ExecJoin::Attach alice, bob;
    alice.who.audit_id = "a", alice.who.user = "alice";
    bob.who.audit_id = "b", bob.who.user = "bob";
    const auto one = ExecJoin::attach(nullptr, alice);
    ASSERT_TRUE(one && one->exact());
    const auto two = ExecJoin::attach(one.get(), bob);
    ASSERT_TRUE(two);
    EXPECT_EQ(two->confidence, KubeConfidence::ambiguous);
    EXPECT_EQ(users(*two), (Users{"alice", "bob"}));
    alice.ends = bob.ends = true;
    const auto left = ExecJoin::attach(two.get(), alice);
    ASSERT_TRUE(left && left->exact());
    EXPECT_EQ(left->exact()->user, "bob");
    EXPECT_FALSE(ExecJoin::attach(left.get(), bob));
}

// Requests as a real API server wrote them, against processes as their commands say they ran.
TEST(ExecJoin, TakesWhatAnApiServerWrites) {
    const std::string data = test_data_dir();
    std::ifstream file(data + "/../kubernetes/samples/audit-exec.jsonl");
    if (data.empty() || !file) GTEST_SKIP() << "no samples of audit events beside the test data";
    Node n;
    n.know("default", "my-busybox-pod", "busybox");
    std::vector<AuditEventPtr> events;
    for (std::string line; std::getline(file, line);) {
        const auto batch = parse_audit(R"({"kind":"EventList","items":[)" + line + "]}");
        ASSERT_TRUE(batch);
        for (const AuditEventPtr& e : batch->events) events.push_back(e);
    }
    ASSERT_FALSE(events.empty());
    const auto session = n.join.open(n.image({"sh", "-c", "tty; whoami; cat /etc/passwd"}), &n.runc, &n.shim,
                                     events.front()->received + kSecond / 2, n.steady);
    for (const AuditEventPtr& e : events) n.join.on_audit(*e);
    ASSERT_TRUE(session->exact());
    EXPECT_EQ(session->exact()->user, "alice@example.com");
    EXPECT_EQ(session->exact()->source_ip, "10.96.0.1");
}

} // namespace
} // namespace gyr
