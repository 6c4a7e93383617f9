// The Falco JSON of alerts over real captures, byte for byte: sentence and fields as Falco wrote them for the same
// events, with the suggested output behind the sentence and further fields as append_output asks for them.

#include "alerts/format.h"
#include "base/test_data.h"
#include "playback/test_support.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <cstdlib>
#include <filesystem>
#include <set>
#include <string>

namespace gyr {
namespace {

namespace fs = std::filesystem;
using Lines = std::multiset<std::string>;

constexpr std::string_view kSuggested =
    " container_id=%container.id container_name=%container.name container_image_repository=%container.image.repository "
    "container_image_tag=%container.image.tag k8s_pod_name=%k8s.pod.name k8s_ns_name=%k8s.ns.name";

// What stands behind the key, as it was written, up to what follows.
std::string between(const std::string& line, std::string_view key, std::string_view end) {
    const std::size_t at = line.find(key) + key.size();
    return line.substr(at, line.find(end, at) - at);
}

// The line that Falco writes, from its sentence and its fields. The reader of captures counts events otherwise.
std::string falco_line(const std::string& line, const test::RuleSet& rules) {
    const auto parsed = nlohmann::json::parse(line);
    const Rule* rule = rules.loaded.find(parsed.at("rule").get<std::string>());
    if (rule == nullptr) return {}; // the files that raised the alerts may have been more than those that are given
    const std::string output = between(line, "\"output\":", ",\"fields\":");
    std::string fields = between(line, "\"fields\":", "}") + "}";
    const std::size_t number = fields.find("\"evt.num\":");
    fields.erase(number, fields.find(',', number) + 1 - number);
    std::string tags;
    for (const std::string& tag : rule->tags) tags += (tags.empty() ? "\"" : ",\"") + tag + "\"";
    return "{\"hostname\":\"box\",\"output\":" + output + ",\"output_fields\":" + fields +
           ",\"priority\":" + parsed.at("priority").dump() + ",\"rule\":" + parsed.at("rule").dump() +
           ",\"source\":\"syscall\",\"tags\":[" + tags + "],\"time\":\"" +
           format_utc(parsed.at("fields").at("evt.time").get<Nanos>()) + "\"}";
}

TEST(FalcoJson, AlertsOfRealCapturesAreTheSameBytes) {
    const std::string data = test_data_dir();
    if (data.empty()) GTEST_SKIP() << "GYR_TEST_DATA names no folder";
    const fs::path folder = fs::path(data) / "captures" / "expected-alerts";
    if (!fs::is_directory(folder)) GTEST_SKIP() << folder << " is not there";
    ::setenv("TZ", "UTC", 1);
    ::tzset();
    const test::RuleSet rules = test::load_files({data + "/rules"}, [](Rule& rule) {
        rule.enabled = true;
        rule.output += kSuggested;
        for (const char* field : {"evt.rawtime", "evt.type", "proc.pid", "thread.tid"})
            rule.extra_fields.push_back({"", field});
    });
    std::size_t compared = 0;
    for (const auto& entry : fs::directory_iterator(folder)) {
        const std::string name = entry.path().filename().string();
        if (!name.ends_with(".jsonl.gz")) continue;
        const std::string capture = name.substr(0, name.size() - std::string_view(".jsonl.gz").size());
        SCOPED_TRACE(capture);
        Lines expected;
        const std::string text = test::read_gzip(entry.path());
        for (std::size_t at = 0; at < text.size();) {
            const std::size_t end = std::min(text.find('\n', at), text.size());
            if (std::string line = falco_line(text.substr(at, end - at), rules); !line.empty())
                expected.insert(std::move(line));
            at = end + 1;
        }
        Lines ours;
        auto reader = capfile::Reader::open((fs::path(data) / "captures" / capture).string());
        ASSERT_TRUE(reader);
        playback::Playback playback({}, rules.matcher, [&](Alert alert) {
            alert.hostname = "box";
            ours.insert(format_record(AlertRecord(std::move(alert)), {AlertFormat::falco, TimeFormat::local}));
        });
        EXPECT_FALSE(playback.play(*reader).damage);
        compared += expected.size();
        EXPECT_EQ(ours, expected);
    }
    EXPECT_GT(compared, 0U);
}

} // namespace
} // namespace gyr
