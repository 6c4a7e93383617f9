#include "containers/classify.h"

#include <gtest/gtest.h>

namespace gyr {
namespace {

const std::string kHex = "38a9cc294a9a590dbed9d64928e1750fd0463a80963244957faf7c0f21a5b530";
const NamespaceInodes kHost{.mnt = 4026531832, .pid = 4026531836};
const NamespaceInodes kApart{.mnt = 4026532200, .pid = 4026532203};

CgroupMatch at(const std::string& path) { return find_container_id(path).value(); }
Belonging ask(const std::string& path, const NamespaceInodes& own, bool known = false, std::string_view exe = "/bin/sh",
              std::string_view comm = "sh") {
    return classify(at(path), own, kHost, {exe, comm, 0}, known);
}

TEST(Classify, OwnNamespacesInAContainersCgroupAreAContainer) {
    EXPECT_EQ(ask("/docker/" + kHex, kApart), Belonging::container);
    EXPECT_EQ(ask("/build/" + kHex, kApart), Belonging::container);
    EXPECT_EQ(ask("/default/k1", kApart), Belonging::container);
}

TEST(Classify, SharingThePidNamespaceWithTheHostStaysAContainer) {
    NamespaceInodes own = kApart;
    own.pid = kHost.pid;
    EXPECT_EQ(ask("/docker/" + kHex, own), Belonging::container);
}

TEST(Classify, HostNamespacesNeedARuntimesWord) {
    EXPECT_EQ(ask("/build/" + kHex, kHost), Belonging::undecided);
    EXPECT_EQ(ask("/build/" + kHex, kHost, true), Belonging::container);
    EXPECT_EQ(ask("/docker/" + kHex, kHost), Belonging::undecided);
}

TEST(Classify, PlainTextNeedsBothNamespacesApart) {
    NamespaceInodes own = kHost;
    own.mnt = kApart.mnt; // a service with PrivateTmp below "/jobs/nightly"
    EXPECT_EQ(ask("/jobs/nightly", own), Belonging::undecided);
    EXPECT_EQ(ask("/jobs/nightly", own, true), Belonging::container);
}

TEST(Classify, RuntimeHelpersInTheHostsMountNamespaceAreHost) {
    for (const auto& [exe, comm] :
         std::vector<std::pair<std::string, std::string>>{{"/usr/bin/runc", "runc"},
                                                          {"/usr/sbin/runc", "runc:[1:CHILD]"},
                                                          {"/memfd:runc_cloned:/proc/self/exe (deleted)", "3"},
                                                          {"/usr/bin/crun", "crun"},
                                                          {"/usr/bin/conmon", "conmon"},
                                                          {"/usr/bin/containerd-shim-runc-v2", "containerd-shim"}}) {
        EXPECT_EQ(ask("/docker/" + kHex, kHost, true, exe, comm), Belonging::host) << exe;
    }
}

TEST(Classify, AHelpersNameExcusesNothingInsideTheContainer) {
    EXPECT_EQ(ask("/docker/" + kHex, kApart, true, "/usr/bin/runc", "runc"), Belonging::container);
    EXPECT_EQ(ask("/docker/" + kHex, kApart, false, "/tmp/conmon", "runc:[0:PARENT]"), Belonging::container);
}

TEST(Classify, AHelperThatHasJoinedTheContainerIsHostUntilItExecutesThere) {
    const std::string path = "/docker/" + kHex;
    EXPECT_EQ(classify(at(path), kApart, kHost, {"/usr/bin/runc", "runc:[2:INIT]", kHost.mnt}, true), Belonging::host);
    EXPECT_EQ(classify(at(path), kApart, kHost, {"/usr/bin/runc", "runc:[2:INIT]", kApart.mnt}, true),
              Belonging::container);
    EXPECT_EQ(classify(at(path), kApart, kHost, {"/bin/sh", "sh", kHost.mnt}, true), Belonging::container);
}

TEST(Classify, AHelperOfAnOuterContainerIsTheOuterContainers) {
    const std::string path = "/docker/" + kHex + "/docker/" + std::string(64, 'b');
    constexpr std::uint32_t kOuter = 4026532300;
    const Program in_outer{"/usr/sbin/runc", "runc:[2:INIT]", kOuter};
    EXPECT_EQ(classify(at(path), kApart, kHost, in_outer, true, kOuter), Belonging::outer);
    EXPECT_EQ(classify(at(path), kApart, kHost, in_outer, true, 0), Belonging::container);
    EXPECT_EQ(classify(at(path), kApart, kHost, {"/usr/sbin/runc", "runc", kApart.mnt}, true, kOuter),
              Belonging::container);
    EXPECT_EQ(classify(at(path), kApart, kHost, {"/bin/sh", "sh", kOuter}, true, kOuter), Belonging::container);
    EXPECT_EQ(classify(at(path), kApart, kHost, {"/usr/sbin/runc", "runc", kHost.mnt}, true, kOuter), Belonging::host);
}

TEST(Classify, NamesThatOnlyBeginLikeAHelperAreNone) {
    EXPECT_FALSE(is_runtime_helper("/usr/bin/runcron", "runcron"));
    EXPECT_FALSE(is_runtime_helper("/bin/sh", "sh"));
    EXPECT_TRUE(is_runtime_helper("/usr/bin/runc.real", "runc.real"));
}

TEST(Classify, KnowsEnginesByTheNameOfTheExecutable) {
    for (const char* path : {"/usr/bin/dockerd", "/usr/local/bin/containerd", "/opt/k3s/bin/k3s", "podman"})
        EXPECT_TRUE(is_container_engine(path)) << path;
    for (const char* path : {"/usr/bin/docker", "/usr/bin/cat", "/tmp/dockerd2", "/usr/bin/containerd/cat", ""})
        EXPECT_FALSE(is_container_engine(path)) << path;
}

TEST(Classify, UnknownNamespacesTrustARuntimesSpellingOnly) {
    EXPECT_EQ(classify(at("/docker/" + kHex), {}, {}, {"/bin/sh", "sh", 0}, false), Belonging::container);
    EXPECT_EQ(classify(at("/build/" + kHex), {}, {}, {"/bin/sh", "sh", 0}, false), Belonging::undecided);
}

TEST(Classify, TheInitialPidNamespaceIsKnownWithoutTheHostsFirstProcess) {
    EXPECT_EQ(classify(at("/build/" + kHex), {.mnt = 5, .pid = 4026532203}, {}, {"/bin/sh", "sh", 0}, false),
              Belonging::container);
    EXPECT_EQ(classify(at("/build/" + kHex), {.mnt = 5, .pid = kInitialPidNamespace}, {}, {"/bin/sh", "sh", 0}, false),
              Belonging::undecided);
}

} // namespace
} // namespace gyr
