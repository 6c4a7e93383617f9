#include "tests/kernel/live_fixture.h"

#include "event/schema.h"
#include "plan/lower.h"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <set>

namespace gyr::test {

std::unique_ptr<LiveSource> LiveFixture::source_;
std::string LiveFixture::problem_;

std::string SeenEvent::bytes(std::string_view param) const {
    const std::vector<std::string_view> views(params.begin(), params.end());
    const EventInfo* info = find_event(code, views);
    for (std::size_t i = 0; i < info->params.size() && i < params.size(); ++i)
        if (info->params[i].name == param) return params[i];
    ADD_FAILURE() << name << " has no parameter " << param;
    return {};
}

std::string SeenEvent::text(std::string_view param) const { return std::string(text_of_param(bytes(param))); }

void LiveFixture::SetUpTestSuite() {
    auto source = LiveSource::create({.bulk_ring_bytes = 32U << 20});
    if (!source) {
        problem_ = source.error().message;
        return;
    }
    source_ = std::move(*source);
    ASSERT_TRUE(source_->start());
    while (!source_->snapshot_complete()) source_->poll(std::chrono::milliseconds(10), [](const ProcessRecord&) {});
}

void LiveFixture::TearDownTestSuite() { source_.reset(); }

void LiveFixture::SetUp() {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
    ASSERT_TRUE(source_) << problem_;
}

std::vector<SeenEvent> LiveFixture::run(const std::function<int()>& action) {
    return run(plan::plan_everything(), action);
}

std::vector<SeenEvent> LiveFixture::run(const EventPlan& plan, const std::function<int()>& action) {
    int go[2];
    EXPECT_EQ(::pipe(go), 0);
    const auto applied = source_->set_events(plan);
    EXPECT_TRUE(applied) << applied.error().message;
    const pid_t child = ::fork();
    if (child == 0) {
        char byte = 0;
        ::close(go[1]);
        while (::read(go[0], &byte, 1) > 0) {
        }
        ::close(go[0]);
        ::_exit(action());
    }
    ::close(go[0]);
    ::close(go[1]);

    std::vector<SeenEvent> seen;
    std::set<Pid> family{child};
    bool done = false;
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(120);
    const auto on_record = [&](const ProcessRecord& r) {
        if (r.kind == RecordKind::fork && family.contains(r.real_parent.pid)) family.insert(r.key.pid);
        if (r.kind == RecordKind::exit && r.key.pid == child) done = true;
    };
    const auto on_event = [&](const RawEvent& e) {
        if (!family.contains(e.process.pid)) return;
        SeenEvent s;
        s.code = e.code;
        s.name = find_event(e.code)->name;
        if (e.code == kGenericExit) s.name = syscall_name(load_param<std::uint16_t>(e.params[0]));
        s.tid = e.tid;
        s.time = e.time;
        s.process = e.process;
        for (const std::string_view p : e.params) s.params.emplace_back(p);
        if (e.fd) s.fd = *e.fd;
        if (e.other_fd) s.other_fd = *e.other_fd;
        s.other_fd_number = e.other_fd_number;
        if (e.path) s.path = *e.path;
        if (e.other_path) s.other_path = *e.other_path;
        s.result = e.result;
        seen.push_back(std::move(s));
    };
    while (!done && std::chrono::steady_clock::now() < deadline)
        source_->poll(std::chrono::milliseconds(50), on_record, on_event);
    EXPECT_TRUE(done) << "the child's end was not told";
    EXPECT_TRUE(source_->set_events({}));
    int status = 0;
    ::waitpid(child, &status, 0);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0)
        << "the child's action failed at step " << WEXITSTATUS(status);
    EXPECT_EQ(source_->malformed(), 0u);
    return seen;
}

std::vector<SeenEvent> named(const std::vector<SeenEvent>& events, std::string_view name) {
    std::vector<SeenEvent> out;
    std::ranges::copy_if(events, std::back_inserter(out), [&](const SeenEvent& e) { return e.name == name; });
    return out;
}

SeenEvent the_one(const std::vector<SeenEvent>& events, std::string_view name) {
    const auto found = named(events, name);
    EXPECT_EQ(found.size(), 1u) << name;
    return found.empty() ? SeenEvent{} : found.front();
}

} // namespace gyr::test
