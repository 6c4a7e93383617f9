#include "recording/live_events.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace gyr::recording {
namespace {

constexpr EventCode kClose = 5, kContainerJson = 324, kUserAdded = 354, kGroupAdded = 358;
constexpr Nanos kSecond = 1'000'000'000;

class FakeUsers final : public UserView {
  public:
    [[nodiscard]] UserAnswer user(const ProcessImage&, Uid uid) const override {
        if (pending) return {.entry = nullptr, .why = Missing::pending, .source = {}};
        entry_.uid = uid;
        return {.entry = &entry_, .why = Missing::none, .source = "container"};
    }
    [[nodiscard]] GroupAnswer group(const ProcessImage&, Gid) const override {
        return {.entry = nullptr, .why = pending ? Missing::pending : Missing::not_applicable, .source = {}};
    }
    bool pending = false;

  private:
    mutable UserEntry entry_{.uid = 0, .gid = 0, .name = "app", .home = "/", .shell = "/bin/sh"};
};

class LiveEventsTest : public testing::Test {
  protected:
    // An event of a thread of the process, at so many milliseconds.
    void happens(const std::shared_ptr<ProcessImage>& process, Nanos at, EventCode code = kClose, Tid tid = 0) {
        Event e;
        e.code = code;
        e.time = kSecond + at * 1'000'000;
        e.process = process;
        e.tid = tid != 0 ? tid : process->key.pid;
        ASSERT_TRUE(live.take(e, {nullptr, &users}, 0, [&](const RawEvent& raw) { return told(raw); }));
    }
    Result<> told(const RawEvent& raw) {
        codes.push_back(raw.code);
        if (raw.code == kContainerJson) json = text_of_param(raw.params[0]);
        if (raw.code == kExecve) cgroups = raw.params[14];
        return {};
    }
    static std::shared_ptr<ProcessImage> process(Pid pid, std::shared_ptr<Container> container = nullptr) {
        auto image = std::make_shared<ProcessImage>();
        image->exec = std::make_shared<ExecImage>();
        image->cgroups = std::make_shared<std::vector<CgroupInfo>>();
        image->key = {pid, 1};
        image->generation = static_cast<std::uint64_t>(pid);
        image->container = std::move(container);
        return image;
    }
    static std::shared_ptr<Container> container(bool known) {
        auto c = std::make_shared<Container>();
        c->id = "0123456789ab";
        if (known) know(*c);
        return c;
    }
    static void know(Container& c) {
        auto info = std::make_shared<ContainerInfo>();
        info->name = "web";
        info->image = "nginx:1";
        c.info = std::move(info);
        c.why = Missing::none;
        ++c.generation;
    }

    FakeUsers users;
    LiveEvents live{{.for_old_readers = false, .metadata_wait = kSecond, .held_bytes = 1 << 20}};
    std::vector<EventCode> codes;
    std::string json, cgroups;
};

TEST_F(LiveEventsTest, CgroupsAndWhoseItWasWhereTheyDoNotTell) {
    const std::string id = "0123456789ab" + std::string(52, '0');
    const auto runc = process(10);
    runc->cgroups = std::make_shared<std::vector<CgroupInfo>>(
        std::initializer_list<CgroupInfo>{{"", "/docker/" + id}, {"name=gyr", "/host"}});
    const std::string own = "=/docker/" + id + '\0';
    happens(runc, 0, kExecve);
    EXPECT_EQ(cgroups, own + "name=gyr=/host" + '\0') << "a helper of the runtime is the host's";
    runc->container = container(true);
    happens(runc, 1, kExecve);
    EXPECT_EQ(cgroups, own) << "what a hierarchy of that name says counts nothing";
    runc->cgroups = std::make_shared<std::vector<CgroupInfo>>();
    happens(runc, 2, kExecve);
    EXPECT_EQ(cgroups, std::string("name=gyr=/0123456789ab") + '\0') << "moved out of its cgroup";
}

TEST_F(LiveEventsTest, AContainerIsToldBeforeItsFirstEventAndOnce) {
    const auto web = process(10, container(true));
    happens(process(5), 0);
    happens(web, 1);
    happens(web, 2);
    EXPECT_EQ(codes, (std::vector<EventCode>{kClose, kContainerJson, kUserAdded, kClose, kClose}));
    EXPECT_NE(json.find(R"("name":"web")"), std::string::npos) << json;
}

TEST_F(LiveEventsTest, EventsWaitForWhatIsNotKnownYet) {
    const auto c = container(false);
    users.pending = true;
    happens(process(10, c), 0);
    happens(process(5), 1);
    EXPECT_TRUE(codes.empty()) << "of others too: their order stays";
    know(*c);
    happens(process(5), 2);
    EXPECT_TRUE(codes.empty()) << "the user is not known";
    users.pending = false;
    happens(process(5), 3);
    EXPECT_EQ(codes, (std::vector<EventCode>{kContainerJson, kUserAdded, kClose, kClose, kClose, kClose}));
}

TEST_F(LiveEventsTest, NotForEver) {
    const auto c = container(false);
    users.pending = true;
    happens(process(10, c), 0);
    happens(process(10, c), 999);
    EXPECT_TRUE(codes.empty());
    happens(process(10, c), 1001);
    EXPECT_EQ(codes.size(), 3U);
    happens(process(10, c), 1002);
    EXPECT_EQ(codes.size(), 4U) << "nothing waits for this container any more";
    know(*c);
    happens(process(10, c), 5000);
    EXPECT_EQ(codes[4], kContainerJson) << "it is told when it comes";
}

TEST_F(LiveEventsTest, NotBeyondTheMemory) {
    live = LiveEvents({.for_old_readers = false, .metadata_wait = kSecond, .held_bytes = 8192});
    users.pending = true;
    const auto waiting = process(10, container(false));
    std::size_t events = 0;
    while (codes.empty() && events < 1000) happens(waiting, 1), ++events;
    EXPECT_LT(events, 1000U);
    EXPECT_GE(codes.size(), events) << "all of them";
}

TEST_F(LiveEventsTest, ThreadsBeginWhenTheyAreFirstSeenAndEndWithTheirProcess) {
    const auto program = process(10);
    happens(program, 0, kClose, 11);
    happens(program, 1, kClose, 11);
    happens(program, 2, kClose, 12);
    happens(process(20), 3, kClose, 12); // the number is somebody else's now
    happens(program, 4, kProcExit);
    EXPECT_EQ(codes,
              (std::vector<EventCode>{kClone, kClose, kClose, kClone, kClose, kClone, kClose, kProcExit, kProcExit}));
}

} // namespace
} // namespace gyr::recording
