// What upstream's own tests say of captures: values of fields at a certain event, and counts of events as they are in
// the file and after conversion.

#include "base/arena.h"
#include "base/test_data.h"
#include "base/test_lines.h"
#include "event/schema.h"
#include "fields/registry.h"
#include "playback/event_printer.h"
#include "playback/test_support.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace gyr {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

// "falcosecurity+libs/…/NAME" is "libs-NAME" here.
std::string path_of(const std::string& data, const std::string& origin) {
    return data + "/captures/libs-" + origin.substr(origin.rfind('/') + 1);
}

std::map<std::string, int> count_events(const std::string& path, bool upgrade, bool by_direction) {
    std::map<std::string, int> counts;
    auto reader = capfile::Reader::open(path, {.upgrade = upgrade});
    EXPECT_TRUE(reader) << path;
    if (!reader) return counts;
    for (auto item = reader->next(); item != capfile::Item::end; item = reader->next()) {
        EXPECT_NE(item, capfile::Item::damage);
        if (item != capfile::Item::event) continue;
        const EventInfo* info = find_event(reader->event().code);
        if (info == nullptr) continue;
        const bool enter = info->direction == EventDirection::enter;
        ++counts[std::string(info->name) + (by_direction ? enter ? " enter" : " exit" : "")];
    }
    return counts;
}

// "PPME_SYSCALL_FUTEX_X" as "futex exit".
std::string our_name(std::string name) {
    name.erase(0, std::string_view("PPME_SYSCALL_").size());
    const bool enter = name.back() == 'E';
    name.resize(name.size() - 2);
    for (char& c : name) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    return name + (enter ? " enter" : " exit");
}

// At the first event of the filter with a descriptor, after one of each type named by whomever. The capture tells of
// the thread but not of its process, so that the filter's number is the thread's.
void check_fields(const std::string& path, const json& vector) {
    std::string filter = vector.at("filter");
    if (constexpr std::string_view kPid = "proc.pid="; filter.starts_with(kPid))
        filter.replace(0, kPid.size(), "thread.tid=");
    auto printer = playback::EventPrinter::create(filter, "%evt.num");
    ASSERT_TRUE(printer) << printer.error().message;
    auto reader = capfile::Reader::open(path);
    ASSERT_TRUE(reader);
    replay::ReplayState state;
    std::size_t next = 0;
    const json& after = vector.at("after_event");
    bool looked = false;
    const auto visit = [&](const Event& event, const EvalWorld& world) {
        const EventInfo* info = find_event(event.code);
        if (next < after.size() && info != nullptr && info->name == after[next].get<std::string>()) ++next;
        if (next < after.size() || event.fd == nullptr || !printer->matches(event, world)) return true;
        Arena arena;
        for (const auto& [name, value] : vector.at("expect").items()) {
            const auto field = fields::bind_field(name, std::nullopt);
            EXPECT_TRUE(field) << name;
            if (!field) continue;
            std::string text;
            fields::append_text(text, field->field->extract({event, world, arena}, field->arg), field->type,
                                field->field->format);
            EXPECT_EQ(text, value.get<std::string>()) << name << " of event " << event.number;
        }
        looked = true;
        return false;
    };
    const playback::WalkEnd end = playback::walk(*reader, state, visit);
    EXPECT_FALSE(end.damage);
    EXPECT_TRUE(looked) << "no such event";
}

TEST(CaptureExpectations, OfUpstreamHold) {
    const std::string data = test_data_dir();
    if (data.empty()) GTEST_SKIP() << "GYR_TEST_DATA names no folder";
    const std::vector<json> all = read_test_lines("vectors/libs_capture_expectations.jsonl");
    if (all.empty()) GTEST_SKIP() << "there are none";
    for (const json& vector : all) {
        const std::string path = path_of(data, vector.at("capture"));
        SCOPED_TRACE(path);
        ASSERT_TRUE(fs::exists(path));
        if (vector.contains("expect")) check_fields(path, vector);
        if (vector.contains("counts_raw")) {
            auto counts = count_events(path, false, false);
            for (const auto& [name, n] : vector["counts_raw"].items()) EXPECT_EQ(counts[name], n) << name;
        }
        if (vector.contains("counts_after_conversion")) {
            auto counts = count_events(path, true, true);
            for (const auto& [name, n] : vector["counts_after_conversion"].items())
                EXPECT_EQ(counts[our_name(name)], n) << name;
        }
    }
}

} // namespace
} // namespace gyr
