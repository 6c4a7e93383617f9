// Users, groups and containers of a capture.

#include "replay/test_support.h"

#include <gtest/gtest.h>

namespace gyr::replay::test {
namespace {

constexpr const char* kId = "3ad7b26ded6d8e7b23da7d48fe889434573036c27ae5a74837233de441c3601e";

std::string cgroups() { return "cpu=/docker/" + std::string(kId) + '\0' + "name=systemd=/docker/" + kId + '\0'; }

struct Box : Script {
    Box() {
        process(1, 0, "init", "/");
        event("clone", 50,
              {{"res", 0},
               {"exe", "sh"},
               {"comm", "sh"},
               {"pid", 50},
               {"ptid", 1},
               {"vtid", 1},
               {"vpid", 1},
               {"uid", 5},
               {"gid", 6},
               {"cgroups", Raw{cgroups()}}});
    }
};

TEST(ReplayWorld, ContainerFromCgroups) {
    Box s;
    const Event& e = s.look(50);
    ASSERT_TRUE(e.process->container);
    EXPECT_EQ(e.process->container->id, "3ad7b26ded6d");
    EXPECT_EQ(e.process->container->full_id, kId);
    EXPECT_EQ(e.process->container->why, Missing::no_runtime);
    ASSERT_EQ(e.process->cgroups->size(), 2U);
    EXPECT_EQ((*e.process->cgroups)[1].subsystem, "name=systemd");
    EXPECT_FALSE(s.look(1).process->container);
}

// As gyr record writes it of a runtime's helper in the cgroup of the container it makes.
TEST(ReplayWorld, ARecordingTellsWhoseAProcessWasWhereItsCgroupsDoNot) {
    Box s;
    const auto exec = [&](const std::string& membership) -> const Event& {
        const std::string told = cgroups() + "name=gyr=/" + membership + '\0';
        return s.event("execve", 50, {{"res", 0}, {"exe", "runc"}, {"pid", 50}, {"ptid", 1}, {"cgroups", Raw{told}}});
    };
    EXPECT_FALSE(exec("host").process->container);
    EXPECT_EQ(s.look(50).process->cgroups->size(), 2U) << "it is no cgroup";
    ASSERT_TRUE(exec("0123456789ab").process->container);
    EXPECT_EQ(s.look(50).process->container->id, "0123456789ab") << "the container around it";
    EXPECT_EQ(exec("").process->container->id, "3ad7b26ded6d") << "of nothing";
}

TEST(ReplayWorld, ControllersHaveOneNameEach) {
    Box s;
    const std::string told = std::string("cpu_cgroup=/a\0mem_cgroup=/b\0io=/c\0perf=/d\0pids=/e\0", 50);
    const Event& e = s.event("clone", 60, {{"res", 0}, {"exe", "x"}, {"pid", 60}, {"ptid", 1}, {"cgroups", Raw{told}}});
    std::string names;
    for (const CgroupInfo& c : *e.process->cgroups) names += c.subsystem + c.path + ' ';
    EXPECT_EQ(names, "cpu/a memory/b blkio/c perf_event/d pids/e ");
}

TEST(ReplayWorld, ContainerEventsTellTheRest) {
    Box s;
    const char* json = R"({"container": {"id": "3ad7b26ded6d", "type": 0, "name": "web", "image": "nginx:1.2",
        "imagerepo": "nginx", "imagetag": "1.2", "privileged": true, "labels": {"a": "b", "io.kubernetes.pod.name": "p",
        "io.kubernetes.pod.namespace": "n"}, "Mounts": [{"Source": "/a", "Destination": "/b", "RW": true}], "ip": "1.2.3.4"}})";
    s.event("asyncevent", 0, {{"plugin_id", 1}, {"name", "container"}, {"data", std::string_view(json)}},
            EventDirection::enter);
    const ContainerInfo* info = s.look(50).process->container->info.get();
    ASSERT_TRUE(info);
    EXPECT_EQ(info->name, "web");
    EXPECT_EQ(info->type, ContainerType::docker);
    EXPECT_EQ(info->image_repository, "nginx");
    EXPECT_EQ(info->privileged, true);
    EXPECT_EQ(info->labels.at("a"), "b");
    EXPECT_EQ(info->pod_name, "p");
    ASSERT_EQ(info->mounts.size(), 1U);
    EXPECT_TRUE(info->mounts[0].writable);
    EXPECT_EQ(s.look(50).process->container->why, Missing::none);
    // The older event has the same JSON.
    s.event("container", 0, {{"json", R"({"container": {"id": "3ad7b26ded6d", "name": "other"}})"}},
            EventDirection::enter);
    EXPECT_EQ(s.look(50).process->container->info->name, "other");
}

