// Which cgroups the kernel may take for the host's, and which it may not any more.

#include "engine/host_cgroups.h"

#include <gtest/gtest.h>

#include <map>

namespace gyr {
namespace {

constexpr std::uint32_t kHostMnt = 10, kHostPid = 20;

class HostCgroupsTest : public ::testing::Test {
  protected:
    HostCgroupsTest() {
        NamespaceInodes host;
        host.mnt = kHostMnt;
        host.pid = kHostPid;
        cgroups_.set_host(host);
    }
    static ProcessImage process(std::uint64_t cgroups, bool in_host_namespaces = true) {
        ProcessImage p;
        p.cgroup_set = cgroups;
        p.namespaces.mnt = in_host_namespaces ? kHostMnt : 11;
        p.namespaces.pid = kHostPid;
        return p;
    }
    [[nodiscard]] HostCgroup told(std::uint64_t id) const {
        const auto at = told_.find(id);
        return at == told_.end() ? HostCgroup::unknown : at->second;
    }

    std::map<std::uint64_t, HostCgroup> told_;
    HostCgroups cgroups_{[this](std::uint64_t id, HostCgroup what) { told_[id] = what; }, 4};
    Container container_;
};

TEST_F(HostCgroupsTest, WithoutAContainersNameAllAreTheHosts) {
    cgroups_.see(process(7), nullptr, false);
    EXPECT_EQ(told(7), HostCgroup::all);
    cgroups_.see(process(8, false), nullptr, false); // a service with a mount namespace of its own
    EXPECT_EQ(told(8), HostCgroup::all);
}

TEST_F(HostCgroupsTest, WithAContainersNameNamespacesDecide) {
    cgroups_.see(process(7, false), nullptr, true);
    EXPECT_EQ(told(7), HostCgroup::unknown);
    cgroups_.see(process(8), nullptr, true); // no runtime knows it yet, or a helper on its way in
    EXPECT_EQ(told(8), HostCgroup::in_host_namespaces);
}

TEST_F(HostCgroupsTest, AContainersProcessTakesItBackForGood) {
    cgroups_.see(process(7), nullptr, true);
    cgroups_.see(process(7, false), &container_, true);
    EXPECT_EQ(told(7), HostCgroup::unknown);
    cgroups_.see(process(7), nullptr, true); // somebody in the host's namespaces, again
    EXPECT_EQ(told(7), HostCgroup::unknown);
}

TEST_F(HostCgroupsTest, AContainerThatIsKnownFirstIsNeverTold) {
    cgroups_.see(process(7, false), &container_, true);
    cgroups_.see(process(7), nullptr, true);
    EXPECT_EQ(told(7), HostCgroup::unknown);
}

TEST_F(HostCgroupsTest, NamespacesSayNothingBeforeTheHostsAreKnown) {
    HostCgroups early([this](std::uint64_t id, HostCgroup what) { told_[id] = what; });
    early.see(process(1), nullptr, true);
    EXPECT_EQ(told(1), HostCgroup::unknown);
}

TEST_F(HostCgroupsTest, ForgetsWhenThereAreTooMany) {
    for (std::uint64_t id = 1; id <= 5; ++id) cgroups_.see(process(id), nullptr, false);
    EXPECT_EQ(told(1), HostCgroup::unknown);
    EXPECT_EQ(told(5), HostCgroup::all);
    cgroups_.see(process(1), nullptr, false);
    EXPECT_EQ(told(1), HostCgroup::all);
}

} // namespace
} // namespace gyr
