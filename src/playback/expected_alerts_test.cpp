// The alerts of the official rules over real captures, against what Falco raised: every rule enabled, every rule that
// matches reported. Event numbers differ between readers, so alerts are joined by time, thread and type.

#include "base/test_data.h"
#include "playback/test_support.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <filesystem>
#include <map>
#include <string>
#include <tuple>

namespace gyr {
namespace {

namespace fs = std::filesystem;
using Key = std::tuple<std::string, std::int64_t, std::int64_t, std::string>; // rule, time, thread, type
using Counts = std::map<Key, int>;

Counts expected_of(const std::string& path) {
    Counts counts;
    const std::string text = test::read_gzip(path);
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = std::min(text.find('\n', at), text.size());
        const auto line = nlohmann::json::parse(text.substr(at, end - at));
        at = end + 1;
        const auto& f = line.at("fields");
        ++counts[{line.at("rule"), f.at("evt.rawtime"), f.at("thread.tid"), f.at("evt.type")}];
    }
    return counts;
}

Counts alerts_of(const std::string& capture, const std::shared_ptr<const Matcher>& matcher) {
    Counts counts;
    auto reader = capfile::Reader::open(capture);
    EXPECT_TRUE(reader) << capture;
    if (!reader) return counts;
    playback::Playback playback({}, matcher, [&](const Alert& alert) {
        std::int64_t tid = -1;
        for (const AlertMember& m : alert.output_fields)
            if (m.name == "thread.tid" && std::holds_alternative<std::int64_t>(m.value.data))
                tid = std::get<std::int64_t>(m.value.data);
        ++counts[{alert.rule, alert.time, tid, alert.cause}];
    });
    const playback::WalkEnd end = playback.play(*reader);
    EXPECT_FALSE(end.damage) << capture << ": " << end.damage->message;
    return counts;
}

std::string text_of(const Key& key) {
    const auto& [rule, time, tid, type] = key;
    return rule + ", " + type + " of thread " + std::to_string(tid) + " at " + std::to_string(time);
}

TEST(ExpectedAlerts, OfficialRulesRaiseWhatFalcoRaised) {
    const std::string data = test_data_dir();
    if (data.empty()) GTEST_SKIP() << "GYR_TEST_DATA names no folder";
    const fs::path folder = fs::path(data) / "captures" / "expected-alerts";
    if (!fs::is_directory(folder)) GTEST_SKIP() << folder << " is not there";
    const test::RuleSet rules = test::load_files({data + "/rules"}, [](Rule& rule) {
        rule.enabled = true;
        rule.output += " %thread.tid";
    });
    for (const Rule& rule : rules.matcher->rules()) EXPECT_EQ(rule.disabled_why, "") << rule.name;
    int compared = 0, of_other_rules = 0;
    for (const auto& entry : fs::directory_iterator(folder)) {
        const std::string name = entry.path().filename().string();
        if (!name.ends_with(".jsonl.gz")) continue;
        const std::string capture = name.substr(0, name.size() - std::string_view(".jsonl.gz").size());
        SCOPED_TRACE(capture);
        const Counts expected = expected_of(entry.path());
        const Counts ours = alerts_of((fs::path(data) / "captures" / capture).string(), rules.matcher);
        for (const auto& [key, n] : expected) {
            // The rule files that raised the alerts may have been more than those that are given.
            if (rules.loaded.find(std::get<0>(key)) == nullptr) {
                of_other_rules += n;
                continue;
            }
            const auto found = ours.find(key);
            EXPECT_EQ(found == ours.end() ? 0 : found->second, n) << "expected: " << text_of(key);
        }
        for (const auto& [key, n] : ours) EXPECT_TRUE(expected.contains(key)) << "not expected: " << text_of(key);
        ++compared;
    }
    EXPECT_GT(compared, 0);
    if (of_other_rules > 0) std::printf("%d alerts of rules that are not given were left out\n", of_other_rules);
}

} // namespace
} // namespace gyr
