// Which container a process is in, by its cgroups, its namespaces and what the runtimes say.

#include "engine/container_table.h"

#include <gtest/gtest.h>

namespace gyr {
namespace {

class ContainerTableTest : public testing::Test {
  protected:
    ContainerTableTest() {
        NamespaceInodes host;
        host.mnt = kHostMnt;
        host.pid = kInitialPid;
        table_.set_host(host);
    }
    static constexpr std::uint32_t kInitialPid = 0xEFFFFFFCU, kPid = 201;
    static constexpr std::uint32_t kHostMnt = 100, kOuterMnt = 101, kInnerMnt = 102;
    const std::string kOuter = std::string(64, 'a'), kInner = std::string(64, 'b');

    static ProcessImage process(const std::string& cgroup, std::uint32_t mnt, const std::string& exe = "/bin/sh",
                                std::uint32_t executed_in = 0) {
        ProcessImage image;
        auto exec = std::make_shared<ExecImage>();
        exec->exe_path = exe;
        exec->mnt_ns = executed_in != 0 ? executed_in : mnt;
        image.exec = exec;
        image.comm = exe.substr(exe.rfind('/') + 1);
        image.cgroups = std::make_shared<std::vector<CgroupInfo>>(std::vector<CgroupInfo>{{"", cgroup}});
        image.namespaces.mnt = mnt;
        image.namespaces.pid = mnt == kHostMnt ? kInitialPid : kPid;
        return image;
    }

