#include "containers/cgroup_id.h"

#include <gtest/gtest.h>

namespace gyr {
namespace {

const std::string kA = "38a9cc294a9a590dbed9d64928e1750fd0463a80963244957faf7c0f21a5b530";
const std::string kB = "891abfac2f2bd21e6c8cf4ec766683e22f117a3fd23899f121840ff1346d9b5f";
const std::string kShortA = "38a9cc294a9a", kShortB = "891abfac2f2b";

struct Case {
    std::string path;
    std::string id; // empty: no container
    ContainerType guess = ContainerType::unknown;
    CgroupSpelling spelling = CgroupSpelling::runtime;
    std::vector<std::string> chain = {};
};

class CgroupPath : public testing::TestWithParam<Case> {};

TEST_P(CgroupPath, SpellsTheContainerOrNone) {
    const Case& c = GetParam();
    const auto match = find_container_id(c.path);
    if (c.id.empty()) {
        EXPECT_FALSE(match) << c.path << " gave " << match->full_id;
        return;
    }
    ASSERT_TRUE(match) << c.path;
    EXPECT_EQ(match->full_id, c.id) << c.path;
    EXPECT_EQ(match->guess, c.guess) << c.path;
    EXPECT_EQ(match->spelling, c.spelling) << c.path;
    EXPECT_EQ(match->path, c.path);
    if (!c.chain.empty())
        EXPECT_EQ(match->chain, c.chain) << c.path;
    else
        EXPECT_EQ(match->chain.size(), 1u) << c.path;
    EXPECT_EQ(match->chain.back(), match->id) << c.path;
}

using enum ContainerType;
INSTANTIATE_TEST_SUITE_P(
    Docker, CgroupPath,
    testing::Values(
        Case{"/docker/" + kA, kA, docker}, Case{"/system.slice/docker-" + kA + ".scope", kA, docker},
        Case{"/docker/" + kA + "/init.scope", kA, docker},
        Case{"/docker/" + kA + "/system.slice/cron.service", kA, docker},
        Case{"/user.slice/user-1000.slice/user@1000.service/user.slice/docker-" + kA + ".scope", kA, docker},
        Case{"/system.slice:docker:" + kA, kA, docker},
        Case{"/actions_job/" + kA, kA, containerd, CgroupSpelling::hex}, // --cgroup-parent: who made it is not said
        Case{"/docker/" + kA + "/docker/" + kB, kB, docker, CgroupSpelling::runtime, {kShortA, kShortB}},
        Case{"/system.slice/docker-" + kA + ".scope/docker/" + kB,
             kB,
             docker,
             CgroupSpelling::runtime,
             {kShortA, kShortB}},
        Case{"/docker/" + kA + "/kubelet/kubepods/besteffort/pod2d76d331-cb61-40a3-b9d4-f8ae3f173691/" + kB,
             kB,
             cri,
             CgroupSpelling::runtime,
             {kShortA, kShortB}}));

INSTANTIATE_TEST_SUITE_P(
    Podman, CgroupPath,
    testing::Values(Case{"/libpod_parent/libpod-" + kA, kA, podman},
                    Case{"/machine.slice/libpod-" + kA + ".scope", kA, podman},
                    Case{"/machine.slice/libpod-" + kA + ".scope/container", kA, podman},
                    Case{"/machine.slice/libpod_pod_" + kB + ".slice/libpod-" + kA + ".scope", kA, podman},
                    Case{"/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" + kA + ".scope/container",
                         kA, podman},
                    Case{"/user.slice/user-1000.slice/user@1000.service/user.slice/user-libpod_pod_" + kB +
                             ".slice/libpod-" + kA + ".scope",
                         kA, podman},
                    Case{"/system.slice/foo.service/libpod-payload-" + kA, kA, podman},
                    Case{"/system.slice/web.service/libpod-payload-" + kA + "/container", kA, podman},
                    Case{"/machine.slice/libpod-" + kA + ".scope/libpod-payload-" + kA, kA, podman},
                    Case{"/libpod_parent/conmon", ""}, Case{"/machine.slice/libpod-conmon-" + kA + ".scope", ""},
                    Case{"/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-conmon-" + kA + ".scope", ""},
                    Case{"/machine.slice/libpod_pod_" + kB + ".slice", ""}));

INSTANTIATE_TEST_SUITE_P(
    Kubernetes, CgroupPath,
    testing::Values(
        Case{"/kubepods/besteffort/pod2d76d331-cb61-40a3-b9d4-f8ae3f173691/" + kB, kB, cri},
        Case{"/kubepods/pod2d76d331-cb61-40a3-b9d4-f8ae3f173691/" + kB, kB, cri},
        Case{"/kubepods.slice/kubepods-burstable.slice/"
             "kubepods-burstable-pod2d76d331_cb61_40a3_b9d4_f8ae3f173691.slice/cri-containerd-" +
                 kB + ".scope",
             kB, cri},
        Case{"/kubepods.slice/kubepods-pod2d76d331_cb61_40a3_b9d4_f8ae3f173691.slice/crio-" + kB + ".scope", kB, crio},
        Case{"/kubepods.slice/kubepods-pod2d76d331_cb61_40a3_b9d4_f8ae3f173691.slice/crio-" + kB + ".scope/container",
             kB, crio},
        Case{"/kubepods.slice/kubepods-pod2d76d331_cb61_40a3_b9d4_f8ae3f173691.slice/docker-" + kB + ".scope", kB,
             docker},
        Case{"/kubepods/burstable/pod2d76d331-cb61-40a3-b9d4-f8ae3f173691/crio-" + kB, kB, crio},
        Case{"/kubepods/besteffort/pod2d76d331-cb61-40a3-b9d4-f8ae3f173691", ""},
        Case{"/kubepods.slice/kubepods-pod2d76d331_cb61_40a3_b9d4_f8ae3f173691.slice/crio-conmon-" + kB + ".scope", ""},
        Case{"/kubepods.slice/kubepods-besteffort.slice", ""},
        Case{"/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod1.slice/cri-containerd-" + kB + ".scope", kB,
             cri},
        Case{"/system.slice/containerd.service/"
             "kubepods-besteffort-pod2d76d331_cb61_40a3_b9d4_f8ae3f173691.slice:cri-containerd:" +
                 kB,
             kB, cri}));

INSTANTIATE_TEST_SUITE_P(
    Containerd, CgroupPath,
    testing::Values(Case{"/default/k1", "k1", containerd, CgroupSpelling::text},
                    Case{"/my.ns/web-server_1", "web-server_1", containerd, CgroupSpelling::text},
                    Case{"/k8s.io/" + kB, kB, containerd, CgroupSpelling::hex},
                    Case{"/default/" + kB, kB, containerd, CgroupSpelling::hex},
                    Case{"/system.slice/nerdctl-" + kB + ".scope", kB, containerd},
                    Case{"/user.slice/user-1000.slice/user@1000.service/user.slice/nerdctl-" + kB + ".scope", kB,
                         containerd},
                    Case{"/default", ""}, Case{"/default/k1.service", ""}, Case{"/default/k1/more", ""}));

INSTANTIATE_TEST_SUITE_P(
    Others, CgroupPath,
    testing::Values(
        Case{"/lxc/web", "web", lxc}, Case{"/lxc.payload/web/system.slice/x.service", "web", lxc},
        Case{"/lxc.payload.web", "web", lxc}, Case{"/lxc.payload.web/init.scope", "web", lxc},
        Case{"/lxc.payload.web/docker/" + kA, kA, docker, CgroupSpelling::runtime, {"web", kShortA}},
        Case{"/lxc.monitor.web", ""}, Case{"/lxc.monitor/web", ""}, Case{"/machine/db.libvirt-lxc", "db", libvirt_lxc},
        Case{"/machine.slice/machine-lxc\\x2d4242\\x2ddb.scope", "4242-db", libvirt_lxc},
        Case{"/machine.slice/machine-lxc\\x2d4242\\x2ddb.scope/libvirt", "4242-db", libvirt_lxc},
        Case{"/libvirt/lxc/db", "db", libvirt_lxc}, Case{"/machine.slice/machine-qemu\\x2d1\\x2dvm.scope", ""},
        Case{"/machine.slice/machine-qemu\\x2d1\\x2dvm.scope/libvirt/emulator", ""},
        Case{"/machine.slice/machine-lxc-.scope", ""}, Case{"/machine.slice/machine-lxc\\x2d.scope", ""},
        Case{"/machine.slice/machine-fedora\\x2d39.scope", "fedora-39", nspawn},
        Case{"/machine.slice/machine-" + kA + ".scope", kA, nspawn, CgroupSpelling::runtime, {kShortA}},
        Case{"/machine.slice/machine-fedora.scope/payload/system.slice/sshd.service", "fedora", nspawn},
        Case{"/machine.slice/machine-fedora.scope/supervisor", ""},
        Case{"/machine.slice/systemd-nspawn@fedora.service/payload", "fedora", nspawn},
        Case{"/machine.slice/systemd-nspawn@fedora.service/supervisor", ""},
        Case{"/system.slice/build\\x2dbox.service/payload/init.scope", "build-box", nspawn, CgroupSpelling::text},
        Case{"/system.slice/build.service/supervisor", ""}, Case{"/payload", "payload", nspawn, CgroupSpelling::text},
        Case{"/payload/init.scope", "payload", nspawn, CgroupSpelling::text}, Case{"/supervisor", ""},
        Case{"/user.slice/user-0.slice/session-1.scope/payload", "session-1.scope", nspawn, CgroupSpelling::text},
        Case{"/docker/" + kA + "/payload", kA, docker},
        Case{"/default/payload", "payload", containerd, CgroupSpelling::text},
        Case{"/system.slice/runit.service/bpm-silk_daemon-1.scope", "silk_daemon-1", bpm}));

INSTANTIATE_TEST_SUITE_P(
    Host, CgroupPath,
    testing::Values(Case{"", ""}, Case{"/", ""}, Case{"//", ""}, Case{"/init.scope", ""},
                    Case{"/system.slice/ssh.service", ""}, Case{"/user.slice/user-1000.slice/session-3.scope", ""},
                    Case{"/user.slice/user-1000.slice/user@1000.service/app.slice/app-gnome-firefox-4242.scope", ""},
                    Case{"/system.slice/containerd.service", ""}, Case{"/docker", ""}, Case{"/docker/buildx", ""},
                    Case{"/process_api/56ef3d06a610e11e0ed2f88e37d9d6d0", ""},
                    Case{"/firecracker/2d76d331-cb61-40a3-b9d4-f8ae3f173691", ""},
                    Case{"/system.slice/docker-" + kA.substr(1) + ".scope", ""},
                    Case{"/system.slice/docker-" + kA + "0.scope", ""}, Case{"/docker/" + kA.substr(0, 63) + "g", ""},
                    Case{"/user/alice", ""}));

TEST(CgroupSet, TakesTheStrongestSpellingOfTheHierarchies) {
    const std::vector<CgroupInfo> cgroups{
        {"memory", "/process_api/k1"}, {"cpu", "/build/" + kB}, {"pids", "/docker/" + kA}, {"", "/"}};
    const auto match = find_container_id(cgroups);
    ASSERT_TRUE(match);
    EXPECT_EQ(match->full_id, kA);
    EXPECT_EQ(match->id, kShortA);
    EXPECT_EQ(match->path, "/docker/" + kA);
}

TEST(CgroupSet, TakesTheDeepestNestingAmongEquals) {
    const std::vector<CgroupInfo> cgroups{{"memory", "/docker/" + kA}, {"", "/docker/" + kA + "/docker/" + kB}};
    const auto match = find_container_id(cgroups);
    ASSERT_TRUE(match);
    EXPECT_EQ(match->full_id, kB);
    EXPECT_EQ(match->chain, (std::vector<std::string>{kShortA, kShortB}));
}

TEST(CgroupSet, HostOnlyPathsGiveNone) {
    const std::vector<CgroupInfo> cgroups{
        {"memory", "/"}, {"name=systemd", "/system.slice/cron.service"}, {"", "/system.slice/cron.service"}};
    EXPECT_FALSE(find_container_id(cgroups));
    EXPECT_FALSE(find_container_id(std::span<const CgroupInfo>{}));
}

TEST(CgroupSet, ContainerdNamespaceIsTold) {
    EXPECT_EQ(find_container_id("/default/k1")->containerd_namespace, "default");
    EXPECT_EQ(find_container_id("/k8s.io/" + kA)->containerd_namespace, "k8s.io");
    EXPECT_EQ(find_container_id("/docker/" + kA)->containerd_namespace, "");
}

TEST(CgroupKey, ANameCountsWithTheCgroupItIsTheNameOf) {
    const auto key = [](const std::string& path) { return find_container_id(path)->key; };
    EXPECT_EQ(key("/docker/" + kA + "/init.scope"), kA);
    EXPECT_EQ(key("/lxc.payload.web/init.scope"), "/lxc.payload.web");
    EXPECT_NE(key("/lxc/web"), key("/machine.slice/machine-web.scope/payload"));
    EXPECT_NE(key("/docker/" + kA + "/lxc/web"), key("/docker/" + kB + "/lxc/web"));
    EXPECT_NE(key("/default/web"), key("/other/web")); // containerd's names are those of a namespace
    EXPECT_EQ(key("/default/web"), container_key("web", "default"));
    EXPECT_EQ(key("/k8s.io/" + kA), container_key(kA, "k8s.io"));
    EXPECT_EQ(container_key(kA, "k8s.io"), kA);
}

TEST(CgroupOuter, IsTheCgroupOfTheContainerAround) {
    EXPECT_EQ(find_container_id("/docker/" + kA + "/x.slice/docker-" + kB + ".scope/y")->outer_path, "/docker/" + kA);
    EXPECT_EQ(find_container_id("/docker/" + kA)->outer_path, "");
}

TEST(CgroupPathDepth, ManyNestedKeepsTheInnermost) {
    std::string path;
    for (int i = 0; i < 40; ++i) path += "/docker/" + std::string(62, 'a') + std::to_string(10 + i);
    const auto match = find_container_id(path);
    ASSERT_TRUE(match);
    EXPECT_EQ(match->full_id, std::string(62, 'a') + "49");
    EXPECT_EQ(match->chain.size(), 16u);
}

} // namespace
} // namespace gyr
