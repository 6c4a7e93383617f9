// Changes of identity without an exec, when there are more of them than can be followed at once.

#include "sources/live_bpf/proc_connector.h"
#include "tests/kernel/live_fixture.h"

#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <set>

namespace gyr::test {
namespace {

constexpr gid_t kNewGroup = 54'321;

bool set_group(gid_t group) { return ::syscall(SYS_setresgid, group, group, group) == 0; }

class LiveSourceTest : public LiveFixture {
  protected:
    ~LiveSourceTest() override {
        for (const pid_t child : children_) ::kill(child, SIGKILL), ::waitpid(child, nullptr, 0);
    }
    template <class F>
    pid_t start(F action) {
        const pid_t child = ::fork();
        if (child == 0) {
            action();
            ::_exit(0);
        }
        children_.push_back(child);
        return child;
    }
    void wait_for(pid_t child) {
        ::waitpid(child, nullptr, 0);
        std::erase(children_, child);
    }
    static std::uint64_t refresh_failures() {
        for (const auto& [name, count] : source().kernel_errors())
            if (name == "refresh_failed") return count;
        return 0;
    }

  private:
    std::vector<pid_t> children_;
};

TEST_F(LiveSourceTest, HintsAreTakenAFewAtATime) {
    const auto connector = ProcConnector::create();
    ASSERT_TRUE(connector) << connector.error().message;
    std::set<pid_t> made;
    for (std::size_t i = 0; i < 2 * ProcConnector::kMostRead + 10; ++i) {
        const pid_t child = start([] { set_group(kNewGroup); });
        made.insert(child);
        wait_for(child);
    }
    std::set<pid_t> told;
    for (;;) {
        std::vector<ProcConnector::Hint> hints;
        (*connector)->read(hints);
        if (hints.empty()) break;
        EXPECT_LE(hints.size(), ProcConnector::kMostRead);
        for (const auto& hint : hints) told.insert(hint.tid);
    }
    EXPECT_TRUE(std::ranges::includes(told, made)) << "none is lost by it";
}

// Hints that the kernel had no room for are made up for by a look at everybody, also when such a look is under way that
// may have been past who changed.
TEST_F(LiveSourceTest, ChangesBehindAPassThatIsUnderWayAreSeen) {
    int go[2], done[2];
    ASSERT_EQ(::pipe(go), 0);
    ASSERT_EQ(::pipe(done), 0);
    char byte = 0;
    const pid_t victim = start([&] {
        (void)!::read(go[0], &byte, 1);
        set_group(kNewGroup);
        (void)!::write(done[1], &byte, 1);
        ::pause();
    });
    for (int i = 0; i < 400; ++i) ASSERT_GT(start([] { ::pause(); }), victim) << "they come behind it in a pass";

    using namespace std::chrono_literals;
    bool passed = false, seen = false;
    const auto look = [&](const ProcessRecord& r) {
        if (r.key.pid != victim || r.kind != RecordKind::change) return;
        passed = true;
        seen = seen || r.credentials.egid == kNewGroup;
    };
    ASSERT_TRUE(source().refresh_all());
    while (!passed) {
        ASSERT_FALSE(source().snapshot_complete());
        source().poll(0ms, look);
    }
    ASSERT_FALSE(source().snapshot_complete());
    wait_for(start([] {
        for (gid_t i = 0; i < 50'000; ++i) set_group(kNewGroup + 1 + i % 2);
    }));
    ASSERT_EQ(::write(go[1], &byte, 1), 1);
    ASSERT_EQ(::read(done[0], &byte, 1), 1);
    const auto deadline = std::chrono::steady_clock::now() + 20s;
    while (!seen && std::chrono::steady_clock::now() < deadline) source().poll(100ms, look);
    EXPECT_TRUE(seen);
    for (const int fd : {go[0], go[1], done[0], done[1]}) ::close(fd);
}

TEST_F(LiveSourceTest, ALookThatFailsIsCounted) {
    rlimit before{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
    const std::uint64_t failures = refresh_failures();
    ASSERT_TRUE(source().refresh(::getpid()));
    const rlimit none{0, before.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
    source().poll(std::chrono::milliseconds(0), [](const ProcessRecord&) {});
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
    EXPECT_GT(refresh_failures(), failures); // others may wait for theirs
}

} // namespace
} // namespace gyr::test
