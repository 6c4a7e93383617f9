#pragma once
// Runs something in a child process and gives what the live source told of it: one source for all tests of a program.

#include "event/event_plan.h"
#include "event/fd_info.h"
#include "event/raw_event.h"
#include "sources/live_bpf/live_source.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace gyr::test {

struct SeenEvent {
    EventCode code = kEventNone;
    std::string name;
    std::int64_t tid = 0;
    Nanos time = 0;
    ProcessKey process;
    std::vector<std::string> params; // as encoded
    std::optional<FdInfo> fd, other_fd, path, other_path;
    std::int64_t other_fd_number = -1;
    std::optional<std::int64_t> result; // of an event without a parameter for it

    [[nodiscard]] std::string bytes(std::string_view param) const;
    [[nodiscard]] std::string text(std::string_view param) const; // without the NUL
    template <class T>
    [[nodiscard]] T number(std::string_view param) const {
        return load_param<T>(bytes(param));
    }
};

class LiveFixture : public ::testing::Test {
  protected:
    static void SetUpTestSuite();
    static void TearDownTestSuite();
    void SetUp() override;

    // Events that the child's action leads to, in order; also those of threads and children of it. action must not use
    // gtest; its return value becomes the child's exit status.
    static std::vector<SeenEvent> run(const EventPlan& plan, const std::function<int()>& action);
    static std::vector<SeenEvent> run(const std::function<int()>& action); // all events
    [[nodiscard]] static LiveSource& source() { return *source_; }

  private:
    static std::unique_ptr<LiveSource> source_;
    static std::string problem_;
};

// The events of a name, in order.
[[nodiscard]] std::vector<SeenEvent> named(const std::vector<SeenEvent>& events, std::string_view name);
// The only one with that name and that text parameter; fails the test otherwise.
[[nodiscard]] SeenEvent the_one(const std::vector<SeenEvent>& events, std::string_view name);

} // namespace gyr::test