TEST(ReplayWorld, AContainerEventIsAboutItsContainer) {
    Box s;
    const char* web = R"({"container": {"id": "0123456789ab", "name": "web"}})";
    for (const char* name : {"container", "container_removed"}) {
        const Event& e = s.event("asyncevent", 0, {{"name", name}, {"data", web}}, EventDirection::enter);
        ASSERT_TRUE(e.container) << name;
        EXPECT_EQ(e.container->id, "0123456789ab");
        EXPECT_EQ(e.container->info->name, "web");
    }
    EXPECT_FALSE(s.look(50).container);
    EXPECT_FALSE(s.event("asyncevent", 0, {{"name", "other"}, {"data", web}}, EventDirection::enter).container);
}

TEST(ReplayWorld, BrokenContainerEventsAreCounted) {
    Box s;
    for (const char* json : {"", "{", "[]", R"({"container": 5})", R"({"container": {"id": 7, "type": "x"}})"})
        s.event("container", 0, {{"json", json}}, EventDirection::enter);
    s.event("container", 0, {{"json", R"({"container": {"id": "abc", "created_time": 99999999999999999, "type": -5,
        "env": [1, {}], "Mounts": [5], "labels": [1]}})"}},
            EventDirection::enter);
    EXPECT_EQ(s.state.stats().bad_containers, 5U);
}

TEST(ReplayWorld, UsersOfHostAndContainer) {
    Box s;
    s.state.on_user({.uid = 5, .gid = 6, .name = "host-user", .home = "/h", .shell = "/s"});
    s.state.on_group({.gid = 6, .name = "host-group"});
    const ProcessImagePtr host = s.look(1).process, inside = s.look(50).process;
    EXPECT_EQ(s.state.users().user(*host, 5).entry->name, "host-user");
    EXPECT_EQ(s.state.users().group(*host, 6).entry->name, "host-group");
    EXPECT_EQ(s.state.users().user(*inside, 5).entry, nullptr) << "the host's names are not the container's";
    s.event("useradded", 0,
            {{"uid", 5},
             {"gid", 6},
             {"name", "app"},
             {"home", "/app"},
             {"shell", "/bin/sh"},
             {"container_id", "3ad7b26ded6d"}},
            EventDirection::enter);
    s.event("groupadded", 0, {{"gid", 6}, {"name", "apps"}, {"container_id", "3ad7b26ded6d"}}, EventDirection::enter);
    EXPECT_EQ(s.state.users().user(*inside, 5).entry->name, "app");
    EXPECT_EQ(s.state.users().group(*inside, 6).entry->name, "apps");
    s.event("userdeleted", 0, {{"uid", 5}, {"container_id", "3ad7b26ded6d"}}, EventDirection::enter);
    s.event("groupdeleted", 0, {{"gid", 6}, {"container_id", ""}}, EventDirection::enter);
    EXPECT_EQ(s.state.users().user(*inside, 5).entry, nullptr);
    EXPECT_EQ(s.state.users().group(*host, 6).entry, nullptr);
    EXPECT_TRUE(s.state.users().group(*inside, 6).entry);
    s.event("groupdeleted", 0, {{"gid", 6}, {"container_id", "3ad7b26ded6d"}}, EventDirection::enter);
    EXPECT_EQ(s.state.users().group(*inside, 6).why, Missing::unsupported) << "of this container nothing is known now";
}

TEST(ReplayWorld, SecondSectionBeginsAnew) {
    Box s;
    s.state.on_user({.uid = 5, .gid = 6, .name = "u", .home = "", .shell = ""});
    s.state.on_machine({.hostname = "one"});
    s.state.on_section();
    EXPECT_EQ(s.state.stats().threads, 0U);
    EXPECT_EQ(s.state.hostname(), "");
    EXPECT_EQ(s.look(50).process->comm, "<NA>");
}

} // namespace
} // namespace gyr::replay::test