    std::vector<std::string> asked_;
    ContainerTable table_{{}, [this](const CgroupMatch& match, const ProcessImage&) {
                              asked_.push_back(match.full_id);
                              return nullptr;
                          }};
};

TEST_F(ContainerTableTest, ARuntimeIsAskedOnceForEachContainer) {
    const auto first = table_.classify(process("/docker/" + kOuter, kOuterMnt));
    ASSERT_NE(first, nullptr);
    EXPECT_EQ(first->full_id, kOuter);
    EXPECT_EQ(first->why, Missing::pending);
    EXPECT_EQ(table_.classify(process("/docker/" + kOuter + "/init.scope", kOuterMnt)), first);
    EXPECT_EQ(asked_, std::vector<std::string>{kOuter});
}

TEST_F(ContainerTableTest, AnAnswerThatTellsNothingNewChangesNothing) {
    const auto known = std::make_shared<const ContainerInfo>();
    ContainerTable table({}, [&](const CgroupMatch&, const ProcessImage&) { return known; });
    const auto container = table.classify(process("/docker/" + kOuter, kOuterMnt));
    ASSERT_NE(container, nullptr);
    bool confirmed = false;
    EXPECT_EQ(table.update({kOuter, known, Missing::none}, confirmed), nullptr);
    EXPECT_EQ(container->generation, 0U);
    const auto renamed = std::make_shared<const ContainerInfo>();
    EXPECT_EQ(table.update({kOuter, renamed, Missing::none}, confirmed), container);
    EXPECT_EQ(container->generation, 1U);
    EXPECT_EQ(container->info, renamed);
}

TEST_F(ContainerTableTest, WhereTheCgroupTellsAllThereIsNobodyIsAsked) {
    const auto lxc = table_.classify(process("/lxc.payload.web", kOuterMnt));
    ASSERT_NE(lxc, nullptr);
    ASSERT_NE(lxc->info, nullptr);
    EXPECT_EQ(lxc->info->name, "web");
    EXPECT_EQ(lxc->info->type, ContainerType::lxc);
    EXPECT_EQ(lxc->why, Missing::none);
    // Of the same name, and another one.
    const auto nspawn = table_.classify(process("/machine.slice/machine-web.scope/payload", kInnerMnt));
    ASSERT_NE(nspawn, nullptr);
    EXPECT_NE(nspawn, lxc);
    EXPECT_EQ(nspawn->full_id, "web");
    EXPECT_EQ(nspawn->info->type, ContainerType::nspawn);
    EXPECT_TRUE(asked_.empty());
}

TEST_F(ContainerTableTest, ANameInTwoNamespacesOfContainerdIsTwoContainers) {
    const auto one = table_.classify(process("/default/web", kOuterMnt));
    const auto two = table_.classify(process("/other/web", kInnerMnt));
    ASSERT_NE(one, nullptr);
    ASSERT_NE(two, nullptr);
    EXPECT_NE(one, two);
    EXPECT_EQ(two->full_id, "web");
    EXPECT_EQ(asked_.size(), 2u);
    bool confirmed = false;
    ContainerInfo info;
    info.name = info.full_id = "web";
    const auto answered =
        table_.update({"other/web", std::make_shared<const ContainerInfo>(info), Missing::none}, confirmed);
    EXPECT_EQ(answered, two);
    EXPECT_EQ(one->info, nullptr);
}

// systemd-nspawn from a shell that is in no unit: its own namespaces, both, tell it from a folder of that name.
TEST_F(ContainerTableTest, WhatNoUnitNamesIsAContainerByItsNamespaces) {
    const auto bare = table_.classify(process("/payload", kOuterMnt));
    ASSERT_NE(bare, nullptr);
    EXPECT_EQ(bare->id, "payload");
    EXPECT_EQ(bare->info->type, ContainerType::nspawn);
    ProcessImage sandboxed = process("/payload", kInnerMnt);
    sandboxed.namespaces.pid = kInitialPid;
    EXPECT_EQ(table_.classify(sandboxed), nullptr);
    EXPECT_TRUE(asked_.empty());
}

TEST_F(ContainerTableTest, WhatOnlyServesSuchAContainerIsTheHosts) {
    ASSERT_NE(table_.classify(process("/lxc.payload.web", kOuterMnt)), nullptr);
    EXPECT_EQ(table_.classify(process("/lxc.payload.web", kHostMnt)), nullptr); // moved there, of the host all the same
    EXPECT_EQ(table_.classify(process("/lxc.payload.web", kOuterMnt, "/usr/bin/lxc-start", kHostMnt)), nullptr);
    EXPECT_EQ(
        table_.classify(process("/machine.slice/machine-a.scope", kOuterMnt, "/usr/bin/systemd-nspawn", kHostMnt)),
        nullptr);
    EXPECT_NE(table_.classify(process("/lxc.payload.web", kOuterMnt, "/usr/bin/lxc-start", kOuterMnt)), nullptr);
}

TEST_F(ContainerTableTest, AHelperOfTheOuterContainerIsItsUntilItExecutesInTheInner) {
    const std::string outer_path = "/docker/" + kOuter, inner_path = outer_path + "/docker/" + kInner;
    const auto outer = table_.classify(process(outer_path, kOuterMnt));
    ASSERT_NE(outer, nullptr);
    EXPECT_EQ(table_.classify(process(inner_path, kOuterMnt, "/usr/sbin/runc", kOuterMnt)), outer);
    EXPECT_EQ(table_.classify(process(inner_path, kInnerMnt, "/usr/sbin/runc", kOuterMnt)), outer);
    const auto inner = table_.classify(process(inner_path, kInnerMnt, "/bin/sleep"));
    ASSERT_NE(inner, nullptr);
    EXPECT_EQ(inner->full_id, kInner);
    // One that was executed in the inner container is of the inner, whatever it is called.
    EXPECT_EQ(table_.classify(process(inner_path, kInnerMnt, "/tmp/runc")), inner);
}

// What sets a container up may enter its cgroup, with mounts of its own, before it makes the pid namespace.
TEST_F(ContainerTableTest, TheFirstProcessIsThatOfThePidNamespaceMadeLater) {
    ProcessImage maker = process("/docker/" + kOuter, kOuterMnt);
    maker.namespaces.pid = kInitialPid;
    maker.vpid = 700;
    maker.pidns_number = 1;
    const auto container = table_.classify(maker);
    ASSERT_NE(container, nullptr);
    EXPECT_EQ(container->pidns_number, 0);
    ProcessImage init = process("/docker/" + kOuter, kOuterMnt);
    init.vpid = 1;
    init.pidns_number = 5;
    EXPECT_EQ(table_.classify(init), container);
    EXPECT_EQ(container->pidns_number, 5);
    ProcessImage inside = init; // of a pid namespace made in it
    inside.pidns_number = 6;
    EXPECT_EQ(table_.classify(inside), container);
    EXPECT_EQ(container->pidns_number, 5);
}

TEST_F(ContainerTableTest, AProcessThatUnsharesItsMountsIsNotWhatTheContainerIsKnownBy) {
    const std::string outer_path = "/docker/" + kOuter, inner_path = outer_path + "/docker/" + kInner;
    ProcessImage init = process(outer_path, kOuterMnt);
    init.vpid = 1;
    init.pidns_number = 5;
    const auto outer = table_.classify(init);
    ProcessImage apart = process(outer_path, 300);
    apart.vpid = 1;
    apart.pidns_number = 6;
    EXPECT_EQ(table_.classify(apart), outer);
    EXPECT_EQ(table_.classify(process(inner_path, kInnerMnt, "/usr/sbin/runc", kOuterMnt)), outer);
}

} // namespace
} // namespace gyr
